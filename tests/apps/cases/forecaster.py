"""The forecaster, see `tests.apps.cases`."""

import numpy as np

from apps.common.series.windows import cut_windows
from apps.forecaster.forecaster import Forecaster
from apps.forecaster.reading import read_series
from apps.forecaster.sample_data.make_series import make_series

APP = "forecaster"
# Few test and validation rows: Theta is fitted to each of their windows.
OPTIONS = [
    "--horizon", "12", "--window-length", "48", "--segment-length", "12", "--units", "16", "--epochs", "3",
    "--learning-rate", "0.01", "--batch-size", "32", "--test-fraction", "0.05", "--validation-fraction", "0.05",
]  # fmt: skip
FILES = {"scaling.json"}
SHOWN = "time '2024-01-"
BASELINE = "seasonal naive"
SETTINGS = [
    (["--epochs", "0"], ["--epochs 0", "from 1 up"]),
    (["--horizon", "0"], ["--horizon 0", "from 1 up"]),
    (["--window-length", "864"], ["480 rows", "432 for train", "--window-length 864"]),
    (["--window-length", "50"], ["--window-length 50", "multiple of --segment-length 12"]),
    (["--test-fraction", "0.96"], ["--test-fraction 0.96", "--validation-fraction"]),
    (["--dropout", "1"], ["--dropout 1.0"]),
    (["--decay", "0"], ["--decay 0.0"]),
    (["--quantiles", "0.1", "0.9"], ["--quantiles", "0.5 among them"]),
    (["--quantiles", "0.9", "0.5"], ["--quantiles", "increasing"]),
    (["--quantiles", "0.5", "1.0"], ["--quantiles", "increasing"]),
    (["--series", "market", "--known", "market"], ["--known"]),
    (["--separator", "::"], ["--separator '::'"]),
    (["--series", "tunnel"], ["no column 'tunnel'", "'time', 'market', 'station'"]),
    (["--frequency", "D"], ["row 3", "not a whole number of steps of D"]),
    (["--data", "tfds:nonesuch_set"], ["tfds:nonesuch_set", "no such data set"]),
]
QUESTIONS = [
    (["--plot", "a.xyz"], ["--plot a.xyz", ".png"]),
    (["--output", "absent/a.csv"], ["--output absent/a.csv", "no such folder"]),
    (["--horizon", "0"], ["--horizon 0", "1 to 12"]),
    (["--horizon", "13"], ["--horizon 13", "1 to 12"]),
    (["--data", "absent.csv"], ["absent.csv", "no such file"]),
]
REFUSED = [({"values": [[[float("nan"), 1.0]] * 48] * 3}, ["fill the gaps"])]
TOLERANCE = 1e-5
ROWS = 20 * 24


def make_data(folder):
    """Write the first days of two series of the sample, one with gaps."""
    table = make_series(holidays=True)[["time", "market", "station"]]
    table[:ROWS].to_csv(folder / "riders.csv", index=False)
    return ["--data", str(folder / "riders.csv")]


def arguments(folder):
    return ["--horizon", "3"]


def spoil(folder):
    (folder / "riders.csv").write_text("time,market\n2024-01-01,1\n2024-01-02,x\n")
    return ["riders.csv", "row 3", "'x' is not a number"]


def change(folder):
    with (folder / "riders.csv").open("a") as file:
        file.write("2024-01-28 00:00:00,1,2\n")
    return ["riders.csv", "not the series"]


def inputs(run_dir):
    return {"values": cut_windows(read_series(Forecaster(run_dir).config).values, np.array([100, 250, 400]), 48, 0)}


def answers(run_dir, inputs):
    forecaster = Forecaster(run_dir)
    quantiles = forecaster(inputs["values"])
    return {"forecast": quantiles[..., forecaster.point], "quantiles": quantiles}


def readme_example(example, folder):
    return example.replace("recent.csv", str(folder / "riders.csv")).replace("336", "48")
