"""What networks with an external memory share: the controller, the states, the layer and its trace."""

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import keras
from keras import ops
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell

from ..lstm import LSTMCell
from ..precision import at_least_float32
from ..recurrent import LAYER_OPTIONS_WITHOUT_CUDNN, RecurrentLayer, cell_parameters
from ..typing import Config, Shape, Tensor
from . import access


def check_positive_integers(**values: Any) -> None:
    """Raise ValueError for a value that is not a positive integer."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value <= 0:
            raise ValueError(
                f"Received an invalid value for argument `{name}`, expected a positive integer, got {value!r}."
            )


def fresh_initializer(initializer: Any) -> Any:
    """Return a copy of an initializer, because one instance always draws the same values."""
    return initializer.clone() if isinstance(initializer, keras.initializers.Initializer) else initializer


class MemoryCell(DropoutRNNCell, keras.layers.Layer):
    """One step of a network with an external memory.

    With h the controller's output and r_i the read vectors, of all heads:

        h = controller([x, r_1_prev, ..., r_R_prev])
        interface = h W_interface + b_interface
        memory and read vectors = access(interface, previous ones)
        y = [h, r_1, ..., r_R] W_output + b_output

    A subclass lists its arguments in its constructor, which passes them by name; and defines `interface_parts`,
    `memory_shapes`, `access` and `trace_shapes`.
    """

    # The backward pass is not derived, and there is no zoneout: see `layers.which_kernel`.
    derived_equations = None
    zoneout = ()
    controller: keras.layers.Layer

    def __init__(self, **arguments: Any):
        options = {name: arguments.pop(name) for name in cell_parameters(type(self)) if name in arguments}
        super().__init__(**arguments)
        for option, value in options.items():
            setattr(self, option, keras.initializers.get(value) if option.endswith("_initializer") else value)
        self._check_options()
        self.has_default_controller = self.controller is None
        self.controller = self._make_controller(self.controller)
        self.output_size = self.units

    def _check_options(self):
        names = ("units", "memory_slots", "slot_size", "read_heads", "controller_units")
        check_positive_integers(**{name: getattr(self, name) for name in names})
        if self.clip_value is not None and not self.clip_value > 0:
            raise ValueError(
                f"Received an invalid value for argument `clip_value`, expected None or a positive number, "
                f"got {self.clip_value!r}."
            )

    def _make_controller(self, controller):
        if controller is None:
            return LSTMCell(self.controller_units, dtype=self.dtype_policy, name="controller")
        if isinstance(controller, dict):
            controller = keras.saving.deserialize_keras_object(controller)
        if not isinstance(controller, keras.layers.Layer) or isinstance(controller, keras.layers.RNN):
            raise ValueError(
                "Received an invalid value for argument `controller`, expected None, a recurrent cell, or a layer from "
                f"(batch, features) to (batch, size), got {controller!r}."
            )
        return controller

    # States

    @property
    def compute_dtype(self) -> str:
        """The dtype of the states and of the addressing: at least float32, because half precision is too coarse."""
        return at_least_float32(super().compute_dtype)

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the states by name, in order, without the batch axis.

        `output` is the previous output, which Keras' loop repeats at masked steps on JAX; the cell does not read it.
        """
        sizes = keras.tree.flatten(getattr(self.controller, "state_size", []))
        controller = {f"controller_{index}": (size,) for index, size in enumerate(sizes)}
        return {"output": (self.units,), **controller, **self.memory_shapes}

    @property
    def state_size(self) -> list[int]:
        return [math.prod(shape) for shape in self.state_shapes.values()]

    @property
    def memory_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the states of the memory by name, among them `read_vectors` (read_heads, slot_size)."""
        raise NotImplementedError

    def unpack_states(self, states: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return the states by name, (batch, *shape) each, from the list of tensors (batch, size)."""
        pairs = zip(self.state_shapes.items(), states, strict=True)
        return {name: ops.reshape(state, (-1, *shape)) for (name, shape), state in pairs}

    def initial_memory(self, batch_size: int | None) -> dict[str, Tensor]:
        """Return the initial states of the memory that are not zeros, by name."""
        return {}

    def get_initial_state(self, batch_size: int | None = None) -> list[Tensor]:
        zeros = {
            name: ops.zeros((batch_size, size), dtype=self.compute_dtype)
            for name, size in zip(self.state_shapes, self.state_size, strict=True)
        }
        initial = self.initial_memory(batch_size)
        if hasattr(self.controller, "get_initial_state"):
            states = keras.tree.flatten(self.controller.get_initial_state(batch_size=batch_size))
            initial |= {f"controller_{index}": state for index, state in enumerate(states)}
        sizes = dict(zip(self.state_shapes, self.state_size, strict=True))
        initial = {name: ops.reshape(state, (-1, sizes[name])) for name, state in initial.items()}
        return [ops.cast(state, self.compute_dtype) for state in (zeros | initial).values()]

    # Step

    def build(self, input_shape: Shape) -> None:
        width = self.read_heads * self.slot_size
        controller_shape = (input_shape[0], input_shape[-1] + width)
        if not self.controller.built:
            self.controller.build(controller_shape)
            self.controller.built = True
        hidden = self._controller_size(controller_shape)
        interface = access.interface_size(self.interface_parts)
        self.interface_kernel, self.interface_bias = self._add_dense("interface", hidden, interface)
        self.output_kernel, self.output_bias = self._add_dense("output", hidden + width, self.units)

    def _controller_size(self, input_shape):
        if not hasattr(self.controller, "state_size"):
            return self.controller.compute_output_shape(input_shape)[-1]
        return getattr(self.controller, "output_size", None) or keras.tree.flatten(self.controller.state_size)[0]

    def _add_dense(self, name, rows, columns):
        initializer = fresh_initializer(self.kernel_initializer)
        kernel = self.add_weight(name=f"{name}_kernel", shape=(rows, columns), initializer=initializer)
        return kernel, self.add_weight(name=f"{name}_bias", shape=(columns,), initializer=self.bias_initializer)

    def call(
        self, inputs: Tensor, states: list[Tensor], training: bool = False, return_trace: bool = False
    ) -> tuple[Tensor, list[Tensor]] | tuple[Tensor, list[Tensor], dict[str, Tensor]]:
        prev = self.unpack_states(states)
        controlled, controller_states = self._run_controller(inputs, prev)
        vector = ops.matmul(controlled, self.interface_kernel) + self.interface_bias
        memory, trace = self.access(access.split_interface(vector, self.interface_parts), prev)
        reads = ops.reshape(memory["read_vectors"], (-1, self.read_heads * self.slot_size))
        output = ops.matmul(ops.concatenate([controlled, reads], axis=-1), self.output_kernel) + self.output_bias
        output = self._clip(output)
        new = {"output": output, **controller_states, **memory}
        flat = [ops.reshape(new[name], (-1, math.prod(shape))) for name, shape in self.state_shapes.items()]
        return (output, flat, trace) if return_trace else (output, flat)

    def _run_controller(self, inputs, prev):
        """Return the controller's output, clipped, and its new states by name."""
        reads = ops.reshape(prev["read_vectors"], (-1, self.read_heads * self.slot_size))
        inputs = ops.concatenate([inputs, reads], axis=-1)
        if hasattr(self.controller, "state_size"):
            output, states = self.controller(inputs, self._controller_states(prev))
        else:
            output, states = self.controller(inputs), []
        states = [ops.cast(state, self.compute_dtype) for state in keras.tree.flatten(states)]
        named = {f"controller_{index}": state for index, state in enumerate(states)}
        return self._clip(ops.cast(output, self.compute_dtype)), named

    def _controller_states(self, named):
        """Pack the controller's states in the structure that it expects."""
        structure = self.controller.state_size
        structure = [structure] if isinstance(structure, int) else structure
        count = len(keras.tree.flatten(structure))
        return keras.tree.pack_sequence_as(structure, [named[f"controller_{index}"] for index in range(count)])

    def _clip(self, values):
        return values if self.clip_value is None else ops.clip(values, -self.clip_value, self.clip_value)

    def access(
        self, interface: dict[str, Tensor], prev: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Write and read the memory.

        Args:
            interface: the parts of the interface vector by name.
            prev: the previous states by name.

        Returns:
            The new states of `memory_shapes` by name, and what `trace_shapes` describes by name.
        """
        raise NotImplementedError

    # Dropout of the controller, for which keras.layers.RNN draws the masks before its loop.

    def get_dropout_mask(self, step_input: Tensor) -> None:
        if any(cell.dropout or cell.recurrent_dropout for cell in self._dropout_cells()):
            states = [ops.cast(state, step_input.dtype) for state in self.get_initial_state(ops.shape(step_input)[0])]
            self._run_controller(ops.cast(step_input, self.compute_dtype), self.unpack_states(states))

    def get_recurrent_dropout_mask(self, step_input: Tensor) -> None:
        """Drawn together with the other mask."""

    def reset_dropout_mask(self) -> None:
        for cell in self._dropout_cells():
            cell.reset_dropout_mask()

    def reset_recurrent_dropout_mask(self) -> None:
        for cell in self._dropout_cells():
            cell.reset_recurrent_dropout_mask()

    def _dropout_cells(self):
        cells = getattr(self.controller, "cells", [self.controller])
        return [cell for cell in cells if isinstance(cell, DropoutRNNCell)]

    def get_config(self) -> Config:
        config = super().get_config()
        for option in cell_parameters(type(self)):
            value = getattr(self, option)
            config[option] = keras.initializers.serialize(value) if option.endswith("_initializer") else value
        default = self.has_default_controller
        config["controller"] = None if default else keras.saving.serialize_keras_object(self.controller)
        return config


class _TracingCell(keras.layers.Layer):
    """A cell whose output is another's output and trace, concatenated."""

    def __init__(self, cell):
        super().__init__(dtype=cell.compute_dtype)
        self.cell = cell
        self.output_size = cell.units + sum(math.prod(shape) for shape in cell.trace_shapes.values())
        # Keras' loop requires that the first state has the size of the output.
        self.state_size = [self.output_size, *cell.state_size]

    def build(self, input_shape):
        pass

    def call(self, inputs, states):
        output, new, trace = self.cell(inputs, list(states[1:]), training=False, return_trace=True)
        parts = [ops.reshape(trace[name], (-1, math.prod(shape))) for name, shape in self.cell.trace_shapes.items()]
        joined = ops.concatenate([output, *parts], axis=-1)
        return joined, [joined, *new]

    def get_initial_state(self, batch_size=None):
        joined = ops.zeros((batch_size, self.output_size), dtype=self.compute_dtype)
        return [joined, *self.cell.get_initial_state(batch_size)]


class MemoryLayer(RecurrentLayer):
    """A layer that runs a `MemoryCell` over a sequence, with the arguments of the cell and of `keras.layers.RNN`.

    The states are those of the cell's `state_shapes`, (batch, size) each; `unpack_states` returns them by name and in
    their shapes. Without `initial_state` or `stateful` every sequence starts with a fresh memory.

    In mixed precision only the controller computes in half precision: memory, addressing and states are float32 within
    the loop. The outputs and the last states are rounded to the policy's dtype.

    Call arguments and results are those of `RecurrentLayer`.
    """

    cell_class: type[keras.layers.Layer] = MemoryCell
    built: bool
    layer_options = LAYER_OPTIONS_WITHOUT_CUDNN

    def unpack_states(self, states: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return states by name, (batch, *shape) each.

        Args:
            states: list of tensors (batch, size), as a layer with `return_state` returns them after its output.
        """
        return self.cell.unpack_states(states)

    def reset_state(self) -> None:
        """Set the states of a stateful layer to the initial ones."""
        if self.states is not None:
            batch = self.states[0].shape[0]
            for variable, value in zip(self.states, self.cell.get_initial_state(batch), strict=True):
                variable.assign(value)

    def trace(self, sequences: Tensor, initial_state: Any = None, mask: Any = None) -> dict[str, Tensor]:
        """Return what happens in the memory at every step, in inference.

        Args:
            sequences, initial_state, mask: as for a call of the layer. States of a stateful layer are neither read nor
                changed.

        Returns:
            Dict of tensors (batch, time, *shape): `output`, and the names and shapes of the cell's `trace_shapes`. With
            `go_backwards` in the order of reading. Masked steps are zeros.
        """
        cell = self.cell
        if not self.built:
            self.build(tuple(sequences.shape))
            self.built = True
        tracer = _TracingCell(cell)
        loop = keras.layers.RNN(
            tracer, return_sequences=True, go_backwards=self.go_backwards, zero_output_for_mask=True, dtype=tracer.dtype
        )
        sequences, mask, states = self._standardize(sequences, mask, initial_state, cell.compute_dtype)
        if states is not None:
            states = [tracer.get_initial_state(ops.shape(sequences)[0])[0], *states]
        joined = loop(sequences, initial_state=states, mask=mask)
        shapes = {"output": (cell.units,), **cell.trace_shapes}
        values, start = {}, 0
        for name, shape in shapes.items():
            stop = start + math.prod(shape)
            values[name] = ops.reshape(joined[:, :, start:stop], (*ops.shape(joined)[:2], *shape))
            start = stop
        return values
