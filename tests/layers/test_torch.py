"""On torch, which is optional: values and gradients of every family equal Keras' and the equations."""

import importlib.util
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

CHOSEN = "test_values_equal_the_equations or test_values_and_gradients_equal_keras"


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="torch is not installed; pip install torch")
@pytest.mark.skipif(os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow", reason="once is enough")
def test_values_and_gradients_hold_on_torch():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", CHOSEN, "tests/layers/test_families.py"],
        cwd=ROOT, env={**os.environ, "KERAS_BACKEND": "torch"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert "100 passed" in done.stdout
