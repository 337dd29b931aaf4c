"""Recurrent layers for Keras, written from their equations.

Each is a drop-in for the layer of the same name in `keras.layers`: same arguments, weights,
configuration, masks and states.
"""

from .conversion import from_keras, to_keras
from .deep_rnn import DeepRNN
from .gru import GRU, GRUCell
from .lstm import LSTM, LSTMCell
from .simple_rnn import SimpleRNN, SimpleRNNCell

__all__ = ["GRU", "LSTM", "DeepRNN", "GRUCell", "LSTMCell", "SimpleRNN", "SimpleRNNCell", "from_keras", "to_keras"]
