"""A small detector, trained once."""

import pytest

from apps.common import cli
from apps.spam_detector.config import Config
from apps.spam_detector.export import export
from apps.spam_detector.train import train

SMALL = {"epochs": 4, "kept_from": 0.3, "units": 16, "embedding_dim": 16, "dense_units": 16, "learning_rate": 0.01}
SMALL_OPTIONS = [text for name, value in SMALL.items() for text in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture(scope="session")
def small_config():
    return Config(**SMALL)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run directory, trained and exported. Tests read it and write nothing into it."""
    run_dir = tmp_path_factory.mktemp("spam") / "run"
    assert cli.run(train, ["--run-dir", str(run_dir), *SMALL_OPTIONS]) == 0
    assert cli.run(export, [str(run_dir)]) == 0
    return run_dir


@pytest.fixture
def run_dir(trained, tmp_path):
    """A copy of the trained run, to write into."""
    import shutil

    return shutil.copytree(trained, tmp_path / "run")
