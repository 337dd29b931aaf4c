"""Random shapes, masks, flags and dtypes: our layers equal Keras' and the equations."""

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import ops

from tests import reference
from tests.layers.families import FAMILIES, assert_equal, family_name, quick_families, random_weights
from tests.layers.gradients import gradients

# JAX compiles for every new shape, and every example has one.
SCALE = 5 if keras.backend.backend() == "jax" else 1
SETTINGS = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@st.composite
def cases(draw):
    """Draw sizes, an optional mask, and flags."""
    size = st.integers(1, 4)
    batch, time, features, units = draw(size), draw(st.integers(1, 6)), draw(size), draw(size)
    rows = st.lists(st.lists(st.booleans(), min_size=time, max_size=time), min_size=batch, max_size=batch)
    mask = draw(st.none() | rows)
    return {
        "shape": (batch, time, features),
        "units": units,
        "mask": None if mask is None else np.array(mask, bool),
        "use_bias": draw(st.booleans()),
        "go_backwards": draw(st.booleans()),
        "return_sequences": draw(st.booleans()),
        "zero_output_for_mask": draw(st.booleans()),
        "unroll": draw(st.booleans()),
        "seed": draw(st.integers(0, 1000)),
    }


def build(kind, case, **options):
    names = ("use_bias", "go_backwards", "return_sequences", "zero_output_for_mask", "unroll")
    layer = kind(case["units"], return_state=True, **{name: case[name] for name in names}, **options)
    layer.build(case["shape"])
    return layer


@pytest.mark.parametrize("family", FAMILIES, ids=family_name)
@settings(max_examples=10 // SCALE, **SETTINGS)
@given(case=cases())
def test_values_and_gradients_equal_keras(family, case):
    generator = np.random.default_rng(case["seed"])
    cudnn = {} if family.name == "SimpleRNN" else {"use_cudnn": False}
    ours = build(family.ours, case, **family.options)
    theirs = build(family.theirs, case, **family.options, **cudnn)
    weights = random_weights(theirs, generator)
    ours.set_weights(weights)
    theirs.set_weights(weights)
    sequences = generator.normal(size=case["shape"]).astype("float32")
    size = (case["shape"][0], case["units"])
    states = [generator.normal(size=size).astype("float32") for _ in range(family.num_states)]
    results = [layer(sequences, initial_state=states, mask=case["mask"]) for layer in (ours, theirs)]
    assert_equal(*results, rtol=1e-4, atol=1e-5)
    grads = [gradients(layer, sequences, states, case["mask"]) for layer in (ours, theirs)]
    assert_equal(*grads, rtol=1e-4, atol=1e-5)


@quick_families("SimpleRNN", "LSTM")
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
@settings(max_examples=5 if SCALE == 1 else 2, **SETTINGS)
@given(case=cases())
def test_last_states_equal_the_equations(family, dtype, case):
    if dtype == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX has float64 only with jax_enable_x64")
    case = {**case, "use_bias": True}
    generator = np.random.default_rng(case["seed"])
    # The orthogonal initializer needs a QR decomposition, which TensorFlow does not have for bfloat16.
    layer = build(family.ours, case, dtype=dtype, recurrent_initializer="zeros", **family.options)
    weights = random_weights(layer, generator)
    layer.set_weights(weights)
    exact = "float64" if dtype == "float64" else "float32"
    sequences = generator.normal(size=case["shape"]).astype(exact)
    size = (case["shape"][0], case["units"])
    states = [generator.normal(size=size).astype(exact) for _ in range(family.num_states)]
    inputs = ops.cast(sequences, dtype)
    _, *last = layer(inputs, initial_state=[ops.cast(state, dtype) for state in states], mask=case["mask"])
    assert {keras.backend.standardize_dtype(state.dtype) for state in last} == {dtype}
    order = slice(None, None, -1) if case["go_backwards"] else slice(None)
    mask = None if case["mask"] is None else case["mask"][:, order]
    _, *expected = reference.run(family.step, sequences[:, order], states, weights, mask)
    tolerance = {"float64": 1e-9, "float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}[dtype]
    assert_equal([ops.cast(state, exact) for state in last], expected, rtol=tolerance, atol=tolerance)
