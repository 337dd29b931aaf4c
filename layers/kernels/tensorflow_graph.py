"""The graph kernel on TensorFlow: a loop of plain operations, for graphs that may be saved.

It needs no XLA, so TensorFlow Serving and other runtimes can run it, and has derivatives of any order and in forward
mode. Unlike Keras' loop it computes the inputs' products with the kernel for all steps at once. In a small layer, for
which starting an iteration takes as long as a step, an iteration runs several steps. In a large layer each gate has a
separate product, because splitting a joint product copies it. Unlike the compiled kernel it
does not compute both halves of a batch at once: a server uses its cores for other requests, which that slows down.
"""

import tensorflow as tf
from keras import ops
from keras.layers import Layer

from ..typing import Tensor
from .derivatives import is_bounded
from .tensorflow_chunks import swap_batch_and_time, with_shape
from .tensorflow_programs import inside_xla
from .through_time import (
    Equations,
    KernelArguments,
    Weights,
    block_products,
    forward_loop,
    merge_steps,
    split_blocks,
    unmerge_steps,
)

# Steps in an iteration of a small layer. With 8, short sequences had more padding than they gained.
STEPS = 4
# Smallest batch of a large layer, and smallest number of pre-activations of a step.
LARGE_BATCH, LARGE_STEP = 32, 8 * 1024


def run_graph(
    owner: Layer,
    equations: Equations,
    args: KernelArguments,
    return_sequences: bool,
    training: bool,
    forced: bool,
    least_memory: bool,
) -> tuple[Tensor | None, list[Tensor]]:
    """Run a layer as `run` in `kernels/tensorflow.py` does."""
    # Otherwise every step would read the variables.
    weights = Weights(*(None if w is None else tf.convert_to_tensor(w) for w in args.weights))
    mask = None if args.mask is None else args.mask[:, :, None]
    outputs = run_plain(equations, return_sequences, args._replace(weights=weights, mask=mask))
    return (outputs.pop() if return_sequences else None), outputs


def run_plain(equations: Equations, return_sequences: bool, args: KernelArguments) -> list[Tensor]:
    """Return the last states and, with `return_sequences`, the hidden states (batch, time, units), in one list.

    Args:
        args: with a mask (batch, time, 1).
    """
    batch = ops.shape(args.inputs)[0]
    is_large = (batch >= LARGE_BATCH) & (batch * args.weights.kernel.shape[-1] >= LARGE_STEP)

    def run(steps):
        return _run_blocks(equations, return_sequences, args, steps)

    # Another activation could overflow on the padding of the last block, and spoil gradients.
    if not all(is_bounded(a) for a in (equations.activation, equations.recurrent_activation) if a is not None):
        return run(1)
    # XLA cannot compile the gradient of a condition around loops.
    if isinstance(is_large, bool) or inside_xla():
        return run(1 if is_large is True else STEPS)
    return tf.cond(is_large, lambda: run(1), lambda: run(STEPS))


def _run_blocks(equations, return_sequences, args, steps):
    """Run blocks of so many steps an iteration; with 1, compute the products of each gate apart."""
    weights = args.weights.cast(args.inputs.dtype)
    time = ops.shape(args.inputs)[1]
    inputs, mask = (_whole_blocks(sequences, time, steps) for sequences in (args.inputs, args.mask))
    num_blocks = weights.kernel.shape[-1] // args.initial_states[0].shape[-1]
    split = steps == 1 or not equations.takes_joint_inputs
    x = block_products(merge_steps(inputs), weights.kernel, num_blocks if split else 1)
    if weights.bias is not None:
        x = [tf.nn.bias_add(*pair) for pair in zip(x, split_blocks(weights.bias, len(x)), strict=True)]
    # The loop uses neither the kernel nor its bias.
    weights = weights._replace(kernel=None, bias=None)
    if steps == 1 and num_blocks > 1:
        weights = weights._replace(recurrent_kernel=split_blocks(weights.recurrent_kernel, num_blocks))
    last, saved = forward_loop(
        _loop(time, steps, mask is not None),
        equations,
        [unmerge_steps(block, inputs) for block in x],
        weights,
        args.initial_states,
        mask,
        args.dropout_mask,
        int(return_sequences),
    )
    return [*last, *(swap_batch_and_time(sequence[:time]) for sequence in saved)]


def _num_iterations(time, steps):
    return (time + steps - 1) // steps


def _whole_blocks(sequences, time, steps):
    """Return sequences as (time, batch, n), with zeros appended up to whole blocks."""
    if sequences is None:
        return None
    sequences = swap_batch_and_time(sequences)
    if _is_whole(time, steps):
        return sequences
    return tf.pad(sequences, [[0, _num_iterations(time, steps) * steps - time], [0, 0], [0, 0]])


def _is_whole(time, steps):
    return steps == 1 or (isinstance(time, int) and time % steps == 0)


def _loop(time, steps, has_mask):
    """Return a function like `loop` in `kernels/jax.py`, over the first `time` steps of sequences of whole blocks."""
    # Padding has the mask False, and leaves the states as they are.
    ignores_padding = has_mask or _is_whole(time, steps)

    def loop(step, carry, sequences, num_outputs):
        flat = [s for s in tf.nest.flatten(sequences) if s is not None]
        num_iterations = _num_iterations(time, steps)
        # Unlike slices of a tensor, the entries of a TensorArray have a cheap gradient.
        blocks = [tf.TensorArray(s.dtype, num_iterations).unstack(_split_time(s, steps)) for s in flat]
        shape = [steps, *carry[0].shape]
        arrays = [tf.TensorArray(carry[0].dtype, num_iterations, element_shape=shape) for _ in range(num_outputs)]

        def body(index, carry, arrays):
            read = [with_shape(b.read(index), [steps, *s.shape[1:]]) for b, s in zip(blocks, flat, strict=True)]
            states, outputs, new = [], [], list(carry)
            for slices in zip(*map(tf.unstack, read), strict=True):
                new, step_outputs = step(new, _pack_like(sequences, slices))
                states.append(new)
                outputs.append(step_outputs)
            if not ignores_padding:
                last = tf.minimum(time - index * steps, steps) - 1
                new = [tf.stack(values)[last] for values in zip(*states, strict=True)]
            new = [with_shape(after, before.shape) for after, before in zip(new, carry, strict=True)]
            # One entry an iteration, since tf2onnx converts no other loops.
            written = map(tf.stack, zip(*outputs, strict=True))
            return index + 1, new, [array.write(index, block) for array, block in zip(arrays, written, strict=True)]

        # XLA differentiates only loops with a limit.
        limits = {"parallel_iterations": 1, "maximum_iterations": num_iterations}
        start = (0, list(carry), arrays)
        _, carry, arrays = tf.while_loop(lambda index, *_: index < num_iterations, body, start, **limits)
        return carry, [_merge_time(array.stack()) for array in arrays]

    return loop


def _split_time(sequence, steps):
    """Reshape (time, batch, n) to (time / steps, steps, batch, n)."""
    return tf.reshape(sequence, [-1, steps, tf.shape(sequence)[1], sequence.shape[-1]])


def _merge_time(blocks):
    """Reshape (time / steps, steps, batch, n) to (time, batch, n)."""
    return tf.reshape(blocks, [-1, tf.shape(blocks)[2], blocks.shape[-1]])


def _pack_like(structure, values):
    """Put values in place of the entries of a structure that are not None."""
    values = iter(values)
    return tf.nest.map_structure(lambda entry: None if entry is None else next(values), structure)
