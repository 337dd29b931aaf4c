"""What tests all over the house use: commands in a process of their own, real data, a small trained detector."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import filelock
import numpy as np
import pytest

from apps.common import cli, runs
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


class Served(NamedTuple):
    """A server in a process of its own, the address of its first model's prediction, and that of gRPC."""

    process: subprocess.Popen
    url: str
    grpc: str

    @property
    def http(self):
        return self.url.partition("/v1/")[0]


@contextlib.contextmanager
def serving(*arguments):
    """A server of exported runs, with further options; it must end well."""
    command = [sys.executable, "-m", "apps.serve", *map(str, arguments), "--port", "0", "--grpc-port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = []
    while not lines or not lines[-1].startswith("grpc://"):
        lines.append(process.stdout.readline().strip())
        assert lines[-1], process.communicate()[1]
    try:
        url = next(line for line in lines if line.startswith("http"))
        yield Served(process, url, lines[-1].removeprefix("grpc://"))
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in errors


def assert_killed_training_resumes(app, options, trained, run_dir, epoch=2):
    """Kills a training after an epoch; started again, it must end as `trained` did, which no one killed."""
    command = [sys.executable, "-m", f"{app}.train", "--run-dir", str(run_dir), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (run_dir / f"checkpoint-{epoch:04d}.keras").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert not (run_dir / "finished.json").exists()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "going on after epoch" in done.stdout
    unbroken, resumed = (
        runs.load_model(path / "model.keras", compile=False).get_weights() for path in (trained, run_dir)
    )
    assert len(unbroken) == len(resumed) > 10
    for one, other in zip(unbroken, resumed, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(*(runs.read_csv(path / "history.csv") for path in (trained, run_dir)), strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}


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
def made_once(tmp_path_factory):
    """Folders that the test processes share: `made_once(name, make)` calls `make(folder)` in the first that asks."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def folder(name, make):
        path, made = root / name, root / f"{name}.made"
        with filelock.FileLock(root / f"{name}.lock"):
            if not made.exists():
                shutil.rmtree(path, ignore_errors=True)
                path.mkdir()
                make(path)
                made.touch()
        return path

    return folder


@pytest.fixture(scope="session")
def trained_once(made_once):
    """Run directories, trained and exported, that the test processes share. Tests write nothing into them."""

    def run_dir(name, train, export, options):
        def make(path):
            assert cli.run(train, ["--run-dir", str(path), *options]) == 0
            assert cli.run(export, [str(path)]) == 0

        return made_once(name, make)

    return run_dir


@pytest.fixture(scope="session")
def small_config():
    return Config(**SMALL)


@pytest.fixture(scope="session")
def trained(trained_once):
    return trained_once("spam_detector", train, export, SMALL_OPTIONS)


@pytest.fixture
def run_dir(trained, tmp_path):
    """A copy of the trained run, to write into."""
    return shutil.copytree(trained, tmp_path / "run")
