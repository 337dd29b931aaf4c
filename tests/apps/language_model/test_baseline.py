"""Kneser-Ney n-grams, compared with the equations computed by counting in dictionaries."""

from collections import defaultdict

import numpy as np
import pytest

from apps.common.text import START_ID
from apps.language_model.baseline import NGrams
from apps.language_model.metrics import best_weight, mixed, text_metrics
from tests.conftest import shared_data

VOCABULARY = 9


def grams(documents, length):
    """Yield the n-grams of documents, tuples; those that only a start would fill are not there."""
    for document in documents:
        for end in range(len(document)):
            if end - length + 1 >= 0 and (length == 1 or document[end] != START_ID):
                yield tuple(document[end - length + 1 : end + 1])


def reference(documents, order):
    """Return the probability function of Chen and Goodman's interpolated modified Kneser-Ney."""
    counts = {length: defaultdict(int) for length in range(1, order + 1)}
    for length in counts:
        for gram in grams(documents, length):
            counts[length][gram] += 1
    adjusted = {order: dict(counts[order])}
    for length in range(1, order):
        preceding = defaultdict(set)
        for gram in counts[length + 1]:
            preceding[gram[1:]].add(gram[0])
        adjusted[length] = {gram: len(preceding[gram]) or count for gram, count in counts[length].items()}
    adjusted[1].pop((START_ID,), None)
    discounts = {}
    for length, level in adjusted.items():
        n = [sum(count == k for count in level.values()) for k in range(5)]
        if all(n[1:]):
            y = n[1] / (n[1] + 2 * n[2])
            discounts[length] = [0, *(min(k, max(0, k - (k + 1) * y * n[k + 1] / n[k])) for k in (1, 2, 3))]
        else:
            discounts[length] = [0, 0.5, 0.75, 0.9]

    def probability(history, token):
        result = 1 / (VOCABULARY - 2)
        for length in range(1, order + 1):
            context = tuple(history[len(history) - length + 1 :])
            if len(context) < length - 1:
                break
            followers = {gram[-1]: count for gram, count in adjusted[length].items() if gram[:-1] == context}
            if not followers:
                break
            total = sum(followers.values())
            cut = {each: discounts[length][min(count, 3)] for each, count in followers.items()}
            own = max(0, followers.get(token, 0) - cut.get(token, 0)) / total
            result = own + sum(cut.values()) / total * result
        return result

    return probability


@pytest.fixture(scope="module")
def documents():
    generator = np.random.default_rng(0)
    steps = generator.dirichlet(np.full(VOCABULARY - 3, 0.5), VOCABULARY)
    found = []
    for _ in range(12):
        document = [START_ID]
        for _ in range(60):
            document.append(int(generator.choice([1, 3, 4, 5, 6, 7], p=steps[document[-1]])))
        found.append(document)
    return found


@pytest.mark.parametrize("order", [1, 2, 3])
def test_probabilities_equal_the_equations(documents, order):
    train, test = documents[:9], documents[9:]
    found = NGrams(np.concatenate(train), order, VOCABULARY).probabilities(np.concatenate(test))[-1]
    probability = reference(train, order)
    expected = [probability(document[:at], document[at]) for document in test for at in range(1, len(document))]
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_probabilities_sum_to_one_in_seen_and_unseen_contexts(documents):
    ngrams = NGrams(np.concatenate(documents), 4, VOCABULARY)
    for context in ([START_ID], [START_ID, 4], [START_ID, 8, 8, 8], [START_ID, *documents[0][1:9]]):
        total = sum(
            ngrams.probabilities(np.array([*context, token]))[:, -1]
            for token in range(1, VOCABULARY)
            if token != START_ID
        )
        np.testing.assert_allclose(total, 1, rtol=1e-9)


def test_tiny_text_has_probabilities():
    found = NGrams(np.array([START_ID, 4, 5, 4]), 5, VOCABULARY).probabilities(np.array([START_ID, 4, 8, 7, 5]))
    assert found.shape == (5, 4)
    assert (found > 0).all() and (found < 1).all()


def test_orders_on_shakespeare_are_those_counted_elsewhere():
    """1.5612, 1.5226, 1.5165 and 1.5192 nats for orders 5 to 8, on 90 % against the last 10 %."""
    text = shared_data("tiny_shakespeare/input.txt").read_text()
    cut = round(0.9 * len(text))
    known = {character: index for index, character in enumerate(sorted(set(text[:cut])), 4)}
    train, test = ([START_ID, *(known.get(each, 1) for each in part)] for part in (text[:cut], text[cut:]))
    found = -np.log(NGrams(np.array(train), 8, 4 + len(known)).probabilities(np.array(test))).mean(axis=1)
    np.testing.assert_allclose(found[4:], [1.5612, 1.5226, 1.5165, 1.5192], atol=3e-4)


def test_mixture_is_never_worse_than_either():
    generator = np.random.default_rng(0)
    for scale in (0.1, 1, 10):
        one, other = generator.exponential(1, 500), generator.exponential(scale, 500)
        weight = best_weight(one, other)
        best = mixed(weight, one, other).mean()
        assert 0 <= weight <= 1 and best <= min(one.mean(), other.mean()) + 1e-12
        assert best <= min(mixed(each, one, other).mean() for each in np.linspace(0.01, 0.99, 99)) + 1e-4
    np.testing.assert_allclose(mixed(0.3, np.array([1.0]), np.array([2.0])), -np.log(0.3 / np.e + 0.7 / np.e**2))
    assert best_weight(np.full(9, 1.0), np.full(9, 3.0)) == pytest.approx(1, abs=1e-5)


def test_metrics_of_a_text():
    found = text_metrics(np.full(10, np.log(4)), 20, 5)
    assert found == {
        "nats_per_character": pytest.approx(np.log(2)),
        "bits_per_character": pytest.approx(1),
        "perplexity_per_word": pytest.approx(16),
    }
    assert text_metrics(np.ones(3), 3, 0)["perplexity_per_word"] is None
    assert np.isfinite(text_metrics(np.full(3, 1e6), 3, 1)["perplexity_per_word"])
