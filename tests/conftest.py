"""What many tests use: the command line of an app, in its own process or in this one, and a trained run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


def pytest_report_header():
    return f"keras backend: {os.environ.get('KERAS_BACKEND', 'tensorflow')}"
