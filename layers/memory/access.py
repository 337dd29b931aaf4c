"""Reading and writing a memory, and the vectors by which a controller steers that.

Graves et al., Nature 538, 2016, Methods, "Interface parameters" and "Reading and writing to memory".
"""

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

from keras import ops

from ..typing import Tensor
from . import addressing


class Part(NamedTuple):
    """A part of an interface vector.

    Attributes:
        shape: of the part, without the batch axis.
        activation: function that limits its values to their domain.
    """

    shape: tuple[int, ...]
    activation: Callable[[Tensor], Tensor] | None = None


def interface_size(parts: dict[str, Part]) -> int:
    """Return the length of the interface vector of a dict of `Part`s."""
    return sum(math.prod(part.shape) for part in parts.values())


def split_interface(vector: Tensor, parts: dict[str, Part]) -> dict[str, Tensor]:
    """Split an interface vector into its parts, in their order, and apply their activations.

    Args:
        vector: (batch, interface_size(parts)).
        parts: dict of `Part`s by name.

    Returns:
        Dict of tensors (batch, *shape).
    """
    ends = list(itertools.accumulate(math.prod(part.shape) for part in parts.values()))
    values = {}
    for (name, part), value in zip(parts.items(), ops.split(vector, ends[:-1], axis=-1), strict=True):
        value = ops.reshape(value, (-1, *part.shape))
        values[name] = part.activation(value) if part.activation else value
    return values


def dnc_interface(
    slot_size: int, read_heads: int, mask_content: bool = False, normalize_links: bool = False
) -> dict[str, Part]:
    """Return the parts of the interface vector of a DNC, in the paper's order.

    | part | shape | domain |
    |---|---|---|
    | `read_keys` | (read_heads, slot_size) | |
    | `read_strengths` | (read_heads,) | above 1 |
    | `write_key` | (slot_size,) | |
    | `write_strength` | (1,) | above 1 |
    | `erase` | (slot_size,) | 0 to 1 |
    | `write_vector` | (slot_size,) | |
    | `free_gates` | (read_heads,) | 0 to 1 |
    | `allocation_gate`, `write_gate` | (1,) | 0 to 1 |
    | `read_modes` | (read_heads, 3) | distribution over backward, content, forward |
    | `read_masks`, `write_mask`, with `mask_content` | (read_heads, slot_size), (slot_size,) | 0 to 1 |
    | `backward_strengths`, `forward_strengths`, with `normalize_links` | (read_heads,) | above 1 |
    """
    width, heads = (slot_size,), (read_heads,)
    parts = {
        "read_keys": Part(heads + width),
        "read_strengths": Part(heads, addressing.oneplus),
        "write_key": Part(width),
        "write_strength": Part((1,), addressing.oneplus),
        "erase": Part(width, ops.sigmoid),
        "write_vector": Part(width),
        "free_gates": Part(heads, ops.sigmoid),
        "allocation_gate": Part((1,), ops.sigmoid),
        "write_gate": Part((1,), ops.sigmoid),
        "read_modes": Part((*heads, 3), ops.softmax),
    }
    if mask_content:
        parts |= {"read_masks": Part(heads + width, ops.sigmoid), "write_mask": Part(width, ops.sigmoid)}
    if normalize_links:
        parts |= {name: Part(heads, addressing.oneplus) for name in ("backward_strengths", "forward_strengths")}
    return parts


def ntm_interface(slot_size: int, read_heads: int, write_heads: int, shift_range: int) -> dict[str, Part]:
    """Return the parts of the interface vector of an NTM (Graves et al. 2014, section 3), the write heads first.

    | part | shape | domain |
    |---|---|---|
    | `keys` | (heads, slot_size) | |
    | `strengths` | (heads,) | above 0 |
    | `gates` | (heads,) | 0 to 1 |
    | `shifts` | (heads, 2 * shift_range + 1) | distribution over -shift_range to shift_range |
    | `exponents` | (heads,) | above 1 |
    | `erase` | (write_heads, slot_size) | 0 to 1 |
    | `write_vectors` | (write_heads, slot_size) | |
    """
    heads = write_heads + read_heads
    return {
        "keys": Part((heads, slot_size)),
        "strengths": Part((heads,), ops.softplus),
        "gates": Part((heads,), ops.sigmoid),
        "shifts": Part((heads, 2 * shift_range + 1), ops.softmax),
        "exponents": Part((heads,), addressing.oneplus),
        "erase": Part((write_heads, slot_size), ops.sigmoid),
        "write_vectors": Part((write_heads, slot_size)),
    }


def write(memory: Tensor, weightings: Tensor, erase: Tensor, vectors: Tensor) -> Tensor:
    """Erase from and add to the slots (NTM, equations 3 and 4; DNC, "Reading and writing to memory").

        M = M * product over heads of (1 - w e^T) + sum over heads of w v^T

    Args:
        memory: (batch, slots, slot_size).
        weightings: (batch, heads, slots).
        erase: (batch, heads, slot_size), from 0 to 1.
        vectors: (batch, heads, slot_size).

    Returns:
        The new memory, (batch, slots, slot_size).
    """
    for head in range(weightings.shape[1]):
        memory = memory * (1 - weightings[:, head, :, None] * erase[:, head, None, :])
    return memory + ops.matmul(ops.swapaxes(weightings, 1, 2), vectors)


def read(memory: Tensor, weightings: Tensor) -> Tensor:
    """Return the weighted sum of the slots for each head (NTM, equation 2).

    Args:
        memory: (batch, slots, slot_size).
        weightings: (batch, heads, slots).

    Returns:
        (batch, heads, slot_size).
    """
    return ops.matmul(weightings, memory)


def dnc_write_weighting(interface: dict[str, Tensor], memory: Tensor, allocation: Tensor) -> Tensor:
    """Return where a DNC writes, w = g_w * (g_a * a + (1 - g_a) * c).

    Args:
        interface: parts of `dnc_interface`.
        memory: (batch, slots, slot_size), before the write.
        allocation: (batch, slots), see `addressing.allocation_weighting`.

    Returns:
        (batch, slots).
    """
    mask = interface.get("write_mask")
    mask = None if mask is None else mask[:, None]
    content = addressing.content_weighting(memory, interface["write_key"][:, None], interface["write_strength"], mask)
    gate = interface["allocation_gate"]
    return interface["write_gate"] * (gate * allocation + (1 - gate) * content[:, 0])


def dnc_read_weightings(interface: dict[str, Tensor], memory: Tensor, links: Tensor, previous: Tensor) -> Tensor:
    """Return where a DNC reads, w = pi_1 * backward + pi_2 * content + pi_3 * forward.

    Args:
        interface: parts of `dnc_interface`.
        memory: (batch, slots, slot_size), after the write.
        links: (batch, slots, slots), after the write.
        previous: (batch, heads, slots), of the previous step.

    Returns:
        (batch, heads, slots).
    """
    content = addressing.content_weighting(
        memory, interface["read_keys"], interface["read_strengths"], interface.get("read_masks")
    )
    backward, forward = addressing.follow_links(links, previous)
    if "backward_strengths" in interface:
        backward = addressing.normalize_links(backward, interface["backward_strengths"])
        forward = addressing.normalize_links(forward, interface["forward_strengths"])
    modes = interface["read_modes"]
    return modes[:, :, 0, None] * backward + modes[:, :, 1, None] * content + modes[:, :, 2, None] * forward
