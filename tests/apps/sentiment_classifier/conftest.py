"""A trained classifier, a language model to start from, and small networks."""

import numpy as np
import pytest

from apps.sentiment_classifier.config import Config
from apps.sentiment_classifier.model import build_model
from tests.apps.cases import language_model, sentiment_classifier


@pytest.fixture
def trained(trained_once):
    """A trained and exported classifier; tests do not write into it."""
    return trained_once(sentiment_classifier)


@pytest.fixture
def folder(data_once):
    return data_once(sentiment_classifier)


@pytest.fixture
def options(options_once):
    return options_once(sentiment_classifier)


@pytest.fixture
def language(trained_once):
    """A trained language model of characters with two layers of 32 units."""
    return trained_once(language_model)


@pytest.fixture
def small():
    """Function that builds a network for 50 tokens and three classes, with random weights of every layer."""

    def build(seed=0, **settings):
        config = {"units": 8, "embedding_dim": 6, "attention_units": 5, "dense_units": 7, "num_layers": 2}
        config |= {"dropout": 0.0, "token_dropout": 0.0, **settings}
        trunk = config.pop("trunk", None)
        model = build_model(Config(**config), 50, [0.2, 0.3, 0.5], **({"trunk": trunk} if trunk else {}))
        draw = np.random.default_rng(seed)
        for weight in model.trainable_variables:
            weight.assign(draw.normal(0, 0.4, weight.shape))
        return model

    return build
