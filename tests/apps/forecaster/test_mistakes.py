"""A user's mistakes: one line on stderr that says what is wrong and what to do, status 2, nothing lost."""

import pytest

from apps.common import cli, runs
from apps.forecaster import train as training
from apps.forecaster.evaluate import evaluate
from apps.forecaster.export import export
from apps.forecaster.predict import predict
from apps.forecaster.train import train
from tests.conftest import assert_refused, run_module, unchanged


def test_mistake_is_one_line_in_a_real_process(tmp_path):
    done = run_module("apps.forecaster", "--data", tmp_path / "absent.csv", "--run-dir", tmp_path / "run")
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path}/absent.csv: no such file\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--horizon", "0"], ["--horizon 0", "from 1 up"]),
        (["--window-length", "4800"], ["4800 rows, of which 2880 for train", "--window-length 4800"]),
        (["--window-length", "50"], ["--window-length 50", "multiple of --segment-length 24"]),
        (["--test-fraction", "0.9"], ["training rows"]),
        (["--quantiles", "0.1", "0.9"], ["--quantiles", "0.5 among them"]),
        (["--series", "tunnel"], ["no column 'tunnel'", "'bridge', 'market', 'station'"]),
        (["--frequency", "D"], ["row 3", "not a whole number of steps of D"]),
        (["--data", "tfds:nonesuch_set"], ["tfds:nonesuch_set", "no such data set"]),
    ],
)
def test_setting_that_cannot_be_is_refused(tmp_path, capsys, options, words):
    assert_refused(capsys, train, ["--run-dir", tmp_path / "run", *options], *words)
    assert not (tmp_path / "run").exists()


def test_predict_refuses(trained, csv_file, tmp_path, capsys):
    lines = csv_file.read_text().splitlines(keepends=True)
    assert_refused(capsys, predict, [trained, "--horizon", "0"], "--horizon 0", "from 1 to 12")
    assert_refused(capsys, predict, [trained, "--horizon", "13"], "--horizon 13", "from 1 to 12")
    assert_refused(capsys, predict, [trained, "--data", tmp_path / "none.csv"], "none.csv", "no such file")
    changed = {
        "short": (lines[:40], ["39 rows are too few", "the last 48"]),
        "renamed": ([lines[0].replace("station", "tunnel"), *lines[1:60]], ["no series 'station'", "'tunnel'"]),
        "slower": ([lines[0], *lines[1:200:2]], ["a step of 2h, the training had h"]),
        "text": ([*lines[:70], "2024-01-10 21:00:00,many,2\n"], ["row 71", "'market'", "'many' is not a number"]),
        "changing": ([*lines[:70], *lines[70:200:2]], ["row 72", "the step changes from 01:00:00 to 02:00:00"]),
    }
    for name, (text, words) in changed.items():
        path = tmp_path / f"{name}.csv"
        path.write_text("".join(text))
        assert_refused(capsys, predict, [trained, "--data", path], path, *words)


def test_bad_data_leaves_a_trained_run_as_it_was(run_dir, tmp_path, options, capsys):
    bad = tmp_path / "bad.csv"
    bad.write_text("time,a\n2024-01-01,1\n2024-01-02,x\n")
    with unchanged(run_dir):
        assert_refused(capsys, train, ["--run-dir", run_dir, "--data", bad, "--overwrite"], bad, "row 3")
        assert_refused(capsys, train, ["--run-dir", run_dir, *options, "--units", "99"], "units 16, now 99")
        assert_refused(capsys, predict, [run_dir, "--data", bad], bad, "row 3")


def test_data_that_changed_since_is_refused(tmp_path, csv_file, options, capsys):
    path = tmp_path / "riders.csv"
    path.write_text(csv_file.read_text())
    run_dir = tmp_path / "run"
    options = [str(path) if option == str(csv_file) else option for option in options]
    assert cli.run(train, ["--run-dir", str(run_dir), *options, "--epochs", "1"]) == 0
    path.write_text(path.read_text() + "2024-02-17 00:00:00,1,2\n")
    with unchanged(run_dir):
        assert_refused(capsys, evaluate, [run_dir], path, "no longer the series")
        assert_refused(capsys, train, ["--run-dir", run_dir, *options, "--epochs", "1"], "fingerprint")
    # To forecast from newer rows is what it is for.
    assert cli.run(predict, [str(run_dir)]) == 0


def test_run_without_test_rows_says_so(tmp_path, options, capsys):
    run_dir = tmp_path / "run"
    arguments = ["--run-dir", run_dir, *options, "--epochs", "1", "--test-fraction", "0", "--stride", "9"]
    assert cli.run(train, [str(argument) for argument in arguments]) == 0
    assert_refused(capsys, evaluate, [run_dir], "--test-fraction 0")


def test_loss_that_is_no_number_stops_the_training(tmp_path, options, capsys, monkeypatch):
    run_dir = tmp_path / "run"
    monkeypatch.setattr(training.PinballLoss, "call", lambda self, targets, forecasts: forecasts[..., 0] * float("nan"))
    assert_refused(capsys, train, ["--run-dir", run_dir, *options], "the loss is", "nothing is kept")
    assert runs.latest_checkpoint(run_dir) == (0, None)


@pytest.mark.parametrize("verb", [evaluate, predict, export])
def test_folder_that_is_no_run_is_refused(verb, tmp_path, capsys):
    assert_refused(capsys, verb, [tmp_path / "absent"], "absent", "no such run directory")
    assert_refused(capsys, verb, [tmp_path], "not a run directory")
