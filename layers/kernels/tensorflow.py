"""The loop on TensorFlow, compiled by XLA; the large products around it stay TensorFlow's own."""

from functools import cache

import tensorflow as tf

# TensorFlow has no public name for whether XLA compiles the graph that is being made.
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

from .packing import pack, unpack
from .tensorflow_chunks import Chunks, before, pad, read
from .through_time import Weights, add, advance, preceding, products, retreat, rows, unrows, weight_gradients


def _loop(steps):
    """As `loop` in `kernels/jax.py`, over the first `steps` entries of the sequences."""

    def loop(step, carry, sequences, emits, reverse=False):
        width, state = len(carry), carry[0]
        length = tf.shape(next(s for s in tf.nest.flatten(sequences) if s is not None))[0]
        arrays = [tf.TensorArray(state.dtype, length, element_shape=state.shape) for _ in range(emits)]

        def body(t, *rest):
            slices = tf.nest.map_structure(lambda s: None if s is None else s[t], sequences)
            new, emitted = step(list(rest[:width]), slices)
            new = [tf.ensure_shape(after, before.shape) for after, before in zip(new, carry, strict=True)]
            return (
                t - 1 if reverse else t + 1,
                *new,
                *(a.write(t, e) for a, e in zip(rest[width:], emitted, strict=True)),
            )

        # The place is carried: what is computed of `steps` would be a constant to XLA, with a program for each.
        there = (lambda t, *_: t >= 0) if reverse else (lambda t, *_: t < steps)
        _, *rest = tf.while_loop(there, body, (steps - 1 if reverse else 0, *carry, *arrays))
        return rest[:width], [array.stack() for array in rest[width:]]

    return loop


# Layers with the same programs share them; `units` is what a trace shall not generalize.
@cache
def _advance(equations, units, keep):
    def forward(x, weights, start, mask, drop, steps):
        return advance(_loop(steps), equations, x, weights, start, mask, drop, keep)

    return tf.function(forward, jit_compile=True, autograph=False, reduce_retracing=True)


@cache
def _retreat(equations, units):
    def backward(a, recurrent_kernel, last, mask, drop, d_hidden, d_states, steps):
        return retreat(_loop(steps), equations, a, recurrent_kernel, last, mask, drop, d_hidden, d_states)

    return tf.function(backward, jit_compile=True, autograph=False, reduce_retracing=True)


def _no_second_derivative(*_):
    raise NotImplementedError(
        "A second derivative was asked of a recurrent layer's compiled kernel, which has the first alone. "
        "Call the layer under `layers.use_kernel('portable')`."
    )


def _forward(equations, run, keep):
    """The states after the last step, and those kept after each as `Chunks.carry` returns them."""
    units, chunks = run.start[0].shape[-1], Chunks(run.inputs)
    blocks = run.weights.kernel.shape[-1] // units
    # The loop has no use for the kernel.
    weights, drop = run.weights._replace(kernel=None), pad(run.drop, chunks.batch)

    def forward(index, steps, states):
        inputs, mask = chunks.of(run.inputs, index), chunks.of(run.mask, index)
        x = [unrows(p, inputs) for p in products(rows(inputs), run.weights.kernel, blocks)]
        return _advance(equations, units, keep)(x, weights, states, mask, drop, steps)

    states, kept = chunks.carry(forward, [pad(state, chunks.batch) for state in run.start], [units] * keep)
    return [state[: chunks.shape[0]] for state in states], kept


def _backward(equations, run, kept, d_hidden, d_states):
    """The gradients for inputs, weights and start states."""
    units, chunks = run.start[0].shape[-1], Chunks(run.inputs)
    drop, first_states = pad(run.drop, chunks.batch), [pad(state, chunks.batch) for state in run.start]

    def backward(index, steps, carry):
        d_states, d_weights = carry
        inputs, mask, d_out = (chunks.of(sequences, index) for sequences in (run.inputs, run.mask, d_hidden))
        start = [before(k, state, index) for k, state in zip(kept, first_states, strict=True)]
        flat = rows(inputs)
        here = [read(k, index) for k in kept]
        last, seen = preceding(start, here, drop)
        seen = rows(seen)
        a = equations.recompute(flat, seen, rows(here[0]), run.weights)
        d_states, d_a = _retreat(equations, units)(
            [unrows(v, inputs) for v in a], run.weights.recurrent_kernel, last, mask, drop, d_out, d_states, steps
        )
        d_inputs, new = weight_gradients(equations, run.weights, flat, a, seen, [rows(d) for d in d_a])
        return (d_states, add(d_weights, [d for d in new if d is not None])), [unrows(d_inputs, inputs)]

    zeros = [tf.zeros_like(weight) for weight in run.weights if weight is not None]
    carry = ([pad(d, chunks.batch) for d in d_states], zeros)
    (d_start, d_weights), (d_inputs,) = chunks.carry(backward, carry, [run.inputs.shape[-1]], reverse=True)
    return [chunks.whole(d_inputs), *d_weights, *(d[: chunks.shape[0]] for d in d_start)]


def _tensors(run):
    """What a gradient is asked for, in one list."""
    return [t for t in (run.inputs, *run.weights, *run.start) if t is not None]


def _with_tensors(run, tensors):
    """The inverse of `_tensors`."""
    tensors = iter(tensors)
    inputs, weights = next(tensors), Weights(*(None if w is None else next(tensors) for w in run.weights))
    return run._replace(inputs=inputs, weights=weights, start=list(tensors))


def run(equations, runs, return_sequences, training):
    """As `run` in `kernels/jax.py`, in a loop for each, which TensorFlow runs side by side.

    With `training` what the backward pass needs is kept and not computed anew.
    """
    return [_run(equations, run, return_sequences, training) for run in runs]


def _run(equations, run, return_sequences, training):
    states, emitted = len(run.start), int(return_sequences)
    # A stateful layer's states know the batch size where the sequences do not.
    inputs = tf.ensure_shape(run.inputs, [run.start[0].shape[0], None, None])
    mask = None if run.mask is None else run.mask[:, :, None]
    drop = None if run.drop is None else tf.stop_gradient(run.drop)
    run = run._replace(inputs=inputs, mask=mask, drop=drop)

    # The tape would differentiate what happens within, too.
    @tf.custom_gradient
    def through_time(*tensors):
        within = _with_tensors(run, map(tf.stop_gradient, tensors))
        last, kept = _forward(equations, within, states if training else emitted)

        @tf.custom_gradient
        def gradient(*arguments):
            arguments = [tf.stop_gradient(t) for t in arguments]
            again, d_outputs = _with_tensors(run, arguments[: len(tensors)]), arguments[len(tensors) :]
            known = kept if len(kept) == states else _forward(equations, again, states)[1]
            d_hidden = d_outputs[states] if emitted else None
            return _backward(equations, again, known, d_hidden, d_outputs[:states]), _no_second_derivative

        hidden = [Chunks(run.inputs).whole(sequence) for sequence in kept[:emitted]]
        return [*last, *hidden], lambda *d_outputs: gradient(*tensors, *d_outputs)

    # A variable read within would be a variable that the custom gradient has to answer for.
    outputs = list(through_time(*(tf.convert_to_tensor(t) for t in _tensors(run))))
    return (outputs.pop() if emitted else None), outputs


# Those of cuDNN's networks that TensorFlow offers and our layers compute, with the places of our gates in its order.
CUDNN = {"lstm": (0, 1, 2, 3), "gru": (1, 0, 2)}


def run_cudnn(equations, runs, return_sequences, training):
    """As `run`, by cuDNN's LSTM or GRU."""
    return [_run_cudnn(equations, run, return_sequences) for run in runs]


def _run_cudnn(equations, run, return_sequences):
    sequences, weights, start, mask, _ = run
    units, gates = start[0].shape[-1], CUDNN[equations.cudnn]
    none = tf.zeros(len(gates) * units, sequences.dtype)
    matrices = [tf.split(w, len(gates), axis=-1) for w in (weights.kernel, weights.recurrent_kernel)]
    biases = [tf.split(none if w is None else w, len(gates)) for w in (weights.bias, weights.recurrent_bias)]
    blob = [tf.reshape(tf.transpose(blocks[gate]), [-1]) for blocks in matrices for gate in gates]
    blob += [blocks[gate] for blocks in biases for gate in gates]
    packed, lengths = pack(sequences, mask)
    hidden, *states = tf.raw_ops.CudnnRNNV3(
        input=packed,
        input_h=start[0][:, None],
        # A GRU has no cell.
        input_c=start[-1][:, None],
        params=tf.concat(blob, axis=0),
        sequence_lengths=lengths,
        rnn_mode=equations.cudnn,
        # It decides whether the op has a gradient.
        is_training=True,
        time_major=False,
    )[:3]
    hidden, states = unpack(hidden, [state[:, 0] for state in states[: len(start)]], start, mask)
    return (hidden if return_sequences else None), states


def against_cudnn():
    """Why cuDNN cannot be used here and now, for another reason than the layer; None if it can."""
    if not tf.executing_eagerly() and GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()):
        return "the graph around it is compiled by XLA, which cuDNN's op cannot be"
    return None


def device():
    """Where the kernels run: "gpu" where TensorFlow has one, else "cpu"."""
    return "gpu" if tf.config.list_logical_devices("GPU") else "cpu"


def may_be_saved():
    """Whether a graph is being made by someone else than the steps of Keras' fit, evaluate and predict."""
    if tf.executing_eagerly():
        return False
    graph = tf.compat.v1.get_default_graph()
    while getattr(graph.outer_graph if hasattr(graph, "outer_graph") else None, "outer_graph", None) is not None:
        graph = graph.outer_graph
    return not graph.name.startswith(("one_step_on_", "multi_step_on_"))
