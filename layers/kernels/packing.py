"""Sequences with any mask for kernels that know lengths alone."""

from keras import ops


def pack(sequences, mask):
    """Moves each row's kept steps to its front, in their order.

    Args:
        sequences: (batch, time, features).
        mask: boolean (batch, time), or None.

    Returns:
        The moved sequences, and how many steps of each row are kept, (batch,); at least 1, which is what such
        kernels ask for.
    """
    shape = ops.shape(sequences)
    if mask is None:
        return sequences, ops.broadcast_to(ops.cast(shape[1], "int32"), (shape[0],))
    time = ops.arange(shape[1], dtype="int32")
    order = ops.argsort(ops.where(mask, time, time + shape[1]), axis=1)
    lengths = ops.sum(ops.cast(mask, "int32"), axis=1)
    return ops.take_along_axis(sequences, order[:, :, None], axis=1), ops.maximum(lengths, 1)


def unpack(hidden, states, start, mask):
    """What came of the packed sequences, as it stands for the sequences themselves.

    Args:
        hidden: (batch, time, units) for the packed steps.
        states: after each row's last packed step, (batch, units) each.
        start: the states before the first step.
        mask: as given to `pack`.

    Returns:
        The hidden states after each step, which a masked step leaves as they were, and the last states.
    """
    if mask is None:
        return hidden, states
    step = ops.cumsum(ops.cast(mask, "int32"), axis=1)[:, :, None]
    found = ops.take_along_axis(hidden, ops.maximum(step - 1, 0), axis=1)
    hidden = ops.where(step > 0, found, start[0][:, None])
    begun = step[:, -1] > 0
    return hidden, [ops.where(begun, after, before) for after, before in zip(states, start, strict=True)]
