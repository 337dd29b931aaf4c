"""Programs that XLA compiles on TensorFlow: how many, when, and for how long they are kept."""

import gc
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.conftest import ROOT, clean_environment
from tests.layers.families import FEATURES, UNITS

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow")

COUNT = """
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
    answer = subprocess.run([sys.executable, "-c", COUNT], check=True, capture_output=True, text=True, **environment)
    assert answer.stdout.split()[-1] == "118"
    programs = [name for name in os.listdir(tmp_path / "dump") if name.endswith("before_optimizations.txt")]
    # One forward and one backward for each of four lengths, and for the first length and the two batch sizes that are
    # still taken as they are before the graph knows that sizes vary.
    assert 2 * 4 <= len(programs) <= 2 * (4 + 3)


def alive():
    from layers.kernels import tensorflow_programs

    gc.collect()
    return len(tensorflow_programs._shared)


def test_layers_of_equal_sizes_share_programs_which_end_with_them(family, sequences):
    before = alive()
    made = [family.make(UNITS + 7)]
    made[0](sequences)
    one = alive() - before
    made.append(family.make(UNITS + 7))
    made[1](sequences)
    assert alive() == before + one > before
    other = family.make(UNITS + 8)
    other(sequences)
    both = alive()
    assert both > before + one
    del made[0]
    assert alive() == both
    del made, other
    assert alive() == before


def test_programs_and_graphs_of_a_trained_model_end_with_it(family, sequences):
    from tensorflow.python.framework.ops import gradient_registry

    before, registered = alive(), len(gradient_registry.list())
    model = keras.Sequential([keras.Input((None, FEATURES)), family.make(UNITS + 9), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(sequences, np.zeros((len(sequences), 1)), verbose=0)
    assert alive() > before
    assert len(gradient_registry.list()) >= registered + 3
    del model
    keras.utils.clear_session()
    assert alive() == before
    # Keras itself registers one in every model.
    assert len(gradient_registry.list()) <= registered + 1
