"""Fixtures of the tests of the layers."""

import keras
import numpy as np
import pytest

from layers import kernels
from tests.layers.families import BATCH, FAMILIES, FEATURES, TIME, family_name


@pytest.fixture(params=FAMILIES, ids=family_name)
def family(request):
    return request.param


@pytest.fixture
def generator():
    return np.random.default_rng(0)


@pytest.fixture
def sequences(generator):
    return generator.normal(size=(BATCH, TIME, FEATURES)).astype("float32")


@pytest.fixture
def kernels_run(monkeypatch):
    """Names of the kernels that run during the test, in order."""
    names = []

    def spy(owner, method, name):
        original = getattr(owner, method)

        def call(*arguments, **keywords):
            names.append(name or arguments[0])
            return original(*arguments, **keywords)

        monkeypatch.setattr(owner, method, call)

    spy(kernels, "run", None)
    spy(keras.layers.RNN, "inner_loop", "portable")
    return names
