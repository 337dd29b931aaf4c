"""Batches that devices can share: all with the same number of rows."""

import tensorflow as tf


def whole_batches(
    dataset: tf.data.Dataset, batch_size: int, rows: int, process: int = 0, processes: int = 1
) -> tf.data.Dataset:
    """Fill batches up to `batch_size` rows, so that devices share them equally and a compiler meets few shapes.

    Batches are filled with copies of their own rows, which get weight 0. The other weights are scaled so that the mean
    over a batch, and then over all batches, is the mean over the rows of the dataset, whatever the number of devices,
    processes and copied rows.

    Args:
        dataset: tf.data.Dataset of (inputs, targets) or (inputs, targets, weights), nested tensors (batch, ...) of at
            most `batch_size` rows, else reading raises tf.errors.InvalidArgumentError; of known cardinality. A row's
            loss is the weighted mean of its values.
        batch_size: rows of a batch; a multiple of `processes`.
        rows: rows in all batches.
        process: index of the part to return, of `processes`.

    Returns:
        A tf.data.Dataset of (inputs, targets, weights), (batch_size / processes, ...) each; weights are float32.
    """
    part = batch_size // processes
    batches_per_row = int(dataset.cardinality()) / rows

    def fill(inputs, targets, weights=None):
        count = tf.shape(tf.nest.flatten(targets)[0])[0]
        tf.debugging.assert_less_equal(count, batch_size, "a batch of the dataset has more rows than batch_size")
        indices = tf.range(batch_size) % count
        real = tf.cast(tf.range(batch_size) < count, tf.float32)
        if weights is None:
            weights = real
        else:
            weights = tf.gather(tf.cast(weights, tf.float32), indices)
            weights *= tf.reshape(real, [batch_size, *[1] * (len(weights.shape) - 1)])
        scale = batches_per_row * tf.cast(count, tf.float32)
        weights = tf.math.divide_no_nan(weights * scale, tf.reduce_mean(weights))
        own = slice(process * part, (process + 1) * part)
        inputs, targets = tf.nest.map_structure(lambda each: tf.gather(each, indices[own]), (inputs, targets))
        return inputs, targets, weights[own]

    return dataset.map(fill, tf.data.AUTOTUNE)
