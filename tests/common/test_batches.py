"""Batches that devices can share: whole, with weights that leave every mean as it was."""

import numpy as np
import pytest
import tensorflow as tf

from apps.common.batches import whole_batches

ROWS, SIZE = 10, 4


def dataset(weights=False):
    generator = np.random.default_rng(0)
    numbers = np.arange(ROWS, dtype="float32")
    parts = ({"x": numbers[:, None]}, numbers)
    if weights:
        parts += (generator.integers(0, 2, (ROWS, 3)).astype("float32"),)
    return tf.data.Dataset.from_tensor_slices(parts).batch(SIZE)


def test_last_batch_is_filled_up_with_rows_that_weigh_nothing():
    batches = list(whole_batches(dataset(), SIZE, ROWS))
    assert int(whole_batches(dataset(), SIZE, ROWS).cardinality()) == len(batches) == 3
    for inputs, targets, weights in batches:
        assert inputs["x"].shape == (4, 1) and targets.shape == weights.shape == (4,)
        np.testing.assert_array_equal(inputs["x"][:, 0], targets)
    np.testing.assert_array_equal(batches[2][1], [8, 9, 8, 9])
    np.testing.assert_allclose(batches[2][2], [1.2, 1.2, 0, 0])
    np.testing.assert_allclose(batches[0][2], [1.2] * 4)


def test_plain_means_over_batches_are_the_mean_over_rows():
    means = [float(tf.reduce_mean(weights * targets)) for _, targets, weights in whole_batches(dataset(), SIZE, ROWS)]
    assert np.mean(means) == pytest.approx(np.arange(ROWS).mean())


def test_each_row_counts_alike_whatever_its_values_weigh_in_the_batch():
    """The loss of a batch is the mean of its values by their weights, and counts by its rows."""
    given = [(float(np.average(np.repeat(y[:, None], 3, 1), weights=w)), len(y)) for _, y, w in dataset(True)]
    expected = np.average([loss for loss, _ in given], weights=[rows for _, rows in given])
    found = [
        tf.reduce_mean(weights * targets[:, None]) for _, targets, weights in whole_batches(dataset(True), SIZE, ROWS)
    ]
    assert np.mean(found) == pytest.approx(expected)


def test_batch_of_values_that_all_weigh_nothing_stays_a_number():
    nothing = dataset(True).map(lambda x, y, w: (x, y, 0 * w))
    for _, _, weights in whole_batches(nothing, SIZE, ROWS):
        np.testing.assert_array_equal(weights, np.zeros((4, 3)))


def test_processes_get_parts_of_the_same_batches():
    whole = list(whole_batches(dataset(True), SIZE, ROWS))
    parts = [list(whole_batches(dataset(True), SIZE, ROWS, process, 2)) for process in range(2)]
    for batch, *own in zip(whole, *parts, strict=True):
        for place, part in enumerate(tf.nest.flatten(batch)):
            together = np.concatenate([tf.nest.flatten(each)[place] for each in own])
            np.testing.assert_array_equal(together, part)


def test_batches_larger_than_the_size_are_refused():
    """Their last rows would be left out, and nobody would know."""
    with pytest.raises(tf.errors.InvalidArgumentError, match="more rows than batch_size"):
        list(whole_batches(dataset(), SIZE - 1, ROWS))
