"""Batches of sequences of similar length."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf


def lengths_to_pad_to(longest: int, first: int = 16) -> list[int]:
    """Return ascending lengths up to the first that is `longest` or more, each 1.3 to 1.5 times the one before.

    Args:
        longest: length of the longest sequence.
        first: shortest length, a multiple of 2.
    """
    edges = [first]
    while edges[-1] < longest:
        edges.append(edges[-1] * 3 // 2 if edges[-1] % 3 else edges[-1] * 4 // 3)
    return edges


def bucketed(
    parts: tuple,
    lengths: Sequence[int] | np.ndarray,
    edges: Sequence[int],
    batch_size: int,
    seed: int = 0,
    epochs: range | None = None,
) -> tf.data.Dataset:
    """Make batches of rows of similar length, each padded with zeros to the next of a few lengths.

    Few lengths mean few shapes to compile, and batches with little padding.

    Args:
        parts: tuple of tensors with a row for each example, dense or ragged along time.
        lengths: int (rows,), length of each row in its longest part.
        edges: lengths to pad to, ascending; none is exceeded.
        batch_size: rows in a batch.
        seed: of the order.
        epochs: range of epochs. The order of each depends only on the seed and the epoch, so a resumed training sees
            the same batches. None gives the rows once, in their order.

    Returns:
        A tf.data.Dataset of tuples like `parts`, (batch, ...) each, with the same number of batches in every epoch.
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
