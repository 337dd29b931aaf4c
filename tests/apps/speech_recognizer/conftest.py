"""The small trained recogniser of `tests.apps.cases.speech_recognizer`, and its recordings."""

import pytest

from apps.speech_recognizer.recognizer import Recognizer
from tests.apps.cases import speech_recognizer


@pytest.fixture(scope="session")
def options(options_once):
    return options_once(speech_recognizer)


@pytest.fixture(scope="session")
def trained(trained_once):
    """A trained and exported recogniser; tests do not write into it."""
    return trained_once(speech_recognizer)


@pytest.fixture(scope="session")
def clips(made_once, options):
    """Folder of the recordings."""
    from pathlib import Path

    return Path(options[options.index("--data") + 1]) / "clips"


@pytest.fixture(scope="session")
def recognizer(trained):
    return Recognizer(trained)
