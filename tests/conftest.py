"""What tests all over the house use: commands in a process of their own, real data, a small trained detector."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from apps.common import cli
from apps.spam_detector.config import Config
from apps.spam_detector.export import export
from apps.spam_detector.train import train

ROOT = Path(__file__).parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


def run_module(module, *arguments, cwd=ROOT, **options):
    """`python -m MODULE ARGUMENTS` as a user would, in a process of its own."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600, **options)


def shared_data(name):
    """A file of the real data sets; skips the test where they are not."""
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"the real data set {name} is not on this machine")
    return path


def clean_environment(tmp_path):
    """Environment and folder of a process that cannot import this repository."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {"env": environment, "cwd": tmp_path}


def assert_refused(capsys, verb, arguments, *words):
    """Runs a verb that must end with one line on stderr, in which all of `words` are, and status 2."""
    capsys.readouterr()
    assert cli.run(verb, [str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1 and error.endswith("\n")
    for word in words:
        assert str(word) in error


def snapshot(folder):
    """Every file of a folder and a hash of what is in it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return {path: hashlib.sha256(path.read_bytes()).digest() for path in files}


@contextlib.contextmanager
def unchanged(folder):
    """What runs within must leave the folder as it is."""
    before = snapshot(folder)
    yield
    assert snapshot(folder) == before


# For commands in a process of their own: JAX, compiling quickly rather than well.
ON_JAX = {**os.environ, "KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}

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
    return shutil.copytree(trained, tmp_path / "run")
