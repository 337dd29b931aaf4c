"""The loop on TensorFlow, compiled by XLA; the large products around it stay TensorFlow's own.

A compiled program is for one shape. In eager execution, and where a graph does not know the shape, time and batch
are padded to the next of a few sizes, and the loop runs as many steps as there are: so programs are compiled for at
most 4 lengths and 8 batch sizes in every doubling, and the padding costs memory but no step.
"""

from bisect import bisect_left
from functools import cache

import tensorflow as tf

# TensorFlow has no public name for whether XLA compiles the graph that is being made.
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

from .packing import pack, unpack
from .through_time import Run, Weights, advance, products, recompute, retreat, rows, unrows, weight_gradients


@cache
def _sizes(in_a_doubling, largest=2**30):
    sizes, size = list(range(1, in_a_doubling)), in_a_doubling
    while size < largest:
        sizes += range(size, 2 * size, size // in_a_doubling)
        size *= 2
    return [*sizes, largest]


def padded_size(tensor, axis, in_a_doubling):
    """The size to which this axis is padded: an integer, or an integer tensor where a graph does not know it."""
    size, sizes = tensor.shape[axis], _sizes(in_a_doubling)
    if size is None:
        fitting = tf.where(tf.constant(sizes) >= tf.shape(tensor)[axis], sizes, sizes[-1])
        return tf.reduce_min(fitting)
    return sizes[bisect_left(sizes, size)] if tf.executing_eagerly() else size


def _pad(tensor, *sizes):
    """Zeros behind the first axes up to these sizes."""
    if tensor is None or tuple(tensor.shape[: len(sizes)]) == sizes:
        return tensor
    missing = [[0, size - tf.shape(tensor)[axis]] for axis, size in enumerate(sizes)]
    return tf.pad(tensor, missing + [[0, 0]] * (len(tensor.shape) - len(sizes)))


def _swap(tensor):
    """Between batch-major and time-major."""
    return tf.transpose(tensor, [1, 0, *range(2, len(tensor.shape))])


def _loop(steps):
    """As `loop` in `kernels/jax.py`, over the first `steps` entries of the sequences."""

    def loop(step, carry, sequences, emits, reverse=False):
        width, state = len(carry), carry[0]
        length = tf.shape(next(s for s in tf.nest.flatten(sequences) if s is not None))[0]
        arrays = [tf.TensorArray(state.dtype, length, element_shape=state.shape) for _ in range(emits)]

        def body(count, *rest):
            t = steps - 1 - count if reverse else count
            slices = tf.nest.map_structure(lambda s: None if s is None else s[t], sequences)
            new, emitted = step(list(rest[:width]), slices)
            new = [tf.ensure_shape(after, before.shape) for after, before in zip(new, carry, strict=True)]
            return count + 1, *new, *(a.write(t, e) for a, e in zip(rest[width:], emitted, strict=True))

        _, *rest = tf.while_loop(lambda count, *_: count < steps, body, (0, *carry, *arrays))
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


def _time_major(run, sizes):
    """The run with sequences time-major, and all padded to these sizes of time and batch."""
    return Run(
        _pad(_swap(run.inputs), *sizes),
        run.weights,
        [_pad(state, sizes[1]) for state in run.start],
        None if run.mask is None else _pad(_swap(run.mask), *sizes)[:, :, None],
        _pad(run.drop, sizes[1]),
    )


def _forward(equations, run, keep, steps):
    """The states after the last step, and those kept after each, of a run that is time-major."""
    units = run.start[0].shape[-1]
    blocks = run.weights.kernel.shape[-1] // units
    x = [unrows(p, run.inputs) for p in products(rows(run.inputs), run.weights.kernel, blocks)]
    # The loop has no use for the kernel.
    weights = run.weights._replace(kernel=None)
    return _advance(equations, units, keep)(x, weights, run.start, run.mask, run.drop, steps)


def _backward(equations, run, kept, d_hidden, d_states, steps):
    """The gradients for inputs, weights and start states."""
    inputs = rows(run.inputs)
    a, seen, last = recompute(equations, inputs, run.weights, run.start, kept, run.drop)
    d_start, d_a = _retreat(equations, run.start[0].shape[-1])(
        [unrows(v, run.inputs) for v in a],
        run.weights.recurrent_kernel,
        last,
        run.mask,
        run.drop,
        d_hidden,
        d_states,
        steps,
    )
    d_inputs, d_weights = weight_gradients(equations, run.weights, inputs, a, seen, [rows(d) for d in d_a])
    return Run(unrows(d_inputs, run.inputs), d_weights, d_start)


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
    # A stateful layer's states know the batch size where the sequences do not.
    run = run._replace(inputs=tf.ensure_shape(run.inputs, [run.start[0].shape[0], None, None]))
    states, emitted = len(run.start), int(return_sequences)
    batch, time = tf.shape(run.inputs)[0], tf.shape(run.inputs)[1]
    sizes = padded_size(run.inputs, 1, 4), padded_size(run.inputs, 0, 8)

    def forward(tensors, keep):
        return _forward(equations, _time_major(_with_tensors(run, tensors), sizes), keep, time)

    def backward(tensors, kept, d_outputs):
        kept = kept if len(kept) == states else forward(tensors, states)[1]
        d_hidden = _pad(_swap(d_outputs[states]), *sizes) if emitted else None
        d_states = [_pad(d, sizes[1]) for d in d_outputs[:states]]
        run_again = _time_major(_with_tensors(run, tensors), sizes)
        d = _backward(equations, run_again, kept, d_hidden, d_states, time)
        return _tensors(d._replace(inputs=_swap(d.inputs[:time, :batch]), start=[s[:batch] for s in d.start]))

    # The tape would differentiate what happens within, too.
    @tf.custom_gradient
    def through_time(*tensors):
        last, kept = forward([tf.stop_gradient(t) for t in tensors], states if training else emitted)

        @tf.custom_gradient
        def gradient(*arguments):
            arguments = [tf.stop_gradient(t) for t in arguments]
            return backward(arguments[: len(tensors)], kept, arguments[len(tensors) :]), _no_second_derivative

        outputs = [state[:batch] for state in last] + [_swap(hidden[:time, :batch]) for hidden in kept[:emitted]]
        return outputs, lambda *d_outputs: gradient(*tensors, *d_outputs)

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
