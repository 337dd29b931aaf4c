"""The small trained question answerer of `tests.apps.cases.question_answerer`, and networks without training."""

import numpy as np
import pytest

from apps.question_answerer.config import Config
from apps.question_answerer.model import build_model
from tests.apps.cases import question_answerer


@pytest.fixture
def trained(trained_once):
    """A trained and exported run; tests do not write into it."""
    return trained_once(question_answerer)


@pytest.fixture
def folder(data_once):
    return data_once(question_answerer)


@pytest.fixture
def options(options_once):
    return options_once(question_answerer)


@pytest.fixture
def small():
    """Function that builds a network for 20 words and 5 answers, with random weights of every layer."""

    def build(seed=0, **settings):
        config = {"units": 8, "embedding_dim": 6, "memory_slots": 7, "slot_size": 5, "dropout": 0.0, **settings}
        model = build_model(Config(**config), 20, 5, max_words=4, max_age=6)
        draw = np.random.default_rng(seed)
        for weight in model.trainable_variables:
            weight.assign(draw.normal(0, 0.4, weight.shape))
        return model

    return build
