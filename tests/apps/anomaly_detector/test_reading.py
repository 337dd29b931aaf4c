"""Recordings, labels in any form, windows, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest

from apps.anomaly_detector.config import Config
from apps.anomaly_detector.reading import read_recordings, read_windows
from apps.anomaly_detector.sample_data.make_readings import DAY, FAULTS, ROWS, SENSORS, make_readings
from apps.common.cli import UserError
from tests.conftest import shared_data

TIMES = pd.date_range("2026-01-01", periods=6, freq="h")


def write(path, separator=",", **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"time": TIMES, "flow": [1.5, 2, 1, 2, 9, 1], **columns}).to_csv(path, index=False, sep=separator)
    return str(path)


def read(*paths, **options):
    return read_recordings(Config(data=tuple(map(str, paths)), **options))


def test_sample_has_labelled_faults_of_six_kinds():
    table = make_readings()
    assert table.equals(make_readings()) and len(table) == ROWS
    (recording,) = read("sample")
    assert recording.series.names == list(SENSORS) and recording.series.frequency == "10min"
    assert len(FAULTS) == 7 and recording.labels.sum() == sum(rows for _, rows in FAULTS.values()) + 6
    assert recording.labels[: ROWS // 2].sum() == 6
    day, rows = FAULTS["frozen sensor"]
    frozen = table["flow"][int(day * DAY) : int(day * DAY) + rows]
    assert frozen.nunique() == 1


LABELS = {
    "numbers": [0, 0, 0, 0, 1, 0],
    "floats": [0.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    "words": ["Normal", "normal", "NORMAL", "normal", "Attack", "normal"],
    "yes and no": ["no", "no", "no", "no", "yes", "no"],
    "truth": [False, False, False, False, True, False],
    "empty cells": ["", "", "", "", "leak", ""],
    "scikit-learn's": [1, 1, 1, 1, -1, 1],
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_in_every_form_are_the_same(tmp_path, name):
    (recording,) = read(write(tmp_path / "a.csv", anomaly=LABELS[name]))
    assert recording.labels.tolist() == [False, False, False, False, True, False]
    assert recording.series.names == ["flow"]
    shown = "\n".join(recording.series.summary.lines())
    assert "label: column 'anomaly', for evaluation only" in shown and "1 of 6 rows labelled anomalous" in shown
    assert "known in advance" not in shown and "flow 1.5, anomaly 0" in shown


def test_label_column_is_found_named_or_absent(tmp_path):
    path = write(tmp_path / "a.csv", **{"Normal/Attack": LABELS["words"]})
    assert read(path)[0].labels.sum() == 1
    path = write(tmp_path / "b.csv", broken=LABELS["numbers"])
    assert read(path)[0].labels is None and read(path)[0].series.names == ["flow", "broken"]
    assert read(path, label_column="broken")[0].labels.sum() == 1
    with pytest.raises(UserError, match=r"no column 'leaky'.*--label-column"):
        read(path, label_column="leaky")


def test_columns_about_the_labels_are_no_sensors(tmp_path):
    path = write(tmp_path / "a.csv", ";", anomaly=LABELS["numbers"], changepoint=[0, 0, 0, 1, 0, 1])
    (recording,) = read(path)
    assert recording.series.names == ["flow"]
    assert any("not read, derived from the labels: 'changepoint'" in line for line in recording.series.summary.lines())


def test_several_files_and_folders_are_recordings_of_the_same_sensors(tmp_path):
    for name in ("1", "2"):
        write(tmp_path / "pumps" / f"{name}.csv", heat=[4, 5, 6, 5, 4, 3])
    (tmp_path / "pumps" / "notes.md").write_text("x")
    other = write(tmp_path / "3.csv", heat=[1, 2, 3, 4, 5, 6])
    found = read(tmp_path / "pumps", other)
    assert [each.name[-5:] for each in found] == ["1.csv", "2.csv", "3.csv"]
    assert {tuple(each.series.names) for each in found} == {("flow", "heat")}
    write(tmp_path / "pumps" / "4.csv")
    with pytest.raises(UserError, match=r"4.csv: no series 'heat'"):
        read(tmp_path / "pumps")
    with pytest.raises(UserError, match="no table in this folder"):
        (tmp_path / "empty").mkdir()
        read(tmp_path / "empty")


def test_windows_of_the_benchmark_and_of_tables_are_read(tmp_path):
    path = write(tmp_path / "real" / "a.csv")
    span = ["2026-01-01 02:30:00.000000", "2026-01-01 04:00:00.000000"]
    (tmp_path / "windows.json").write_text(json.dumps({"real/a.csv": [span], "real/b.csv": []}))
    (recording,) = read(path, windows=str(tmp_path / "windows.json"))
    assert recording.windows == [(3, 4)] and recording.labels.tolist() == [False, False, False, True, True, False]
    (tmp_path / "windows.csv").write_text("start,end\n2026-01-01 04:00,2026-01-01 05:00\n2026-01-01 00:00,2026-01-01\n")
    (recording,) = read(path, windows=str(tmp_path / "windows.csv"))
    assert recording.windows == [(0, 0), (4, 5)]


WRONG_WINDOWS = {
    "overlapping": ([["2026-01-01 00:00", "2026-01-01 03:00"], ["2026-01-01 03:00", "2026-01-01 04:00"]], "overlap"),
    "reversed": ([["2026-01-01 03:00", "2026-01-01 00:00"]], "ends before it begins"),
    "outside": ([["2027-01-01 03:00", "2027-01-02"]], "has no row of"),
    "no times": ([["now", "then"]], "expected a window of two times"),
    "no pair": ([["2026-01-01"]], "expected a window of two times"),
}


@pytest.mark.parametrize("name", WRONG_WINDOWS)
def test_wrong_windows_are_refused(tmp_path, name):
    spans, words = WRONG_WINDOWS[name]
    path = write(tmp_path / "a.csv")
    (tmp_path / "windows.json").write_text(json.dumps({"a.csv": spans}))
    with pytest.raises(UserError, match=f"windows.json.*{words}"):
        read(path, windows=str(tmp_path / "windows.json"))


def test_windows_of_numbered_rows_are_those_of_their_times(tmp_path):
    path = write(tmp_path / "a.csv")
    times = TIMES.to_series().astype(str).to_numpy()
    # A time twice, and a step of another length.
    times[2], times[5] = times[1], "2026-01-02 07:13:00"
    pd.DataFrame({"time": times, "flow": range(6)}).to_csv(path, index=False)
    (tmp_path / "w.json").write_text('{"a.csv": [["2026-01-01 01:00", "2026-01-01 03:00"]]}')
    (recording,) = read(path, windows=str(tmp_path / "w.json"), frequency="row")
    assert recording.windows == [(1, 3)] and len(recording) == 6
    (tmp_path / "b.csv").write_text("flow\n" + "".join(f"{each}.5\n" for each in (3, 1, 4, 1, 5)))
    with pytest.raises(UserError, match=r"b\.csv: --windows needs a time in each row"):
        (tmp_path / "w.json").write_text('{"b.csv": [["2026-01-01 01:00", "2026-01-01 03:00"]]}')
        read(tmp_path / "b.csv", windows=str(tmp_path / "w.json"), frequency="row")


def test_file_without_windows_has_no_anomalies(tmp_path):
    path = write(tmp_path / "real" / "a.csv")
    (tmp_path / "w.json").write_text('{"real/a.csv": [], "a.csv.gz": []}')
    (recording,) = read(path, windows=str(tmp_path / "w.json"))
    assert recording.windows == [] and not recording.labels.any()


def test_windows_of_other_files_are_refused(tmp_path):
    path = write(tmp_path / "a.csv")
    (tmp_path / "windows.json").write_text('{"b.csv": [["2026-01-01", "2026-01-02"]]}')
    with pytest.raises(UserError, match=r"no window of 'a\.csv'; it has some of 'b\.csv'"):
        read(path, windows=str(tmp_path / "windows.json"))
    (tmp_path / "windows.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read as JSON"):
        read_windows(str(tmp_path / "windows.json"))


def test_constant_sensor_is_kept_and_an_empty_one_left_out(tmp_path):
    path = write(tmp_path / "a.csv", level=[3.0] * 6, broken=[np.nan] * 6)
    (recording,) = read(path)
    assert recording.series.names == ["flow", "level"]
    assert any("no value in 'broken', left out" in line for line in recording.series.summary.lines())


def test_real_recordings_are_read():
    root = shared_data("skab/valve1")
    recordings = read(root)
    assert len(recordings) == 16 and len(recordings[0].series.names) == 8
    assert all(0.2 < each.labels.mean() < 0.5 for each in recordings)
    nab = shared_data("nab/realKnownCause/nyc_taxi.csv")
    (recording,) = read(nab, windows=str(shared_data("nab/combined_windows.json")))
    assert len(recording.windows) == 5 and recording.series.frequency == "30min"
