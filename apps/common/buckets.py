"""Batches of sequences of about the same length, in an order that a resumed training finds again."""

import numpy as np
import tensorflow as tf


def bucketed(parts, lengths, edges, batch_size, seed=0, epochs=None):
    """Rows of tensors in batches, each padded with zeros to the next of a few lengths.

    Few lengths are few shapes to compile for, and little of a batch is padding.

    Args:
        parts: tuple of tensors, dense or ragged along time, with a row for each example.
        lengths: int (rows,), time of each row, its longest part's.
        edges: the lengths to pad to, rising; none is exceeded.
        batch_size: rows in a batch.
        seed: of the order.
        epochs: the epochs to run through, a range, each in an order that hangs on the seed and the epoch
            alone, so that a resumed training sees what an unbroken one would. If absent, the rows come once
            as they stand.

    Returns:
        A tf.data.Dataset of tuples like `parts`, (batch, ...) each; its cardinality is the number of batches
        over all epochs, as many in each.
    """
    count = len(lengths)
    lengths, edges = np.asarray(lengths, "int32"), np.asarray(edges, "int32")

    def batches(order):
        rows = tf.data.Dataset.from_tensor_slices(order)
        rows = rows.bucket_by_sequence_length(
            lambda row: tf.gather(lengths, row),
            bucket_boundaries=(edges + 1).tolist(),
            bucket_batch_sizes=[batch_size] * (len(edges) + 1),
        )
        return rows.map(gathered, tf.data.AUTOTUNE)

    def gathered(rows):
        longest = tf.reduce_max(tf.gather(lengths, rows))
        edge = tf.gather(edges, tf.searchsorted(edges, longest[None])[0])
        return tuple(_padded(tf.gather(part, rows), edge) for part in parts)

    def one_epoch(epoch):
        return batches(tf.random.experimental.stateless_shuffle(tf.range(count), seed=[seed, epoch]))

    if epochs is None:
        dataset = batches(tf.range(count))
    else:
        dataset = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(one_epoch)
    in_bucket = np.bincount(np.searchsorted(edges, lengths), minlength=1)
    steps = int(np.ceil(in_bucket / batch_size).sum()) * (1 if epochs is None else len(epochs))
    return dataset.apply(tf.data.experimental.assert_cardinality(steps))


def _padded(part, length):
    if not isinstance(part, tf.RaggedTensor):
        return part
    shape = part.bounding_shape(out_type=tf.int32)
    return part.to_tensor(0, shape=tf.concat([shape[:1], [length], shape[2:]], axis=0))
