"""The recurrent layers of 2024 for parametrized tests: options, and steps in NumPy."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

import layers
from tests import reference
from tests.layers.families import BATCH, FEATURES, TIME, UNITS, random_weights


@dataclass(frozen=True)
class Kind:
    """A layer with options.

    Attributes:
        layer_class: ours.
        step: in `tests.reference`.
        options: arguments of the layer.
        forms: arguments that select how the layer computes; results are equal for all.
    """

    layer_class: type
    step: Callable
    options: dict = field(default_factory=dict)
    forms: tuple = ({},)

    def make(self, **options):
        return self.layer_class(**{"units": UNITS, **self.options, **options})

    def built(self, generator, shape=(BATCH, TIME, FEATURES), **options):
        """Build a layer with random weights."""
        layer = self.make(**options)
        layer.build(shape)
        layer.set_weights(random_weights(layer, generator))
        return layer

    def states(self, generator, batch=BATCH):
        """Return random initial states; a normalizer of an sLSTM is positive."""
        states = [generator.normal(size=(batch, size)) for size in self.make().state_size]
        if self.layer_class is layers.SLSTM:
            states[2] = np.abs(states[2]) + 0.5
        return states


_SCANS = ({"scan": "parallel"}, {"scan": "sequential"})
_EXPONENTIAL = {"forget_activation": "exponential"}
KINDS = {
    "MinGRU": Kind(layers.MinGRU, reference.min_gru_step, forms=_SCANS),
    "MinLSTM": Kind(layers.MinLSTM, reference.min_lstm_step, forms=_SCANS),
    "MinGRU tanh": Kind(layers.MinGRU, partial(reference.min_gru_step, activation=np.tanh), {"activation": "tanh"}),
    "SLSTM": Kind(layers.SLSTM, reference.slstm_step),
    "SLSTM heads": Kind(
        layers.SLSTM,
        partial(reference.slstm_step, heads=2, exponential=True),
        {"num_heads": 2, **_EXPONENTIAL},
    ),
    "MLSTM": Kind(layers.MLSTM, reference.mlstm_step, forms=({"chunk_size": 4}, {"chunk_size": 1}, {})),
    "MLSTM heads": Kind(
        layers.MLSTM,
        partial(reference.mlstm_step, heads=2, key_dim=3, exponential=True),
        {"num_heads": 2, "key_dim": 3, **_EXPONENTIAL, "chunk_size": 4},
    ),
}
# One of each class.
CLASSES = {name: KINDS[name] for name in ("MinGRU", "MinLSTM", "SLSTM heads", "MLSTM heads")}
