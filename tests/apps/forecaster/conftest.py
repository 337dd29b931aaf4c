"""Small tables of series, and a small trained forecaster."""

import shutil

import pytest

from apps.forecaster.export import export
from apps.forecaster.sample_data.make_series import make_series
from apps.forecaster.train import train

# Few rows to test on, since Theta is fitted to each window.
SMALL = {
    "horizon": 12,
    "window_length": 48,
    "segment_length": 12,
    "units": 16,
    "epochs": 4,
    "learning_rate": 0.01,
    "batch_size": 32,
    "test_fraction": 0.05,
    "validation_fraction": 0.05,
}
SMALL_OPTIONS = [text for name, value in SMALL.items() for text in (f"--{name.replace('_', '-')}", str(value))]
ROWS = 40 * 24


@pytest.fixture(scope="session")
def table():
    """The first 40 days of two of the sample's counters, with holidays."""
    return make_series(holidays=True)[["time", "market", "station", "holiday"]][:ROWS]


@pytest.fixture(scope="session")
def series(made_once, table):
    def make(path):
        table.drop(columns="holiday").to_csv(path / "riders.csv", index=False)
        table.to_csv(path / "holidays.csv", index=False)

    return made_once("series", make)


@pytest.fixture(scope="session")
def csv_file(series):
    return series / "riders.csv"


@pytest.fixture(scope="session")
def known_file(series):
    return series / "holidays.csv"


@pytest.fixture(scope="session")
def options(csv_file):
    return ["--data", str(csv_file), *SMALL_OPTIONS]


@pytest.fixture(scope="session")
def trained(trained_once, options):
    return trained_once("forecaster", train, export, options)


@pytest.fixture(scope="session")
def trained_with_covariates(trained_once, known_file):
    """The same with a column known ahead and a calendar."""
    arguments = ["--data", str(known_file), "--known", "holiday", "--calendar", "day", "week", *SMALL_OPTIONS]
    return trained_once("forecaster_with_covariates", train, export, arguments)


@pytest.fixture
def run_dir(trained, tmp_path):
    """A copy of the trained run, to write into."""
    return shutil.copytree(trained, tmp_path / "run")
