"""The small trained language model of `tests.apps.cases.language_model`."""

import pytest

from apps.language_model.writer import Writer
from tests.apps.cases import language_model


@pytest.fixture(scope="session")
def options(options_once):
    return options_once(language_model)


@pytest.fixture(scope="session")
def trained(trained_once):
    return trained_once(language_model)


@pytest.fixture(scope="session")
def writer(trained):
    return Writer(trained)
