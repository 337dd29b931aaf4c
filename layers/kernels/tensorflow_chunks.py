"""Chunks of sequences of any shape, for compiled programs of few shapes, on TensorFlow.

Sequences of more than 256 steps, or of 64 with the least memory, are split into chunks of so many, all run by one
program; so the backward pass recomputes the pre-activations of only one chunk at a time. Where a graph does not know
the shape, and in eager execution, a chunk is padded to the next of four lengths and of a few batch sizes. A program
takes the number of steps as an argument, and the products around it leave the padding out: so padding costs only
memory, and compiling for each length would cost far more.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from keras import ops

from .through_time import CHUNK_LENGTH

LENGTHS = (32, 64, 128, CHUNK_LENGTH)
# Powers of 2 up to 16, then 8 sizes in every doubling.
BATCH_SIZES = (1, 2, 4, 8, *(n << k for k in range(1, 27) for n in range(8, 16)))


def _round_up(size, sizes):
    """Return the first of the ascending `sizes` that is at least `size`, an integer or an integer tensor."""
    if isinstance(size, int):
        return sizes[bisect_left(sizes, size)]
    return tf.reduce_min(tf.where(tf.constant(sizes) >= size, sizes, sizes[-1]))


def _has_sizes(tensor, sizes):
    """Return whether the first axes are statically known to have these sizes; None matches any size."""
    return all(
        size is None or (isinstance(size, int) and size == n) for n, size in zip(tensor.shape, sizes, strict=False)
    )


def pad(tensor: tf.Tensor | None, *sizes: int | tf.Tensor | None) -> tf.Tensor | None:
    """Append zeros to the first axes up to these sizes; None leaves an axis unchanged."""
    if tensor is None or _has_sizes(tensor, sizes):
        return tensor
    missing = [[0, 0 if size is None else size - n] for n, size in zip(ops.shape(tensor), sizes, strict=False)]
    return tf.pad(tensor, missing + [[0, 0]] * (len(tensor.shape) - len(sizes)))


def unpad(tensor: tf.Tensor, *sizes: int | tf.Tensor | None) -> tf.Tensor:
    """Crop the first axes to these sizes."""
    return tensor if _has_sizes(tensor, sizes) else tensor[tuple(slice(size) for size in sizes)]


def with_shape(tensor: tf.Tensor, shape: Any) -> tf.Tensor:
    """Return the tensor with this static shape."""
    # tf.ensure_shape has no derivative in forward mode.
    tensor = tf.identity(tensor)
    tensor.set_shape(shape)
    return tensor


def swap_batch_and_time(tensor: tf.Tensor) -> tf.Tensor:
    """Transpose the first two axes."""
    return tf.transpose(tensor, [1, 0, *range(2, len(tensor.shape))])


class Chunks:
    """Split of the sequences of one call into padded, time-major chunks.

    Args:
        like: sequences of the call, (batch, time, n).
        length: steps of a chunk, one of `LENGTHS`.

    Attributes:
        batch, time: sizes of the sequences; integers if statically known, else scalar tensors.
        padded_batch, padded_steps: sizes of a chunk as a program takes it.
    """

    def __init__(self, like: tf.Tensor, length: int = CHUNK_LENGTH):
        self.length = length
        self.batch, self.time = ops.shape(like)[:2]
        self.dtype = like.dtype
        time_is_known, in_graph = isinstance(self.time, int), not tf.executing_eagerly()
        self.is_single = time_is_known and self.time <= self.length
        # Then only the last of several chunks has padded steps.
        self.is_exact = time_is_known and in_graph
        steps = min(self.time, self.length) if time_is_known else tf.minimum(self.time, self.length)
        self.padded_steps = steps if self.is_exact else _round_up(steps, LENGTHS)
        batch_is_exact = in_graph and isinstance(self.batch, int)
        self.padded_batch = self.batch if batch_is_exact else _round_up(self.batch, BATCH_SIZES)

    def get(self, sequences: tf.Tensor | None, index: int | tf.Tensor) -> tf.Tensor | None:
        """Return a chunk of (batch, time, n) as (steps, padded batch, n), with padded steps only if `is_exact`."""
        if sequences is None:
            return None
        if not self.is_single:
            sequences = sequences[:, index * self.length : (index + 1) * self.length]
        return pad(swap_batch_and_time(sequences), self.padded_steps if self.is_exact else None, self.padded_batch)

    def pad_steps(self, chunk: tf.Tensor | None) -> tf.Tensor | None:
        """Pad a chunk to the number of steps that a program takes."""
        return None if chunk is None else pad(chunk, self.padded_steps)

    def unpad_steps(self, chunk: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
        """Drop the padded steps of a chunk. With `is_exact` only the last chunk has any, which it keeps."""
        return chunk if self.is_exact else chunk[:steps]

    def restore_shape(self, chunk: tf.Tensor) -> tf.Tensor:
        """Set the static shape of a chunk that a program returned, which programs lose."""
        sizes = [size if isinstance(size, int) else None for size in (self.padded_steps, self.padded_batch)]
        return with_shape(chunk, [*sizes, chunk.shape[-1]])

    def join(self, chunks: tf.Tensor | tf.TensorArray) -> tf.Tensor:
        """Join chunks as `scan` returns them to (batch, time, n)."""
        sequences = chunks.concat() if isinstance(chunks, tf.TensorArray) else chunks
        return swap_batch_and_time(unpad(sequences, self.time, self.batch))

    def read(self, chunks: tf.Tensor | tf.TensorArray, index: int | tf.Tensor) -> tf.Tensor:
        """Return one entry of what `scan` returned, or one chunk of such sequences after `join`."""
        if isinstance(chunks, tf.TensorArray):
            return chunks.read(index)
        return chunks if self.is_single else self.get(chunks, index)

    def scan(
        self, body: Callable, carry: Any, widths: Sequence[int], reverse: bool = False, keep_carry: bool = False
    ) -> tuple[Any, list, list]:
        """Run `body` for each chunk, carrying tensors from one to the next.

        Args:
            body: `body(index, steps, carry)` returns the new carry and a list of sequences (time, padded batch, width).
            carry: structure of tensors.
            widths: of these sequences.
            reverse: whether to start at the last chunk.
            keep_carry: whether to return the tensors that each chunk was carried.

        Returns:
            The last carry; a list of the sequences; and a list of the tensors carried to each chunk, or an empty one.
            An entry of a list is the array of its chunks, or a tensor if there is only one chunk.
        """
        if self.is_single:
            return *body(0, tf.constant(self.time), carry), tf.nest.flatten(carry) if keep_carry else []
        num_chunks = -(-self.time // self.length)

        def array(shape):
            return tf.TensorArray(self.dtype, num_chunks, element_shape=shape, clear_after_read=False)

        arrays = [array([None, None, width]) for width in widths]
        kept = [array(tensor.shape) for tensor in tf.nest.flatten(carry)] if keep_carry else []

        def step(done, carry, arrays, kept):
            index = num_chunks - 1 - done if reverse else done
            if keep_carry:
                kept = [array.write(index, t) for array, t in zip(kept, tf.nest.flatten(carry), strict=True)]
            new, outputs = body(index, tf.minimum(self.time - index * self.length, self.length), carry)
            new = tf.nest.map_structure(lambda after, before: with_shape(after, before.shape), new, carry)
            written = [array.write(index, self.pad_steps(o)) for array, o in zip(arrays, outputs, strict=True)]
            return done + 1, new, written, kept

        # Iterations that start ahead of their turn take memory.
        loop = (lambda done, *_: done < num_chunks, step, (0, carry, arrays, kept))
        _, carry, arrays, kept = tf.while_loop(*loop, parallel_iterations=1)
        return carry, arrays, kept
