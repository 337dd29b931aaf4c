"""Windows over a series: which there are, which rows each takes, and batches of them.

A window is known by its origin, the first row that it forecasts: it looks at the `window_length` rows before the
origin, and forecasts the `horizon` rows from the origin on.
"""

import numpy as np
import tensorflow as tf


def origins(start, stop, window_length, horizon, stride=1):
    """Origins of the windows that forecast nothing outside the rows `start` to `stop`; they may look back before them.

    Returns:
        Int32 (windows,), rising; empty if not one fits.
    """
    return np.arange(max(start, window_length), stop - horizon + 1, stride, dtype="int32")


def windows(values, places, window_length, horizon):
    """The rows of the windows with the origins `places`: (windows, window_length + horizon, ...)."""
    return values[places[:, None] + np.arange(-window_length, horizon, dtype="int32")]


def window_dataset(arrays, places, window_length, horizon, batch_size, seed=0, epochs=None):
    """Batches of windows, cut when they are needed.

    Args:
        arrays: tuple of arrays with a row for each step.
        places: the windows' origins.
        batch_size: windows in a batch; the last batch of an epoch has what is left.
        seed: of the order.
        epochs: the epochs to run through, a range, each in an order that hangs on the seed and the epoch alone, so
            that a resumed training sees what an unbroken one would. If absent, the windows come once as they stand.

    Returns:
        A tf.data.Dataset of tuples like `arrays`, (batch, window_length + horizon, ...) each; its cardinality is the
        number of batches over all epochs.
    """
    arrays = tuple(tf.constant(array) for array in arrays)
    rows = tf.range(-window_length, horizon)

    def one_epoch(epoch):
        order = tf.random.experimental.stateless_shuffle(tf.constant(places), seed=[seed, epoch])
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

    if epochs is None:
        batches = tf.data.Dataset.from_tensor_slices(places).batch(batch_size)
    else:
        batches = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(one_epoch)
    steps = -(-len(places) // batch_size) * (1 if epochs is None else len(epochs))
    batches = batches.apply(tf.data.experimental.assert_cardinality(steps))
    return batches.map(
        lambda batch: tuple(tf.gather(array, batch[:, None] + rows) for array in arrays), tf.data.AUTOTUNE
    )
