"""Small models with Keras' layers around ours train and predict as with Keras' recurrent layers."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

import layers
from tests.layers.families import FAMILIES, assert_equal, family_name
from tests.layers.neighbors import EXCLUDED, FEATURES, NEIGHBORS, TIME, TOKENS
from tests.layers.test_properties import SETTINGS

UNITS = 4
JAX = keras.backend.backend() == "jax"
DEEP = "DeepRNN"
DIRECTIONS = ("forward", "backward", "concat", "sum", "mul", "ave")
BEFORE, AFTER = (
    [entry for entries in NEIGHBORS.values() for entry in entries if getattr(entry, position)]
    for position in ("before", "after")
)


@dataclass(frozen=True)
class Recurrent:
    """A recurrent layer, ours or Keras'.

    Attributes:
        family: the name of one of `FAMILIES`; or "DeepRNN", which is compared with a stack of `keras.layers.RNN`.
        direction: "forward", "backward", or how `Bidirectional` merges.
    """

    family: str
    direction: str = "forward"
    return_sequences: bool = True
    unroll: bool = False

    def make(self, kind):
        """Create the layer, of kind "ours" or "theirs", or a function that calls several layers."""
        if self.family == DEEP:
            return self._deep(kind)
        family = next(family for family in FAMILIES if family_name(family) == self.family)
        options = {**family.options, "return_sequences": self.return_sequences, "unroll": self.unroll}
        layer = getattr(family, kind)(UNITS, go_backwards=self.direction == "backward", **options)
        if self.direction in ("forward", "backward"):
            return layer
        return _module(kind).Bidirectional(layer, merge_mode=self.direction)

    def _deep(self, kind):
        cells = [getattr(_module(kind), name)(2) for name in ("GRUCell", "LSTMCell")]
        if kind == "ours":
            return layers.DeepRNN(cells, return_sequences=self.return_sequences)
        low, high = (keras.layers.RNN(cell, return_sequences=True) for cell in cells)

        def stack(x):
            below = low(x)
            joined = keras.layers.Concatenate()([below, high(keras.layers.Concatenate()([x, below]))])
            return joined if self.return_sequences else joined[:, -1]

        return stack

    def __str__(self):
        options = [name for name in ("return_sequences", "unroll") if getattr(self, name)]
        return " ".join([self.family, self.direction, *options])


def _module(kind):
    return {"ours": layers, "theirs": keras.layers}[kind]


@dataclass(frozen=True)
class Case:
    """A model and its inputs: recurrent `levels`, with an optional `Neighbor` before and after them."""

    levels: tuple
    before: Any = None
    after: Any = None
    time: int | None = TIME
    dtype: str = "float32"
    batch: int = 3
    static_batch: bool = False
    jit_compile: Any = False

    @property
    def takes_ids(self):
        return self.before is not None and self.before.takes_ids

    def input(self):
        shape, dtype = ((self.time,), "int32") if self.takes_ids else ((self.time, FEATURES), self.dtype)
        return keras.Input(shape, self.batch if self.static_batch else None, dtype)

    def values(self, rows):
        """Generate sequences with zeros anywhere, which `Masking` and `Embedding` mask."""
        generator = np.random.default_rng(0)
        mask = generator.random((rows, TIME)) < 0.8
        mask[0, -2:], mask[-1, :2] = False, False
        if self.takes_ids:
            return generator.integers(1, TOKENS, (rows, TIME)).astype("int32") * mask
        values = 2 * generator.normal(size=(rows, TIME, FEATURES)) * mask[:, :, None]
        # Negative numbers would become large unsigned ones, whose rounding errors are large, too.
        return (np.abs(values) if np.dtype(self.dtype).kind == "u" else values).astype(self.dtype)

    def recurrent_outputs(self, kind, inputs):
        x = inputs if self.before is None else self.before.call(self.before.make(), inputs)
        for level in self.levels:
            x = level.make(kind)(x)
        return x

    def __str__(self):
        return f"{self.before or 'input'} > {' > '.join(map(str, self.levels))} > {self.after or 'output'}"


def make_model(kind, cases):
    """Build one model with an output for each case. Cases share inputs, and recurrent layers that are equal."""
    keras.utils.set_random_seed(0)
    inputs = {
        ids: next(case.input() for case in cases if case.takes_ids == ids)
        for ids in sorted({c.takes_ids for c in cases})
    }
    outputs, shared = [], {}
    for case in cases:
        trunk = (case.before, case.levels)
        if trunk not in shared:
            shared[trunk] = case.recurrent_outputs(kind, inputs[case.takes_ids])
        x = shared[trunk]
        outputs.append(x if case.after is None else case.after.call(case.after.make(), x))
    model = keras.Model(list(inputs.values()), outputs)
    model.compile(keras.optimizers.SGD(0.1), ["mse"] * len(cases), jit_compile=cases[0].jit_compile)
    return model


def run(model, values, batch):
    """Return predictions, the losses of two training steps, the evaluation of a single output, and the weights."""
    predictions = keras.tree.flatten(model.predict(values, batch_size=batch, verbose=0))
    generator = np.random.default_rng(1)
    targets = [generator.normal(size=prediction.shape) for prediction in predictions]
    history = model.fit(values, targets, batch_size=batch, shuffle=False, verbose=0).history
    if len(targets) > 1:
        losses = [history[f"{name}_loss"] for name in model.output_names]
    else:
        losses = [*history["loss"], model.evaluate(values, targets, batch_size=batch, verbose=0)]
    return [*predictions, np.array(losses), *model.get_weights()]


def compare(cases, discard=False):
    """Compare our model with Keras'. With `discard`, reject the example if Keras' model fails."""
    values = [
        next(c.values(2 * c.batch) for c in cases if c.takes_ids == ids) for ids in sorted({c.takes_ids for c in cases})
    ]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not support masking and will therefore destroy the mask")
        try:
            theirs = make_model("theirs", cases)
            generator = np.random.default_rng(2)
            weights = [weight + 0.1 * generator.random(weight.shape) for weight in theirs.get_weights()]
            theirs.set_weights(weights)
            expected = run(theirs, values, cases[0].batch)
            assert all(np.isfinite(one).all() for one in expected)
        except Exception:
            if discard:
                reject()
            raise
        ours = make_model("ours", cases)
        ours.set_weights(weights)
        results = run(ours, values, cases[0].batch)
    assert [np.shape(one) for one in results] == [np.shape(one) for one in expected]
    assert_equal(results, expected, rtol=1e-3, atol=1e-4)


def compare_together(cases):
    """Compare all cases in one model, which is faster. If that fails, report the cases that fail by themselves."""
    try:
        compare(cases)
    except Exception as error:
        failures = []
        for case in cases:
            try:
                compare([case])
            except Exception as failure:
                failures.append(f"{case}\n{type(failure).__name__}: {failure}")
        raise AssertionError(f"{len(failures)} of {len(cases)}:\n" + "\n\n".join(failures)) from error


def test_every_keras_layer_is_tested_or_excluded():
    kinds = {}
    for name, value in vars(keras.layers).items():
        if isinstance(value, type):
            kinds.setdefault(value, []).append(name)
    excluded = [name for names in EXCLUDED.values() for name in names]
    for names in kinds.values():
        listed = [name for name in names if name in NEIGHBORS or name in excluded]
        assert len(listed) == 1, f"{names}: tests/layers/neighbors.py has {listed or 'none'}"
    assert len(NEIGHBORS) + len(excluded) == len(kinds)
    assert len(kinds) >= 140


LEVELS = [
    Recurrent("SimpleRNN", "concat"),
    Recurrent("GRU"),
    Recurrent("GRU-reset_after=False", "backward"),
    Recurrent("LSTM"),
]
# Compiling is slow, above all on JAX, where every shape is known, so a quick run tests only one of the parts.
PARTS = 12 if JAX else len(LEVELS)
in_parts = pytest.mark.parametrize(
    "part", [pytest.param(part, marks=[] if part == 1 else pytest.mark.slow) for part in range(PARTS)]
)


@in_parts
def test_layers_after_ours_behave_as_after_keras(part):
    level = LEVELS[part % len(LEVELS)]
    entries = AFTER[part::PARTS]
    assert len(entries) >= 70 // PARTS
    compare_together(
        [Case((replace(level, return_sequences=not entry.takes_vectors),), after=entry) for entry in entries]
    )


def test_ours_after_selected_layers_equals_keras():
    entries = [entry for entry in BEFORE if entry.quick]
    assert len(entries) >= 12
    compare_together([Case((Recurrent("SimpleRNN"),), before=entry) for entry in entries[:: 4 if JAX else 2]])


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_ours_after_every_layer_equals_keras(level):
    assert len(BEFORE) >= 70
    compare_together([Case((level,), before=entry) for entry in BEFORE])


@st.composite
def models(draw):
    def sample(*values):
        return draw(st.sampled_from(values))

    levels = []
    for _ in range(draw(st.integers(1, 2))):
        family = sample(*map(family_name, FAMILIES), DEEP)
        direction = "forward" if family == DEEP else sample(*DIRECTIONS)
        levels.append(Recurrent(family, direction, unroll=family != DEEP and sample(False, False, True)))
    sequences = sample(True, True, False)
    levels[-1] = replace(levels[-1], return_sequences=sequences)
    return Case(
        tuple(levels),
        before=sample(None, *BEFORE),
        after=sample(None, *(entry for entry in AFTER if entry.takes_vectors != sequences)),
        time=sample(TIME, None),
        dtype=sample("float32", "float64", "float16", "int32", "uint8", "bool"),
        batch=sample(3, 1),
        static_batch=sample(False, True),
        jit_compile=sample(False, False, False, False, "auto", True),
    )


def check_random_models(examples):
    compared = []

    @settings(max_examples=examples, **SETTINGS)
    @given(case=models())
    def check(case):
        compare([case], discard=True)
        compared.append(case)

    check()
    assert len(compared) >= examples // 2


def test_random_models_equal_keras():
    check_random_models(2 if JAX else 3)


@pytest.mark.slow
def test_more_random_models_equal_keras():
    check_random_models(50 if JAX else 200)
