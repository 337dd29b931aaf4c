"""Derivatives of the activations that the hand-derived backward passes support."""

from collections.abc import Callable

import keras
from keras import ops

from ..typing import Tensor


def _one(a, y):
    return ops.ones_like(y)


def _hard_sigmoid(a, y):
    return ops.cast(ops.logical_and(a > -3, a < 3), y.dtype) / 6


def _silu(a, y):
    gate = ops.sigmoid(a)
    return gate + y * (1 - gate)


# Functions of the pre-activation a and of the output y = activation(a); each uses whichever is cheaper.
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


# Activations whose derivative is a function of y only.
_FROM_OUTPUT = {keras.activations.linear, keras.activations.tanh, keras.activations.sigmoid, keras.activations.softsign}

_BOUNDED = {
    keras.activations.tanh,
    keras.activations.sigmoid,
    keras.activations.hard_sigmoid,
    keras.activations.softsign,
}


def is_bounded(activation: Callable[[Tensor], Tensor]) -> bool:
    """Return whether the outputs of this activation are known to be bounded."""
    return activation in _BOUNDED


def needs_only_output(activation: Callable[[Tensor], Tensor]) -> bool:
    """Return whether `derivative` uses only the output y of this activation."""
    return activation in _FROM_OUTPUT


def has_derivative(activation: Callable[[Tensor], Tensor]) -> bool:
    """Return whether `derivative` supports this activation."""
    return activation in _DERIVATIVES


def derivative(activation: Callable[[Tensor], Tensor], a: Tensor, y: Tensor) -> Tensor:
    """Return activation'(a), elementwise, from the pre-activation `a` and the output `y` = activation(a)."""
    return _DERIVATIVES[activation](a, y)
