"""Derivatives of the activations that a hand-derived backward pass knows."""

import keras
from keras import ops


def _one(a, y):
    return ops.ones_like(y)


def _hard_sigmoid(a, y):
    return ops.cast(ops.logical_and(a > -3, a < 3), y.dtype) / 6


def _silu(a, y):
    gate = ops.sigmoid(a)
    return gate + y * (1 - gate)


# From the pre-activation a and the value y = activation(a), whichever says it more cheaply.
_DERIVATIVES = {
    keras.activations.linear: _one,
    keras.activations.tanh: lambda a, y: 1 - y * y,
    keras.activations.sigmoid: lambda a, y: y * (1 - y),
    keras.activations.relu: lambda a, y: ops.cast(a > 0, y.dtype),
    keras.activations.elu: lambda a, y: ops.where(a > 0, ops.ones_like(y), y + 1),
    keras.activations.exponential: lambda a, y: y,
    keras.activations.hard_sigmoid: _hard_sigmoid,
    keras.activations.silu: _silu,
    keras.activations.softplus: lambda a, y: ops.sigmoid(a),
    keras.activations.softsign: lambda a, y: ops.square(1 - ops.abs(y)),
}


# Those whose derivative the value alone gives.
_OF_VALUE = {keras.activations.linear, keras.activations.tanh, keras.activations.sigmoid, keras.activations.softsign}


def is_of_value(activation):
    """Whether `derivative` needs the value y alone."""
    return activation in _OF_VALUE


def is_known(activation):
    """Whether the derivative of this activation is among ours."""
    return activation in _DERIVATIVES


def derivative(activation, a, y):
    """activation'(a) of each entry, from the pre-activation `a` and the value `y` = activation(a)."""
    return _DERIVATIVES[activation](a, y)
