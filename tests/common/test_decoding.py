"""Beam search against every sequence there is."""

import itertools

import numpy as np
import pytest
from keras import ops

from apps.common.decoding import beam_search

START, END, SIZE, STEPS = 2, 3, 6, 4


@pytest.fixture(scope="module")
def tables():
    """Logits of a token after another, and for each of three rows what is added to them."""
    generator = np.random.default_rng(0)
    return 2 * generator.normal(size=(SIZE, SIZE)).astype("float32"), generator.normal(size=(3, SIZE)).astype("float32")


def search(tables, beam, length_penalty=0.0, max_steps=STEPS, rows=slice(None), forbidden=(0, 1, START)):
    following, of_row = tables[0], tables[1][rows]

    def step(tokens, states):
        # The state counts the steps, to see that it follows its beam.
        return ops.take(following, tokens, axis=0) + states[0], [states[0], states[1] + 1]

    states = [ops.convert_to_tensor(of_row), ops.zeros((len(of_row), 1))]
    found = beam_search(step, states, len(of_row), beam, max_steps, START, END, length_penalty, forbidden)
    return [ops.convert_to_numpy(part) for part in found]


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def best_of_all(tables, row, length_penalty):
    """(score, tokens) by trying every sequence."""
    found = []
    for count in range(STEPS + 1):
        for tokens in itertools.product((4, 5), repeat=count):
            ended = [*tokens, END] if count < STEPS else tokens
            steps = zip([START, *ended], ended, strict=False)
            total = sum(log_softmax(tables[0][last] + tables[1][row])[token] for last, token in steps)
            found.append((total / ((5 + len(ended)) / 6) ** length_penalty, list(tokens)))
    return max(found)


@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 2.0])
def test_wide_beam_finds_the_best_of_all_sequences(tables, length_penalty):
    tokens, scores = search(tables, beam=40, length_penalty=length_penalty)
    for row in range(3):
        score, best = best_of_all(tables, row, length_penalty)
        assert [token for token in tokens[row] if token] == best
        assert scores[row] == pytest.approx(score, abs=1e-4)


def test_beam_of_one_takes_the_likeliest_token_each_time(tables):
    tokens, _ = search(tables, beam=1)
    for row in range(3):
        last, expected = START, []
        while last != END and len(expected) < STEPS:
            allowed = tables[0][last] + tables[1][row] + np.array([-1e9, -1e9, -1e9, 0, 0, 0])
            last = int(np.argmax(allowed))
            expected.append(last)
        assert [token for token in tokens[row] if token] == [token for token in expected if token != END]


def test_a_wider_beam_finds_what_a_greedy_search_misses(tables):
    greedy, wide = (search(tables, beam)[1] for beam in (1, 3))
    assert (wide >= greedy - 1e-6).all()
    assert (wide > greedy + 0.1).any()


def test_rows_do_not_see_each_other(tables):
    together = search(tables, beam=3)
    for row in range(3):
        alone = search(tables, beam=3, rows=slice(row, row + 1))
        for one, all_rows in zip(alone, together, strict=True):
            np.testing.assert_allclose(one[0], all_rows[row], rtol=1e-5)


def test_forbidden_tokens_are_never_written(tables):
    tokens, _ = search(tables, beam=4, forbidden=(0, 1, START, 5))
    assert set(np.unique(tokens)) <= {0, 4}


def test_sequence_that_does_not_end_is_cut(tables):
    following = tables[0].copy()
    following[:, END] = -50
    tokens, _ = search((following, tables[1]), beam=2, max_steps=7)
    assert (tokens > 0).all() and tokens.shape == (3, 7)


def test_search_stops_when_all_have_ended():
    taken = []

    def step(tokens, states):
        taken.append(1)
        return ops.broadcast_to(ops.one_hot(END, SIZE) * 50, (*ops.shape(tokens), SIZE)), states

    tokens, _ = beam_search(step, [ops.zeros((2, 1))], 2, 1, 50, START, END)
    assert (ops.convert_to_numpy(tokens) == 0).all()
    assert len(taken) <= 2, "JAX may trace a step once beside running it"
