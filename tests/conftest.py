"""Helpers and fixtures for all tests: commands in processes, real data, folders made once, small trained apps."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import filelock
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


def run_module(module, *arguments, cwd=ROOT, **options):
    """Run `python -m MODULE ARGUMENTS` in a new process, as a user would."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600, **options)
    done.stderr = without_log(done.stderr)
    return done


def without_log(stderr):
    """Remove what TensorFlow logs about oneDNN whatever the log level."""
    log = re.compile(r"[IWE]\d{4} .*oneDNN|WARNING: All log messages before")
    return "".join(line for line in stderr.splitlines(keepends=True) if not log.match(line))


def shared_data(name):
    """Return the path of a real data set; skip the test if it is absent."""
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"the real data set {name} is not on this machine")
    return path


def clean_environment(tmp_path):
    """Return arguments for a process that cannot import this repository."""
    folder = tmp_path / "without_repository"
    folder.mkdir(exist_ok=True)
    # Python runs it after the files that extend the path, one of which `make` writes.
    (folder / "sitecustomize.py").write_text(
        f"import sys\nsys.path = [path for path in sys.path if path != {str(ROOT)!r}]\n"
    )
    return {"env": {**os.environ, "PYTHONPATH": str(folder)}, "cwd": tmp_path}


def assert_refused(capsys, verb, arguments, *words):
    """Run a verb that must print one line on stderr, with all of `words`, and return status 2."""
    from apps.common import cli

    capsys.readouterr()
    assert cli.run(verb, [str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1 and error.endswith("\n")
    for word in words:
        assert str(word) in error


def snapshot(folder):
    """Return the hash of every file of a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return {path: hashlib.sha256(path.read_bytes()).digest() for path in files}


class Served(NamedTuple):
    """A server process, the URL of its first model's prediction, and its gRPC address."""

    process: subprocess.Popen
    url: str
    grpc: str

    @property
    def http(self):
        return self.url.partition("/v1/")[0]


@contextlib.contextmanager
def serving(*arguments):
    """Serve exported runs, with further options, in a new process that must exit with status 0."""
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
    """Kill a training after an epoch; started again, it must end as `trained` did, which was not interrupted."""
    from apps.common import files, models

    command = [sys.executable, "-m", f"apps.{app}.train", "--run-dir", str(run_dir), *options]
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
    assert "resuming after epoch" in done.stdout
    weights = [models.load_model(path / "model.keras").get_weights() for path in (trained, run_dir)]
    assert len(weights[0]) > 10
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(*(files.read_csv(path / "history.csv") for path in (trained, run_dir)), strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}


@contextlib.contextmanager
def unchanged(folder):
    """Assert that a block does not change a folder."""
    before = snapshot(folder)
    yield
    assert snapshot(folder) == before


# For commands in new processes: JAX, compiling quickly rather than well.
ON_JAX = {**os.environ, "KERAS_BACKEND": "jax", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}


@pytest.fixture(scope="session")
def made_once(tmp_path_factory):
    """Return `made_once(name, make)`: the first test process that calls it fills a folder by `make(folder)`."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def folder(name, make):
        path, made = root / name, root / f"{name}.made"
        with filelock.FileLock(root / f"{name}.lock"):
            if not made.exists():
                shutil.rmtree(path, ignore_errors=True)
                path.mkdir()
                made.write_text(json.dumps(make(path)))
        return path

    return folder


@pytest.fixture(scope="session")
def data_once(made_once):
    """Return a function of a case, see `tests.apps.cases`, that returns the folder of its data."""
    return lambda case: made_once(f"{case.APP}_data", case.make_data)


@pytest.fixture(scope="session")
def options_once(data_once):
    """Return a function of a case that returns the options of its training."""

    def options(case):
        folder = data_once(case)
        return [*json.loads((folder.parent / f"{folder.name}.made").read_text()), *case.OPTIONS]

    return options


@pytest.fixture(scope="session")
def trained_once(made_once, options_once):
    """Return a function of a case that returns a trained and exported run, into which tests do not write."""
    from apps.common import cli
    from tests.apps.cases import verb

    def run_dir(case):
        def make(path):
            assert cli.run(verb(case, "train"), ["--run-dir", str(path), *options_once(case)]) == 0
            assert cli.run(verb(case, "export"), [str(path)]) == 0

        return made_once(case.APP, make)

    return run_dir


@pytest.fixture(scope="session")
def trained(trained_once):
    """The small trained spam detector."""
    from tests.apps.cases import spam_detector

    return trained_once(spam_detector)


@pytest.fixture
def run_dir(trained, tmp_path):
    """A copy of the trained run, to write into."""
    return shutil.copytree(trained, tmp_path / "run")
