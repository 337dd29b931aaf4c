"""Sequences of the algorithmic tasks of `benchmarks.memory_tasks`, made by NumPy alone.

Graves, Wayne and Danihelka, "Neural Turing Machines", arXiv:1410.5401, 2014, section 4. A sequence consists of steps of
bits, each channel 0 or 1, and of further channels for markers. Answers are asked for where the weight of a step is 1.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Task(NamedTuple):
    """An algorithmic task.

    Attributes:
        make: function of a generator, a number of sequences and their length, which returns inputs
            (count, time, features), targets (count, time, bits) and the time of the first answer.
        features: channels of the inputs.
        bits: channels of the targets.
        lengths: shortest and longest length in training.
        slots: function of a length, how many slots of a memory it may fill.
    """

    make: Callable
    features: int
    bits: int
    lengths: tuple[int, int]
    slots: Callable


COPY_BITS, REPEATS, ITEM, ITEM_BITS = 8, 4, 3, 6
# Of `copy_memory`: symbols, how many are to be copied, and the numbers of the others.
SYMBOLS, COPIED, BLANK, DELIMITER = 8, 10, 8, 9


def copy(generator, count, length):
    """Ask for `length` random vectors in their order (section 4.1). The last feature marks their end."""
    vectors = _bits(generator, count, length, COPY_BITS)
    inputs = _zeros(count, 2 * length + 1, COPY_BITS + 1)
    inputs[:, :length, :COPY_BITS] = vectors
    inputs[:, length, COPY_BITS] = 1
    return _answer(inputs, vectors)


def repeat_copy(generator, count, length, repeats=None):
    """Ask for `length` random vectors several times, and for a marker at the end (section 4.2).

    The second to last feature marks the end of the vectors; the last one is then the number of repeats over `REPEATS`.
    The last channel of the targets is the marker. The number is random, from 1 to `REPEATS`, unless given.
    """
    vectors = _bits(generator, count, length, COPY_BITS)
    numbers = generator.integers(1, REPEATS + 1, count) if repeats is None else np.full(count, repeats)
    inputs = _zeros(count, length + 1 + REPEATS * length + 1, COPY_BITS + 2)
    inputs[:, :length, :COPY_BITS] = vectors
    inputs[:, length, COPY_BITS] = 1
    inputs[:, length, COPY_BITS + 1] = numbers / REPEATS
    answers = _zeros(count, REPEATS * length + 1, COPY_BITS + 1)
    answers[:, :-1, :COPY_BITS] = np.tile(vectors, (1, REPEATS, 1))
    ends = numbers[:, None] * length
    asked = np.arange(answers.shape[1]) <= ends
    answers[np.arange(answers.shape[1]) >= ends] = 0
    answers[np.arange(count), ends[:, 0], COPY_BITS] = 1
    inputs, targets, weights = _answer(inputs, answers)
    weights[:, length + 1 :] = asked
    return inputs, targets, weights


def associative_recall(generator, count, length):
    """Ask for the item after a shown one, among `length` items of `ITEM` vectors (section 4.3).

    The second to last feature marks the start of an item, the last one the start and the end of the shown item.
    """
    items = _bits(generator, count, length * ITEM, ITEM_BITS).reshape(count, length, ITEM, ITEM_BITS)
    shown = generator.integers(0, length - 1, count)
    every = np.arange(count)
    listed = _zeros(count, length, ITEM + 1, ITEM_BITS + 2)
    listed[:, :, 0, ITEM_BITS] = 1
    listed[:, :, 1:, :ITEM_BITS] = items
    query = _zeros(count, ITEM + 2, ITEM_BITS + 2)
    query[:, [0, -1], ITEM_BITS + 1] = 1
    query[:, 1:-1, :ITEM_BITS] = items[every, shown]
    answer_time = _zeros(count, ITEM, ITEM_BITS + 2)
    inputs = np.concatenate([listed.reshape(count, -1, ITEM_BITS + 2), query, answer_time], axis=1)
    return _answer(inputs, items[every, shown + 1])


def priority_sort(generator, count, length):
    """Ask for four fifths of `length` random vectors by falling priority, from -1 to 1 (section 4.5).

    The second to last feature is the priority, the last one marks the end of the vectors.
    """
    vectors = _bits(generator, count, length, COPY_BITS)
    priorities = generator.uniform(-1, 1, (count, length))
    asked = -(-4 * length // 5)
    inputs = _zeros(count, length + 1 + asked, COPY_BITS + 2)
    inputs[:, :length, :COPY_BITS] = vectors
    inputs[:, :length, COPY_BITS] = priorities
    inputs[:, length, COPY_BITS + 1] = 1
    order = np.argsort(-priorities, axis=1)[:, :asked]
    return _answer(inputs, np.take_along_axis(vectors, order[:, :, None], axis=1))


def _bits(generator, count, length, bits):
    return generator.integers(0, 2, (count, length, bits)).astype("float32")


def _zeros(*shape):
    return np.zeros(shape, "float32")


def _answer(inputs, answers):
    """Return inputs, targets and weights of sequences whose last steps ask for the answers."""
    count, steps, bits = answers.shape
    targets = _zeros(count, inputs.shape[1], bits)
    targets[:, -steps:] = answers
    weights = _zeros(count, inputs.shape[1])
    weights[:, -steps:] = 1
    return inputs, targets, weights


TASKS = {
    "copy": Task(copy, COPY_BITS + 1, COPY_BITS, (1, 20), lambda length: length),
    "repeat_copy": Task(repeat_copy, COPY_BITS + 2, COPY_BITS + 1, (1, 8), lambda length: length),
    "associative_recall": Task(associative_recall, ITEM_BITS + 2, ITEM_BITS, (2, 6), lambda length: 4 * length),
    "priority_sort": Task(priority_sort, COPY_BITS + 2, COPY_BITS, (1, 10), lambda length: length),
}


def copy_memory(generator, count, length):
    """Generate the problem of Arjovsky, Shah and Bengio, ICML 2016, section 5.1, for T = `length`.

    `COPIED` random symbols out of `SYMBOLS`, T - 1 blanks, a delimiter, and as many blanks as symbols, during which the
    symbols are asked for in their order; at all other steps, a blank.

    Returns:
        Sequences (count, T + 2 * COPIED, SYMBOLS + 2), one-hot, and targets (count, T + 2 * COPIED), integers.
    """
    symbols = generator.integers(0, SYMBOLS, (count, COPIED))
    sequences = np.full((count, length + 2 * COPIED), BLANK)
    sequences[:, :COPIED] = symbols
    sequences[:, length + COPIED - 1] = DELIMITER
    targets = np.full(sequences.shape, BLANK)
    targets[:, -COPIED:] = symbols
    return np.eye(SYMBOLS + 2, dtype="float32")[sequences], targets


def training_sequences(task, generator, count):
    """Return sequences of random lengths, padded to that of the longest, with weights of 0 for the padding.

    Returns:
        Inputs (count, time, features), targets (count, time, bits) and weights (count, time).
    """
    shortest, longest = task.lengths
    time = task.make(generator, 1, longest)[0].shape[1]
    padded = _zeros(count, time, task.features), _zeros(count, time, task.bits), _zeros(count, time)
    lengths = generator.integers(shortest, longest + 1, count)
    for length in range(shortest, longest + 1):
        rows = np.flatnonzero(lengths == length)
        for into, values in zip(padded, task.make(generator, len(rows), length), strict=True):
            into[rows, : values.shape[1]] = values
    return padded


def bit_error(logits, targets, weights):
    """Return the fraction of wrong bits among those asked for."""
    wrong = (logits > 0) != (targets > 0.5)
    return float(wrong[weights > 0].mean())
