"""Values and gradients of every family on torch, which is optional, equal Keras' and the equations."""

import importlib.util
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

TESTS = "test_values_equal_the_equations or test_values_and_gradients_equal_keras"


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="torch is not installed; pip install torch")
@pytest.mark.skipif(os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow", reason="runs once")
def test_values_and_gradients_on_torch_equal_keras():
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", TESTS, "tests/layers/test_families.py"],
        cwd=ROOT, env={**os.environ, "KERAS_BACKEND": "torch"}, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:]
    assert "100 passed" in result.stdout
