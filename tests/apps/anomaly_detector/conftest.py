"""A small trained detector and its table."""

import shutil

import pytest

from apps.anomaly_detector.detector import Detector
from tests.apps.cases import anomaly_detector


@pytest.fixture
def trained(trained_once):
    """A trained and exported detector; tests do not write into it."""
    return trained_once(anomaly_detector)


@pytest.fixture
def run_dir(trained, tmp_path):
    """A copy of the trained run, to write into."""
    return shutil.copytree(trained, tmp_path / "run")


@pytest.fixture
def detector(trained):
    return Detector(trained)


@pytest.fixture
def options(options_once):
    return options_once(anomaly_detector)


@pytest.fixture
def table():
    return anomaly_detector.make_table()
