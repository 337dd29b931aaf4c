"""Files that are whole or absent."""

import signal
import subprocess
import sys

import keras
import pytest

from apps.common import runs
from apps.common.cli import UserError
from tests.conftest import ROOT


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


def test_resumed_decay_decides_as_an_unbroken_one():
    losses = [3.0, 2.0, 2.1, 1.95, 1.8, 1.75, 1.65, 1.6, 1.58]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])

    def rates(done):
        model.compile(keras.optimizers.Adam(0.5), "mse")
        before = [{"epoch": epoch, "val_loss": loss} for epoch, loss in enumerate(losses[:done], 1)]
        callback = runs.DecayOnPlateau(1e-3, 0.5, 1, 0.1, before)
        callback.set_model(model)
        callback.on_train_begin()
        found = []
        for epoch, loss in enumerate(losses[done:], done):
            callback.on_epoch_end(epoch, {"val_loss": loss})
            found.append(round(float(model.optimizer.learning_rate), 8))
        return found

    whole = rates(0)
    assert whole == [1e-3, 1e-3, 5e-4, 2.5e-4, 2.5e-4, 1.25e-4, 1.25e-4, 6.25e-5, 3.125e-5]
    for done in range(1, len(losses)):
        assert rates(done) == whole[done:]
