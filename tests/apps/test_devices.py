"""Trainings on several simulated devices and in groups of processes, which come to what one device comes to.

`benchmarks/scaling.py` does the same with every app at its own size.
"""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from apps.common import runs
from benchmarks.group import loopback, member
from tests.conftest import ON_JAX, ROOT, SMALL_OPTIONS, run_module

APP = "apps.spam_detector.train"
OPTIONS = [*SMALL_OPTIONS, "--epochs", "2"]


@pytest.fixture(scope="module")
def alone(made_once):
    """A training on JAX by one process on one device."""

    def make(path):
        done = run_module(APP, "--run-dir", path / "run", *OPTIONS, env=ON_JAX)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("jax on CPU, float32, one device\n")

    return made_once("alone_on_jax", make) / "run"


def assert_same_training(one, other, tolerance=1e-5):
    rows = list(zip(*(runs.read_csv(run / "history.csv") for run in (one, other)), strict=True))
    assert len(rows) == 2
    for here, there in rows:
        assert here.keys() == there.keys()
        for name in here.keys() - {"seconds"}:
            assert here[name] == pytest.approx(there[name], abs=tolerance)
    weights = [runs.load_model(run / "model.keras").get_weights() for run in (one, other)]
    for here, there in zip(*weights, strict=True):
        np.testing.assert_allclose(here, there, atol=1e-4)


def test_devices_of_jax_share_batches_and_come_to_the_same(alone, tmp_path):
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4"}
    done = run_module(APP, "--run-dir", tmp_path / "run", *OPTIONS, env=ON_JAX | flags)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("jax on 4 CPU devices, float32, data_parallel, 8 rows of a batch on each\n")
    assert_same_training(alone, tmp_path / "run")


REPLICAS = """
import json
import keras, numpy as np, tensorflow as tf
import layers
from apps.common.devices import Devices, settle
from apps.common.optimizers import Adam
(processor,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
x = np.random.default_rng(0).integers(0, 6, (22, 5))
weights = np.arange(22, dtype="float32")
for way in ("none", "mirrored"):
    placement = settle(Devices(distribute=way), 8)
    data = tf.data.Dataset.from_tensor_slices((x, (x[:, :1] > 2).astype("float32"), weights)).batch(8)
    keras.utils.set_random_seed(0)
    with placement.scope():
        network = [layers.LSTM(4), keras.layers.Dense(1, activation="sigmoid")]
        model = keras.Sequential([keras.Input((5,)), keras.layers.Embedding(6, 3), *network])
        optimizer = Adam(0.05, use_ema=True, global_clipnorm=0.1)
        model.compile(optimizer, "binary_crossentropy", weighted_metrics=["accuracy", keras.metrics.AUC()])
        shared = placement.share(data, 22)
        history = model.fit(shared, validation_data=shared, epochs=3, shuffle=False, verbose=0).history
    print(json.dumps([[*row] for row in zip(*history.values())]))
"""


def test_replicas_of_tensorflow_share_batches_and_come_to_the_same():
    done = subprocess.run([sys.executable, "-c", REPLICAS], cwd=ROOT, capture_output=True, text=True, check=True)
    where, one, where_two, two = done.stdout.splitlines()
    assert where == "tensorflow on CPU, float32, one device"
    assert where_two == "tensorflow on 2 CPU devices, float32, mirrored, 4 rows of a batch on each"
    assert np.shape(json.loads(one)) == (3, 6)
    np.testing.assert_allclose(json.loads(one), json.loads(two), atol=1e-6)


@pytest.mark.slow
def test_training_by_replicas_of_tensorflow_comes_to_the_same(tmp_path):
    """Without dropout, of which each replica has its own."""
    plain = [*OPTIONS, "--dropout", "0", "--feature-dropout", "0"]
    for count in ("1", "2"):
        arguments = ("tensorflow", count, "spam_detector", "--run-dir", tmp_path / count, *plain)
        done = run_module("benchmarks.scaling_worker", *arguments)
        assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tensorflow on 2 CPU devices, float32, mirrored, 16 rows of a batch on each\n")
    assert_same_training(tmp_path / "1", tmp_path / "2")


def test_whole_training_step_of_every_app_is_lowered_for_cpu_gpu_and_tpu():
    done = run_module("benchmarks.tpu_check", "--lower-only")
    assert done.returncode == 0, done.stderr
    apps = ("spam_detector", "translator", "forecaster", "video_captioner")
    assert done.stdout.splitlines() == [f"{app}: lowered for cpu, cuda, tpu" for app in apps]


@pytest.fixture
def group():
    """Starts the processes of a group, each with options of its own; skips where they cannot be kept to themselves."""
    try:
        with loopback() as prefix:
            started = []

            def start(run_dir, *more, count=2):
                started.extend(
                    member(prefix, number, count, APP, ["--run-dir", run_dir, *OPTIONS, *own], **FAST)
                    for number, own in enumerate(more)
                )
                return started[-len(more) :]

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


def test_group_of_processes_comes_to_the_same_and_the_first_alone_writes(alone, tmp_path, group):
    found = [ends(process) for process in group(tmp_path / "run", (), ())]
    assert [(status, error) for status, _, error in found] == [(0, "")] * 2
    first = "jax on 2 CPU devices of 2 processes, float32, data_parallel, 16 rows of a batch on each\n"
    assert found[0][1].startswith(first)
    assert "Epoch" not in found[1][1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]
    assert {path.name for path in (tmp_path / "run").iterdir()} == {path.name for path in alone.iterdir()}
    assert_same_training(alone, tmp_path / "run")


def test_group_with_different_settings_is_refused_by_all_with_the_setting(tmp_path, group):
    for process in group(tmp_path / "run", (), ("--units", "8")):
        status, _, error = ends(process)
        assert (status, error.count("\n")) == (2, 1)
        assert error.startswith("error: the group is not alike: units is 16 in process 0 and 8 in process 1; start")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_group_refuses_together_what_its_first_process_refuses(trained, group):
    for process in group(trained, (), ()):
        status, _, error = ends(process)
        assert (status, error.count("\n")) == (2, 1) and "trained with epochs 4, now 2" in error


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_killed_process_ends_the_group_which_goes_on_with_the_same_command(alone, tmp_path, group, victim):
    processes = group(tmp_path / "run", (), ())
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
    assert "going on after epoch 1" in found[0][1]
    assert_same_training(alone, tmp_path / "run")


@pytest.mark.slow
def test_devices_that_jax_is_told_of_and_does_not_find_are_named(tmp_path):
    done = run_module(APP, "--run-dir", tmp_path / "run", env=ON_JAX | {"JAX_PLATFORMS": "cuda"})
    assert done.returncode == 2 and done.stderr.startswith("error: JAX_PLATFORMS=cuda: jax finds no such device")
    assert done.stderr.count("\n") == 1
