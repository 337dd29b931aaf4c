"""Checkpoints, saved models and run directories."""

import shutil
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

from apps.common import files, models, runs
from apps.common.cli import UserError
from apps.common.training import checkpoints, run_directory
from tests.conftest import ON_JAX, ROOT


def test_latest_checkpoint_is_the_one_with_the_highest_epoch(tmp_path):
    assert checkpoints.latest_checkpoint(tmp_path) == (0, None)
    for name in ("checkpoint-0002.keras", "checkpoint-0010.keras", "checkpoint-x.keras", "model.keras"):
        (tmp_path / name).touch()
    assert checkpoints.latest_checkpoint(tmp_path) == (10, tmp_path / "checkpoint-0010.keras")


def test_run_resumes_only_with_the_same_settings(tmp_path):
    run = tmp_path / "run"
    assert run_directory.start_run(run, {"units": 3, "names": ("a", "b")}) is False
    assert run_directory.start_run(run, {"units": 3, "names": ("a", "b")}) is True
    with pytest.raises(UserError, match="trained with units 3, now 4"):
        run_directory.start_run(run, {"units": 4, "names": ("a", "b")})
    assert run_directory.start_run(run, {"units": 4}, overwrite=True) is False
    assert runs.open_run(run) == {"units": 4}


def network(seed=0):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    model.compile("adam", "mse")
    model.fit(np.ones((8, 3)), np.ones((8, 1)), verbose=0)
    return model


@pytest.fixture
def checkpoint(tmp_path):
    files.write_json(tmp_path / "config.json", {"units": 4})
    checkpoints.save_checkpoint(network(), tmp_path / "checkpoint-0001.keras")
    return tmp_path / "checkpoint-0001.keras"


def test_checkpoint_is_restored_with_the_state_of_its_optimizer(checkpoint):
    again = checkpoints.load_checkpoint(checkpoint)
    for one, other in zip(again.optimizer.variables, network().optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)


SAVED_ON_JAX = """
import sys
from pathlib import Path
from apps.common.training import checkpoints
from tests.common.training.test_checkpoints import network
checkpoints.save_checkpoint(network(), Path(sys.argv[1]))
"""


def test_checkpoint_of_another_backend_is_restored(checkpoint):
    subprocess.run([sys.executable, "-c", SAVED_ON_JAX, checkpoint], cwd=ROOT, env=ON_JAX, check=True)
    again = checkpoints.load_checkpoint(checkpoint)
    assert int(again.optimizer.iterations) == 1


def test_checkpoint_of_another_run_is_refused(checkpoint, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    files.write_json(other / "config.json", {"units": 5})
    shutil.copy(checkpoint, other)
    with pytest.raises(UserError, match=r"other/checkpoint-0001.keras: a checkpoint of another run; remove it"):
        checkpoints.load_checkpoint(other / checkpoint.name)
    network().save(checkpoint)
    with pytest.raises(UserError, match="a checkpoint of another run"):
        checkpoints.load_checkpoint(checkpoint)


def test_checkpoint_that_keras_restores_in_part_is_refused(checkpoint):
    """Keras skips variables that it does not find; here the weights are those of another training."""
    with zipfile.ZipFile(checkpoint) as archive:
        checksums = archive.read("checksums.json")
    network(seed=1).save(checkpoint)
    with zipfile.ZipFile(checkpoint, "a") as archive:
        archive.writestr("checksums.json", checksums)
    with pytest.raises(
        UserError, match=r"its variables differ from those that were saved; remove it, and the same command resumes"
    ):
        checkpoints.load_checkpoint(checkpoint)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_model_trained_in_mixed_precision_is_saved_in_float32(tmp_path, precision):
    keras.config.set_dtype_policy(precision)
    try:
        model = network()
        models.save_model(model, tmp_path / "model.keras")
        assert {layer.compute_dtype for layer in model.layers} == {precision.removeprefix("mixed_")}
        assert model.optimizer is not None
    finally:
        keras.config.set_dtype_policy("float32")
    saved = models.load_model(tmp_path / "model.keras")
    assert [layer.compute_dtype for layer in saved.layers] == ["float32"] * 3
    for one, other in zip(saved.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_averaged_weights_of_a_loss_scale_optimizer():
    model = network()
    model.compile(
        keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5)), "mse"
    )
    for _ in range(3):
        model.train_on_batch(np.ones((8, 3)), np.ones((8, 1)))
    before = model.get_weights()
    with checkpoints.averaged_weights(model):
        averages = [each.numpy() for each in model.optimizer.inner_optimizer._model_variables_moving_average]
        for weight, average in zip(model.get_weights(), averages, strict=True):
            np.testing.assert_array_equal(weight, average)
    assert any((average != own).any() for average, own in zip(averages, before, strict=True))
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
