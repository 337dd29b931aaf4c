"""Recurrent layers for Keras, written from their equations.

Each is a drop-in for the layer of the same name in `keras.layers`: same arguments, weights,
configuration, masks and states.
"""

from .bidirectional import Bidirectional
from .conversion import from_keras, to_keras
from .deep_rnn import DeepRNN
from .gru import GRU, GRUCell
from .kernels import use_kernel
from .lstm import LSTM, LSTMCell
from .recurrent import which_kernel
from .simple_rnn import SimpleRNN, SimpleRNNCell
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

__all__ = [
    "GRU",
    "LSTM",
    "Bidirectional",
    "CoupledLSTM",
    "CoupledLSTMCell",
    "DeepRNN",
    "GRUCell",
    "LSTMCell",
    "LayerNormGRU",
    "LayerNormGRUCell",
    "LayerNormLSTM",
    "LayerNormLSTMCell",
    "PeepholeLSTM",
    "PeepholeLSTMCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "from_keras",
    "to_keras",
    "use_kernel",
    "which_kernel",
]
