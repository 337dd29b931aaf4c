"""The small trained translator of `tests.apps.cases.translator`."""

import pytest

from tests.apps.cases import translator


@pytest.fixture(scope="session")
def options(options_once):
    return options_once(translator)


@pytest.fixture(scope="session")
def trained(trained_once):
    return trained_once(translator)


@pytest.fixture(scope="session")
def pairs_file(data_once):
    return data_once(translator) / "pairs.tsv"
