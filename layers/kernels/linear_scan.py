"""Linear recurrences h_t = a_t * h_{t-1} + b_t over whole sequences, in parallel or step by step.

The gradient of a linear recurrence is another one, in reverse: with g_t the gradient with respect to h_t alone, and
d_t the one that also counts what h_t contributes to later states,

    d_t = g_t + a_{t+1} * d_{t+1},    d b_t = d_t,    d a_t = d_t * h_{t-1},    d h_0 = a_1 * d_1

so that a training step keeps only a and h. Tensors are time-major, (time, batch, units).

Blelloch, "Prefix Sums and Their Applications", CMU-CS-90-190, 1990, sections 1.4 and 1.5.
"""

from collections.abc import Callable
from importlib import import_module

import keras
from keras import ops

from ..typing import Tensor

# Steps of a block of `blocked_scan`.
BLOCK = 8


def _combine(first, second):
    """Return the coefficients (a, b) of two steps, one after the other."""
    (a_1, b_1), (a_2, b_2) = first, second
    return a_2 * a_1, a_2 * b_1 + b_2


def associative_scan(decay: Tensor, increment: Tensor, initial: Tensor) -> Tensor:
    """Compute all states in log2(time) operations on whole sequences; time must be known."""
    decay, increment = ops.associative_scan(_combine, (decay, increment), axis=0)
    return decay * initial + increment


def blocked_scan(decay: Tensor, increment: Tensor, initial: Tensor, step_by_step: Callable) -> Tensor:
    """Compute the states of all blocks of `BLOCK` steps at once, then those between the blocks by `step_by_step`."""
    time, _, units = ops.shape(decay)
    missing = -time % BLOCK
    if not isinstance(missing, int) or missing:
        padding = ops.zeros((missing, *ops.shape(decay)[1:]), decay.dtype)
        decay = ops.concatenate([decay, padding + 1], axis=0)
        increment = ops.concatenate([increment, padding], axis=0)
    shape = (-1, BLOCK, *ops.shape(decay)[1:])
    decays, increments = (ops.unstack(ops.reshape(x, shape), BLOCK, axis=1) for x in (decay, increment))
    steps = [(decays[0], increments[0])]
    for pair in zip(decays[1:], increments[1:], strict=True):
        steps.append(_combine(steps[-1], pair))
    ends = step_by_step(*steps[-1], initial)
    starts = ops.concatenate([initial[None], ends[:-1]], axis=0)
    hidden = ops.stack([a * starts + b for a, b in steps], axis=1)
    return ops.reshape(hidden, (-1, *ops.shape(decay)[1:-1], units))[:time]


def previous(initial: Tensor, hidden: Tensor) -> Tensor:
    """Return the state before each step."""
    return ops.concatenate([initial[None], hidden[:-1]], axis=0)


def reverse_scan(scan: Callable, decay: Tensor, d_hidden: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients with respect to the increments and the initial state.

    Args:
        scan: function of decay, increment and initial state, which returns the states.
        decay: (time, batch, units).
        d_hidden: gradient with respect to each state alone.
    """
    zeros = ops.zeros_like(decay[:1])
    following = ops.concatenate([decay[1:], zeros], axis=0)
    reverse = ops.flip(scan(ops.flip(following, axis=0), ops.flip(d_hidden, axis=0), zeros[0]), axis=0)
    return reverse, decay[0] * reverse[0]


def _loop(decay, increment, initial):
    """Compute the states step by step, on a backend without a loop of its own."""
    hidden = [initial]
    for step in range(decay.shape[0]):
        hidden.append(decay[step] * hidden[-1] + increment[step])
    return ops.stack(hidden[1:], axis=0)


def default_form(device: str | None = None) -> tuple[str, str]:
    """Return the form that "auto" takes on the current backend and a device, and the reason."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return "parallel", "on TensorFlow the parallel scan is faster"
    if device is None:
        device = import_module(".jax", __package__).device() if backend == "jax" else "cpu"
    if device == "cpu":
        return "sequential", f"on a CPU with {backend} the sequential scan is faster"
    return "parallel", f"the device is a {device}"


def linear_scan(owner: keras.layers.Layer, form: str, decay: Tensor, increment: Tensor, initial: Tensor) -> Tensor:
    """Return the states h_t = decay_t * h_{t-1} + increment_t after each step, (batch, time, units).

    Args:
        owner: the layer's cell, with which graphs of the gradient are freed.
        form: "parallel" or "sequential".
        decay, increment: (batch, time, units).
        initial: the state before the first step, (batch, units).
    """
    decay, increment = (ops.swapaxes(x, 0, 1) for x in (decay, increment))
    backend = keras.backend.backend()
    if backend in ("tensorflow", "jax"):
        hidden = import_module(f".{backend}_scan", __package__).scan(owner, form, decay, increment, initial)
    else:
        hidden = (associative_scan if form == "parallel" else _loop)(decay, increment, initial)
    return ops.swapaxes(hidden, 0, 1)
