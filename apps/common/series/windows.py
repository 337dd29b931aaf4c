"""Windows of a series: which exist, which rows each has, and batches of them.

A window is named by its origin, the first row that it forecasts. It reads the `window_length` rows before the origin
and forecasts the `horizon` rows from the origin on.
"""

import numpy as np
import tensorflow as tf


def window_origins(start: int, stop: int, window_length: int, horizon: int, stride: int = 1) -> np.ndarray:
    """Return the origins of the windows that forecast only rows from `start` to `stop`; they may read rows before.

    Returns:
        Int32 (windows,), increasing; empty if no window fits.
    """
    return np.arange(max(start, window_length), stop - horizon + 1, stride, dtype="int32")


def cut_windows(values: np.ndarray, origins: np.ndarray, window_length: int, horizon: int) -> np.ndarray:
    """Return the rows of windows, (windows, window_length + horizon, ...)."""
    return values[origins[:, None] + np.arange(-window_length, horizon, dtype="int32")]


def window_dataset(
    arrays: tuple,
    origins: np.ndarray,
    window_length: int,
    horizon: int,
    batch_size: int,
    seed: int = 0,
    epochs: range | None = None,
) -> tf.data.Dataset:
    """Make batches of windows, which are cut when they are read.

    Args:
        arrays: tuple of arrays (time, ...).
        origins: int32 (windows,).
        window_length: rows before the origin.
        horizon: rows from the origin on.
        batch_size: windows in a batch; the last batch of an epoch has the rest.
        seed: of the order.
        epochs: range of epochs. The order of each depends only on the seed and the epoch, so a resumed training sees
            the same batches. None gives the windows once, in their order.

    Returns:
        A tf.data.Dataset of tuples like `arrays`, (batch, window_length + horizon, ...) each; its cardinality is the
        number of batches in all epochs.
    """
    arrays = tuple(tf.constant(array) for array in arrays)
    rows = tf.range(-window_length, horizon)

    def one_epoch(epoch):
        order = tf.random.experimental.stateless_shuffle(tf.constant(origins), seed=[seed, epoch])
        return tf.data.Dataset.from_tensor_slices(order).batch(batch_size)

    if epochs is None:
        batches = tf.data.Dataset.from_tensor_slices(origins).batch(batch_size)
    else:
        batches = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(one_epoch)
    steps = -(-len(origins) // batch_size) * (1 if epochs is None else len(epochs))
    batches = batches.apply(tf.data.experimental.assert_cardinality(steps))
    return batches.map(
        lambda batch: tuple(tf.gather(array, batch[:, None] + rows) for array in arrays), tf.data.AUTOTUNE
    )
