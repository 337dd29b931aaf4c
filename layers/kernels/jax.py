"""The loop on JAX."""

from functools import partial

import jax
import jax.numpy as jnp
from jax.experimental import rnn

from .packing import pack, unpack
from .through_time import Weights, advance, products, recompute, retreat, rows, unrows, weight_gradients


def loop(step, carry, sequences, emits, reverse=False):
    """Carries a list of tensors through `step` over the first axis of `sequences`.

    `step(carry, slices)` returns the new carry and a list of `emits` tensors of a state's shape; returned are the last carry and those
    tensors of all steps, stacked in the order of the sequences whichever way the loop runs.
    """
    return jax.lax.scan(step, list(carry), sequences, reverse=reverse)


def _is_small(batch):
    """Whether a product of one step is so small that one of all steps pays for the memory it takes."""
    return isinstance(batch, int) and batch < 8


def _advance(equations, keep, operands):
    inputs, weights, start, mask, drop = operands
    blocks = weights.kernel.shape[-1] // start[0].shape[-1]
    x = inputs
    if _is_small(inputs.shape[1]):
        x = [unrows(p, inputs) for p in products(rows(inputs), weights.kernel, blocks)]
    return advance(loop, equations, x, weights, start, mask, drop, keep)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _through_time(equations, emit, operands):
    states, kept = _advance(equations, int(emit), operands)
    return states, kept[0] if emit else None


def _forward(equations, emit, operands):
    states, kept = _advance(equations, len(operands[2]), operands)
    return (states, kept[0] if emit else None), (operands, kept)


def _backward(equations, emit, residuals, gradients):
    (inputs, weights, start, mask, drop), kept = residuals
    d_states, d_hidden = gradients
    flat = rows(inputs)
    a, seen, last = recompute(equations, flat, weights, start, kept, drop)
    d_start, d_a = retreat(
        loop, equations, [unrows(v, inputs) for v in a], weights.recurrent_kernel, last, mask, drop, d_hidden, d_states
    )
    d_inputs, d_weights = weight_gradients(equations, weights, flat, a, seen, [rows(d) for d in d_a])
    return ((unrows(d_inputs, inputs), d_weights, d_start, None, None),)


_through_time.defvjp(_forward, _backward)
# Outside a compiled model this keeps what was compiled for these shapes.
_compiled = jax.jit(_through_time, static_argnums=(0, 1))


def run(equations, sequences, weights, start, mask, drop, return_sequences, training):
    """One layer over (batch, time, features).

    Returns:
        The hidden states (batch, time, units), or None without `return_sequences`; the states after the last step.
    """
    inputs = jnp.swapaxes(sequences, 0, 1)
    mask = None if mask is None else jnp.swapaxes(mask, 0, 1)[:, :, None]
    drop = None if drop is None else jax.lax.stop_gradient(drop)
    states, hidden = _compiled(equations, return_sequences, (inputs, Weights(*weights), list(start), mask, drop))
    return (jnp.swapaxes(hidden, 0, 1) if return_sequences else None), states


# Those of cuDNN's networks that JAX offers.
CUDNN = ("lstm",)


def run_cudnn(equations, sequences, weights, start, mask, drop, return_sequences, training):
    """As `run`, by cuDNN's LSTM."""
    features, units = weights.kernel.shape[0], start[0].shape[-1]
    bias = jnp.zeros(4 * units, sequences.dtype) if weights.bias is None else weights.bias
    blob = [weights.kernel.T.ravel(), weights.recurrent_kernel.T.ravel(), bias, jnp.zeros_like(bias)]
    packed, lengths = pack(sequences, mask)
    hidden, *states = rnn.lstm(
        packed,
        *(state[None] for state in start),
        jnp.concatenate(blob),
        lengths,
        input_size=features,
        hidden_size=units,
        num_layers=1,
        dropout=0.0,
        bidirectional=False,
    )
    hidden, states = unpack(hidden, [state[0] for state in states], start, mask)
    return (hidden if return_sequences else None), states


def against_cudnn():
    """Why cuDNN cannot be used here and now, for another reason than the layer; None if it can."""
    return None


def device():
    """Where the kernels run: "cpu", "gpu" or "tpu"."""
    return jax.default_backend()


def may_be_saved():
    """Whether what is traced may be saved in a form that cannot hold this kernel: on JAX never."""
    return False
