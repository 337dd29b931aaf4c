"""Families of layers for parametrized tests, masks, and pairs of our and Keras' layers with equal weights."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import pytest
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


def name_of(value):
    """Return the name of a value in the name of a test."""
    return family_name(value) if isinstance(value, Family) else str(value)


def family_name(family):
    return family.name + "".join(f"-{name}={value}" for name, value in family.options.items())


def quick_families(*names):
    """Parametrize `family`: quick runs test the families of these names, slow ones all."""
    return pytest.mark.parametrize(
        "family",
        [
            pytest.param(family, id=family_name(family), marks=[] if family_name(family) in names else pytest.mark.slow)
            for family in FAMILIES
        ],
    )


def pairwise(names, *values):
    """Parametrize a test so that quick runs see every pair of values, and slow ones every combination.

    Args:
        names: names of the arguments, separated by commas.
        values: values of each argument.
    """
    combinations = list(itertools.product(*values))
    missing = {pair for combination in combinations for pair in _pairs(combination)}
    quick = []
    while missing:
        best = max(combinations, key=lambda combination: len(missing & _pairs(combination)))
        missing -= _pairs(best)
        quick.append(best)
    return pytest.mark.parametrize(
        names,
        [
            pytest.param(
                *combination,
                id="-".join(map(name_of, combination)),
                marks=[] if any(combination is one for one in quick) else pytest.mark.slow,
            )
            for combination in combinations
        ],
    )


def _pairs(combination):
    return set(itertools.combinations(enumerate(map(name_of, combination)), 2))


def random_weights(layer, generator, scale=0.5):
    return [generator.normal(scale=scale, size=weight.shape) for weight in layer.get_weights()]


def assert_equal(ours, theirs, rtol=1e-5, atol=2e-6):
    """Assert that two structures of tensors are equal; `atol` is relative to the largest entry if that exceeds 1."""
    for one, other in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True):
        one, other = ops.convert_to_numpy(one), ops.convert_to_numpy(other)
        # The rounding error of a sum grows with its largest terms.
        scale = max(1, np.abs(other).max(initial=0))
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol * scale)
