"""The verbs on what users bring: streams, recordings without labels, normal operation apart, windows, other sensors."""

import csv
import io
import json

import numpy as np
import pandas as pd

from apps.anomaly_detector.evaluate import evaluate
from apps.anomaly_detector.predict import predict
from apps.anomaly_detector.stream import follow_rows
from apps.anomaly_detector.train import train
from apps.common.files import read_json
from tests.apps.cases.anomaly_detector import SENSORS, make_table
from tests.conftest import assert_refused


def rows_of(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def followed(detector, text, alarms_only=False):
    out = io.StringIO()
    follow_rows(detector, io.StringIO(text), out, alarms_only)
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def test_predict_scores_every_row_and_finds_the_faults(run, trained, tmp_path, capsys):
    assert run(predict, trained, "--output", tmp_path / "scores.csv") == 0
    captured = capsys.readouterr()
    assert captured.out == "" and "times that of normal rows in training" in captured.err
    scores, table = rows_of(tmp_path / "scores.csv"), make_table()
    assert [row["time"] for row in scores] == table["time"].astype(str).tolist()
    alarms = np.array([int(row["alarm"]) for row in scores])
    assert alarms[1300:1305].any() and alarms[1500:1561].any()
    assert alarms[:1300].mean() < 0.02
    worst = max(scores[1300:1310], key=lambda row: float(row["score"]))
    assert worst["sensors"].startswith("pressure")
    assert run(predict, trained, "--alarms-only") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == alarms.sum() and {row["alarm"] for row in rows} == {"1"}


def test_stream_says_what_the_table_says(run, trained, detector, table, tmp_path):
    part = table[1200:1340]
    part.to_csv(tmp_path / "later.csv", index=False)
    assert run(predict, trained, "--data", tmp_path / "later.csv", "--output", tmp_path / "scores.csv") == 0
    expected = rows_of(tmp_path / "scores.csv")
    # Columns in another order, and one more.
    text = part[["power", "anomaly", "time", "pressure", "flow"]].to_csv(index=False)
    found = followed(detector, text)
    assert [row["time"] for row in found] == [row["time"] for row in expected]
    assert [row["alarm"] for row in found] == [row["alarm"] for row in expected]
    np.testing.assert_allclose(*([float(row["score"]) for row in rows] for rows in (found, expected)), atol=2e-5)
    only = followed(detector, text, alarms_only=True)
    assert only == [row for row in found if row["alarm"] == "1"] and only


def test_stream_takes_missing_and_broken_cells(detector, table, capsys):
    lines = table[:60].to_csv(index=False).splitlines()
    names = lines[0].split(",")
    cells = lines[40].split(",")
    cells[names.index("flow")], cells[names.index("power")] = "", "err"
    lines[40] = ",".join(cells)
    lines[45] = lines[45].split(",")[0]
    lines.insert(50, "")
    found = followed(detector, "\n".join(lines))
    assert len(found) == 60 and all(np.isfinite(float(row["score"])) for row in found)
    message = capsys.readouterr().err
    assert "row 41: power is 'err', taken as missing" in message and "row 46" not in message


def test_stream_without_the_sensors_is_refused(detector):
    for text in ("time,flow,power\n", ""):
        try:
            followed(detector, text)
        except Exception as error:
            assert "no column" in str(error) and "'flow', 'pressure', 'power'" in str(error)
        else:
            raise AssertionError(text)


def test_table_of_other_sensors_or_another_step_is_refused(run, trained, table, tmp_path, capsys):
    table[["time", "flow", "power"]].to_csv(tmp_path / "few.csv", index=False)
    assert_refused(capsys, predict, [trained, "--data", tmp_path / "few.csv"], "few.csv", "no series 'pressure'")
    table[::2].to_csv(tmp_path / "slow.csv", index=False)
    assert_refused(capsys, predict, [trained, "--data", tmp_path / "slow.csv"], "slow.csv", "a step of 20min", "10min")


def test_gaps_are_not_scored_as_rows(run, trained, table, tmp_path):
    table.drop(index=range(1310, 1330)).to_csv(tmp_path / "gap.csv", index=False)
    assert run(predict, trained, "--data", tmp_path / "gap.csv", "--output", tmp_path / "scores.csv") == 0
    assert len(rows_of(tmp_path / "scores.csv")) == len(table) - 20


def test_recordings_without_labels_are_judged_without_metrics(run, options, tmp_path, table, capsys):
    table[["time", *SENSORS]].to_csv(tmp_path / "pump.csv", index=False)
    options = [tmp_path / "pump.csv" if str(each).endswith("pump.csv") else each for each in options]
    assert run(train, "--run-dir", tmp_path / "run", *options, "--epochs", "1", "--model", "reconstructor") == 0
    assert run(evaluate, tmp_path / "run") == 0
    shown = capsys.readouterr().out
    assert "no row is labelled anomalous" in shown and "Sub-PCA: " in shown
    assert "vus_pr" not in read_json(tmp_path / "run" / "metrics.json")["results"]["reconstructor"]


def test_normal_operation_apart_and_windows(run, options, tmp_path, table, capsys):
    """The normal rows have other times; labels are windows; only the forecaster with GRUs is trained."""
    normal, judged = table[:1200][["time", *SENSORS]], table[1200:][["time", *SENSORS]]
    normal.to_csv(tmp_path / "normal.csv", index=False)
    judged.to_csv(tmp_path / "judged.csv", index=False)
    spans = [[str(table["time"][a]), str(table["time"][b])] for a, b in ((1298, 1310), (1495, 1570))]
    (tmp_path / "windows.json").write_text(json.dumps({"judged.csv": spans}))
    options = [tmp_path / "judged.csv" if str(each).endswith("pump.csv") else each for each in options]
    more = ["--normal", tmp_path / "normal.csv", "--windows", tmp_path / "windows.json"]
    more += ["--model", "forecaster", "--cell", "gru", "--run-dir", tmp_path / "run"]
    assert run(train, *options, *more) == 0
    assert "0 to judge" in capsys.readouterr().out
    assert run(evaluate, tmp_path / "run") == 0
    assert "NAB score" in capsys.readouterr().out
    report = read_json(tmp_path / "run" / "metrics.json")
    assert report["rows"] == 600 and report["results"]["forecaster"]["event_recall"] == 1
    assert report["results"]["forecaster"]["nab_standard"] > 0


def test_metrics_of_all_rows_anomalous_are_no_error(run, run_dir, table, tmp_path, capsys):
    table[1300:1500].assign(anomaly=1).to_csv(tmp_path / "bad.csv", index=False)
    assert run(evaluate, run_dir, "--data", tmp_path / "bad.csv") == 0
    results = read_json(run_dir / "metrics.json")["results"]
    assert results["forecaster and reconstructor"]["auc_pr"] == 1
    assert pd.notna(results["Sub-PCA"]["f1"])
