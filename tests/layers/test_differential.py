"""Small models with Keras' layers around ours train and predict as they do around Keras' own recurrent layers."""

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
from tests.layers.surroundings import FEATURES, LEFT_OUT, SURROUNDINGS, TIME, TOKENS
from tests.layers.test_properties import SETTINGS

UNITS = 4
JAX = keras.backend.backend() == "jax"
DEEP = "DeepRNN"
DIRECTIONS = ("forward", "backward", "concat", "sum", "mul", "ave")
BEFORE, BEHIND = (
    [entry for entries in SURROUNDINGS.values() for entry in entries if getattr(entry, place)]
    for place in ("before", "behind")
)


@dataclass(frozen=True)
class Recurrent:
    """A recurrent layer, ours or Keras'.

    Attributes:
        family: the name of one of `FAMILIES`, or "DeepRNN", whose twin is a stack of `keras.layers.RNN`.
        direction: "forward", "backward", or how `Bidirectional` merges.
    """

    family: str
    direction: str = "forward"
    return_sequences: bool = True
    unroll: bool = False

    def make(self, kind):
        """Makes the layer of a kind, "ours" or "theirs", or a function that calls several."""
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
    """A model and its inputs: the recurrent `levels`, with a `Surrounding` before and one behind them, or neither."""

    levels: tuple
    before: Any = None
    behind: Any = None
    time: int | None = TIME
    dtype: str = "float32"
    batch: int = 3
    static_batch: bool = False
    jit_compile: Any = False

    @property
    def ids(self):
        return self.before is not None and self.before.ids

    def input(self):
        shape, dtype = ((self.time,), "int32") if self.ids else ((self.time, FEATURES), self.dtype)
        return keras.Input(shape, self.batch if self.static_batch else None, dtype)

    def values(self, rows):
        """Makes sequences that end, begin or pause with zeros, which `Masking` and `Embedding` mask."""
        generator = np.random.default_rng(0)
        kept = generator.random((rows, TIME)) < 0.8
        kept[0, -2:], kept[-1, :2] = False, False
        if self.ids:
            return generator.integers(1, TOKENS, (rows, TIME)).astype("int32") * kept
        return (2 * generator.normal(size=(rows, TIME, FEATURES)) * kept[:, :, None]).astype(self.dtype)

    def recurrent_outputs(self, kind, inputs):
        x = inputs if self.before is None else self.before.call(self.before.make(), inputs)
        for level in self.levels:
            x = level.make(kind)(x)
        return x

    def __str__(self):
        return f"{self.before or 'input'} > {' > '.join(map(str, self.levels))} > {self.behind or 'output'}"


def make_model(kind, cases):
    """Builds one model with an output for each case. Cases share its inputs, and recurrent layers that are equal."""
    keras.utils.set_random_seed(0)
    inputs = {ids: next(case.input() for case in cases if case.ids == ids) for ids in sorted({c.ids for c in cases})}
    outputs, shared = [], {}
    for case in cases:
        trunk = (case.before, case.levels)
        if trunk not in shared:
            shared[trunk] = case.recurrent_outputs(kind, inputs[case.ids])
        x = shared[trunk]
        outputs.append(x if case.behind is None else case.behind.call(case.behind.make(), x))
    model = keras.Model(list(inputs.values()), outputs)
    model.compile(keras.optimizers.SGD(0.1), ["mse"] * len(cases), jit_compile=cases[0].jit_compile)
    return model


def run(model, values, batch):
    """Returns predictions, the losses of two training steps and the weights after them; an evaluation of one output."""
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
    """Compares our model with Keras'. With `discard`, skips the example where Keras' model fails."""
    values = [next(c.values(2 * c.batch) for c in cases if c.ids == ids) for ids in sorted({c.ids for c in cases})]
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
        found = run(ours, values, cases[0].batch)
    assert [np.shape(one) for one in found] == [np.shape(one) for one in expected]
    assert_equal(found, expected, rtol=1e-3, atol=1e-4)


def compare_together(cases):
    """Compares all cases in one model, which is quick. If that fails, reports the cases that fail alone."""
    try:
        compare(cases)
    except Exception as error:
        failures = []
        for case in cases:
            try:
                compare([case])
            except Exception as alone:
                failures.append(f"{case}\n{type(alone).__name__}: {alone}")
        raise AssertionError(f"{len(failures)} of {len(cases)}:\n" + "\n\n".join(failures)) from error


def test_every_layer_of_keras_is_tried_or_left_out():
    kinds = {}
    for name, value in vars(keras.layers).items():
        if isinstance(value, type):
            kinds.setdefault(value, []).append(name)
    left_out = [name for names in LEFT_OUT.values() for name in names]
    for names in kinds.values():
        found = [name for name in names if name in SURROUNDINGS or name in left_out]
        assert len(found) == 1, f"{names}: in tests/layers/surroundings.py {found or 'nothing'}"
    assert len(SURROUNDINGS) + len(left_out) == len(kinds)
    assert len(kinds) >= 140


LEVELS = [
    Recurrent("SimpleRNN", "concat"),
    Recurrent("GRU"),
    Recurrent("GRU-reset_after=False", "backward"),
    Recurrent("LSTM"),
]
# On JAX every shape is known and compiling takes long, so a quick run tries one part of many.
PARTS = 12 if JAX else len(LEVELS)
in_parts = pytest.mark.parametrize(
    "part", [pytest.param(part, marks=[pytest.mark.slow] if JAX and part != 1 else []) for part in range(PARTS)]
)


@in_parts
def test_layers_behind_ours_do_what_they_do_behind_keras(part):
    level = LEVELS[part % len(LEVELS)]
    entries = BEHIND[part::PARTS]
    assert len(entries) >= 70 // PARTS
    compare_together([Case((replace(level, return_sequences=not entry.vector),), behind=entry) for entry in entries])


def test_ours_reads_layers_before_it_as_keras_does():
    entries = [entry for entry in BEFORE if entry.first]
    assert len(entries) >= 12
    compare_together([Case((Recurrent("SimpleRNN"),), before=entry) for entry in entries[:: 4 if JAX else 1]])


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_ours_reads_every_layer_before_it_as_keras_does(level):
    assert len(BEFORE) >= 70
    compare_together([Case((level,), before=entry) for entry in BEFORE])


@st.composite
def models(draw):
    def some(*values):
        return draw(st.sampled_from(values))

    levels = []
    for _ in range(draw(st.integers(1, 2))):
        family = some(*map(family_name, FAMILIES), DEEP)
        direction = "forward" if family == DEEP else some(*DIRECTIONS)
        levels.append(Recurrent(family, direction, unroll=family != DEEP and some(False, False, True)))
    sequences = some(True, True, False)
    levels[-1] = replace(levels[-1], return_sequences=sequences)
    return Case(
        tuple(levels),
        before=some(None, *BEFORE),
        behind=some(None, *(entry for entry in BEHIND if entry.vector != sequences)),
        time=some(TIME, None),
        dtype=some("float32", "float64", "float16", "int32", "uint8", "bool"),
        batch=some(3, 1),
        static_batch=some(False, True),
        jit_compile=some(False, False, False, False, "auto", True),
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


def test_random_models_equal_those_of_keras():
    check_random_models(2 if JAX else 5)


@pytest.mark.slow
def test_more_random_models_equal_those_of_keras():
    check_random_models(50 if JAX else 200)
