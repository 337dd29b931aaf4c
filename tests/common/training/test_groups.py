"""Trainings on several simulated devices and in groups of processes, with the same result as on one device.

`benchmarks/scaling.py` does the same with every app.
"""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from apps.common import files, models
from benchmarks.group import loopback, member
from tests.conftest import ON_JAX, ROOT, run_module

TOY = "tests.toy_app.train"
OPTIONS = ["--epochs", "2"]


@pytest.fixture(scope="module")
def one_device(made_once):
    """A training on JAX by one process on one device."""

    def make(path):
        done = run_module(TOY, "--run-dir", path / "run", *OPTIONS, env=ON_JAX)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("jax on CPU, float32, one device\n")

    return made_once("toy_on_jax", make) / "run"


def assert_same_training(one, other):
    rows = list(zip(*(files.read_csv(run / "history.csv") for run in (one, other)), strict=True))
    assert len(rows) == 2
    for here, there in rows:
        assert here.keys() == there.keys()
        for name in here.keys() - {"seconds"}:
            assert here[name] == pytest.approx(there[name], abs=1e-5)
    weights = [models.load_model(run / "model.keras").get_weights() for run in (one, other)]
    for here, there in zip(*weights, strict=True):
        np.testing.assert_allclose(here, there, atol=1e-5)


def test_devices_of_jax_give_the_same_training(one_device, tmp_path):
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    done = run_module(TOY, "--run-dir", tmp_path / "run", *OPTIONS, env=ON_JAX | flags)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("jax on 4 CPU devices, float32, data_parallel, 4 rows of a batch on each\n")
    assert_same_training(one_device, tmp_path / "run")


REPLICAS = """
import json
import keras, numpy as np, tensorflow as tf
import layers
from apps.common.options import TrainingOptions
from apps.common.training.devices import find_devices
from apps.common.training.optimizers import Adam
(processor,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
x = np.random.default_rng(0).integers(0, 6, (22, 5))
weights = np.arange(22, dtype="float32")
for way in ("none", "mirrored"):
    placement = find_devices(TrainingOptions("runs/x", distribute=way), 8)
    data = tf.data.Dataset.from_tensor_slices((x, (x[:, :1] > 2).astype("float32"), weights)).batch(8)
    keras.utils.set_random_seed(0)
    with placement.scope():
        network = [layers.LSTM(4), keras.layers.Dense(1, activation="sigmoid")]
        model = keras.Sequential([keras.Input((5,)), keras.layers.Embedding(6, 3), *network])
        optimizer = Adam(0.05, use_ema=True, global_clipnorm=0.1)
        model.compile(optimizer, "binary_crossentropy", weighted_metrics=["accuracy", keras.metrics.AUC()])
        shared = placement.batches(data, 22)
        history = model.fit(shared, validation_data=shared, epochs=3, shuffle=False, verbose=0).history
    print(json.dumps([[*row] for row in zip(*history.values())]))
"""


def test_replicas_of_tensorflow_give_the_same_training():
    done = subprocess.run([sys.executable, "-c", REPLICAS], cwd=ROOT, capture_output=True, text=True, check=True)
    where, one, where_two, two = done.stdout.splitlines()
    assert where == "tensorflow on CPU, float32, one device"
    assert where_two == "tensorflow on 2 CPU devices, float32, mirrored, 4 rows of a batch on each"
    assert np.shape(json.loads(one)) == (3, 6)
    np.testing.assert_allclose(json.loads(one), json.loads(two), atol=1e-6)


@pytest.fixture
def group():
    """Return a function that starts the processes of a group; skip where a network namespace is not possible."""
    try:
        with loopback() as prefix:
            started = []

            def start(run_dir, *options):
                count = len(options)
                started.extend(
                    member(prefix, index, count, TOY, ["--run-dir", run_dir, *OPTIONS, *own], **FAST)
                    for index, own in enumerate(options)
                )
                return started[-count:]

            yield start
            for process in started:
                process.kill()
                process.communicate()
    except OSError as error:
        pytest.skip(f"the ports of a group would be open to others: {error}")


FAST = {name: value for name, value in ON_JAX.items() if os.environ.get(name) != value}


def ends(process):
    out, error = process.communicate(timeout=300)
    return process.returncode, out, error


def test_only_the_first_process_of_a_group_writes(one_device, tmp_path, group):
    found = [ends(process) for process in group(tmp_path / "run", (), ())]
    assert [(status, error) for status, _, error in found] == [(0, "")] * 2
    first = "jax on 2 CPU devices of 2 processes, float32, data_parallel, 8 rows of a batch on each\n"
    assert found[0][1].startswith(first)
    assert "Epoch" not in found[1][1] and "jax on" not in found[1][1]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert {path.name for path in (tmp_path / "run").iterdir()} == {path.name for path in one_device.iterdir()}
    assert_same_training(one_device, tmp_path / "run")


def test_all_processes_refuse_different_settings(tmp_path, group):
    for process in group(tmp_path / "run", (), ("--units", "9")):
        status, _, error = ends(process)
        assert (status, error.count("\n")) == (2, 1)
        assert error.startswith("error: the processes of the group differ: units is 8 in process 0 and 9 in process 1;")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_all_processes_refuse_what_the_first_refuses(one_device, group):
    for process in group(one_device, ("--epochs", "3"), ("--epochs", "3")):
        status, _, error = ends(process)
        assert (status, error.count("\n")) == (2, 1) and "trained with epochs 2, now 3" in error


@pytest.mark.parametrize("victim", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_process_ends_the_group_which_resumes(one_device, tmp_path, group, victim):
    processes = group(tmp_path / "run", ("--pause", "2"), ("--pause", "2"))
    deadline = time.monotonic() + 300
    while not (tmp_path / "run" / "checkpoint-0001.keras").exists():
        assert all(process.poll() is None for process in processes) and time.monotonic() < deadline
        time.sleep(0.01)
    processes[victim].kill()
    status, _, error = ends(processes[1 - victim])
    assert status != 0 and error
    assert not (tmp_path / "run" / "finished.json").exists()
    found = [ends(process) for process in group(tmp_path / "run", (), ())]
    assert [status for status, *_ in found] == [0, 0]
    assert "resuming after epoch 1" in found[0][1]
    assert_same_training(one_device, tmp_path / "run")


def test_absent_devices_of_jax_are_named(tmp_path):
    done = run_module(TOY, "--run-dir", tmp_path / "run", env=ON_JAX | {"JAX_PLATFORMS": "cuda"})
    assert done.returncode == 2 and done.stderr.startswith("error: JAX_PLATFORMS=cuda: jax finds no such device")
    assert done.stderr.count("\n") == 1
