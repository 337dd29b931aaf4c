"""Recurrent layers for Keras, written from their equations.

Each is a drop-in for the layer of the same name in `keras.layers`: same arguments, weights, configuration, masks and
states.
"""

from keras.layers import Bidirectional
from keras.saving import get_custom_objects

from .conversion import from_keras, to_keras
from .deep_rnn import DeepRNN
from .gru import GRU, GRUCell
from .kernels import set_warm_up, use_kernel
from .lstm import LSTM, LSTMCell
from .memory import DNC, NTM, DNCCell, Hopfield, HopfieldNetwork, NTMCell
from .minimal import MinGRU, MinGRUCell, MinLSTM, MinLSTMCell
from .mlstm import MLSTM, MLSTMCell
from .recurrent import which_kernel
from .simple_rnn import SimpleRNN, SimpleRNNCell
from .slstm import SLSTM, SLSTMCell
from .variants import (
    CoupledLSTM,
    CoupledLSTMCell,
    LayerNormGRU,
    LayerNormGRUCell,
    LayerNormLSTM,
    LayerNormLSTMCell,
    PeepholeLSTM,
    PeepholeLSTMCell,
)

__version__ = "0.1.0"

# For models that were saved when this package had its own class.
get_custom_objects()["engram>Bidirectional"] = Bidirectional

__all__ = [
    "DNC",
    "GRU",
    "LSTM",
    "MLSTM",
    "NTM",
    "SLSTM",
    "Bidirectional",
    "CoupledLSTM",
    "CoupledLSTMCell",
    "DNCCell",
    "DeepRNN",
    "GRUCell",
    "Hopfield",
    "HopfieldNetwork",
    "LSTMCell",
    "LayerNormGRU",
    "LayerNormGRUCell",
    "LayerNormLSTM",
    "LayerNormLSTMCell",
    "MLSTMCell",
    "MinGRU",
    "MinGRUCell",
    "MinLSTM",
    "MinLSTMCell",
    "NTMCell",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "SLSTMCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "from_keras",
    "set_warm_up",
    "to_keras",
    "use_kernel",
    "which_kernel",
]
