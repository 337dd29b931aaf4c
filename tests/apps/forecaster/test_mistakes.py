"""A user's mistakes that only the forecaster knows; `test_contract.py` has those of all apps."""

from apps.common import cli, files
from apps.forecaster.evaluate import evaluate
from apps.forecaster.predict import predict
from tests.conftest import assert_refused, unchanged


def test_predict_refuses_other_tables(trained, csv_file, tmp_path, capsys):
    lines = csv_file.read_text().splitlines(keepends=True)
    changed = {
        "short": (lines[:40], ["39 rows are too few", "the last 48"]),
        "renamed": ([lines[0].replace("station", "tunnel"), *lines[1:60]], ["no series 'station'", "'tunnel'"]),
        "slower": ([lines[0], *lines[1:200:2]], ["a step of 2h, the model was trained with h"]),
        "text": ([*lines[:70], "2024-01-10 21:00:00,many,2\n"], ["row 71", "'market'", "'many' is not a number"]),
        "changing": ([*lines[:70], *lines[70:200:2]], ["row 72", "the step changes from 01:00:00 to 02:00:00"]),
    }
    for name, (text, words) in changed.items():
        path = tmp_path / f"{name}.csv"
        path.write_text("".join(text))
        assert_refused(capsys, predict, [trained, "--data", path], path, *words)


def test_predict_takes_newer_rows_in_the_same_file(run_dir, csv_file, tmp_path, capsys):
    path = tmp_path / "riders.csv"
    path.write_text(csv_file.read_text() + "2024-01-28 00:00:00,1,2\n")
    config = files.read_json(run_dir / "config.json")
    files.write_json(run_dir / "config.json", {**config, "data": str(path)})
    assert cli.run(predict, [str(run_dir), "--horizon", "1"]) == 0
    assert "2024-01-28 01:00:00,market" in capsys.readouterr().out


def test_evaluate_refuses_a_run_without_test_rows(run_dir, capsys):
    config = files.read_json(run_dir / "config.json")
    files.write_json(run_dir / "config.json", {**config, "test_fraction": 0.0})
    with unchanged(run_dir):
        assert_refused(capsys, evaluate, [run_dir], "--test-fraction 0")
