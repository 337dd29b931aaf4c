"""Weightings over the slots of a memory.

Graves, Wayne and Danihelka, "Neural Turing Machines", arXiv:1410.5401, 2014, section 3.3, with locations (NTM); Graves
et al., "Hybrid computing using a neural network with dynamic external memory", Nature 538, 2016, Methods, with usage
and temporal links (DNC); and the changes of Csordas and Schmidhuber, "Improving Differentiable Neural Computers Through
Memory Masking, De-allocation, and Link Distribution Sharpness Control", ICLR 2019.

A weighting is a tensor (batch, slots) or (batch, heads, slots) of numbers from 0 to 1, whose sum over the slots is at
most 1. All functions are differentiable everywhere that their papers' equations are, in any floating-point dtype, and
can be compiled by XLA. Half precision is too coarse for them.
"""

from keras import ops

from ..typing import Tensor

_EPSILON = 1e-6
# Smallest probability that is sharpened; far less than the precision of float32 near 1.
_SMALLEST = 1e-12


def oneplus(x: Tensor) -> Tensor:
    """Return 1 + log(1 + exp(x)), a number greater than 1 (DNC, Methods)."""
    return 1 + ops.softplus(x)


def content_weighting(memory: Tensor, keys: Tensor, strengths: Tensor, masks: Tensor | None = None) -> Tensor:
    """Return how well each slot's content matches each key (NTM, equations 5 and 6; DNC, "Content-based addressing").

        C(M, k, beta)[i] = softmax over i of beta * cosine(k, M[i])

    1e-6 is added to the squared norms, so that a slot or a key of zeros has similarity 0 and finite gradients.

    Args:
        memory: (batch, slots, slot_size).
        keys: (batch, heads, slot_size).
        strengths: (batch, heads), positive.
        masks: None, or (batch, heads, slot_size) from 0 to 1, by which both the key and the slots are multiplied, so
            that only a part of a slot is compared (Csordas and Schmidhuber, section 3.1).

    Returns:
        (batch, heads, slots), whose sum over the slots is 1.
    """
    if masks is None:
        keys, slots = _unit(keys), _unit(memory)
        similarity = ops.matmul(keys, ops.swapaxes(slots, 1, 2))
    else:
        keys = _unit(keys * masks) * masks
        # (batch, heads, slots), without a masked copy of the memory for every head.
        squared_norms = ops.matmul(ops.square(masks), ops.swapaxes(ops.square(memory), 1, 2))
        similarity = ops.matmul(keys, ops.swapaxes(memory, 1, 2)) * ops.rsqrt(squared_norms + _EPSILON)
    return ops.softmax(strengths[:, :, None] * similarity, axis=-1)


def _unit(vectors):
    return vectors * ops.rsqrt(ops.sum(ops.square(vectors), axis=-1, keepdims=True) + _EPSILON)


def retention(free_gates: Tensor, read_weightings: Tensor) -> Tensor:
    """Return how much of each slot is not freed: the product over heads of 1 - f w (DNC, "Dynamic memory allocation").

    Args:
        free_gates: (batch, heads), from 0 to 1.
        read_weightings: (batch, heads, slots), of the previous step.

    Returns:
        (batch, slots), from 0 to 1.
    """
    kept = 1 - free_gates[:, :, None] * read_weightings
    result = kept[:, 0]
    for head in range(1, kept.shape[1]):
        result = result * kept[:, head]
    return result


def usage(previous: Tensor, write_weighting: Tensor, retained: Tensor) -> Tensor:
    """Return the usage of each slot, u = (u + w - u * w) * retention (DNC, "Dynamic memory allocation").

    Args:
        previous: (batch, slots), usage of the previous step.
        write_weighting: (batch, slots), of the previous step.
        retained: (batch, slots), see `retention`.

    Returns:
        (batch, slots), from 0 to 1.
    """
    return (previous + write_weighting - previous * write_weighting) * retained


def allocation_weighting(used: Tensor) -> Tensor:
    """Return the weighting that selects free slots (DNC, "Dynamic memory allocation", equation 1).

    With phi the slots in the order of increasing usage, the lower index first among equals:

        a[phi[j]] = (1 - u[phi[j]]) * product over i < j of u[phi[i]]

    As in the paper the gradient ignores that the order depends on the usage.

    Args:
        used: (batch, slots), from 0 to 1.

    Returns:
        (batch, slots), whose sum is at most 1.
    """
    order = ops.argsort(used, axis=-1)
    ascending = _take_slots(used, order)
    allocated = (1 - ascending) * _exclusive_product(ascending)
    return _take_slots(allocated, ops.argsort(order, axis=-1))


def _take_slots(values, slots):
    """Return values[b, slots[b, i]] for all b and i; values and slots are (batch, slots)."""
    # `ops.take_along_axis` has a gradient on TensorFlow that XLA cannot compile.
    count = values.shape[-1]
    rows = ops.arange(ops.shape(values)[0], dtype="int32")[:, None]
    return ops.take(ops.reshape(values, (-1,)), rows * count + ops.cast(slots, "int32"))


def _exclusive_product(x):
    """Return the product of all earlier entries of the last axis of (batch, size).

    Doubles the number of factors in each round. The gradient of TensorFlow's `cumprod` divides by the entries, of which
    some are zero here.
    """
    product = _shift_in_ones(x, 1)
    distance = 1
    while distance < x.shape[-1]:
        product = product * _shift_in_ones(product, distance)
        distance *= 2
    return product


def _shift_in_ones(x, distance):
    return ops.concatenate([ops.ones_like(x[:, :distance]), x[:, : x.shape[-1] - distance]], axis=-1)


def update_links(links: Tensor, precedence: Tensor, write_weighting: Tensor) -> Tensor:
    """Return the temporal links after a write (DNC, "Temporal memory linkage").

        L[i, j] = (1 - w[i] - w[j]) * L[i, j] + w[i] * p[j],    L[i, i] = 0

    L[i, j] is near 1 if slot i was written next after slot j.

    Args:
        links: (batch, slots, slots), of the previous step.
        precedence: (batch, slots), of the previous step, see `update_precedence`.
        write_weighting: (batch, slots), of this step.

    Returns:
        (batch, slots, slots).
    """
    to, from_ = write_weighting[:, :, None], write_weighting[:, None, :]
    off_diagonal = 1 - ops.eye(links.shape[-1], dtype=links.dtype)
    return ((1 - to - from_) * links + to * precedence[:, None, :]) * off_diagonal


def update_precedence(precedence: Tensor, write_weighting: Tensor) -> Tensor:
    """Return to what degree each slot was the last one written, p = (1 - sum(w)) * p + w (DNC).

    Args:
        precedence: (batch, slots), of the previous step.
        write_weighting: (batch, slots), of this step.

    Returns:
        (batch, slots), whose sum is at most 1.
    """
    return (1 - ops.sum(write_weighting, axis=-1, keepdims=True)) * precedence + write_weighting


def follow_links(links: Tensor, read_weightings: Tensor) -> tuple[Tensor, Tensor]:
    """Return where the temporal links lead from the slots read before (DNC, "Temporal memory linkage").

    Args:
        links: (batch, slots, slots).
        read_weightings: (batch, heads, slots), of the previous step.

    Returns:
        The backward weightings, on what was written before, and the forward weightings, on what was written after;
        each (batch, heads, slots).
    """
    return ops.matmul(read_weightings, links), ops.matmul(read_weightings, ops.swapaxes(links, 1, 2))


def normalize_links(weightings: Tensor, strengths: Tensor) -> Tensor:
    """Sharpen a weighting that comes from the links (Csordas and Schmidhuber, section 3.3).

        S(d, s)[i] = (d[i] / max(d))^s / sum over j of (d[j] / max(d))^s

    1e-6 is added to d, as in the authors' code; a weighting of zeros becomes uniform.

    Args:
        weightings: (batch, heads, slots).
        strengths: (batch, heads), at least 1.

    Returns:
        (batch, heads, slots), whose sum over the slots is 1.
    """
    # The maximum cancels.
    return ops.softmax(strengths[:, :, None] * ops.log(weightings + _EPSILON), axis=-1)


def interpolate(content: Tensor, previous: Tensor, gates: Tensor) -> Tensor:
    """Return g * content + (1 - g) * previous (NTM, equation 7).

    Args:
        content, previous: weightings (batch, heads, slots).
        gates: (batch, heads), from 0 to 1.
    """
    gates = gates[:, :, None]
    return gates * content + (1 - gates) * previous


def shift(weightings: Tensor, shifts: Tensor) -> Tensor:
    """Move weightings along the slots, of which the first follows the last (NTM, equation 8).

        w'[i] = sum over k from -range to range of s[k] * w[i - k]

    Args:
        weightings: (batch, heads, slots).
        shifts: (batch, heads, 2 * range + 1), a distribution over the shifts from -range to range.

    Returns:
        (batch, heads, slots).
    """
    count, slots = shifts.shape[-1], weightings.shape[-1]
    reach = count // 2
    # Slots -reach to slots + reach.
    around = ops.concatenate([weightings[:, :, slots - reach :], weightings, weightings[:, :, :reach]], axis=-1)
    starts = range(2 * reach, -1, -1)
    return sum(shifts[:, :, index, None] * around[:, :, start : start + slots] for index, start in enumerate(starts))


def sharpen(weightings: Tensor, exponents: Tensor) -> Tensor:
    """Return w^gamma / sum(w^gamma) (NTM, equation 9).

    1e-12 is added to w, so that zeros have finite gradients; a weighting of zeros becomes uniform.

    Args:
        weightings: (batch, heads, slots).
        exponents: (batch, heads), at least 1.

    Returns:
        (batch, heads, slots), whose sum over the slots is 1.
    """
    return ops.softmax(exponents[:, :, None] * ops.log(weightings + _SMALLEST), axis=-1)
