"""Families of layers for parametrized tests, masks, and pairs of our and Keras' layers with equal weights."""

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

import layers
from tests import reference

BATCH, TIME, FEATURES, UNITS = 3, 6, 5, 4

MASKS = {
    "right": [[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]],
    "left": [[1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 1]],
    "holes": [[1, 0, 1, 0, 1, 1], [0, 1, 1, 0, 0, 1], [1, 1, 0, 0, 1, 0]],
    "empty row": [[1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0]],
}
MASKS = {name: np.array(mask, bool) for name, mask in MASKS.items()}


@dataclass(frozen=True)
class Family:
    """One of our layers, Keras' layer of the same name, and its step in NumPy.

    Attributes:
        name: class name of both layers.
        step: function in `tests.reference`.
        num_blocks: blocks in the weights, one for each gate.
        num_states: state tensors.
        options: arguments of every layer that the family makes.
    """

    name: str
    step: Any
    num_blocks: int
    num_states: int
    options: dict = field(default_factory=dict)

    @property
    def ours(self):
        return getattr(layers, self.name)

    @property
    def theirs(self):
        return getattr(keras.layers, self.name)

    def make(self, *arguments, **options):
        return self.ours(*arguments, **{**self.options, **options})

    def pair(self, generator, **options):
        """Build our layer and Keras' with the same random weights."""
        cudnn = {} if self.name == "SimpleRNN" else {"use_cudnn": False}
        ours, theirs = self.make(UNITS, **options), self.theirs(UNITS, **self.options, **cudnn, **options)
        for layer in (ours, theirs):
            layer.build((BATCH, TIME, FEATURES))
        theirs.set_weights(random_weights(theirs, generator))
        ours.set_weights(theirs.get_weights())
        return ours, theirs


FAMILIES = [
    Family("SimpleRNN", reference.simple_rnn_step, 1, 1),
    Family("GRU", reference.gru_step, 3, 1),
    Family("GRU", reference.gru_reset_before_step, 3, 1, {"reset_after": False}),
    Family("LSTM", reference.lstm_step, 4, 2),
]


def family_name(family):
    return family.name + "".join(f"-{name}={value}" for name, value in family.options.items())


def random_weights(layer, generator, scale=0.5):
    return [generator.normal(scale=scale, size=weight.shape) for weight in layer.get_weights()]


def assert_equal(ours, theirs, rtol=1e-5, atol=2e-6):
    """Assert that two structures of tensors are equal; `atol` is relative to the largest entry if that exceeds 1."""
    for one, other in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True):
        one, other = ops.convert_to_numpy(one), ops.convert_to_numpy(other)
        # The rounding error of a sum grows with its largest terms.
        scale = max(1, np.abs(other).max(initial=0))
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol * scale)
