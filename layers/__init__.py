"""Recurrent layers for Keras, written from their equations.

Each is a drop-in for the layer of the same name in `keras.layers`: same arguments, weights,
configuration, masks and states.
"""

from .lstm import LSTM, LSTMCell

__all__ = ["LSTM", "LSTMCell"]
