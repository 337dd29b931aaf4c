"""A small trained translator."""

import shutil

import pytest

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
def pairs_file(made_once):
    """Short ones of the sample's pairs, in the user's form: of few lengths, so that little has to be compiled."""

    def make(path):
        rows = [f"{source}\t{target}\n" for source, target in make_pairs() if max(len(source), len(target)) < 48]
        (path / "pairs.tsv").write_text("".join(rows[:600]), encoding="utf-8")

    return made_once("pairs", make) / "pairs.tsv"


@pytest.fixture(scope="session")
def options(pairs_file):
    return ["--data", str(pairs_file), *SMALL_OPTIONS]


@pytest.fixture(scope="session")
def trained(trained_once, options):
    return trained_once("translator", train, export, options)


@pytest.fixture
def run_dir(trained, tmp_path):
    """A copy of the trained run, to write into."""
    return shutil.copytree(trained, tmp_path / "run")
