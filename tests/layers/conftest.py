"""Fixtures of the tests of the layers."""

import gc

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


@pytest.fixture(autouse=True, scope="module" if keras.backend.backend() != "jax" else "function")
def few_programs():
    """On JAX, drop compiled programs before a process has more memory maps than Linux allows, which would end it."""
    yield
    if keras.backend.backend() == "jax":
        import jax

        with open("/proc/self/maps", encoding="utf-8") as maps:
            if sum(1 for _ in maps) > 30_000:
                jax.clear_caches()
                gc.collect()
