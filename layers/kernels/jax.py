"""The compiled kernel and cuDNN on JAX."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import keras
from jax.experimental import rnn

from ..typing import Tensor
from .jax_linear import linear_call
from .packing import pack, unpack
from .through_time import (
    CHUNK_LENGTH,
    SHORT_CHUNK_LENGTH,
    Equations,
    KernelArguments,
    Weights,
    backward_loop,
    block_products,
    forward_loop,
    previous_states,
    weight_gradients,
)

# Steps by which loops are unrolled on a GPU, where starting an iteration takes as long as a small step: with 8 an LSTM
# and a GRU took 0.47 to 0.63 of the time of 1 (benchmarks/results/speed_gpu_unroll.md).
UNROLL = 8


def loop(
    step: Callable, carry: list[Tensor], sequences: Any, num_outputs: int, reverse: bool = False
) -> tuple[list[Tensor], list[Tensor]]:
    """Run `step` over the first axis of `sequences`, carrying a list of tensors.

    Args:
        step: `step(carry, slices)` returns the new carry and a list of `num_outputs` tensors of the shape of a state.
        carry: list of tensors.
        sequences: structure of tensors and None.
        num_outputs: number of tensors that each step outputs.
        reverse: whether to start at the last step.

    Returns:
        The last carry, and the outputs of all steps, stacked in the order of `sequences` in either direction.
    """
    unroll = UNROLL if _has_costly_launches() else 1
    return jax.lax.scan(step, list(carry), sequences, reverse=reverse, unroll=unroll)


def _is_small_batch(batch):
    """Return whether the product of one step is so small that one product of all steps is worth its memory."""
    return isinstance(batch, int) and batch < 8


def _has_costly_launches():
    """Return whether a small operation costs its launch rather than its arithmetic, so that loops need few of them."""
    return device() == "gpu"


def _recomputing_is_slow(args):
    """Return whether recomputing the pre-activations takes longer than saving them in the loop."""
    features, units = args.weights.kernel.shape[0], args.initial_states[0].shape[-1]
    return features + units > 256 and not _is_small_batch(args.inputs.shape[1]) and not _has_costly_launches()


# In the functions below the sequences of `args` are time-major and its mask is (time, batch, 1).
def _forward_loop(equations, num_saved, args, save_preactivations=False):
    x = args.inputs
    if _is_small_batch(x.shape[1]) or _has_costly_launches():
        num_blocks = args.weights.kernel.shape[-1] // args.initial_states[0].shape[-1]
        x = block_products(x, args.weights.kernel, num_blocks)
    return forward_loop(
        loop,
        equations,
        x,
        args.weights,
        args.initial_states,
        args.mask,
        args.dropout_mask,
        num_saved,
        save_preactivations,
    )


def _matmul_over_steps(left, right, dtype):
    axes = list(range(left.ndim - 1))
    return jnp.tensordot(left, right, (axes, axes), preferred_element_type=dtype)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _through_time(equations, return_sequences, least_memory, args):
    """Return the last states, and the hidden states or None. The weights in `args` are not yet cast."""
    return _outputs(equations, return_sequences, args)


def _outputs(equations, return_sequences, args):
    args = args._replace(weights=args.weights.cast(args.inputs.dtype))
    states, saved = _forward_loop(equations, int(return_sequences), args)
    return states, saved[0] if return_sequences else None


@_through_time.defjvp
def _jvp(equations, return_sequences, least_memory, primals, tangents):
    (args,), (d_args,) = primals, tangents
    cast = args._replace(weights=args.weights.cast(args.inputs.dtype))
    if least_memory:
        states, saved, before = _forward_chunks(equations, int(return_sequences), cast)
        residuals = args, None, before
    else:
        save_preactivations = equations.needs_preactivations and _recomputing_is_slow(cast)
        states, saved = _forward_loop(equations, len(args.initial_states), cast, save_preactivations)
        residuals = args, saved, None
    outputs = states, saved[0] if return_sequences else None
    d_differentiable = d_args.inputs, d_args.weights, d_args.initial_states
    forward, transpose = partial(_forward_mode, equations, return_sequences), partial(_reverse_mode, equations)
    return outputs, linear_call(forward, transpose, residuals, d_differentiable, like=outputs)


def _forward_chunks(equations, num_saved, args):
    """Return what `_forward_loop` does, and the states before each chunk, (chunks, batch, units) each."""

    def forward(states, start, length):
        inputs, mask = _slice_steps((args.inputs, args.mask), start, length)
        chunk = args._replace(inputs=inputs, mask=mask, initial_states=states)
        new, saved = _forward_loop(equations, num_saved, chunk)
        return new, (saved, states)

    time = args.inputs.shape[0]
    length = _chunk_length(time)
    num_chunks = time // length
    states, (saved, before) = jax.lax.scan(
        partial(forward, length=length), args.initial_states, length * jnp.arange(num_chunks)
    )
    saved, rest = [s.reshape(-1, *s.shape[2:]) for s in saved], num_chunks * length
    if rest < time:
        before = [jnp.concatenate([b, state[None]]) for b, state in zip(before, states, strict=True)]
        states, (saved_rest, _) = forward(states, rest, time - rest)
        saved = [jnp.concatenate(pair) for pair in zip(saved, saved_rest, strict=True)]
    return states, saved, before


def _forward_mode(equations, return_sequences, residuals, tangents):
    """Return the outputs' tangents for tangents of inputs, weights and initial states."""
    args, *_ = residuals

    def outputs(inputs, weights, initial_states):
        replaced = args._replace(inputs=inputs, weights=weights, initial_states=initial_states)
        return _outputs(equations, return_sequences, replaced)

    return jax.jvp(outputs, (args.inputs, args.weights, args.initial_states), tangents)[1]


def _reverse_mode(equations, residuals, gradients):
    """Return the gradients with respect to inputs, weights and initial states, by the derived backward pass.

    `residuals` are the arguments, and either what `_forward_loop` saves or the states before each chunk.
    """
    args, saved, before = residuals
    d_states, d_hidden = gradients
    zeros = Weights(*(None if weight is None else jnp.zeros_like(weight) for weight in args.weights))
    time = args.inputs.shape[0]
    chunk_length = _chunk_length(time)
    num_chunks = time // chunk_length

    def backward(carry, start, length):
        d_states, d_weights = carry
        chunk = _slice_steps((args.inputs, args.mask, saved, d_hidden), start, length)
        if before is None:
            states = [_state_before(*pair, start) for pair in zip(saved, args.initial_states, strict=False)]
        else:
            states = [jax.lax.dynamic_index_in_dim(b, start // chunk_length, keepdims=False) for b in before]
        d_inputs, d_chunk_weights, d_states = _backward_chunk(equations, args, states, *chunk, d_states)
        return (d_states, jax.tree.map(jnp.add, d_weights, d_chunk_weights)), d_inputs

    if num_chunks < 2:
        (d_states, d_weights), d_inputs = backward((d_states, zeros), 0, time)
        return d_inputs, d_weights, d_states
    # The pre-activations of all steps and their gradients would take more memory than anything else.
    rest, carry, d_inputs = num_chunks * chunk_length, (d_states, zeros), []
    if rest < time:
        carry, d_rest = backward(carry, rest, time - rest)
        d_inputs.append(d_rest)
    starts = chunk_length * jnp.arange(num_chunks)
    (d_states, d_weights), d_chunks = jax.lax.scan(partial(backward, length=chunk_length), carry, starts, reverse=True)
    d_inputs.insert(0, d_chunks.reshape(rest, *args.inputs.shape[1:]))
    return jnp.concatenate(d_inputs), d_weights, d_states


def _chunk_length(time):
    """Return the steps of a chunk: if possible so that all chunks have as many, and only one loop is compiled."""
    longest = CHUNK_LENGTH if _has_costly_launches() else SHORT_CHUNK_LENGTH
    if time < 2 * longest:
        return time
    lengths = range(longest, longest // 2, -1)
    return next((length for length in lengths if time % length == 0), longest)


def _slice_steps(sequences, start, length):
    return jax.tree.map(lambda sequence: jax.lax.dynamic_slice_in_dim(sequence, start, length), sequences)


def _state_before(states, initial_state, start):
    """Return the state before step `start`, from the states after each step."""
    before = jax.lax.dynamic_index_in_dim(states, jnp.maximum(start - 1, 0), keepdims=False)
    return jnp.where(start > 0, before, initial_state)


def _backward_chunk(equations, args, initial_states, inputs, mask, saved, d_hidden, d_states):
    """Return the gradients with respect to inputs, weights and initial states of some consecutive steps.

    Args:
        initial_states: before the first of them.
        saved: the states after each step, and the pre-activations if saved; or None, to recompute the states.
    """
    weights, num_states = args.weights.cast(inputs.dtype), len(initial_states)
    if saved is None:
        chunk = args._replace(weights=weights, inputs=inputs, mask=mask, initial_states=initial_states)
        _, saved = _forward_loop(equations, num_states, chunk)
    saved, a = saved[:num_states], saved[num_states:]
    prev, h_in = previous_states(initial_states, saved, args.dropout_mask)
    # Time and batch stay two axes: if merged, devices that share the batch would each have to receive all of it.
    a = a or equations.recompute(inputs, h_in, saved[0], weights)
    d_initial_states, d_a = backward_loop(
        loop, equations, a, weights.recurrent_kernel, prev, mask, args.dropout_mask, d_hidden, d_states
    )
    dtype = args.weights.kernel.dtype
    d_inputs, d_weights = weight_gradients(equations, weights, inputs, a, h_in, d_a, _matmul_over_steps, dtype)
    return d_inputs, d_weights, d_initial_states


# Caches compiled programs by shape for calls outside a compiled model.
_compiled = jax.jit(_through_time, static_argnums=(0, 1, 2))


def run(
    owner: keras.layers.Layer,
    equations: Equations,
    args: KernelArguments,
    return_sequences: bool,
    training: bool,
    forced: bool,
    least_memory: bool,
) -> tuple[Tensor | None, list[Tensor]]:
    """Run a layer over its sequences.

    Returns:
        The hidden states (batch, time, units), or None without `return_sequences`; and the last states.
    """
    args = args._replace(
        inputs=jnp.swapaxes(args.inputs, 0, 1),
        mask=None if args.mask is None else jnp.swapaxes(args.mask, 0, 1)[:, :, None],
        dropout_mask=None if args.dropout_mask is None else jax.lax.stop_gradient(args.dropout_mask),
    )
    states, hidden = _compiled(equations, return_sequences, least_memory, args)
    return (jnp.swapaxes(hidden, 0, 1) if return_sequences else None), states


# The cuDNN networks that JAX offers, and whether to run them unasked: the loops that XLA compiles were slower in only 2
# of 36 cases, the training step of the largest layer, and were not yet unrolled then
# (benchmarks/results/speed_gpu_kernels.md).
CUDNN, PREFERS_CUDNN = ("lstm",), False


def run_cudnn(
    owner: keras.layers.Layer,
    equations: Equations,
    args: KernelArguments,
    return_sequences: bool,
    training: bool,
    forced: bool,
    least_memory: bool,
) -> tuple[Tensor | None, list[Tensor]]:
    """Run a layer as `run` does, by cuDNN's LSTM."""
    sequences, weights, initial_states, mask, _ = args._replace(weights=args.weights.cast(args.inputs.dtype))
    features, units = weights.kernel.shape[0], initial_states[0].shape[-1]
    bias = jnp.zeros(4 * units, sequences.dtype) if weights.bias is None else weights.bias
    flat_weights = [weights.kernel.T.ravel(), weights.recurrent_kernel.T.ravel(), bias, jnp.zeros_like(bias)]
    packed, lengths = pack(sequences, mask)
    hidden, *states = rnn.lstm(
        packed,
        *(state[None] for state in initial_states),
        jnp.concatenate(flat_weights),
        lengths,
        input_size=features,
        hidden_size=units,
        num_layers=1,
        dropout=0.0,
        bidirectional=False,
    )
    hidden, states = unpack(hidden, [state[0] for state in states], initial_states, mask)
    return (hidden if return_sequences else None), states


def why_not_cudnn() -> str | None:
    """Return why cuDNN cannot run any layer in this context, or None."""
    distribution = keras.distribution.distribution()
    if distribution is not None and distribution.device_mesh.devices.size > 1:
        return "devices share the batch, and each would call cuDNN for all of it"
    return None


def why_not_graph() -> str | None:
    """Return why the graph kernel cannot run any layer in this context, or None."""
    return "it is a kernel of the tensorflow backend"


def why_not_compiled() -> str | None:
    """Return why the compiled kernel cannot run any layer in this context, or None."""
    return None


def device() -> str:
    """Return where the kernels run: "cpu", "gpu" or "tpu"."""
    return jax.default_backend()


def may_be_saved() -> bool:
    """Return False: on JAX nothing is saved in a form that cannot hold the compiled kernel."""
    return False
