"""The loop on JAX."""

from functools import partial

import jax
import jax.numpy as jnp
import keras
from jax.experimental import rnn

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


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _through_time(equations, emit, run):
    states, kept = _advance(equations, int(emit), run)
    return states, kept[0] if emit else None


def _forward(equations, emit, run):
    remember = equations.needs_a and _is_large(run)
    states, kept = _advance(equations, len(run.start), run, remember)
    return (states, kept[0] if emit else None), (run, kept)


def _backward(equations, emit, residuals, gradients):
    run, kept = residuals
    d_states, d_hidden = gradients
    kept, a = kept[: len(run.start)], kept[len(run.start) :]
    last, seen = preceding(run.start, kept, run.drop)
    # Time and batch stay two axes: were they made one, devices that share the batch would each have to get all of it.
    a = a or equations.recompute(run.inputs, seen, kept[0], run.weights)
    d_start, d_a = retreat(
        loop, equations, a, run.weights.recurrent_kernel, last, run.mask, run.drop, d_hidden, d_states
    )
    d_inputs, d_weights = weight_gradients(equations, run.weights, run.inputs, a, seen, d_a)
    return (run._replace(inputs=d_inputs, weights=d_weights, start=d_start, mask=None, drop=None),)


_through_time.defvjp(_forward, _backward)


# Outside a compiled model it keeps what was compiled for these shapes.
@partial(jax.jit, static_argnums=(0, 1))
def _compiled(equations, emit, runs):
    if len(runs) == 1:
        return [_through_time(equations, emit, runs[0])]
    together = jax.tree.map(lambda *tensors: jnp.stack(tensors), *runs)
    results = jax.vmap(partial(_through_time, equations, emit))(together)
    return [jax.tree.map(lambda tensor, index=index: tensor[index], results) for index in range(len(runs))]


def run(equations, runs, return_sequences, training):
    """Several `Run` of the same shapes in one loop.

    Returns:
        For each the hidden states (batch, time, units), or None without `return_sequences`, and the states after
        the last step.
    """
    runs = [
        run._replace(
            inputs=jnp.swapaxes(run.inputs, 0, 1),
            mask=None if run.mask is None else jnp.swapaxes(run.mask, 0, 1)[:, :, None],
            drop=None if run.drop is None else jax.lax.stop_gradient(run.drop),
        )
        for run in runs
    ]
    results = _compiled(equations, return_sequences, runs)
    return [(jnp.swapaxes(hidden, 0, 1) if return_sequences else None, states) for states, hidden in results]


# Those of cuDNN's networks that JAX offers.
CUDNN = ("lstm",)


def run_cudnn(equations, runs, return_sequences, training):
    """As `run`, by cuDNN's LSTM."""
    return [_run_cudnn(run, return_sequences) for run in runs]


def _run_cudnn(run, return_sequences):
    sequences, weights, start, mask, _ = run
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


def device():
    """Where the kernels run: "cpu", "gpu" or "tpu"."""
    return jax.default_backend()


def may_be_saved():
    """Whether what is traced may be saved in a form that cannot hold this kernel: on JAX never."""
    return False
