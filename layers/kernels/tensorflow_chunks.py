"""Cut sequences of any shape into chunks that compiled programs of few shapes can run, on TensorFlow.

Sequences of more than 256 steps are cut into chunks of 256, all run by one program; so what the backward pass
computes again is that of one chunk. Where a graph does not know the shape, and in eager execution, a chunk is padded to
the next of four lengths and to the next of a few batch sizes. A program takes the number of steps as an argument, and
the products around it leave the padding out: padding costs memory, and compiling for each length would cost far more.
"""

from bisect import bisect_left

import tensorflow as tf
from keras import ops

LENGTHS = (32, 64, 128, 256)
CHUNK = LENGTHS[-1]
# Powers of 2, and from 16 on 8 sizes in every doubling.
BATCHES = (1, 2, 4, 8, *(n << k for k in range(1, 27) for n in range(8, 16)))


def _next(sizes, size):
    """The first of the sizes that holds `size`, an integer or an integer tensor."""
    if isinstance(size, int):
        return sizes[bisect_left(sizes, size)]
    return tf.reduce_min(tf.where(tf.constant(sizes) >= size, sizes, sizes[-1]))


def _has(tensor, sizes):
    """Whether the first axes are known to have these sizes; a size that is None is any."""
    return all(
        size is None or (isinstance(size, int) and size == n) for n, size in zip(tensor.shape, sizes, strict=False)
    )


def pad(tensor, *sizes):
    """Appends zeros to the first axes up to these sizes; None leaves an axis as it is."""
    if tensor is None or _has(tensor, sizes):
        return tensor
    missing = [[0, 0 if size is None else size - n] for n, size in zip(ops.shape(tensor), sizes, strict=False)]
    return tf.pad(tensor, missing + [[0, 0]] * (len(tensor.shape) - len(sizes)))


def cut(tensor, *sizes):
    """The inverse of `pad`."""
    return tensor if _has(tensor, sizes) else tensor[tuple(slice(size) for size in sizes)]


def with_shape(tensor, shape):
    """The tensor with this static shape, for a graph that does not know it."""
    # tf.ensure_shape would do, but has no derivative in forward mode.
    tensor = tf.identity(tensor)
    tensor.set_shape(shape)
    return tensor


def swap(tensor):
    """Between batch-major and time-major."""
    return tf.transpose(tensor, [1, 0, *range(2, len(tensor.shape))])


class Chunks:
    """How the sequences of one call are cut, time-major and padded.

    Args:
        like: sequences of the call, (batch, time, n).

    Attributes:
        batch, time: sizes of the sequences; integers where they are known, else scalar tensors.
        padded_batch, steps: sizes of what a program runs.
    """

    def __init__(self, like):
        self.batch, self.time = ops.shape(like)[:2]
        self.dtype = like.dtype
        known, traced = isinstance(self.time, int), not tf.executing_eagerly()
        self.single = known and self.time <= CHUNK
        # Then the last of several chunks is the only one with padding.
        self.exact = known and traced
        steps = min(self.time, CHUNK) if known else tf.minimum(self.time, CHUNK)
        self.steps = steps if self.exact else _next(LENGTHS, steps)
        self.padded_batch = self.batch if traced and isinstance(self.batch, int) else _next(BATCHES, self.batch)

    def of(self, sequences, index):
        """A chunk of (batch, time, n) as (steps, padded batch, n); without padded steps unless lengths are exact."""
        if sequences is None:
            return None
        if not self.single:
            sequences = sequences[:, index * CHUNK : (index + 1) * CHUNK]
        return pad(swap(sequences), self.steps if self.exact else None, self.padded_batch)

    def fill(self, chunk):
        """A chunk with all its steps, as programs take it."""
        return None if chunk is None else pad(chunk, self.steps)

    def filled(self, chunk):
        """What a program returned of a chunk, with the static shape that it has lost."""
        sizes = [size if isinstance(size, int) else None for size in (self.steps, self.padded_batch)]
        return with_shape(chunk, [*sizes, chunk.shape[-1]])

    def trim(self, chunk, steps):
        """A chunk without its padded steps, as far as that saves computing."""
        return chunk if self.exact else chunk[:steps]

    def whole(self, chunks):
        """(batch, time, n) from what `carry` returns of it."""
        sequences = chunks.concat() if isinstance(chunks, tf.TensorArray) else chunks
        return swap(cut(sequences, self.time, self.batch))

    def carry(self, body, carry, widths, reverse=False):
        """Carries tensors through `body(index, steps, carry)` from chunk to chunk.

        `body` returns the new carry and a list of sequences (time, padded batch, width); returned are the last carry
        and a list of these sequences: each an array of all chunks, or itself where there is but one.
        """
        if self.single:
            return body(0, tf.constant(self.time), carry)
        count = -(-self.time // CHUNK)
        arrays = [
            tf.TensorArray(self.dtype, count, element_shape=[None, None, width], clear_after_read=False)
            for width in widths
        ]

        def step(done, carry, arrays):
            index = count - 1 - done if reverse else done
            new, emitted = body(index, tf.minimum(self.time - index * CHUNK, CHUNK), carry)
            new = tf.nest.map_structure(lambda after, before: with_shape(after, before.shape), new, carry)
            return done + 1, new, [array.write(index, self.fill(e)) for array, e in zip(arrays, emitted, strict=True)]

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
