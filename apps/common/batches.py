"""Batches for devices to share: always of the same number of rows."""

import tensorflow as tf


def whole_batches(dataset, batch_size, rows, process=0, processes=1):
    """Batches filled up to `batch_size` rows, of which a process gets its part.

    So devices can share each batch equally, and a compiler meets few shapes. A batch is filled up with rows of its own,
    which weigh nothing. The others' weights are scaled to make a plain mean over all that the devices compute of a
    batch, and then over all batches, the mean over its rows, each row counted alike: whatever devices and processes
    there are, and however many rows are real.

    Args:
        dataset: of (inputs, targets) or (inputs, targets, weights), nested tensors (batch, ...) of at most `batch_size`
            rows, else reading it raises tf.errors.InvalidArgumentError; its cardinality is known. A row's loss is the
            mean of its values, by their weights.
        batch_size: rows of a batch; the processes must divide it.
        rows: in all batches.
        process: which part to give, of `processes`.

    Returns:
        A tf.data.Dataset of (inputs, targets, weights): (batch_size / processes, ...), float32 weights.
    """
    part = batch_size // processes
    filling = int(dataset.cardinality()) / rows

    def fill(inputs, targets, weights=None):
        count = tf.shape(tf.nest.flatten(targets)[0])[0]
        tf.debugging.assert_less_equal(count, batch_size, "a batch of the dataset has more rows than batch_size")
        chosen = tf.range(batch_size) % count
        real = tf.cast(tf.range(batch_size) < count, tf.float32)
        if weights is None:
            weights = real
        else:
            weights = tf.gather(tf.cast(weights, tf.float32), chosen)
            weights *= tf.reshape(real, [batch_size, *[1] * (len(weights.shape) - 1)])
        share = filling * tf.cast(count, tf.float32)
        weights = tf.math.divide_no_nan(weights * share, tf.reduce_mean(weights))
        own = slice(process * part, (process + 1) * part)
        inputs, targets = tf.nest.map_structure(lambda each: tf.gather(each, chosen[own]), (inputs, targets))
        return inputs, targets, weights[own]

    return dataset.map(fill, tf.data.AUTOTUNE)
