"""Devices of a training, and options that are refused because they would have no effect."""

import json

import keras
import pytest

from apps.common.cli import UserError
from apps.common.options import TrainingOptions
from apps.common.training import devices, groups


def find(batch_size=32, **options):
    return devices.find_devices(TrainingOptions("runs/x", **options), batch_size)


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """Remove the variables of launchers."""
    for name in ("TF_CONFIG", "SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def test_line_says_where_the_training_runs(capsys):
    find(32)
    assert capsys.readouterr().out == "tensorflow on CPU, float32, one device\n"
    find(32, precision="mixed_bfloat16")
    assert capsys.readouterr().out == "tensorflow on CPU, mixed_bfloat16, one device\n"


def of_many(monkeypatch, count, kind="GPU"):
    monkeypatch.setattr(
        devices, "_find", lambda backend, requested: (kind, [f"{kind}:{index}" for index in range(count)])
    )


def test_several_devices_share_a_batch_by_default(monkeypatch, capsys):
    of_many(monkeypatch, 4)
    assert find(32).distribution == "mirrored"
    assert capsys.readouterr().out == ("tensorflow on 4 GPU devices, float32, mirrored, 8 rows of a batch on each\n")
    assert len(find(32, distribute="none").devices) == 1


@pytest.mark.parametrize("size, possible", [(50, "48 or 52"), (3, "4")])
def test_batch_size_must_be_divisible_by_the_devices(monkeypatch, size, possible):
    of_many(monkeypatch, 4)
    with pytest.raises(UserError, match=f"--batch-size {size}: not divisible by 4 GPU devices; use {possible}"):
        find(size)
    find(size, distribute="none")


@pytest.mark.parametrize(
    "options, message",
    [
        ({"distribute": "data_parallel"}, "data_parallel: not supported on tensorflow; use --distribute mirrored, or"),
        ({"distribute": "mirrored"}, "--distribute mirrored: there is only one CPU"),
        ({"device": "gpu"}, "--device gpu: tensorflow finds only CPU"),
        ({"device": "tpu"}, "--device tpu: tensorflow finds only CPU"),
    ],
)
def test_absent_devices_and_options_without_effect_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        find(32, **options)


def test_mirrored_is_refused_on_jax(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match="mirrored: not supported on jax; use --distribute data_parallel"):
        find(32, distribute="mirrored")


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
def test_group_is_refused_on_tensorflow(monkeypatch, variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=r"one of several processes.*KERAS_BACKEND=jax.*--distribute none"):
        find(32)
    find(32, distribute="none")


VALID = dict(zip((groups.ADDRESS, groups.COUNT, groups.INDEX), ("127.0.0.1:1", "2", "0"), strict=True))


@pytest.mark.parametrize(
    "name, value, message",
    [
        (groups.INDEX, None, "PROCESS_ID is not set; a group needs"),
        (groups.INDEX, "two", "PROCESS_ID: expected a number, found 'two'"),
        (groups.INDEX, "2", "PROCESS_ID is 2, KERAS_DISTRIBUTION_NUM_PROCESSES 2: expected 0 to 1"),
        (groups.COUNT, "", "NUM_PROCESSES: expected a number, found ''"),
        (groups.ADDRESS, "localhost", "JOB_ADDRESSES: expected HOST:PORT of process 0, found 'localhost'"),
        (groups.ADDRESS, "no-such-host.invalid:29500", "cannot listen at no-such-host.invalid:29500"),
    ],
)
def test_invalid_variable_of_a_group_is_named(monkeypatch, name, value, message):
    for key, right in (VALID | {name: value}).items():
        monkeypatch.delenv(key, raising=False)
        if right is not None:
            monkeypatch.setenv(key, right)
    with pytest.raises(UserError, match=message):
        groups.join(timeout=1)


def test_single_task_of_a_launcher_is_not_a_group(monkeypatch):
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": ["a:1"]}}))
    find(32)


def test_precision_applies_only_within_the_scope():
    with pytest.raises(RuntimeError), find(32, precision="mixed_bfloat16").scope():
        layer = keras.layers.Dense(2)
        assert (layer.compute_dtype, layer.variable_dtype) == ("bfloat16", "float32")
        raise RuntimeError
    assert keras.layers.Dense(2).compute_dtype == "float32"
