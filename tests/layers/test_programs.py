"""XLA programs on TensorFlow: how many are compiled, when, and when they are freed."""

import gc
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import layers
from tests.conftest import ROOT, clean_environment
from tests.layers.families import FEATURES, UNITS, assert_equal, quick_families

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow only")

MANY_LENGTHS = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np, tensorflow as tf
import layers
model = keras.Sequential([keras.Input((None, 3)), layers.LSTM(4), keras.layers.Dense(1)])
model.compile("sgd", "mse")
shapes = [(batch, time) for time in range(5, 300, 5) for batch in (16, 15)]
for batch, time in shapes:
    model.train_on_batch(np.ones((batch, time, 3), "float32"), np.ones((batch, 1), "float32"))
print(len(shapes))
"""


def test_many_lengths_compile_few_programs(tmp_path):
    environment = clean_environment(tmp_path)
    environment["env"] = {**environment["env"], "XLA_FLAGS": f"--xla_dump_to={tmp_path}/dump", "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        [sys.executable, "-c", MANY_LENGTHS], check=True, capture_output=True, text=True, **environment
    )
    assert result.stdout.split()[-1] == "118"
    programs = [name for name in os.listdir(tmp_path / "dump") if name.endswith("before_optimizations.txt")]
    # A forward and a backward program for each of four lengths; and for the first length and the two batch sizes, which
    # are not padded before the graph is retraced for varying sizes.
    assert 2 * 4 <= len(programs) <= 2 * (4 + 3)


def count_programs():
    from layers.kernels import tensorflow_programs

    gc.collect()
    return len(tensorflow_programs._shared)


@quick_families("LSTM")
def test_layers_of_equal_sizes_share_programs_until_freed(family, sequences):
    before = count_programs()
    equal = [family.make(UNITS + 7)]
    equal[0](sequences)
    added = count_programs() - before
    equal.append(family.make(UNITS + 7))
    equal[1](sequences)
    assert count_programs() == before + added > before
    other = family.make(UNITS + 8)
    other(sequences)
    total = count_programs()
    assert total > before + added
    del equal[0]
    assert count_programs() == total
    del equal, other
    assert count_programs() == before


@quick_families("LSTM")
def test_programs_and_gradients_are_freed_with_the_model(family, sequences):
    from tensorflow.python.framework.ops import gradient_registry

    before, registered = count_programs(), len(gradient_registry.list())
    model = keras.Sequential([keras.Input((None, FEATURES)), family.make(UNITS + 9), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(sequences, np.zeros((len(sequences), 1)), verbose=0)
    assert count_programs() > before
    assert len(gradient_registry.list()) >= registered + 3
    del model
    keras.utils.clear_session()
    assert count_programs() == before
    # Keras registers one gradient in every model.
    assert len(gradient_registry.list()) <= registered + 1


@pytest.fixture
def warm_up():
    """Function that sets the warm-up for one test."""
    yield layers.set_warm_up
    layers.set_warm_up(0)


@quick_families("LSTM")
@pytest.mark.parametrize("time", [20, 300, None])
def test_warm_up_does_not_change_training(family, generator, warm_up, time):
    sequences = generator.normal(size=(8, time or 20, FEATURES)).astype("float32")
    initial_weights, histories, trained = None, [], []
    # Never compiled; compiled after the second of eight steps; compiled at once.
    for steps in (10**9, 2 * len(sequences[0]), 0):
        warm_up(steps)
        inputs = keras.Input((time, FEATURES))
        model = keras.Model(inputs, keras.layers.Dense(1)(family.make(UNITS, return_sequences=True)(inputs)))
        initial_weights = initial_weights or model.get_weights()
        model.set_weights(initial_weights)
        model.compile("sgd", "mse")
        targets = np.ones((*sequences.shape[:2], 1))
        histories.append(
            model.fit(sequences, targets, batch_size=2, epochs=2, shuffle=False, verbose=0).history["loss"]
        )
        trained.append(model.get_weights())
    for history, weights in zip(histories[:2], trained[:2], strict=True):
        np.testing.assert_allclose(history, histories[2], rtol=1e-5)
        assert_equal(weights, trained[2], rtol=1e-4, atol=1e-5)


WARM_UP = """
import sys
import keras, numpy as np, layers
layers.set_warm_up(100)
model = keras.Sequential([keras.Input((None, 3)), layers.LSTM(4), keras.layers.Dense(1)])
model.compile("sgd", "mse")
for step in range(8):
    print("step", step, file=sys.stderr, flush=True)
    model.train_on_batch(np.ones((16, 20, 3), "float32"), np.ones((16, 1), "float32"))
"""


def test_programs_compile_after_the_warm_up():
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "0", "TF_CPP_VMODULE": "device_compiler=1"}
    command = [sys.executable, "-c", WARM_UP]
    result = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    lines = [line for line in result.stderr.splitlines() if line.startswith("step") or "Compilation of" in line]
    # The warm-up of 100 is five calls of 20 steps.
    assert [line.startswith("step") for line in lines] == [True] * 6 + [False] * 2 + [True] * 2


@pytest.mark.parametrize("steps", [-1, 1.5, True, None])
def test_invalid_warm_up_raises(steps):
    with pytest.raises(ValueError, match="`steps`"):
        layers.set_warm_up(steps)
