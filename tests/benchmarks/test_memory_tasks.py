"""The algorithmic tasks' sequences against hand-written expectations, and tiny runs of each part."""

import itertools

import numpy as np
import pytest

from benchmarks import memory_tasks_data as data


class Given:
    """A generator that returns given arrays in turn."""

    def __init__(self, *values):
        self.values = list(values)

    def integers(self, low, high, shape):
        value = np.broadcast_to(np.array(self.values.pop(0)), shape)
        assert value.min() >= low and value.max() < high
        return value

    def uniform(self, low, high, shape):
        return np.broadcast_to(np.array(self.values.pop(0)), shape)


A, B, C = np.eye(8, dtype=int)[[0, 1, 2]]
BLANK = np.zeros(8, int)


def rows(*parts):
    """Return a float array with one row for each part, a list of numbers or of arrays to concatenate."""
    return np.array([np.concatenate([np.atleast_1d(piece) for piece in part]) for part in parts], "float32")


def test_copy_asks_for_the_vectors_after_their_end():
    inputs, targets, weights = data.copy(Given([[A, B]]), 1, 2)
    np.testing.assert_array_equal(inputs[0], rows([A, 0], [B, 0], [BLANK, 1], [BLANK, 0], [BLANK, 0]))
    np.testing.assert_array_equal(targets[0], rows([BLANK], [BLANK], [BLANK], [A], [B]))
    np.testing.assert_array_equal(weights, [[0, 0, 0, 1, 1]])


def test_repeat_copy_asks_for_the_vectors_and_a_marker_and_for_nothing_after_it():
    inputs, targets, weights = data.repeat_copy(Given([[A, B]], [2]), 1, 2)
    blank = [BLANK, 0, 0]
    np.testing.assert_allclose(inputs[0], rows([A, 0, 0], [B, 0, 0], [BLANK, 1, 2 / 5], *[blank] * 11))
    answers = [[A, 0], [B, 0], [A, 0], [B, 0], [BLANK, 1]]
    nothing = [BLANK, 0]
    np.testing.assert_array_equal(targets[0], rows(*[nothing] * 3, *answers, *[nothing] * 6))
    np.testing.assert_array_equal(weights, [[0] * 3 + [1] * 5 + [0] * 6])


def test_associative_recall_asks_for_the_item_after_the_shown_one():
    vectors = np.eye(6, dtype=int)
    first, second, third = vectors[:3], vectors[3:], vectors[[5, 0, 2]]
    listed = np.concatenate([first, second, third])[None]
    inputs, targets, weights = data.associative_recall(Given(listed, [1]), 1, 3)
    none = np.zeros(6, int)
    items = [[[none, 1, 0], *([vector, 0, 0] for vector in item)] for item in (first, second, third)]
    query = [[none, 0, 1], *([vector, 0, 0] for vector in second), [none, 0, 1]]
    np.testing.assert_array_equal(inputs[0], rows(*itertools.chain(*items), *query, *[[none, 0, 0]] * 3))
    np.testing.assert_array_equal(targets[0], np.concatenate([np.zeros((17, 6)), third]))
    np.testing.assert_array_equal(weights, [[0] * 17 + [1] * 3])


def test_priority_sort_asks_for_four_fifths_by_falling_priority():
    vectors = np.eye(8, dtype=int)[:5]
    priorities = [0.1, -0.9, 0.8, -0.2, 0.4]
    inputs, targets, weights = data.priority_sort(Given(vectors[None], [priorities]), 1, 5)
    given = [[vector, priority, 0] for vector, priority in zip(vectors, priorities, strict=True)]
    np.testing.assert_allclose(inputs[0], rows(*given, [BLANK, 0, 1], *[[BLANK, 0, 0]] * 4))
    np.testing.assert_array_equal(targets[0], rows(*[[BLANK]] * 6, *([vectors[index]] for index in (2, 4, 0, 3))))
    np.testing.assert_array_equal(weights, [[0] * 6 + [1] * 4])


@pytest.mark.parametrize("name", data.TASKS)
def test_padding_of_training_sequences_has_no_weight(name):
    task = data.TASKS[name]
    inputs, targets, weights = data.training_sequences(task, np.random.default_rng(0), 50)
    longest = task.make(np.random.default_rng(0), 1, task.lengths[1])
    assert [each.shape[1:] for each in (inputs, targets, weights)] == [each.shape[1:] for each in longest]
    assert inputs.shape[2] == task.features and targets.shape[2] == task.bits
    ends = weights.shape[1] - np.argmax(weights[:, ::-1], axis=1)
    assert len(set(ends)) > 2
    for row, end in enumerate(ends):
        assert weights[row].max() == 1 and not inputs[row, end:].any() and not targets[row, end:].any()


def test_bit_error_counts_only_bits_asked_for():
    logits, targets = np.array([[[3.0, -1.0], [2.0, 2.0]]]), np.array([[[1.0, 1.0], [0.0, 0.0]]])
    assert data.bit_error(logits, targets, np.array([[1.0, 0.0]])) == 0.5
