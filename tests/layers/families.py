"""What the tests of all families share: the families, masks, and pairs of layers with the same weights."""

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
    """A layer, the one of Keras that it takes the place of, and its step in NumPy.

    Attributes:
        blocks: gates in the weights.
        states: state tensors.
        options: arguments of every layer made here.
    """

    name: str
    step: Any
    blocks: int
    states: int
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
        """Ours and Keras' with the same weights, which are all different."""
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
    """Two structures of tensors hold the same numbers; atol is for a tensor whose largest entry is 1 or less."""
    for one, other in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True):
        one, other = ops.convert_to_numpy(one), ops.convert_to_numpy(other)
        # Sums end with the rounding of their largest terms.
        scale = max(1, np.abs(other).max(initial=0))
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol * scale)
