"""The loop on TensorFlow, compiled by XLA; the large products around it stay TensorFlow's own."""

from weakref import ref

import tensorflow as tf

# TensorFlow has no public names for what watches every operation, as numeric debugging does, for the tensors that
# forward mode follows, and for the graph of a function.
from tensorflow.python.eager.context import context
from tensorflow.python.eager.forwardprop_util import pack_tangents
from tensorflow.python.framework.func_graph import FuncGraph

from .packing import pack, unpack
from .tensorflow_chunks import Chunks, before, cut, pad, read, swap, with_shape
from .tensorflow_programs import Program, inside_xla, is_warm, shared, with_gradient
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
            new = [with_shape(after, before.shape) for after, before in zip(new, carry, strict=True)]
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


def _plain_loop(step, carry, sequences, emits):
    """As `_loop` over whole sequences, by operations that TensorFlow differentiates as often as asked."""
    flat = tf.nest.flatten(sequences)
    time = next(s for s in flat if s is not None).shape[0]
    length = tf.shape(next(s for s in flat if s is not None))[0] if time is None else time
    arrays = [None if s is None else tf.TensorArray(s.dtype, length).unstack(s) for s in flat]
    outputs = [tf.TensorArray(carry[0].dtype, length, element_shape=carry[0].shape) for _ in range(emits)]

    def body(t, carry, outputs):
        slices = [None if array is None else array.read(t) for array in arrays]
        new, emitted = step(list(carry), tf.nest.pack_sequence_as(sequences, slices))
        new = [with_shape(after, before.shape) for after, before in zip(new, carry, strict=True)]
        return t + 1, new, [array.write(t, e) for array, e in zip(outputs, emitted, strict=True)]

    loop = (lambda t, *_: t < length, body, (0, list(carry), outputs))
    _, carry, outputs = tf.while_loop(*loop, maximum_iterations=time)
    return carry, [array.stack() for array in outputs]


# `units` is among the arguments, and so in the key of `shared`, because a trace shall not generalize it.
def _advance(equations, units, keep):
    def forward(x, weights, start, mask, drop, steps):
        return advance(_loop(steps), equations, x, weights, start, mask, drop, keep)

    return Program(forward)


def _retreat(equations, units):
    def backward(a, recurrent_kernel, last, mask, drop, d_hidden, d_states, steps):
        return retreat(_loop(steps), equations, a, recurrent_kernel, last, mask, drop, d_hidden, d_states)

    return Program(backward)


def _over_steps(left, right, dtype):
    return tf.matmul(tf.cast(left, dtype), tf.cast(right, dtype), transpose_a=True)


class _Programs:
    """The programs of a layer's sizes; they do not keep the layer itself.

    Attributes:
        warm: as `Program` takes it.
        advance: the forward loop, by the number of states it returns of every step.
        retreat: the backward loop.
        second: the function `_second`.
    """

    def __init__(self, owner, equations, units, emitted, states, warm):
        keeps, self.warm = {emitted, states}, warm
        self.advance = {keep: shared(owner, _advance, equations, units, keep) for keep in keeps}
        self.retreat = shared(owner, _retreat, equations, units)
        self.second = shared(owner, _second, equations, emitted)


def _forward(programs, run, keep):
    """The states after the last step, and those kept after each as `Chunks.carry` returns them."""
    units, chunks = run.start[0].shape[-1], Chunks(run.inputs)
    weights, drop = run.weights.cast(run.inputs.dtype), pad(run.drop, chunks.padded_batch)
    blocks, advanced = weights.kernel.shape[-1] // units, programs.advance[keep]

    def forward(index, steps, states):
        inputs, mask = (chunks.of(sequences, index) for sequences in (run.inputs, run.mask))
        x = [chunks.fill(unrows(p, inputs)) for p in products(rows(inputs), weights.kernel, blocks)]
        # The loop has no use for the kernel.
        new, kept = advanced(programs.warm, x, weights._replace(kernel=None), states, chunks.fill(mask), drop, steps)
        return new, [chunks.filled(k) for k in kept]

    states, kept = chunks.carry(forward, [pad(state, chunks.padded_batch) for state in run.start], [units] * keep)
    return [cut(state, chunks.batch) for state in states], kept


def _backward(programs, equations, run, kept, d_hidden, d_states):
    """The gradients for inputs, weights and start states."""
    chunks = Chunks(run.inputs)
    weights, drop = run.weights.cast(run.inputs.dtype), pad(run.drop, chunks.padded_batch)
    first_states = [pad(state, chunks.padded_batch) for state in run.start]

    def backward(index, steps, carry):
        d_states, d_weights = carry
        inputs, mask, d_out = (chunks.of(sequences, index) for sequences in (run.inputs, run.mask, d_hidden))
        start = [before(k, state, index) for k, state in zip(kept, first_states, strict=True)]
        flat, here = rows(inputs), [chunks.trim(read(k, index), steps) for k in kept]
        last, seen = preceding(start, here, drop)
        seen = rows(seen)
        a = equations.recompute(flat, seen, rows(here[0]), weights)
        d_states, d_a = programs.retreat(
            programs.warm,
            [chunks.fill(unrows(v, inputs)) for v in a],
            weights.recurrent_kernel,
            [chunks.fill(state) for state in last],
            chunks.fill(mask),
            drop,
            chunks.fill(d_out),
            d_states,
            steps,
        )
        d_a = [rows(chunks.trim(chunks.filled(d), steps)) for d in d_a]
        d_inputs, new = weight_gradients(equations, weights, flat, a, seen, d_a, _over_steps, run.weights.kernel.dtype)
        return (d_states, add(d_weights, [d for d in new if d is not None])), [unrows(d_inputs, inputs)]

    zeros = [tf.zeros_like(weight) for weight in run.weights if weight is not None]
    carry = ([pad(d, chunks.padded_batch) for d in d_states], zeros)
    (d_start, d_weights), (d_inputs,) = chunks.carry(backward, carry, [run.inputs.shape[-1]], reverse=True)
    return [chunks.whole(d_inputs), *d_weights, *(cut(d, chunks.batch) for d in d_start)]


def _plain(equations, emitted, run):
    """What `run` returns, with derivatives of any order and in forward mode; slow."""
    mask = None if run.mask is None else swap(run.mask)
    weights = run.weights.cast(run.inputs.dtype)
    last, kept = advance(_plain_loop, equations, swap(run.inputs), weights, run.start, mask, run.drop, emitted)
    return [*last, *(swap(sequence) for sequence in kept)]


def _second(equations, emitted):
    """The gradient of the gradient."""

    # A separate function, because forward mode ignores a tape that is opened within a gradient.
    @tf.function(autograph=False, reduce_retracing=True)
    def second(run, d_outputs, d_gradients):
        tensors = _tensors(run)
        gradient = tf.gradients(_plain(equations, emitted, run), tensors, d_outputs, unconnected_gradients="zero")
        return tf.gradients(gradient, [*tensors, *d_outputs], d_gradients, unconnected_gradients="zero")

    return second


def _tensors(run):
    """What a gradient is asked for, in one list."""
    return [t for t in (run.inputs, *run.weights, *run.start) if t is not None]


def _with_tensors(run, tensors):
    """The inverse of `_tensors`."""
    tensors = iter(tensors)
    inputs, weights = next(tensors), Weights(*(None if w is None else next(tensors) for w in run.weights))
    return run._replace(inputs=inputs, weights=weights, start=list(tensors))


def run(owner, equations, run, return_sequences, training, forced):
    """As `run` in `kernels/jax.py`; `owner` keeps the compiled programs.

    With `training` what the backward pass needs is kept and not computed again. What is `forced` is compiled at once.
    """
    count, emitted = len(run.start), int(return_sequences)
    # A stateful layer's states know the batch size where the sequences do not.
    batch = run.start[0].shape[0]
    inputs = with_shape(run.inputs, [batch, None, None])
    mask = None if run.mask is None else run.mask[:, :, None]
    drop = None if run.drop is None else tf.stop_gradient(run.drop)
    run = run._replace(inputs=inputs, mask=mask, drop=drop)
    # A variable read within would be a variable that the custom gradient has to answer for.
    tensors = [tf.convert_to_tensor(t) for t in _tensors(run)]

    # In a graph, forward mode would differentiate what a custom gradient does, and not what it stands for.
    if pack_tangents(tensors).tangents:
        outputs = _plain(equations, emitted, _with_tensors(run, tensors))
        return (outputs.pop() if emitted else None), outputs

    units, owner_reference = run.start[0].shape[1], ref(owner)
    warm = forced or is_warm(owner, inputs, units)
    programs = _Programs(owner, equations, units, emitted, count, warm)

    # The tape would differentiate what happens within, too.
    def through_time(*tensors):
        within = _with_tensors(run, map(tf.stop_gradient, tensors))
        last, kept = _forward(programs, within, count if training else emitted)

        def gradient(*arguments):
            # Copies belong to this graph: the gradient's own gradient may be of a third, which sees no further back.
            mask, drop = (None if t is None else tf.identity(t) for t in (run.mask, run.drop))
            within = [tf.stop_gradient(t) for t in arguments]
            again, d_outputs = _with_tensors(run, within[: len(tensors)]), within[len(tensors) :]
            known = kept if len(kept) == count else _forward(programs, again, count)[1]
            d_hidden = d_outputs[count] if emitted else None

            def second(*d_gradients):
                exact = _with_tensors(run._replace(mask=mask, drop=drop), arguments[: len(tensors)])
                return programs.second(exact, list(arguments[len(tensors) :]), list(d_gradients))

            return _backward(programs, equations, again, known, d_hidden, d_outputs[:count]), second

        def differentiate(*d_outputs):
            return with_gradient(gradient, owner_reference(), *map(tf.identity, tensors), *d_outputs)

        hidden = [Chunks(run.inputs).whole(sequence) for sequence in kept[:emitted]]
        return [*last, *hidden], differentiate

    outputs = list(with_gradient(through_time, owner, *tensors))
    # A program's outputs know no static shape.
    hidden = with_shape(outputs.pop(), [*inputs.shape[:2], units]) if emitted else None
    return hidden, [with_shape(state, [inputs.shape[0], units]) for state in outputs]


# Those of cuDNN's networks that TensorFlow offers and our layers compute, with the places of our gates in its order.
CUDNN = {"lstm": (0, 1, 2, 3), "gru": (1, 0, 2)}


def run_cudnn(owner, equations, run, return_sequences, training, forced):
    """As `run`, by cuDNN's LSTM or GRU."""
    sequences, weights, start, mask, _ = run._replace(weights=run.weights.cast(run.inputs.dtype))
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
    return "the graph around it is compiled by XLA, which cuDNN's op cannot be" if inside_xla() else None


def against_compiled():
    """Why the compiled kernel cannot be used here and now, for another reason than the layer; None if it can."""
    if context().op_callbacks:
        return "numeric debugging (tf.debugging) watches every operation, and can do so in no compiled program"
    return None


def device():
    """Where the kernels run: "gpu" where TensorFlow has one, else "cpu"."""
    return "gpu" if tf.config.list_logical_devices("GPU") else "cpu"


def may_be_saved():
    """Whether a graph is traced by other than the steps of Keras' fit, evaluate and predict."""
    if tf.executing_eagerly():
        return False
    graph = tf.compat.v1.get_default_graph()
    while isinstance(getattr(graph, "outer_graph", None), FuncGraph):
        graph = graph.outer_graph
    return not graph.name.startswith(("one_step_on_", "multi_step_on_"))
