"""Neural Turing machine.

Graves, Wayne and Danihelka, "Neural Turing Machines", arXiv:1410.5401, 2014.
"""

from typing import Any

import keras
from keras import ops

from ..typing import Initializer, Tensor
from . import access, addressing
from .access import Part
from .machine import MemoryCell, MemoryLayer, check_positive_integers

_INITIAL_CONTENT = 1e-6


@keras.saving.register_keras_serializable(package="engram")
class NTMCell(MemoryCell):
    """One step of a neural Turing machine (NTM).

    With x the input, h the controller's output, M the memory (memory_slots, slot_size), `_prev` the previous step and
    the parts of the interface vector as in `layers.memory.access.ntm_interface`:

        h = controller([x, r_prev])
        interface = h W_interface + b_interface
        for each head:
            c = content(M_prev or M, key, strength)          equations 5 and 6
            w = gate * c + (1 - gate) * w_prev               equation 7
            w = circular convolution of w and shift          equation 8
            w = w^exponent / sum(w^exponent)                 equation 9
        M = M_prev * product over write heads of (1 - w erase^T) + sum over write heads of w write_vector^T
        r = M^T w                                            for each read head
        y = [h, r] W_output + b_output

    The heads write before they read: write heads look up content in M_prev, read heads in M, as the paper's indices
    say. The strength is softplus of a part of the interface, the exponent 1 + softplus.

    Every sequence starts with 1e-6 in the whole memory (Collier and Beel, "Implementing Neural Turing Machines",
    ICANN 2018), and with all heads at slot 0.

    Args:
        units: size of the output.
        memory_slots: number of slots of the memory.
        slot_size: size of a slot.
        read_heads, write_heads: number of heads.
        shift_range: largest number of slots by which a head moves in one step; 1 is a shift by -1, 0 or 1.
        controller: a recurrent cell, ours or Keras', also `keras.layers.StackedRNNCells`; or a layer from
            (batch, features) to (batch, size), such as `keras.layers.Dense`. By default
            `LSTMCell(controller_units)`.
        controller_units: size of the default controller; ignored with `controller`.
        clip_value: limit of the absolute value of the controller's output and of the output, or None.
        kernel_initializer, bias_initializer: of the interface's and the output's weights.

    Call arguments:
        inputs: (batch, features).
        states: list of tensors (batch, size), in the order of `state_shapes`: `output` (units,), which is only stored;
            `controller_0` ..., the controller's; `memory` (memory_slots, slot_size); `read_vectors`
            (read_heads, slot_size); `write_weightings` (write_heads, memory_slots); `read_weightings`
            (read_heads, memory_slots).
        training: whether the controller's dropout is active.
        return_trace: whether to also return the values that `trace_shapes` describes.

    Returns:
        `output, states`, or `output, states, trace`.

    Example:
        >>> import keras
        >>> import layers
        >>> cell = layers.NTMCell(3, memory_slots=4, slot_size=2)
        >>> output, states = cell(keras.ops.ones((2, 5)), cell.get_initial_state(batch_size=2))
        >>> keras.ops.shape(output), keras.ops.shape(cell.unpack_states(states)["memory"])
        ((2, 3), (2, 4, 2))
    """

    def __init__(
        self,
        units: int,
        memory_slots: int = 128,
        slot_size: int = 20,
        read_heads: int = 1,
        write_heads: int = 1,
        shift_range: int = 1,
        controller: keras.layers.Layer | None = None,
        controller_units: int = 100,
        clip_value: float | None = None,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        **kwargs: Any,
    ):
        super().__init__(
            units=units,
            memory_slots=memory_slots,
            slot_size=slot_size,
            read_heads=read_heads,
            write_heads=write_heads,
            shift_range=shift_range,
            controller=controller,
            controller_units=controller_units,
            clip_value=clip_value,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            **kwargs,
        )

    def _check_options(self):
        super()._check_options()
        check_positive_integers(write_heads=self.write_heads, shift_range=self.shift_range)
        if 2 * self.shift_range >= self.memory_slots:
            raise ValueError(
                "Received an invalid value for argument `shift_range`, expected less than half of `memory_slots`, "
                f"{self.memory_slots}, got {self.shift_range!r}."
            )

    @property
    def interface_parts(self) -> dict[str, Part]:
        return access.ntm_interface(self.slot_size, self.read_heads, self.write_heads, self.shift_range)

    @property
    def memory_shapes(self) -> dict[str, tuple[int, ...]]:
        return {
            "memory": (self.memory_slots, self.slot_size),
            "read_vectors": (self.read_heads, self.slot_size),
            "write_weightings": (self.write_heads, self.memory_slots),
            "read_weightings": (self.read_heads, self.memory_slots),
        }

    @property
    def trace_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the trace's values by name, without the batch axis; all heads, the write heads first."""
        states = ("memory", "write_weightings", "read_weightings")
        parts = ("gates", "shifts", "exponents")
        return {
            **{name: self.memory_shapes[name] for name in states},
            **{name: self.interface_parts[name].shape for name in parts},
        }

    def initial_memory(self, batch_size: int | None) -> dict[str, Tensor]:
        first = ops.one_hot(ops.zeros((batch_size, 1), dtype="int32"), self.memory_slots, dtype=self.compute_dtype)
        shape = (batch_size, self.memory_slots * self.slot_size)
        return {
            "memory": ops.full(shape, _INITIAL_CONTENT, dtype=self.compute_dtype),
            "write_weightings": ops.tile(first, (1, self.write_heads, 1)),
            "read_weightings": ops.tile(first, (1, self.read_heads, 1)),
        }

    def access(
        self, interface: dict[str, Tensor], prev: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        write, read = slice(None, self.write_heads), slice(self.write_heads, None)
        write_weightings = self._move(interface, write, prev["memory"], prev["write_weightings"])
        memory = access.write(prev["memory"], write_weightings, interface["erase"], interface["write_vectors"])
        read_weightings = self._move(interface, read, memory, prev["read_weightings"])
        new = {
            "memory": memory,
            "read_vectors": access.read(memory, read_weightings),
            "write_weightings": write_weightings,
            "read_weightings": read_weightings,
        }
        return new, {**interface, **new}

    def _move(self, interface, heads, memory, previous):
        """Return the new weightings of some heads: lookup, interpolation, shift, sharpening."""
        names = ("keys", "strengths", "gates", "shifts", "exponents")
        keys, strengths, gates, shifts, exponents = (interface[name][:, heads] for name in names)
        content = addressing.content_weighting(memory, keys, strengths)
        moved = addressing.shift(addressing.interpolate(content, previous, gates), shifts)
        return addressing.sharpen(moved, exponents)


@keras.saving.register_keras_serializable(package="engram")
class NTM(MemoryLayer):
    """Neural Turing machine over a sequence.

    Takes the arguments of `NTMCell`, which documents the equations and the states, and of `keras.layers.RNN`.
    `MemoryLayer` documents the call, `unpack_states` and `trace`, which returns the weightings of every step.

    Example:
        >>> import keras
        >>> import layers
        >>> layer = layers.NTM(3, memory_slots=4, slot_size=2)
        >>> sequences = keras.ops.ones((2, 5, 6))  # 2 sequences of 5 steps of 6 features
        >>> keras.ops.shape(layer(sequences))
        (2, 3)
        >>> keras.ops.shape(layer.trace(sequences)["read_weightings"])  # of 1 head over 4 slots at each step
        (2, 5, 1, 4)
    """

    cell_class = NTMCell
    cell_name = "ntm_cell"
