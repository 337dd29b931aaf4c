"""Files that are whole or absent."""

import shutil
import signal
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

from apps.common import runs
from apps.common.cli import UserError
from tests.conftest import ON_JAX, ROOT


def test_file_is_replaced_only_when_it_is_whole(tmp_path):
    path = tmp_path / "a.json"
    runs.write_json(path, {"é": 1})
    with pytest.raises(RuntimeError), runs.replacing(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert runs.read_json(path) == {"é": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_folder_is_replaced_as_a_whole(tmp_path):
    for content in ("one", "two"):
        with runs.replacing(tmp_path / "model") as part:
            part.mkdir()
            (part / content).write_text(content)
        assert [entry.name for entry in (tmp_path / "model").iterdir()] == [content]
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_kill_during_the_write_leaves_the_last_good_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("good")
    code = (
        "import sys, time; from apps.common import runs\n"
        "with runs.replacing(sys.argv[1]) as part:\n"
        "    part.write_text('half'); print('writing', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, path], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert path.read_text() == "good"


def test_csv_round_trip_keeps_numbers(tmp_path):
    rows = [{"epoch": 1, "loss": 0.25}, {"epoch": 2, "loss": 1e-9}]
    runs.write_csv(tmp_path / "a.csv", rows)
    assert runs.read_csv(tmp_path / "a.csv") == rows
    assert isinstance(runs.read_csv(tmp_path / "a.csv")[0]["epoch"], int)
    assert runs.read_csv(tmp_path / "absent.csv") == []


def test_latest_checkpoint_is_the_one_with_the_highest_epoch(tmp_path):
    assert runs.latest_checkpoint(tmp_path) == (0, None)
    for name in ("checkpoint-0002.keras", "checkpoint-0010.keras", "checkpoint-x.keras", "model.keras"):
        (tmp_path / name).touch()
    assert runs.latest_checkpoint(tmp_path) == (10, tmp_path / "checkpoint-0010.keras")


def test_run_goes_on_with_the_same_config_alone(tmp_path):
    run = tmp_path / "run"
    assert runs.start_run(run, {"units": 3, "names": ("a", "b")}) is False
    assert runs.start_run(run, {"units": 3, "names": ("a", "b")}) is True
    with pytest.raises(UserError, match="trained with units 3, now 4"):
        runs.start_run(run, {"units": 4, "names": ("a", "b")})
    assert runs.start_run(run, {"units": 4}, overwrite=True) is False
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
    runs.write_json(tmp_path / "config.json", {"units": 4})
    runs.save_checkpoint(network(), tmp_path / "checkpoint-0001.keras")
    return tmp_path / "checkpoint-0001.keras"


def test_checkpoint_is_restored_with_the_state_of_its_optimizer(checkpoint):
    again = runs.load_model(checkpoint, compile=True)
    for one, other in zip(again.optimizer.variables, network().optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)


SAVED_ON_JAX = """
import sys
from pathlib import Path
from apps.common import runs
from tests.common.test_runs import network
runs.save_checkpoint(network(), Path(sys.argv[1]))
"""


def test_checkpoint_of_another_backend_is_the_same_to_go_on_from(checkpoint):
    subprocess.run([sys.executable, "-c", SAVED_ON_JAX, checkpoint], cwd=ROOT, env=ON_JAX, check=True)
    again = runs.load_model(checkpoint, compile=True)
    assert int(again.optimizer.iterations) == 1


def test_checkpoint_of_another_run_is_refused(checkpoint, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    runs.write_json(other / "config.json", {"units": 5})
    shutil.copy(checkpoint, other)
    with pytest.raises(UserError, match=r"other/checkpoint-0001.keras: a checkpoint of another run; remove it"):
        runs.load_model(other / checkpoint.name, compile=True)
    network().save(checkpoint)
    with pytest.raises(UserError, match="a checkpoint of another run"):
        runs.load_model(checkpoint, compile=True)


def test_checkpoint_that_is_not_restored_as_it_was_saved_is_refused(checkpoint):
    """As when Keras skips, with a warning, what it cannot find: here the weights are another training's."""
    with zipfile.ZipFile(checkpoint) as archive:
        seal = archive.read("seal.json")
    network(seed=1).save(checkpoint)
    with zipfile.ZipFile(checkpoint, "a") as archive:
        archive.writestr("seal.json", seal)
    with pytest.raises(UserError, match=r"not restored as it was saved; remove it, and the same command goes on from"):
        runs.load_model(checkpoint, compile=True)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_model_trained_in_mixed_precision_is_kept_in_float32(tmp_path, precision):
    keras.config.set_dtype_policy(precision)
    try:
        model = network()
        runs.save_model(model, tmp_path / "model.keras")
        assert {layer.compute_dtype for layer in model.layers} == {precision.removeprefix("mixed_")}
        assert model.optimizer is not None
    finally:
        keras.config.set_dtype_policy("float32")
    kept = runs.load_model(tmp_path / "model.keras")
    assert [layer.compute_dtype for layer in kept.layers] == ["float32"] * 3
    for one, other in zip(kept.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_averages_of_an_optimizer_that_scales_its_loss_take_the_place_of_the_weights():
    model = network()
    model.compile(
        keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5)), "mse"
    )
    for _ in range(3):
        model.train_on_batch(np.ones((8, 3)), np.ones((8, 1)))
    before = model.get_weights()
    with runs.averaged_weights(model):
        averages = [each.numpy() for each in model.optimizer.inner_optimizer._model_variables_moving_average]
        for weight, average in zip(model.get_weights(), averages, strict=True):
            np.testing.assert_array_equal(weight, average)
    assert any((average != own).any() for average, own in zip(averages, before, strict=True))
    for one, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
