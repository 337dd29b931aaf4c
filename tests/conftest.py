"""What tests of several apps use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
