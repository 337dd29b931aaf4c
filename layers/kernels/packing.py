"""Packing of masked sequences for kernels that support only right-padded rows, given by their lengths."""

from keras import ops

from ..typing import Tensor


def pack(sequences: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Move the unmasked steps of each row to its front, in order.

    Args:
        sequences: (batch, time, features).
        mask: boolean (batch, time), True = keep, or None.

    Returns:
        The packed sequences, and the number of unmasked steps of each row, (batch,); at least 1, as such kernels
        require.
    """
    shape = ops.shape(sequences)
    if mask is None:
        return sequences, ops.broadcast_to(ops.cast(shape[1], "int32"), (shape[0],))
    time = ops.arange(shape[1], dtype="int32")
    order = ops.argsort(ops.where(mask, time, time + shape[1]), axis=1)
    lengths = ops.sum(ops.cast(mask, "int32"), axis=1)
    return ops.take_along_axis(sequences, order[:, :, None], axis=1), ops.maximum(lengths, 1)


def unpack(
    hidden: Tensor, states: list[Tensor], initial_states: list[Tensor], mask: Tensor | None
) -> tuple[Tensor, list[Tensor]]:
    """Convert the results for packed sequences to those for the sequences themselves.

    Args:
        hidden: (batch, time, units), after each packed step.
        states: after the last packed step of each row, (batch, units) each.
        initial_states: (batch, units) each.
        mask: as passed to `pack`.

    Returns:
        The hidden states after each step, which masked steps leave unchanged, and the last states.
    """
    if mask is None:
        return hidden, states
    num_steps = ops.cumsum(ops.cast(mask, "int32"), axis=1)[:, :, None]
    gathered = ops.take_along_axis(hidden, ops.maximum(num_steps - 1, 0), axis=1)
    hidden = ops.where(num_steps > 0, gathered, initial_states[0][:, None])
    not_empty = num_steps[:, -1] > 0
    return hidden, [ops.where(not_empty, last, h_0) for last, h_0 in zip(states, initial_states, strict=True)]
