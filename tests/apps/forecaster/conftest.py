"""Small tables of series, and small trained forecasters."""

import shutil

import pytest

from apps.common import cli
from apps.forecaster.export import export
from apps.forecaster.sample_data.make_series import make_series
from apps.forecaster.train import train
from tests.apps.cases import forecaster
from tests.apps.cases.forecaster import OPTIONS, ROWS


@pytest.fixture(scope="session")
def table():
    """The table of the case, with holidays."""
    return make_series(holidays=True)[["time", "market", "station", "holiday"]][:ROWS]


@pytest.fixture(scope="session")
def csv_file(data_once):
    return data_once(forecaster) / "riders.csv"


@pytest.fixture(scope="session")
def options(options_once):
    return options_once(forecaster)


@pytest.fixture(scope="session")
def trained(trained_once):
    """The small trained forecaster of the case; tests do not write into it."""
    return trained_once(forecaster)


@pytest.fixture(scope="session")
def trained_with_covariates(made_once, table):
    """An encoder-decoder that forecasts the mean, with a known column and a calendar."""

    def make(path):
        table.to_csv(path / "holidays.csv", index=False)
        arguments = ["--data", path / "holidays.csv", "--known", "holiday", "--calendar", "day", "week", *OPTIONS]
        arguments += ["--model", "encoder_decoder", "--normalization", "standard", "--stride", "7", "--epochs", "1"]
        arguments += ["--quantiles", "--no-linear", "--run-dir", path / "run"]
        assert cli.run(train, [str(argument) for argument in arguments]) == 0
        assert cli.run(export, [str(path / "run")]) == 0

    return made_once("forecaster_with_covariates", make) / "run"


@pytest.fixture
def run_dir(trained, tmp_path):
    """A copy of the trained run, to write into."""
    return shutil.copytree(trained, tmp_path / "run")
