"""A small trained translator."""

import shutil

import pytest

from apps.common import cli
from apps.translator.export import export
from apps.translator.sample_data.make_pairs import make_pairs
from apps.translator.train import train

SMALL = {
    "units": 24,
    "embedding_dim": 24,
    "vocabulary_size": 300,
    "max_tokens": 40,
    "epochs": 4,
    "batch_size": 32,
    "learning_rate": 0.02,
    "average_epochs": 0.2,
    "dropout": 0.1,
}
SMALL_OPTIONS = [text for name, value in SMALL.items() for text in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture(scope="session")
def pairs_file(tmp_path_factory):
    """Short ones of the sample's pairs, in the user's form: of few lengths, so that little has to be compiled."""
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    rows = [f"{source}\t{target}\n" for source, target in make_pairs() if max(len(source), len(target)) < 48]
    path.write_text("".join(rows[:600]), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def options(pairs_file):
    return ["--data", str(pairs_file), *SMALL_OPTIONS]


@pytest.fixture(scope="session")
def trained(tmp_path_factory, options):
    """A run directory, trained and exported. Tests read it and write nothing into it."""
    run_dir = tmp_path_factory.mktemp("translator") / "run"
    assert cli.run(train, ["--run-dir", str(run_dir), *options]) == 0
    assert cli.run(export, [str(run_dir)]) == 0
    return run_dir


@pytest.fixture
def run_dir(trained, tmp_path):
    """A copy of the trained run, to write into."""
    return shutil.copytree(trained, tmp_path / "run")
