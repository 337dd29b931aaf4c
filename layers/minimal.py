"""Minimal recurrent layers, which run in parallel over time.

Feng, Tung, Ahmed, Bengio and Hajimirsadeghi, "Were RNNs All We Needed?", arXiv:2410.01201, 2024.
"""

from typing import Any

import keras
from keras import ops

# Keras has no public way to read variables in another dtype than the layer's inside a call.
from keras.src.backend.common.variables import AutocastScope

from . import kernels
from .input_gated import InputGatedCell
from .kernels.linear_scan import default_form, linear_scan
from .recurrent import LAYER_OPTIONS_WITHOUT_CUDNN, RecurrentLayer
from .typing import Activation, Constraint, Initializer, Regularizer, Tensor

SCANS = ("auto", "parallel", "sequential")


@keras.saving.register_keras_serializable(package="engram")
def positive(x: Tensor) -> Tensor:
    """Return x + 0.5 for x >= 0, else sigmoid(x): the function g of Feng et al. 2024, which is always positive."""
    return ops.where(x >= 0, x + 0.5, ops.sigmoid(x))


class _MinimalCell(InputGatedCell):
    """One step of h = decay * h_prev + increment, where both coefficients depend only on the input."""

    def __init__(
        self,
        units: int,
        activation: Activation = positive,
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(
            units=units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            seed=seed,
            **kwargs,
        )

    def coefficients(self, projection: Tensor) -> tuple[Tensor, Tensor]:
        """Return decay and increment, (..., units), from the input's contributions to all gates."""
        raise NotImplementedError

    def step(self, inputs: Tensor, states: list[Tensor], training: bool) -> list[Tensor]:
        decay, increment = self.coefficients(self.project(inputs, training))
        return [decay * states[0] + increment]


@keras.saving.register_keras_serializable(package="engram")
class MinGRUCell(_MinimalCell):
    """One step of a minimal GRU.

    With W `kernel` (features, 2 * units) and b `bias` (2 * units), each split into two blocks in the order z, h, sigma
    the sigmoid and g the `activation` (Feng et al. 2024, section 3.1 and appendix B):

        z = sigma(x W_z + b_z)          update gate
        u = g(x W_h + b_h)              candidate
        h = (1 - z) * h_prev + z * u    hidden, the output

    As in the paper the update gate weights the candidate; that of `GRUCell` weights the previous state. No gate reads
    h_prev, so h is linear in it, and the layer computes all steps in parallel.

    Args:
        units: size of the hidden state.
        activation: of the candidate. The default is the paper's, which makes the state positive: x + 0.5 for x >= 0,
            else sigmoid(x). `None`, the identity, is the paper's simpler version.
        use_bias: whether to add the bias.
        kernel_initializer, bias_initializer: of W and b.
        kernel_regularizer, bias_regularizer: of W and b.
        kernel_constraint, bias_constraint: of W and b.
        dropout: fraction of the input's features dropped in training, the same at every step of a sequence.
        seed: of the dropout masks.

    Call arguments:
        inputs: (batch, features).
        states: `[hidden]`, (batch, units).
        training: whether dropout is active.

    Returns:
        `hidden, [hidden]`, each (batch, units).

    Example:
        >>> import keras
        >>> import layers
        >>> cell = layers.MinGRUCell(3)
        >>> hidden, states = cell(keras.ops.ones((2, 4)), cell.get_initial_state(batch_size=2))
        >>> keras.ops.shape(hidden), [keras.ops.shape(state) for state in states]
        ((2, 3), [(2, 3)])
    """

    gates = ("update_gate", "candidate")

    def coefficients(self, projection: Tensor) -> tuple[Tensor, Tensor]:
        update_gate, candidate = ops.split(projection, 2, axis=-1)
        return ops.sigmoid(-update_gate), ops.sigmoid(update_gate) * self.activation(candidate)


@keras.saving.register_keras_serializable(package="engram")
class MinLSTMCell(_MinimalCell):
    """One step of a minimal LSTM.

    With W `kernel` (features, 3 * units) and b `bias` (3 * units), each split into three blocks in the order i, f, c,
    sigma the sigmoid and g the `activation` (Feng et al. 2024, section 3.2 and appendix B):

        i = sigma(x W_i + b_i)                          input gate
        f = sigma(x W_f + b_f)                          forget gate
        u = g(x W_c + b_c)                              candidate
        h = (f * h_prev + i * u) / (f + i)              hidden, the output

    The division keeps the scale of the state independent of time. It is computed as a sigmoid of log f - log i, which
    is exact where both gates are closed. Arguments, states and outputs are those of `MinGRUCell`.

    Example:
        >>> import keras
        >>> import layers
        >>> cell = layers.MinLSTMCell(3)
        >>> hidden, states = cell(keras.ops.ones((2, 4)), cell.get_initial_state(batch_size=2))
        >>> keras.ops.shape(hidden), [keras.ops.shape(state) for state in states]
        ((2, 3), [(2, 3)])
    """

    gates = ("input_gate", "forget_gate", "candidate")

    def coefficients(self, projection: Tensor) -> tuple[Tensor, Tensor]:
        input_gate, forget_gate, candidate = ops.split(projection, 3, axis=-1)
        log_ratio = ops.log_sigmoid(forget_gate) - ops.log_sigmoid(input_gate)
        return ops.sigmoid(log_ratio), ops.sigmoid(-log_ratio) * self.activation(candidate)


class _MinimalLayer(RecurrentLayer):
    """A layer that runs a `_MinimalCell` over a sequence by a scan."""

    cell_class: type[keras.layers.Layer] = _MinimalCell
    layer_options = {**LAYER_OPTIONS_WITHOUT_CUDNN, "scan": "auto"}  # noqa: RUF012
    own_options = ("scan",)
    scan: str

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        if self.scan not in SCANS:
            raise ValueError(
                f"Received an invalid value for argument `scan`, expected one of {SCANS}, got {self.scan!r}."
            )

    def choose_kernel(self, time: int | None, training: bool, device: str | None = None) -> kernels.Choice:
        choice = kernels.choose_portable(self, time)
        if choice is not None:
            return choice
        if self.scan != "auto":
            return kernels.Choice(self.scan, f"scan='{self.scan}' was passed")
        return kernels.Choice(*default_form(device))

    def inner_loop(
        self, sequences: Tensor, initial_state: list[Tensor], mask: Tensor | None, training: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        kernel = self.choose_kernel(sequences.shape[1], training).kernel
        if kernel == "portable":
            return super().inner_loop(sequences, initial_state, mask, training=training)
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        with AutocastScope(self.cell.compute_dtype):
            decay, increment = self.cell.coefficients(self.cell.project(sequences, training))
        if mask is not None:
            decay = ops.where(mask[:, :, None], decay, ops.ones_like(decay))
            increment = ops.where(mask[:, :, None], increment, ops.zeros_like(increment))
        hidden = linear_scan(self.cell, kernel, decay, increment, initial_state[0])
        states = [hidden[:, -1]]
        outputs = self._kernel_outputs(hidden, states, mask)
        return outputs[:, -1], outputs, states


@keras.saving.register_keras_serializable(package="engram")
class MinGRU(_MinimalLayer):
    """Minimal GRU over a sequence, in parallel over time.

    Takes the arguments of `MinGRUCell`, which documents the equations, of `keras.layers.RNN`, and `scan`.
    `RecurrentLayer` documents the call.

    The scan computes the states themselves, not their logarithms as the paper does: the decay is in (0, 1), so errors
    do not grow, and the states may have any sign. In float32, over 4,000 steps with gates around 0.5, the largest
    relative error is 4e-7; that of the paper's sums of logarithms is 6e-4.

    Args:
        scan: how to compute the states of all steps, with equal results: "parallel", in few operations on whole
            sequences; "sequential", step by step; or "auto": parallel on TensorFlow and on accelerators, sequential on
            a CPU on JAX. `unroll` takes Keras' loop.

    Example:
        >>> import keras
        >>> import layers
        >>> sequences = keras.Input((5, 4))  # 5 steps of 4 features
        >>> layers.MinGRU(3)(sequences).shape
        (None, 3)
        >>> layers.MinGRU(3, return_sequences=True)(sequences).shape
        (None, 5, 3)
    """

    cell_class = MinGRUCell
    cell_name = "min_gru_cell"


@keras.saving.register_keras_serializable(package="engram")
class MinLSTM(_MinimalLayer):
    """Minimal LSTM over a sequence, in parallel over time.

    Takes the arguments of `MinLSTMCell`, which documents the equations, of `keras.layers.RNN`, and `scan`, which
    `MinGRU` documents. `RecurrentLayer` documents the call.

    Example:
        >>> import keras
        >>> import layers
        >>> sequences = keras.Input((5, 4))  # 5 steps of 4 features
        >>> layers.MinLSTM(3)(sequences).shape
        (None, 3)
        >>> layers.MinLSTM(3, return_sequences=True)(sequences).shape
        (None, 5, 3)
    """

    cell_class = MinLSTMCell
    cell_name = "min_lstm_cell"
