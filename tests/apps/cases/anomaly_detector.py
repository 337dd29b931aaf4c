"""The anomaly detector, see `tests.apps.cases`."""

import numpy as np

from apps.anomaly_detector.detector import Detector
from apps.anomaly_detector.reading import read_recordings
from apps.anomaly_detector.sample_data.make_readings import make_readings
from apps.anomaly_detector.scoring import MOST_STEPS

APP = "anomaly_detector"
OPTIONS = ["--epochs", "4", "--units", "12", "--code-units", "6", "--window-length", "12", "--chunk-length", "48",
           "--stride", "8", "--learning-rate", "0.01"]  # fmt: skip
FILES = {"scaling.json", "scoring.json"}
SHOWN = "time '2024-03-04 00:00:00', flow "
BASELINE = "Sub-PCA"
SETTINGS = [
    (["--epochs", "0"], ["--epochs 0", "from 1 up"]),
    (["--train-fraction", "1.5"], ["--train-fraction 1.5"]),
    (["--validation-fraction", "0"], ["--validation-fraction 0.0"]),
    (["--false-alarms", "0"], ["--false-alarms 0.0"]),
    (["--smoothing", "-1"], ["--smoothing -1.0"]),
    (["--chunk-length", "8"], ["--chunk-length 8", "more than --horizon and --window-length"]),
    (["--chunk-length", "900"], ["expected 900 or more", "--train-fraction"]),
    (["--train-until", "soon"], ["--train-until soon", "expected a time"]),
    (["--train-until", "2020-01-01"], ["--train-until 2020-01-01", "begins later"]),
    (["--label-column", "broken"], ["no column 'broken'", "--label-column"]),
    (["--windows", "absent.json"], ["absent.json"]),
    (["--data", "absent.csv"], ["absent.csv", "no such file"]),
]
QUESTIONS = [
    (["--output", "absent/a.csv"], ["--output absent/a.csv", "no such folder"]),
    (["--data", "absent.csv"], ["absent.csv", "no such file"]),
    (["--follow", "--data", "absent.csv"], ["--follow", "leave out --data"]),
]
REFUSED = [({"values": [[[1.0, 2.0, 3.0]] * (MOST_STEPS + 1)] * 3}, ["2049 rows, expected at most 2048"])]
TOLERANCE = 1e-5
SENSORS = ["flow", "pressure", "power"]
ROWS = 1800


def make_table():
    """Return the first days of three sensors, with faults of two kinds at the end."""
    table = make_readings()[["time", *SENSORS, "anomaly"]][:ROWS].copy()
    table.loc[1300:1304, "pressure"] += 1.5
    table.loc[1500:1560, "flow"] = table.loc[1500, "flow"]
    table.loc[[*range(1300, 1305), *range(1500, 1561)], "anomaly"] = 1
    return table


def make_data(folder):
    make_table().to_csv(folder / "pump.csv", index=False)
    return ["--data", str(folder / "pump.csv")]


def arguments(folder):
    return ["--alarms-only"]


def spoil(folder):
    (folder / "pump.csv").write_text("time,flow\n2024-01-01,1\n2024-01-02,x\n")
    return ["pump.csv", "row 3", "'x' is not a number"]


def change(folder):
    make_table()[:-1].to_csv(folder / "pump.csv", index=False)
    return ["pump.csv", "not the readings"]


def inputs(run_dir):
    (recording,) = read_recordings(Detector(run_dir).config)
    values = recording.series.values.astype("float32")
    return {"values": np.stack([values[at : at + 120] for at in (0, 1250, 1450)])}


def answers(run_dir, inputs):
    detector = Detector(run_dir)
    found = [detector.score(values) for values in inputs["values"]]
    return {
        "score": np.stack([each.scores for each in found]),
        "contributions": np.stack([each.contributions for each in found]),
        "threshold": np.full(len(found), detector.threshold, "float32"),
    }
