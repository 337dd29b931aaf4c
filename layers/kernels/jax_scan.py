"""Linear recurrences and loops over chunks on JAX."""

from collections.abc import Callable
from functools import partial

import jax
import keras

from ..typing import Tensor
from .jax_linear import linear_call
from .linear_scan import associative_scan, previous, reverse_scan


def _step_by_step(decay, increment, initial):
    def step(hidden, coefficients):
        hidden = coefficients[0] * hidden + coefficients[1]
        return hidden, hidden

    return jax.lax.scan(step, initial, (decay, increment))[1]


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _scan(form, decay, increment, initial):
    return (associative_scan if form == "parallel" else _step_by_step)(decay, increment, initial)


@_scan.defjvp
def _jvp(form, primals, tangents):
    (decay, _, initial), (d_decay, d_increment, d_initial) = primals, tangents
    hidden = _scan(form, *primals)
    inputs = d_increment + d_decay * previous(initial, hidden), d_initial
    forward, transpose = partial(_forward_mode, form), partial(_reverse_mode, form)
    return hidden, linear_call(forward, transpose, decay, inputs, like=hidden)


def _forward_mode(form, decay, inputs):
    return _scan(form, decay, *inputs)


def _reverse_mode(form, decay, d_hidden):
    return reverse_scan(partial(_scan, form), decay, d_hidden)


# Caches compiled programs by shape for calls outside a compiled model.
_compiled = jax.jit(_scan, static_argnums=0)


def scan(owner: keras.layers.Layer, form: str, decay: Tensor, increment: Tensor, initial: Tensor) -> Tensor:
    """Return the states of a linear recurrence after each step; all tensors are time-major."""
    return _compiled(form, decay, increment, initial)


def chunk_loop(step: Callable, carry: list[Tensor], chunks: list[Tensor], like: Tensor) -> tuple[list[Tensor], Tensor]:
    """Run `step` over the first axis of `chunks`, and recompute each step in the backward pass.

    Args:
        step: `step(carry, chunk)` returns the new carry and an output.
        carry: list of tensors.
        chunks: list of tensors with the same first axis.
        like: a tensor with the dtype and the static shape of an output.

    Returns:
        The last carry, and the outputs, stacked.
    """
    return _compiled_chunk_loop(step, carry, chunks)


@partial(jax.jit, static_argnums=0)
def _compiled_chunk_loop(step, carry, chunks):
    return jax.lax.scan(jax.checkpoint(step), carry, chunks)
