"""Greedy and prefix beam search, against the sum over all paths."""

import itertools

import numpy as np
import pytest
from keras import ops
from scipy.special import log_softmax, logsumexp

from apps.speech_recognizer.decoding import beam_search, greedy_search


class Bigrams:
    """A language model of pairs of tokens, whose state counts the tokens that were read."""

    def __init__(self, size, seed=0):
        self.table = log_softmax(np.random.default_rng(seed).normal(0, 2, (size, size)), axis=1).astype("float32")

    def initial(self, batch):
        return [ops.zeros((batch, 1))], ops.repeat(ops.convert_to_tensor(self.table[:1]), batch, axis=0)

    def step(self, tokens, states):
        return [states[0] + 1], ops.take(ops.convert_to_tensor(self.table), tokens, axis=0)

    def end(self, likely):
        return likely[..., 0]

    def score(self, tokens):
        path = [0, *tokens, 0]
        return sum(self.table[a, b] for a, b in itertools.pairwise(path))


def all_texts(log_probabilities):
    """Return {tokens: log probability} by the sum over every path."""
    frames, size = log_probabilities.shape
    found = {}
    for path in itertools.product(range(size), repeat=frames):
        tokens = tuple(token for token, _ in itertools.groupby(path) if token)
        value = log_probabilities[range(frames), path].sum()
        found[tokens] = np.logaddexp(found.get(tokens, -np.inf), value)
    assert np.isclose(logsumexp(list(found.values())), 0, atol=1e-5)
    return found


def tokens_of(row):
    row = ops.convert_to_numpy(row)
    count = np.count_nonzero(row)
    assert np.all(row[count:] == 0)
    return tuple(row[:count].tolist())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weight", [None, 0.0, 0.7])
def test_wide_beam_finds_the_likeliest_text(seed, weight):
    lengths = np.array([5, 3, 1])
    logits = np.random.default_rng(seed).normal(0, 1.5, (3, 5, 4)).astype("float32")
    model = None if weight is None else Bigrams(4, seed)
    bonus = 0.0 if weight is None else 0.4
    found, scores = beam_search(logits, lengths, 400, model, weight or 0.0, bonus)
    for row, length in enumerate(lengths):
        texts = all_texts(log_softmax(logits[row, :length], axis=1))
        if model is not None:
            texts = {each: value + weight * model.score(each) + bonus * len(each) for each, value in texts.items()}
        best = max(texts, key=texts.get)
        assert tokens_of(found[row]) == best
        np.testing.assert_allclose(scores[row], texts[best], atol=1e-4)


def test_language_model_decides_between_what_sounds_alike():
    # 1 and 2 are as likely after 3; the pair 3, 2 is known.
    model = Bigrams(4)
    model.table = np.full((4, 4), -5.0, "float32")
    model.table[3, 2], model.table[0, 3], model.table[2, 0] = -0.1, -0.1, -0.1
    logits = np.array([[[0, 0, 0, 9], [9, 0, 0, 0], [0, 9.1, 9, 0]]], "float32")
    assert tokens_of(beam_search(logits, [3], 8)[0][0]) == (3, 1)
    assert tokens_of(beam_search(logits, [3], 8, model, 0.5)[0][0]) == (3, 2)
    assert tokens_of(beam_search(logits, [3], 8, model, 0.0)[0][0]) == (3, 1)


def test_narrow_beams_never_score_better_and_padding_changes_nothing():
    logits = np.random.default_rng(5).normal(0, 2, (4, 12, 6)).astype("float32")
    lengths = np.array([12, 7, 3, 1])
    model = Bigrams(6)
    scores = [ops.convert_to_numpy(beam_search(logits, lengths, beam, model, 0.5)[1]) for beam in (1, 4, 64)]
    assert np.all(scores[0] <= scores[1] + 1e-4) and np.all(scores[1] <= scores[2] + 1e-4)
    for row, length in enumerate(lengths):
        alone, score = beam_search(logits[row : row + 1, :length], lengths[row : row + 1], 4, model, 0.5)
        padded, value = beam_search(logits, lengths, 4, model, 0.5)
        assert tokens_of(alone[0]) == tokens_of(padded[row])
        np.testing.assert_allclose(score[0], value[row], atol=1e-4)


def test_greedy_search_follows_the_likeliest_path():
    logits = np.random.default_rng(6).normal(0, 2, (5, 9, 4)).astype("float32")
    lengths = np.array([9, 8, 4, 2, 1])
    found, scores = greedy_search(logits, lengths)
    for row, length in enumerate(lengths):
        known = log_softmax(logits[row, :length], axis=1)
        path = known.argmax(axis=1)
        assert tokens_of(found[row]) == tuple(token for token, _ in itertools.groupby(path.tolist()) if token)
        np.testing.assert_allclose(scores[row], known.max(axis=1).sum(), atol=1e-4)


def test_greedy_is_the_beam_of_one_where_frames_are_sure():
    path = np.array([[0, 1, 1, 0, 1, 2, 2, 3, 0, 0, 3]])
    logits = 20 * np.eye(4, dtype="float32")[path]
    expected = (1, 1, 2, 3, 3)
    assert tokens_of(greedy_search(logits, [11])[0][0]) == expected
    assert tokens_of(beam_search(logits, [11], 1)[0][0]) == expected
    assert tokens_of(beam_search(logits, [11], 1, max_tokens=5)[0][0]) == expected
    assert len(tokens_of(beam_search(logits, [11], 1, max_tokens=3)[0][0])) == 3
