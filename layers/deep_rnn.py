"""A stack of recurrent cells with skip connections.

Graves, "Generating Sequences With Recurrent Neural Networks", arXiv:1308.0850, 2013, section 2 and figure 1.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from .recurrent import standardize_sequences, standardize_states
from .typing import Config, Shape, Tensor


@keras.saving.register_keras_serializable(package="engram")
class DeepRNN(keras.layers.Layer):
    """Stack of recurrent cells, with skip connections from the input to every level and from every level to the output.

    With x_t the input, H_n the cell of level n and h_n its output:

        h_1[t] = H_1(x[t], h_1[t-1])
        h_n[t] = H_n([x[t], h_{n-1}[t]], h_n[t-1])          n = 2 ... N
        y[t]   = [h_1[t], ..., h_N[t]]                      the output

    A dense layer on y is the sum over levels in Graves' equation 3, with one matrix for each level. The skip
    connections shorten the paths of the gradient, so that deep stacks train.

    Args:
        cells: one cell for each level, from the input up; ours or Keras', of any type and size.
        return_sequences: whether to return the output of every step, or only of the last.
        return_state: whether to return the last states, too.
        go_backwards: whether to read the sequence in reverse; the outputs are in the order of reading.

    Call arguments:
        sequences: (batch, time, features).
        initial_state: list of the states of all levels, level by level, (batch, units) or (1, units) each; zeros by
            default.
        mask: (batch, time), True = keep, of any dtype. A masked step leaves all states unchanged.
        training: whether dropout is active.

    Returns:
        (batch, width), or (batch, time, width) with `return_sequences`, where width is the sum of the levels' output
        sizes; with `return_state` followed by the last states, level by level.

    Example:
        >>> import keras
        >>> import layers
        >>> layer = layers.DeepRNN([layers.LSTMCell(3), layers.GRUCell(2)], return_sequences=True)
        >>> layer(keras.Input((5, 4))).shape  # 3 + 2 outputs a step
        (None, 5, 5)
    """

    def __init__(
        self,
        cells: Sequence[keras.layers.Layer],
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not isinstance(cells, (list, tuple)) or not cells:
            raise ValueError(f"`cells` must be a non-empty list of cells. Received: {cells!r}")
        self.cells = list(cells)
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = False
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.levels = [keras.layers.RNN(cell, return_sequences=True, return_state=True) for cell in self.cells]

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        batch, time, features = sequences_shape
        below = 0
        for level in self.levels:
            level.build((batch, time, features + below))
            below = level.compute_output_shape((batch, time, features))[0][-1]

    def call(
        self, sequences: Tensor, initial_state: Any = None, mask: Tensor | None = None, training: bool = False
    ) -> Any:
        sequences, mask = standardize_sequences(sequences, mask, self.compute_dtype)
        sizes = [size for level in self.levels for size in level.state_size]
        remaining = None if initial_state is None else standardize_states(initial_state, sizes, sequences)
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = ops.flip(mask, axis=1) if mask is not None else None
        outputs: list[Tensor] = []
        last_states: list[Tensor] = []
        for level in self.levels:
            inputs = ops.concatenate([sequences, outputs[-1]], axis=-1) if outputs else sequences
            level_state = None if remaining is None else [remaining.pop(0) for _ in level.state_size]
            output, *states = level(inputs, initial_state=level_state, mask=mask, training=training)
            outputs.append(output)
            last_states += states
        joined = ops.concatenate(outputs, axis=-1)
        joined = joined if self.return_sequences else joined[:, -1]
        return (joined, *last_states) if self.return_state else joined

    @property
    def num_states(self) -> int:
        """Number of state tensors of all levels."""
        return sum(len(level.state_size) for level in self.levels)

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Any = None) -> Any:
        batch, time, _ = sequences_shape
        shapes = [level.compute_output_shape((batch, time, 1)) for level in self.levels]
        width = sum(shape[0][-1] for shape in shapes)
        output = (batch, time, width) if self.return_sequences else (batch, width)
        return (output, *(state for shape in shapes for state in shape[1:])) if self.return_state else output

    def compute_mask(self, sequences: Tensor, mask: Tensor | None = None) -> Any:
        mask = keras.tree.flatten(mask)[0] if mask is not None and self.return_sequences else None
        return [mask] + [None] * self.num_states if self.return_state else mask

    def get_config(self) -> Config:
        return {
            **super().get_config(),
            "cells": [keras.saving.serialize_keras_object(cell) for cell in self.cells],
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
        }

    @classmethod
    def from_config(cls, config: Config) -> "DeepRNN":
        cells = [keras.saving.deserialize_keras_object(cell) for cell in config.pop("cells")]
        return cls(cells, **config)
