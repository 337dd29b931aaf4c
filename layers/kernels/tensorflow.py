"""The compiled kernel and cuDNN on TensorFlow. XLA compiles only the loop; the large products are TensorFlow's own."""

from weakref import ref

import tensorflow as tf
from keras.layers import Layer

# TensorFlow has no public names for callbacks on every operation, which numeric debugging uses, for the tensors that
# forward mode follows, and for the graph of a function.
from tensorflow.python.eager.context import context
from tensorflow.python.eager.forwardprop_util import pack_tangents
from tensorflow.python.framework.func_graph import FuncGraph

from ..typing import Tensor
from .packing import pack, unpack
from .tensorflow_chunks import Chunks, pad, unpad, with_shape
from .tensorflow_graph import run_graph as run_graph
from .tensorflow_graph import run_plain
from .tensorflow_programs import Program, custom_gradient, get_shared, inside_xla, is_warm
from .tensorflow_programs import device as device
from .through_time import (
    CHUNK_LENGTH,
    SHORT_CHUNK_LENGTH,
    Equations,
    KernelArguments,
    Weights,
    add_lists,
    backward_loop,
    block_products,
    forward_loop,
    merge_steps,
    previous_states,
    unmerge_steps,
    weight_gradients,
)


def _loop(num_steps):
    """Return a function like `loop` in `kernels/jax.py`, over the first `num_steps` entries of the sequences."""

    def loop(step, carry, sequences, num_outputs, reverse=False):
        num_carried, state = len(carry), carry[0]
        length = tf.shape(next(s for s in tf.nest.flatten(sequences) if s is not None))[0]
        arrays = [tf.TensorArray(state.dtype, length, element_shape=state.shape) for _ in range(num_outputs)]

        def body(t, *rest):
            slices = tf.nest.map_structure(lambda s: None if s is None else s[t], sequences)
            new, outputs = step(list(rest[:num_carried]), slices)
            new = [with_shape(after, before.shape) for after, before in zip(new, carry, strict=True)]
            return (
                t - 1 if reverse else t + 1,
                *new,
                *(array.write(t, output) for array, output in zip(rest[num_carried:], outputs, strict=True)),
            )

        # The loop carries the index: XLA takes an index computed from `num_steps` for a constant, and would compile a
        # program for each value.
        condition = (lambda t, *_: t >= 0) if reverse else (lambda t, *_: t < num_steps)
        _, *rest = tf.while_loop(condition, body, (num_steps - 1 if reverse else 0, *carry, *arrays))
        return rest[:num_carried], [array.stack() for array in rest[num_carried:]]

    return loop


# `units` is an argument, and so part of the key of `get_shared`, to keep a trace from generalizing over it.
def _forward_program(equations, units, num_saved):
    def forward(rows, sequences, weights, num_steps):
        (initial_states, dropout_mask), (x, mask) = rows, sequences
        return forward_loop(_loop(num_steps), equations, x, weights, initial_states, mask, dropout_mask, num_saved)

    return Program(forward)


def _backward_program(equations, units):
    def backward(rows, sequences, recurrent_kernel, num_steps):
        (d_states, dropout_mask), (a, prev, mask, d_hidden) = rows, sequences
        return backward_loop(
            _loop(num_steps), equations, a, recurrent_kernel, prev, mask, dropout_mask, d_hidden, d_states
        )

    return Program(backward)


def _matmul_over_steps(left, right, dtype):
    return tf.matmul(tf.cast(left, dtype), tf.cast(right, dtype), transpose_a=True)


class _Programs:
    """The programs for a layer's sizes; they hold no reference to the layer.

    Attributes:
        warm: as `Program` takes it.
        forward: the forward loops, by the number of states that they return for every step.
        backward: the backward loop.
        second_gradient: the function from `_second_gradient`.
    """

    def __init__(self, owner, equations, units, num_hidden, num_states, warm, chunk_length):
        self.warm, self._chunk_length = warm, chunk_length
        self.forward = {n: get_shared(owner, _forward_program, equations, units, n) for n in {num_hidden, num_states}}
        self.backward = get_shared(owner, _backward_program, equations, units)
        self.second_gradient = get_shared(owner, _second_gradient, equations, num_hidden)

    def chunks(self, inputs):
        """Return the `Chunks` of a call."""
        return Chunks(inputs, self._chunk_length)


def _forward(programs, args, num_saved):
    """Return the last states, the first `num_saved` after each step, and those before each chunk, as `scan` does."""
    units, chunks = args.initial_states[0].shape[-1], programs.chunks(args.inputs)
    initial_states = [pad(state, chunks.padded_batch) for state in args.initial_states]
    forward = _forward_chunk(programs, chunks, args, num_saved)
    states, saved, before = chunks.scan(forward, initial_states, [units] * num_saved, keep_carry=True)
    return [unpad(state, chunks.batch) for state in states], saved, before


def _forward_chunk(programs, chunks, args, num_saved):
    """Return the body of the forward pass for `Chunks.scan`."""
    units, weights = args.initial_states[0].shape[-1], args.weights.cast(args.inputs.dtype)
    dropout_mask = pad(args.dropout_mask, chunks.padded_batch)
    num_blocks, program = weights.kernel.shape[-1] // units, programs.forward[num_saved]

    def forward(index, num_steps, states):
        inputs, mask = (chunks.get(sequences, index) for sequences in (args.inputs, args.mask))
        projected = block_products(merge_steps(inputs), weights.kernel, num_blocks)
        x = [chunks.pad_steps(unmerge_steps(block, inputs)) for block in projected]
        # The loop does not use the kernel.
        loop_weights = weights._replace(kernel=None)
        rows, sequences = (states, dropout_mask), (x, chunks.pad_steps(mask))
        new, saved = program(programs.warm, rows, sequences, loop_weights, num_steps)
        return new, [chunks.restore_shape(s) for s in saved]

    return forward


def _backward(programs, equations, args, saved, before, d_hidden, d_states):
    """Return the gradients with respect to inputs, weights and initial states, in one list.

    Args:
        saved, before: from `_forward`. Without all states after each step, each chunk computes its own again.
    """
    chunks = programs.chunks(args.inputs)
    weights = args.weights.cast(args.inputs.dtype)
    dropout_mask = pad(args.dropout_mask, chunks.padded_batch)
    recompute = _forward_chunk(programs, chunks, args, len(before)) if len(saved) < len(before) else None

    def backward(index, num_steps, carry):
        d_states, d_weights = carry
        inputs, mask, d_outputs = (chunks.get(sequences, index) for sequences in (args.inputs, args.mask, d_hidden))
        chunk_start = [chunks.read(state, index) for state in before]
        flat_inputs = merge_steps(inputs)
        chunk_saved = (
            recompute(index, num_steps, chunk_start)[1] if recompute else [chunks.read(s, index) for s in saved]
        )
        chunk_saved = [chunks.unpad_steps(s, num_steps) for s in chunk_saved]
        prev, h_in = previous_states(chunk_start, chunk_saved, dropout_mask)
        h_in = merge_steps(h_in)
        a = equations.recompute(flat_inputs, h_in, merge_steps(chunk_saved[0]), weights)
        sequences = (
            [chunks.pad_steps(unmerge_steps(block, inputs)) for block in a],
            [chunks.pad_steps(state) for state in prev],
            chunks.pad_steps(mask),
            chunks.pad_steps(d_outputs),
        )
        rows = d_states, dropout_mask
        d_states, d_a = programs.backward(programs.warm, rows, sequences, weights.recurrent_kernel, num_steps)
        d_a = [merge_steps(chunks.unpad_steps(chunks.restore_shape(d), num_steps)) for d in d_a]
        d_inputs, d_chunk_weights = weight_gradients(
            equations, weights, flat_inputs, a, h_in, d_a, _matmul_over_steps, args.weights.kernel.dtype
        )
        d_weights = add_lists(d_weights, [d for d in d_chunk_weights if d is not None])
        return (d_states, d_weights), [unmerge_steps(d_inputs, inputs)]

    zeros = [tf.zeros_like(weight) for weight in args.weights if weight is not None]
    carry = ([pad(d, chunks.padded_batch) for d in d_states], zeros)
    carry, (d_inputs,), _ = chunks.scan(backward, carry, [args.inputs.shape[-1]], reverse=True)
    d_initial_states, d_weights = carry
    return [chunks.join(d_inputs), *d_weights, *(unpad(d, chunks.batch) for d in d_initial_states)]


def _second_gradient(equations, num_hidden):
    """Return the function that computes the gradient of the gradient."""

    # A separate function, because forward mode ignores a tape that is opened inside a gradient.
    @tf.function(autograph=False, reduce_retracing=True)
    def second_gradient(args, d_outputs, d_gradients):
        tensors = _differentiable(args)
        gradient = tf.gradients(
            run_plain(equations, bool(num_hidden), args), tensors, d_outputs, unconnected_gradients="zero"
        )
        return tf.gradients(gradient, [*tensors, *d_outputs], d_gradients, unconnected_gradients="zero")

    return second_gradient


def _differentiable(args):
    """List the tensors that have gradients."""
    return [t for t in (args.inputs, *args.weights, *args.initial_states) if t is not None]


def _with_differentiable(args, tensors):
    """Replace the tensors that `_differentiable` lists."""
    tensors = iter(tensors)
    inputs, weights = next(tensors), Weights(*(None if w is None else next(tensors) for w in args.weights))
    return args._replace(inputs=inputs, weights=weights, initial_states=list(tensors))


def run(
    owner: Layer,
    equations: Equations,
    args: KernelArguments,
    return_sequences: bool,
    training: bool,
    forced: bool,
    least_memory: bool,
) -> tuple[Tensor | None, list[Tensor]]:
    """Run a layer as `run` in `kernels/jax.py` does.

    Args:
        owner: the layer's cell, which keeps the compiled programs alive.
        forced: whether to compile at once, without a warm-up.
        least_memory: whether to recompute in the backward pass the states after each step.
    """
    num_states, num_hidden = len(args.initial_states), int(return_sequences)
    # Otherwise the backward pass recomputes them.
    saves_states = training and not least_memory
    # The states of a stateful layer know the batch size even where the sequences do not.
    batch = args.initial_states[0].shape[0]
    inputs = with_shape(args.inputs, [batch, None, None])
    mask = None if args.mask is None else args.mask[:, :, None]
    dropout_mask = None if args.dropout_mask is None else tf.stop_gradient(args.dropout_mask)
    args = args._replace(inputs=inputs, mask=mask, dropout_mask=dropout_mask)
    # The custom gradient would have to return gradients for variables that are read inside it.
    tensors = [tf.convert_to_tensor(t) for t in _differentiable(args)]

    # In a graph, forward mode would differentiate the operations inside a custom gradient.
    if pack_tangents(tensors).tangents:
        outputs = run_plain(equations, bool(num_hidden), _with_differentiable(args, tensors))
        return (outputs.pop() if num_hidden else None), outputs

    units, owner_reference = args.initial_states[0].shape[1], ref(owner)
    warm = forced or is_warm(owner, inputs, units)
    chunk_length = SHORT_CHUNK_LENGTH if least_memory else CHUNK_LENGTH
    programs = _Programs(owner, equations, units, num_hidden, num_states, warm, chunk_length)

    # stop_gradient here and below, because an outer tape would also differentiate the operations inside.
    def through_time(*tensors):
        stopped_args = _with_differentiable(args, map(tf.stop_gradient, tensors))
        last, saved, before = _forward(programs, stopped_args, num_states if saves_states else num_hidden)
        chunks = programs.chunks(args.inputs)
        hidden = [chunks.join(sequence) for sequence in saved[:num_hidden]]
        # The outputs are kept anyway.
        saved = saved if chunks.is_single else [*hidden, *saved[num_hidden:]]

        def gradient(*arguments):
            # Copies in this graph: the second gradient may be in a third graph, which can capture only from this one.
            mask, dropout_mask = (None if t is None else tf.identity(t) for t in (args.mask, args.dropout_mask))
            stopped = [tf.stop_gradient(t) for t in arguments]
            stopped_args = _with_differentiable(args, stopped[: len(tensors)])
            d_outputs = stopped[len(tensors) :]
            d_hidden = d_outputs[num_states] if num_hidden else None

            def second_gradient(*d_gradients):
                copied_args = args._replace(mask=mask, dropout_mask=dropout_mask)
                exact_args = _with_differentiable(copied_args, arguments[: len(tensors)])
                return programs.second_gradient(exact_args, list(arguments[len(tensors) :]), list(d_gradients))

            d_states = d_outputs[:num_states]
            gradients = _backward(programs, equations, stopped_args, saved, before, d_hidden, d_states)
            return gradients, second_gradient

        def differentiate(*d_outputs):
            return custom_gradient(gradient, owner_reference(), *map(tf.identity, tensors), *d_outputs)

        return [*last, *hidden], differentiate

    outputs = list(custom_gradient(through_time, owner, *tensors))
    # The outputs of a program have no static shape.
    hidden = with_shape(outputs.pop(), [*inputs.shape[:2], units]) if num_hidden else None
    return hidden, [with_shape(state, [inputs.shape[0], units]) for state in outputs]


# The cuDNN networks that TensorFlow offers and our layers compute: indices of our gates, in cuDNN's order.
CUDNN: dict[str | None, tuple[int, ...]] = {"lstm": (0, 1, 2, 3), "gru": (1, 0, 2)}
# Whether to run them unasked.
PREFERS_CUDNN = True


def run_cudnn(
    owner: Layer,
    equations: Equations,
    args: KernelArguments,
    return_sequences: bool,
    training: bool,
    forced: bool,
    least_memory: bool,
) -> tuple[Tensor | None, list[Tensor]]:
    """Run a layer as `run` does, by cuDNN's LSTM or GRU."""
    sequences, weights, initial_states, mask, _ = args._replace(weights=args.weights.cast(args.inputs.dtype))
    units, gates = initial_states[0].shape[-1], CUDNN[equations.cudnn_mode]
    no_bias = tf.zeros(len(gates) * units, sequences.dtype)
    matrices = [tf.split(w, len(gates), axis=-1) for w in (weights.kernel, weights.recurrent_kernel)]
    biases = [tf.split(no_bias if w is None else w, len(gates)) for w in (weights.bias, weights.recurrent_bias)]
    flat_weights = [tf.reshape(tf.transpose(blocks[gate]), [-1]) for blocks in matrices for gate in gates]
    flat_weights += [blocks[gate] for blocks in biases for gate in gates]
    packed, lengths = pack(sequences, mask)
    hidden, *states = tf.raw_ops.CudnnRNNV3(
        input=packed,
        input_h=initial_states[0][:, None],
        # A GRU has no cell.
        input_c=initial_states[-1][:, None],
        params=tf.concat(flat_weights, axis=0),
        sequence_lengths=lengths,
        rnn_mode=equations.cudnn_mode,
        # Otherwise the op has no gradient.
        is_training=True,
        time_major=False,
    )[:3]
    hidden, states = unpack(hidden, [state[:, 0] for state in states[: len(initial_states)]], initial_states, mask)
    return (hidden if return_sequences else None), states


def why_not_cudnn() -> str | None:
    """Return why cuDNN cannot run any layer in this context, or None."""
    return "XLA compiles the graph around it, and cannot compile cuDNN's op" if inside_xla() else None


def why_not_graph() -> str | None:
    """Return why the graph kernel cannot run any layer in this context, or None."""
    return None


def why_not_compiled() -> str | None:
    """Return why the compiled kernel cannot run any layer in this context, or None."""
    if context().op_callbacks:
        return "numeric debugging (tf.debugging) observes every operation, which it cannot inside compiled programs"
    return None


def may_be_saved() -> bool:
    """Return whether a graph is traced by anything other than the steps of Keras' fit, evaluate and predict."""
    if tf.executing_eagerly():
        return False
    graph = tf.compat.v1.get_default_graph()
    while isinstance(getattr(graph, "outer_graph", None), FuncGraph):
        graph = graph.outer_graph
    return not graph.name.startswith(("one_step_on_", "multi_step_on_"))
