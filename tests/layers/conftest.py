"""What the tests of the layers begin with."""

import numpy as np
import pytest

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
