"""Trainings of the toy app: resumed, finished, refused, and interrupted in every way."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from apps.common import cli, files, models
from apps.common.training.checkpoints import checkpoint_path
from tests.conftest import ROOT, assert_refused, run_module, snapshot, unchanged
from tests.toy_app.train import train

TOY = "tests.toy_app.train"


@pytest.fixture(scope="module")
def trained_toy(tmp_path_factory):
    """A trained run; tests do not write into it."""
    path = tmp_path_factory.mktemp("toy") / "run"
    assert cli.run(train, ["--run-dir", str(path)]) == 0
    return path


@pytest.fixture
def run_dir(trained_toy, tmp_path):
    return shutil.copytree(trained_toy, tmp_path / "run")


def assert_same_training(one, other):
    weights = [models.load_model(path / "model.keras").get_weights() for path in (one, other)]
    assert len(weights[0]) == 4
    for here, there in zip(*weights, strict=True):
        np.testing.assert_array_equal(here, there)
    for here, there in zip(*(files.read_csv(path / "history.csv") for path in (one, other)), strict=True):
        assert {**here, "seconds": 0} == {**there, "seconds": 0}


def test_run_directory_is_complete(trained_toy):
    names = {"config.json", "scale.json", "model.keras", "history.csv", "finished.json"}
    assert {path.name for path in trained_toy.iterdir()} == names
    config = files.read_json(trained_toy / "config.json")
    assert (config["app"], config["units"], config["precision"]) == ("toy_app", 8, "float32")
    finished = files.read_json(trained_toy / "finished.json")
    history = files.read_csv(trained_toy / "history.csv")
    assert (finished["epochs"], finished["rows"]) == (4, 64)
    assert finished["best"] == min(history, key=lambda row: row["val_loss"])


def test_finished_run_is_not_trained_again(run_dir, capsys):
    with unchanged(run_dir):
        assert cli.run(train, ["--run-dir", str(run_dir)]) == 0
    assert "is trained already; --overwrite" in capsys.readouterr().out


def test_overwrite_trains_again(run_dir):
    (run_dir / "old.txt").touch()
    assert cli.run(train, ["--run-dir", str(run_dir), "--epochs", "1", "--overwrite"]) == 0
    assert files.read_json(run_dir / "config.json")["epochs"] == 1
    assert not (run_dir / "old.txt").exists()


@pytest.mark.parametrize("epoch", [2, *(pytest.param(epoch, marks=pytest.mark.slow) for epoch in (1, 3))])
def test_killed_training_resumes_and_ends_as_an_uninterrupted_one(trained_toy, tmp_path, epoch):
    run_dir = tmp_path / "run"
    command = [sys.executable, "-m", TOY, "--run-dir", str(run_dir)]
    process = subprocess.Popen([*command, "--pause", "1"], cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not checkpoint_path(run_dir, epoch).exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (run_dir / "finished.json").exists()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"resuming after epoch {epoch}" in done.stdout
    assert_same_training(trained_toy, run_dir)


def test_training_killed_after_its_last_epoch_is_only_finished(trained_toy, run_dir, capsys):
    shutil.copy(run_dir / "model.keras", checkpoint_path(run_dir, 4))
    (run_dir / "finished.json").unlink()
    assert cli.run(train, ["--run-dir", str(run_dir)]) == 0
    assert "Epoch" not in capsys.readouterr().out
    assert files.read_json(run_dir / "finished.json")["epochs"] == 4
    assert not list(run_dir.glob("checkpoint-*"))
    assert_same_training(trained_toy, run_dir)


def test_damaged_checkpoint_is_refused_and_the_one_before_is_used(trained_toy, tmp_path, capsys):
    run_dir = tmp_path / "run"
    assert_refused(capsys, train, ["--run-dir", run_dir, "--nan-from", "4"], "loss is nan in epoch 4")
    config = files.read_json(run_dir / "config.json")
    assert config["nan_from"] == 4
    last = checkpoint_path(run_dir, 3)
    last.write_bytes(last.read_bytes()[:1000])
    arguments = ["--run-dir", run_dir, "--nan-from", "4"]
    assert_refused(capsys, train, arguments, last, "not a complete Keras model")
    last.unlink()
    assert_refused(capsys, train, arguments, "loss is nan in epoch 4")
    assert checkpoint_path(run_dir, 3).exists()


def test_loss_that_is_not_finite_ends_the_training_and_saves_nothing(tmp_path, capsys):
    run_dir = tmp_path / "run"
    words = [run_dir, "loss is nan in epoch 3", "weights of epoch", "--learning-rate"]
    assert_refused(capsys, train, ["--run-dir", run_dir, "--nan-from", "3"], *words)
    assert [row["epoch"] for row in files.read_csv(run_dir / "history.csv")] == [1, 2]
    assert all(np.isfinite(weight).all() for weight in models.load_model(run_dir / "model.keras").get_weights())
    run_dir = tmp_path / "other"
    assert_refused(capsys, train, ["--run-dir", run_dir, "--nan-from", "1"], "epoch 1", "nothing is saved yet")
    assert not (run_dir / "model.keras").exists()


def test_other_settings_leave_a_run_unchanged(run_dir, capsys):
    with unchanged(run_dir):
        assert_refused(capsys, train, ["--run-dir", run_dir, "--units", "9"], "units 8, now 9", "--overwrite")
        assert_refused(capsys, train, ["--run-dir", run_dir, "--rows", "32"], "rows 64, now 32")
        options = ["--run-dir", run_dir, "--precision", "mixed_bfloat16"]
        assert_refused(capsys, train, options, "precision 'float32', now 'mixed_bfloat16'")


def test_folder_that_is_not_a_run_is_refused(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    with unchanged(tmp_path):
        for more in ([], ["--overwrite"]):
            assert_refused(capsys, train, ["--run-dir", tmp_path, *more], "not a run directory")
        assert_refused(capsys, train, ["--run-dir", tmp_path / "thesis.txt"], "this is a file")


def test_full_disk_is_one_line_and_loses_nothing(run_dir):
    """A limit on the size of files stands in for a full disk."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))

    (run_dir / "finished.json").unlink()
    before = snapshot(run_dir)
    done = subprocess.run([sys.executable, "-m", TOY, "--run-dir", run_dir], cwd=ROOT, capture_output=True, text=True,
                          preexec_fn=limit)  # fmt: skip
    assert before.items() <= snapshot(run_dir).items()
    assert done.returncode == 2, done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert str(run_dir) in error and "too large" in error


def test_early_stopping_follows_from_the_history(tmp_path):
    assert cli.run(train, ["--run-dir", str(tmp_path / "run"), "--epochs", "30", "--patience", "2"]) == 0
    history = files.read_csv(tmp_path / "run" / "history.csv")
    best = files.read_json(tmp_path / "run" / "finished.json")["best"]["epoch"]
    assert len(history) == best + 2 < 30


def test_tensorboard_log_is_written_on_request(tmp_path):
    assert cli.run(train, ["--run-dir", str(tmp_path / "run"), "--epochs", "1", "--tensorboard"]) == 0
    assert list((tmp_path / "run" / "tensorboard").rglob("events.out*"))


def test_missing_tensorboard_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert_refused(capsys, train, ["--run-dir", tmp_path / "run", "--tensorboard"], "pip install tensorboard")
    assert not (tmp_path / "run").exists()


def test_mistake_is_one_line_in_a_real_process(tmp_path):
    done = run_module(TOY, "--run-dir", tmp_path / "run", "--epochs", "0")
    assert (done.returncode, done.stderr) == (2, "error: --epochs 0: expected a whole number from 1 up\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_folder_without_permission_is_refused(tmp_path, capsys):
    tmp_path.chmod(0o500)
    assert_refused(capsys, train, ["--run-dir", tmp_path / "run"], "Permission denied")
