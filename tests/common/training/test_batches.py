"""Batches that devices can share: all of the same size, with weights that preserve means."""

import numpy as np
import pytest
import tensorflow as tf

from apps.common.training.batches import whole_batches

ROWS, SIZE = 10, 4


def dataset(weights=False):
    generator = np.random.default_rng(0)
    numbers = np.arange(ROWS, dtype="float32")
    parts = ({"x": numbers[:, None]}, numbers)
    if weights:
        parts += (generator.integers(0, 2, (ROWS, 3)).astype("float32"),)
    return tf.data.Dataset.from_tensor_slices(parts).batch(SIZE)


def test_last_batch_is_filled_with_rows_of_weight_0():
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


def test_each_row_counts_the_same_whatever_the_weights_of_its_values():
    """The loss of a batch is the weighted mean of its values, and counts by its rows."""
    batches = [(float(np.average(np.repeat(y[:, None], 3, 1), weights=w)), len(y)) for _, y, w in dataset(True)]
    expected = np.average([loss for loss, _ in batches], weights=[rows for _, rows in batches])
    found = [
        tf.reduce_mean(weights * targets[:, None]) for _, targets, weights in whole_batches(dataset(True), SIZE, ROWS)
    ]
    assert np.mean(found) == pytest.approx(expected)


def test_batch_of_weights_0_stays_finite():
    nothing = dataset(True).map(lambda x, y, w: (x, y, 0 * w))
    for _, _, weights in whole_batches(nothing, SIZE, ROWS):
        np.testing.assert_array_equal(weights, np.zeros((4, 3)))


def test_processes_get_parts_of_the_same_batches():
    whole = list(whole_batches(dataset(True), SIZE, ROWS))
    parts = [list(whole_batches(dataset(True), SIZE, ROWS, process, 2)) for process in range(2)]
    for batch, *own in zip(whole, *parts, strict=True):
        for index, part in enumerate(tf.nest.flatten(batch)):
            together = np.concatenate([tf.nest.flatten(each)[index] for each in own])
            np.testing.assert_array_equal(together, part)


def test_batches_larger_than_the_size_are_refused():
    """Else their last rows would be dropped silently."""
    with pytest.raises(tf.errors.InvalidArgumentError, match="more rows than batch_size"):
        list(whole_batches(dataset(), SIZE - 1, ROWS))
