"""Linear recurrences and loops over chunks on TensorFlow, for any length of the sequences."""

from collections.abc import Callable
from functools import partial
from weakref import ref

import keras
import tensorflow as tf

# TensorFlow has no public name for the tensors that forward mode follows.
from tensorflow.python.eager.forwardprop_util import pack_tangents

from ..typing import Tensor
from .linear_scan import blocked_scan, previous, reverse_scan
from .tensorflow_chunks import with_shape
from .tensorflow_programs import custom_gradient


def _loop(step, carry, sequences, like):
    """Run `step` over the first axis of `sequences`, whose outputs have the dtype and static shape of `like`."""
    time = sequences[0].shape[0]
    length = tf.shape(sequences[0])[0] if time is None else time
    arrays = [tf.TensorArray(s.dtype, length, element_shape=s.shape[1:]).unstack(s) for s in sequences]
    outputs = tf.TensorArray(like.dtype, length, element_shape=like.shape)

    def body(t, carry, outputs):
        new, output = step(list(carry), [array.read(t) for array in arrays])
        new = [with_shape(after, before.shape) for after, before in zip(new, carry, strict=True)]
        return t + 1, new, outputs.write(t, output)

    loop = (lambda t, *_: t < length, body, (0, list(carry), outputs))
    # XLA differentiates only loops with a limit.
    _, carry, outputs = tf.while_loop(*loop, maximum_iterations=length)
    return carry, with_shape(outputs.stack(), [time, *like.shape])


def _step_by_step(decay, increment, initial):
    def step(carry, coefficients):
        hidden = coefficients[0] * carry[0] + coefficients[1]
        return [hidden], hidden

    return _loop(step, [initial], [decay, increment], initial)[1]


def _run(form, decay, increment, initial):
    if form == "sequential":
        return _step_by_step(decay, increment, initial)
    return with_shape(blocked_scan(decay, increment, initial, _step_by_step), decay.shape)


def scan(owner: keras.layers.Layer, form: str, decay: Tensor, increment: Tensor, initial: Tensor) -> Tensor:
    """Return the states of a linear recurrence after each step; all tensors are time-major.

    `keras.ops.associative_scan` needs a known length, and tracing it takes ten times as long as this.
    """
    tensors = [tf.convert_to_tensor(t) for t in (decay, increment, initial)]
    # In a graph, forward mode would differentiate the operations inside a custom gradient.
    if pack_tangents(tensors).tangents:
        return _run(form, *tensors)

    owner_reference = ref(owner)

    def run(decay, increment, initial):
        hidden = _run(form, decay, increment, initial)

        def gradient(d_hidden):
            d_increment, d_initial = reverse_scan(partial(scan, owner_reference(), form), decay, d_hidden)
            return d_increment * previous(initial, hidden), d_increment, d_initial

        return [hidden], gradient

    return with_shape(custom_gradient(run, owner, *tensors)[0], tensors[0].shape)


def chunk_loop(step: Callable, carry: list[Tensor], chunks: list[Tensor], like: Tensor) -> tuple[list[Tensor], Tensor]:
    """Run `step` as `chunk_loop` in `kernels/jax_scan.py` does."""
    return _loop(step, carry, chunks, like)
