"""The loop on JAX."""

from functools import partial

import jax
import jax.numpy as jnp
import keras
from jax.experimental import rnn

from .jax_linear import linear_call
from .packing import pack, unpack
from .through_time import advance, preceding, products, retreat, weight_gradients


def loop(step, carry, sequences, emits, reverse=False):
    """Carries a list of tensors through `step` over the first axis of `sequences`.

    `step(carry, slices)` returns the new carry and a list of `emits` tensors of a state's shape; returned are the
    last carry and those tensors of all steps, stacked in the order of the sequences whichever way the loop runs.
    """
    return jax.lax.scan(step, list(carry), sequences, reverse=reverse)


def _is_small(batch):
    """Whether a product of one step is so small that one of all steps pays for the memory it takes."""
    return isinstance(batch, int) and batch < 8


def _is_large(run):
    """Whether the pre-activations of all steps take longer to compute anew than to remember, on a processor."""
    features, units = run.weights.kernel.shape[0], run.start[0].shape[-1]
    return features + units > 256 and not _is_small(run.inputs.shape[1])


def _advance(equations, keep, run, remember=False):
    """The run's sequences here and below are time-major, its mask (time, batch, 1)."""
    x = run.inputs
    if _is_small(x.shape[1]):
        blocks = run.weights.kernel.shape[-1] // run.start[0].shape[-1]
        x = products(x, run.weights.kernel, blocks)
    return advance(loop, equations, x, run.weights, run.start, run.mask, run.drop, keep, remember)


def _over_steps(left, right, dtype):
    axes = list(range(left.ndim - 1))
    return jnp.tensordot(left, right, (axes, axes), preferred_element_type=dtype)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _through_time(equations, emit, run):
    """The states after the last step and, with `emit`, the hidden states; of a run whose weights are not yet cast."""
    return _outputs(equations, emit, run)


def _outputs(equations, emit, run):
    run = run._replace(weights=run.weights.cast(run.inputs.dtype))
    states, kept = _advance(equations, int(emit), run)
    return states, kept[0] if emit else None


@_through_time.defjvp
def _differentiate(equations, emit, primals, tangents):
    (run,), (d_run,) = primals, tangents
    cast = run._replace(weights=run.weights.cast(run.inputs.dtype))
    remember = equations.needs_a and _is_large(cast)
    states, kept = _advance(equations, len(run.start), cast, remember)
    outputs = states, kept[0] if emit else None
    directions = d_run.inputs, d_run.weights, d_run.start
    forward, backward = partial(_forward, equations, emit), partial(_backward, equations)
    return outputs, linear_call(forward, backward, (run, kept), directions, like=outputs)


def _forward(equations, emit, residuals, directions):
    """The outputs' derivatives along directions of inputs, weights and start states: forward mode."""
    run, _ = residuals

    def outputs(inputs, weights, start):
        return _outputs(equations, emit, run._replace(inputs=inputs, weights=weights, start=start))

    return jax.jvp(outputs, (run.inputs, run.weights, run.start), directions)[1]


def _backward(equations, residuals, gradients):
    """The gradients for inputs, weights and start states: reverse mode, by hand."""
    run, kept = residuals
    d_states, d_hidden = gradients
    weights = run.weights.cast(run.inputs.dtype)
    kept, a = kept[: len(run.start)], kept[len(run.start) :]
    last, seen = preceding(run.start, kept, run.drop)
    # Time and batch stay two axes: were they made one, devices that share the batch would each have to get all of it.
    a = a or equations.recompute(run.inputs, seen, kept[0], weights)
    d_start, d_a = retreat(loop, equations, a, weights.recurrent_kernel, last, run.mask, run.drop, d_hidden, d_states)
    d_inputs, d_weights = weight_gradients(
        equations, weights, run.inputs, a, seen, d_a, _over_steps, run.weights.kernel.dtype
    )
    return d_inputs, d_weights, d_start


# Outside a compiled model it keeps what was compiled for these shapes.
_compiled = jax.jit(_through_time, static_argnums=(0, 1))


def run(owner, equations, run, return_sequences, training, forced):
    """Runs a layer over its sequences.

    Returns:
        The hidden states (batch, time, units), or None without `return_sequences`, and the states after the last step.
    """
    run = run._replace(
        inputs=jnp.swapaxes(run.inputs, 0, 1),
        mask=None if run.mask is None else jnp.swapaxes(run.mask, 0, 1)[:, :, None],
        drop=None if run.drop is None else jax.lax.stop_gradient(run.drop),
    )
    states, hidden = _compiled(equations, return_sequences, run)
    return (jnp.swapaxes(hidden, 0, 1) if return_sequences else None), states


# Those of cuDNN's networks that JAX offers.
CUDNN = ("lstm",)


def run_cudnn(owner, equations, run, return_sequences, training, forced):
    """As `run`, by cuDNN's LSTM."""
    sequences, weights, start, mask, _ = run._replace(weights=run.weights.cast(run.inputs.dtype))
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
    distribution = keras.distribution.distribution()
    if distribution is not None and distribution.device_mesh.devices.size > 1:
        return "devices share the batch, and a call of cuDNN would be made for all of it on each"
    return None


def against_compiled():
    """Why the compiled kernel cannot be used here and now, for another reason than the layer; None if it can."""
    return None


def device():
    """Where the kernels run: "cpu", "gpu" or "tpu"."""
    return jax.default_backend()


def may_be_saved():
    """Whether what is traced may be saved in a form that cannot hold this kernel: on JAX never."""
    return False
