"""Measures of language models, and the mixture of two."""

import math

import numpy as np


def text_metrics(nats, characters, words):
    """Return nats and bits per character and the perplexity per word of a text.

    Args:
        nats: of each token, float (tokens,).
        characters, words: of the text; the perplexity is None without words.
    """
    total = float(np.sum(nats, dtype="float64"))
    return {
        "nats_per_character": total / characters,
        "bits_per_character": total / characters / math.log(2),
        # Not finite for a text of few, very long words.
        "perplexity_per_word": math.exp(min(total / words, 700)) if words else None,
    }


def mixed(weight, nats, other):
    """Return the nats of tokens whose probability is weight * p + (1 - weight) * q."""
    if weight in (0, 1):
        return nats if weight else other
    return -np.logaddexp(math.log(weight) - nats, math.log1p(-weight) - other)


def best_weight(nats, other, rounds=50):
    """Return the weight of the first of two models, from 0 to 1, with which their mixture is best on a text.

    By expectation-maximization (Jelinek and Mercer, "Interpolated estimation of Markov source parameters", 1980),
    starting from equal weights. Returns 0 or 1 if one model is better than the mixture that it finds.
    """
    weight = 0.5
    for _ in range(rounds):
        own = np.exp(math.log(weight) - nats + mixed(weight, nats, other))
        weight = float(np.clip(own.mean(), 1e-6, 1 - 1e-6))
    return min((0.0, 1.0, weight), key=lambda each: float(mixed(each, nats, other).mean()))
