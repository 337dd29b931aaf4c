"""How sequences of any shape go through compiled programs that are for one shape, on TensorFlow.

Long sequences are cut into chunks of 256 steps, all run by one program; so what the backward pass computes anew is a
chunk's alone. In eager execution, and where a graph does not know the shape, shorter sequences and batches are padded
to the next of a few sizes: 4 lengths and 8 batch sizes in every doubling.
"""

from bisect import bisect_left
from functools import cache

import tensorflow as tf

# Steps of a chunk. A chunk's products are large, and what the backward pass computes anew is of one chunk alone.
CHUNK = 256


@cache
def _sizes(in_a_doubling, largest):
    sizes, size = list(range(1, in_a_doubling)), in_a_doubling
    while size < largest:
        sizes += range(size, 2 * size, size // in_a_doubling)
        size *= 2
    return [*sizes, largest]


def _next(sizes, size):
    """The first of the sizes that holds `size`, an integer or an integer tensor."""
    if isinstance(size, int):
        return sizes[bisect_left(sizes, size)]
    return tf.reduce_min(tf.where(tf.constant(sizes) >= size, sizes, sizes[-1]))


def _padded_steps(sequences):
    """The steps, an integer or an integer tensor, to which a chunk of (batch, time, features) is padded."""
    time, sizes = sequences.shape[1], _sizes(4, CHUNK)
    if time is None:
        return _next(sizes, tf.minimum(tf.shape(sequences)[1], CHUNK))
    return _next(sizes, min(time, CHUNK)) if time > CHUNK or tf.executing_eagerly() else time


def _padded_batch(sequences):
    """The same for the batch."""
    batch, sizes = sequences.shape[0], _sizes(8, 2**30)
    if batch is None:
        return _next(sizes, tf.shape(sequences)[0])
    return _next(sizes, batch) if tf.executing_eagerly() else batch


def pad(tensor, *sizes):
    """Zeros behind the first axes up to these sizes."""
    if tensor is None or tuple(tensor.shape[: len(sizes)]) == sizes:
        return tensor
    missing = [[0, size - tf.shape(tensor)[axis]] for axis, size in enumerate(sizes)]
    return tf.pad(tensor, missing + [[0, 0]] * (len(tensor.shape) - len(sizes)))


def swap(tensor):
    """Between batch-major and time-major."""
    return tf.transpose(tensor, [1, 0, *range(2, len(tensor.shape))])


class Chunks:
    """How sequences of one call are cut, time-major and padded.

    Args:
        like: sequences of the call, (batch, time, n).
    """

    def __init__(self, like):
        self.steps, self.batch = _padded_steps(like), _padded_batch(like)
        self.shape = tf.shape(like)[:2]
        self.dtype, self.static = like.dtype, like.shape[1]

    def of(self, sequences, index):
        """A chunk of (batch, time, n) as (steps, padded batch, n)."""
        if sequences is None:
            return None
        first = index * CHUNK
        return pad(swap(sequences[:, first : first + CHUNK]), self.steps, self.batch)

    def whole(self, chunks):
        """(batch, time, n) from what `carry` returns of it."""
        sequences = chunks.concat() if isinstance(chunks, tf.TensorArray) else chunks
        return swap(sequences[: self.shape[1], : self.shape[0]])

    def carry(self, body, carry, widths, reverse=False):
        """Carries tensors through `body(index, steps, carry)` from chunk to chunk.

        `body` returns the new carry and a list of sequences (steps, padded batch, width); returned are the last carry
        and a list of these sequences: each an array of all chunks, or itself where there is but one.
        """
        time = self.shape[1]
        if self.static is not None and self.static <= CHUNK:
            return body(0, time, carry)
        count = -(-time // CHUNK)
        arrays = [
            tf.TensorArray(self.dtype, count, element_shape=[None, None, width], clear_after_read=False)
            for width in widths
        ]

        def step(done, carry, arrays):
            index = count - 1 - done if reverse else done
            new, emitted = body(index, tf.minimum(time - index * CHUNK, CHUNK), carry)
            new = tf.nest.map_structure(lambda after, before: tf.ensure_shape(after, before.shape), new, carry)
            return done + 1, new, [array.write(index, e) for array, e in zip(arrays, emitted, strict=True)]

        # What would run ahead of its turn takes memory.
        loop = (lambda done, *_: done < count, step, (0, carry, arrays))
        _, carry, arrays = tf.while_loop(*loop, parallel_iterations=1)
        return carry, arrays


def read(chunks, index):
    """One of the chunks that `Chunks.carry` returns."""
    return chunks.read(index) if isinstance(chunks, tf.TensorArray) else chunks


def before(chunks, start, index):
    """The state before a chunk, from the states after each step."""
    if not isinstance(chunks, tf.TensorArray):
        return start
    return tf.where(index > 0, chunks.read(tf.maximum(index - 1, 0))[-1], start)
