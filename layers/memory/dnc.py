"""Differentiable neural computer.

Graves et al., "Hybrid computing using a neural network with dynamic external memory", Nature 538, 2016; with the
options of Csordas and Schmidhuber, "Improving Differentiable Neural Computers Through Memory Masking, De-allocation,
and Link Distribution Sharpness Control", ICLR 2019.
"""

from typing import Any

import keras

from ..typing import Initializer, Tensor
from . import access, addressing
from .access import Part
from .machine import MemoryCell, MemoryLayer


@keras.saving.register_keras_serializable(package="engram")
class DNCCell(MemoryCell):
    """One step of a differentiable neural computer (DNC).

    With x the input, h the controller's output, M the memory (memory_slots, slot_size), `_prev` the previous step and
    the parts of the interface vector as in `layers.memory.access.dnc_interface`:

        h = controller([x, r_prev])
        interface = h W_interface + b_interface
        psi = product over read heads of 1 - free_gate * w_read_prev          retention
        u = (u_prev + w_write_prev - u_prev * w_write_prev) * psi             usage
        a = allocation(u)                                                     free slots, in the order of usage
        c = content(M_prev, write_key, write_strength)
        w_write = write_gate * (allocation_gate * a + (1 - allocation_gate) * c)
        M = M_prev * (1 - w_write erase^T) + w_write write_vector^T
        L[i, j] = (1 - w_write[i] - w_write[j]) * L_prev[i, j] + w_write[i] * p_prev[j],  L[i, i] = 0
        p = (1 - sum(w_write)) * p_prev + w_write                             precedence
        w_read = read_mode_1 * L^T w_read_prev + read_mode_2 * content(M, read_key, read_strength)
                 + read_mode_3 * L w_read_prev                                for each read head
        r = M^T w_read
        y = [h, r] W_output + b_output

    `layers.memory.addressing` documents each function. The links take memory and time in proportion to memory_slots^2.

    Args:
        units: size of the output.
        memory_slots: number of slots of the memory.
        slot_size: size of a slot.
        read_heads: number of read heads. There is one write head.
        controller: a recurrent cell, ours or Keras', also `keras.layers.StackedRNNCells`; or a layer from
            (batch, features) to (batch, size), such as `keras.layers.Dense`. By default
            `LSTMCell(controller_units)`.
        controller_units: size of the default controller; ignored with `controller`.
        clip_value: limit of the absolute value of the controller's output and of the output, or None. DeepMind's
            implementation uses 20.
        kernel_initializer, bias_initializer: of the interface's and the output's weights.
        dealloc_by_content: whether freeing a slot also erases its content, M = M_prev * psi * (1 - w_write erase^T)
            + ..., so that content lookups do not find freed slots (Csordas and Schmidhuber, section 3.2). The lookup of
            the same step's write still reads M_prev.
        mask_content: whether the controller also emits masks (slot_size) for the write key and for each read key, by
            which key and slots are multiplied in content lookups (section 3.1).
        normalize_links: whether L^T w_read_prev and L w_read_prev are sharpened with a strength for each head and
            direction, and thereby sum to 1 (section 3.3; `addressing.normalize_links`). Empty links give a uniform
            weighting.

    Call arguments:
        inputs: (batch, features).
        states: list of tensors (batch, size), in the order of `state_shapes`: `output` (units,), which is only stored;
            `controller_0` ..., the controller's; `memory` (memory_slots, slot_size); `read_vectors`
            (read_heads, slot_size); `read_weightings` (read_heads, memory_slots); `write_weighting`, `usage`,
            `precedence` (memory_slots,); `links` (memory_slots, memory_slots). All start at zero.
        training: whether the controller's dropout is active.
        return_trace: whether to also return the values that `trace_shapes` describes.

    Returns:
        `output, states`, or `output, states, trace`.

    Example:
        >>> import keras
        >>> import layers
        >>> cell = layers.DNCCell(3, memory_slots=4, slot_size=2, read_heads=1)
        >>> output, states = cell(keras.ops.ones((2, 5)), cell.get_initial_state(batch_size=2))
        >>> keras.ops.shape(output), keras.ops.shape(cell.unpack_states(states)["memory"])
        ((2, 3), (2, 4, 2))
    """

    def __init__(
        self,
        units: int,
        memory_slots: int = 16,
        slot_size: int = 16,
        read_heads: int = 4,
        controller: keras.layers.Layer | None = None,
        controller_units: int = 64,
        clip_value: float | None = None,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        dealloc_by_content: bool = False,
        mask_content: bool = False,
        normalize_links: bool = False,
        **kwargs: Any,
    ):
        super().__init__(
            units=units,
            memory_slots=memory_slots,
            slot_size=slot_size,
            read_heads=read_heads,
            controller=controller,
            controller_units=controller_units,
            clip_value=clip_value,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            dealloc_by_content=dealloc_by_content,
            mask_content=mask_content,
            normalize_links=normalize_links,
            **kwargs,
        )

    @property
    def interface_parts(self) -> dict[str, Part]:
        return access.dnc_interface(self.slot_size, self.read_heads, self.mask_content, self.normalize_links)

    @property
    def memory_shapes(self) -> dict[str, tuple[int, ...]]:
        slots = self.memory_slots
        return {
            "memory": (slots, self.slot_size),
            "read_vectors": (self.read_heads, self.slot_size),
            "read_weightings": (self.read_heads, slots),
            "write_weighting": (slots,),
            "usage": (slots,),
            "precedence": (slots,),
            "links": (slots, slots),
        }

    @property
    def trace_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the trace's values by name, without the batch axis."""
        states = ("memory", "read_weightings", "write_weighting", "usage")
        parts = ("free_gates", "allocation_gate", "write_gate", "read_modes")
        return {
            **{name: self.memory_shapes[name] for name in states},
            "allocation_weighting": (self.memory_slots,),
            **{name: self.interface_parts[name].shape for name in parts},
        }

    def access(
        self, interface: dict[str, Tensor], prev: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        retained = addressing.retention(interface["free_gates"], prev["read_weightings"])
        usage = addressing.usage(prev["usage"], prev["write_weighting"], retained)
        allocation = addressing.allocation_weighting(usage)
        write_weighting = access.dnc_write_weighting(interface, prev["memory"], allocation)
        memory = prev["memory"] * retained[:, :, None] if self.dealloc_by_content else prev["memory"]
        one_head = (value[:, None] for value in (write_weighting, interface["erase"], interface["write_vector"]))
        memory = access.write(memory, *one_head)
        links = addressing.update_links(prev["links"], prev["precedence"], write_weighting)
        read_weightings = access.dnc_read_weightings(interface, memory, links, prev["read_weightings"])
        new = {
            "memory": memory,
            "read_vectors": access.read(memory, read_weightings),
            "read_weightings": read_weightings,
            "write_weighting": write_weighting,
            "usage": usage,
            "precedence": addressing.update_precedence(prev["precedence"], write_weighting),
            "links": links,
        }
        return new, {**interface, **new, "allocation_weighting": allocation}


@keras.saving.register_keras_serializable(package="engram")
class DNC(MemoryLayer):
    """Differentiable neural computer over a sequence.

    Takes the arguments of `DNCCell`, which documents the equations and the states, and of `keras.layers.RNN`.
    `MemoryLayer` documents the call, `unpack_states` and `trace`, which returns the weightings of every step.

    Example:
        >>> import keras
        >>> import layers
        >>> layer = layers.DNC(3, memory_slots=4, slot_size=2, read_heads=1)
        >>> sequences = keras.ops.ones((2, 5, 6))  # 2 sequences of 5 steps of 6 features
        >>> keras.ops.shape(layer(sequences))
        (2, 3)
        >>> keras.ops.shape(layer.trace(sequences)["write_weighting"])  # of 4 slots at each step
        (2, 5, 4)
    """

    cell_class = DNCCell
    cell_name = "dnc_cell"
