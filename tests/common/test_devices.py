"""What a training runs on, and what is refused because it would do nothing or cannot be."""

import json

import keras
import pytest

from apps.common import devices, groups
from apps.common.cli import UserError
from apps.common.devices import Devices, settle


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No launcher around the tests."""
    for name in ("TF_CONFIG", "SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def test_line_says_where_the_training_runs(capsys):
    settle(Devices(), 32)
    assert capsys.readouterr().out == "tensorflow on CPU, float32, one device\n"
    settle(Devices(precision="mixed_bfloat16"), 32)
    assert capsys.readouterr().out == "tensorflow on CPU, mixed_bfloat16, one device\n"


def of_many(monkeypatch, count, kind="GPU"):
    monkeypatch.setattr(devices, "_find", lambda backend, asked: (kind, [f"{kind}:{place}" for place in range(count)]))


def test_several_devices_share_a_batch_unless_told_otherwise(monkeypatch, capsys):
    of_many(monkeypatch, 4)
    assert settle(Devices(), 32).way == "mirrored"
    assert capsys.readouterr().out == ("tensorflow on 4 GPU devices, float32, mirrored, 8 rows of a batch on each\n")
    assert len(settle(Devices(distribute="none"), 32).devices) == 1


@pytest.mark.parametrize("size, could", [(50, "48 or 52 would do"), (3, "4 would do")])
def test_batch_that_devices_cannot_share_is_refused_with_one_that_they_can(monkeypatch, size, could):
    of_many(monkeypatch, 4)
    with pytest.raises(UserError, match=f"--batch-size {size}: 4 GPU devices cannot share it equally; {could}"):
        settle(Devices(), size)
    settle(Devices(distribute="none"), size)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"distribute": "data_parallel"}, "data_parallel: does nothing on tensorflow; take --distribute mirrored, or"),
        ({"distribute": "mirrored"}, "--distribute mirrored: there is one CPU only"),
        ({"device": "gpu"}, "--device gpu: tensorflow finds CPU alone"),
        ({"device": "tpu"}, "--device tpu: tensorflow finds CPU alone"),
    ],
)
def test_what_is_not_there_or_would_do_nothing_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        settle(Devices(**options), 32)


def test_mirrored_is_refused_on_jax(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match="mirrored: does nothing on jax; take --distribute data_parallel"):
        settle(Devices(distribute="mirrored"), 32)


WORKERS = {"TF_CONFIG": json.dumps({"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}})}


@pytest.mark.parametrize(
    "variables",
    [
        WORKERS,
        {"SLURM_STEP_NUM_TASKS": "2"},
        {"OMPI_COMM_WORLD_SIZE": "4"},
        {"KERAS_DISTRIBUTION_NUM_PROCESSES": "2"},
        {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": "0"},
        {"TPU_WORKER_HOSTNAMES": "a,b"},
    ],
)
def test_group_is_refused_on_tensorflow_with_the_way_that_works(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"one of several processes.*KERAS_BACKEND=jax.*--distribute none"):
        settle(Devices(), 32)
    settle(Devices(distribute="none"), 32)


NAMED = dict(zip((groups.ADDRESS, groups.COUNT, groups.NUMBER), ("127.0.0.1:1", "2", "0"), strict=True))


@pytest.mark.parametrize(
    "name, value, message",
    [
        (groups.NUMBER, None, "PROCESS_ID is not set; a group is named by"),
        (groups.NUMBER, "two", "PROCESS_ID: expected a number, found 'two'"),
        (groups.NUMBER, "2", "PROCESS_ID is 2, KERAS_DISTRIBUTION_NUM_PROCESSES 2: expected 0 to 1"),
        (groups.COUNT, "", "NUM_PROCESSES: expected a number, found ''"),
        (groups.ADDRESS, "localhost", "JOB_ADDRESSES: expected HOST:PORT of process 0, found 'localhost'"),
        (groups.ADDRESS, "no-such-host.invalid:29500", "cannot listen at no-such-host.invalid:29500"),
    ],
)
def test_group_that_is_named_wrongly_is_refused_with_the_variable(monkeypatch, name, value, message):
    for key, right in (NAMED | {name: value}).items():
        monkeypatch.delenv(key, raising=False)
        if right is not None:
            monkeypatch.setenv(key, right)
    with pytest.raises(UserError, match=message):
        groups.join(timeout=1)


def test_one_task_of_a_launcher_is_no_group(monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1"]}}))
    settle(Devices(), 32)


def test_precision_holds_within_the_scope_alone():
    with pytest.raises(RuntimeError), settle(Devices(precision="mixed_bfloat16"), 32).scope():
        layer = keras.layers.Dense(2)
        assert (layer.compute_dtype, layer.variable_dtype) == ("bfloat16", "float32")
        raise RuntimeError
    assert keras.layers.Dense(2).compute_dtype == "float32"
