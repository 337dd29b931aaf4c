"""The gated recurrent unit.

Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation",
EMNLP 2014, section 2.3 and appendix A.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from .kernels import (
    Equations,
    Weights,
    add_lists,
    block_products,
    derivative,
    joint_products,
    split_blocks,
    split_off_last,
)
from .recurrent import RecurrentCell, RecurrentLayer
from .typing import Activation, Constraint, Initializer, Regularizer, Shape, Tensor


class GRUEquations(Equations):
    """The equations of `GRUCell` with `reset_after`; a = (a_z, a_r, x_h, s_h), where s_h = h_in U_h + d_h."""

    takes_joint_inputs = False
    cudnn_mode = "gru"

    def preactivate(self, x: list[Tensor], h_in: Tensor, weights: Weights) -> list[Tensor]:
        x_z, x_r, x_h = add_lists(x, split_blocks(weights.bias, 3))
        s = block_products(h_in, weights.recurrent_kernel, 3, fused=True)
        s_z, s_r, s_h = add_lists(s, split_blocks(weights.recurrent_bias, 3))
        return [x_z + s_z, x_r + s_r, x_h, s_h]

    def recompute(self, inputs: Tensor, h_in: Tensor, hidden: Tensor, weights: Weights) -> list[Tensor]:
        d_z, d_r, d_h = split_blocks(weights.recurrent_bias, 3)
        a_z, a_r = add_lists(joint_products(inputs, h_in, weights, slice(2)), (d_z, d_r))
        x_h = block_products(inputs, weights.kernel, 3, only=slice(2, 3))
        s_h = block_products(h_in, weights.recurrent_kernel, 3, only=slice(2, 3))
        return [a_z, a_r, *add_lists(x_h, split_blocks(weights.bias, 3)[2:]), *add_lists(s_h, [d_h])]

    def update(self, a: list[Tensor], prev: list[Tensor]) -> list[Tensor]:
        a_z, a_r, x_h, s_h = a
        update_gate, reset_gate = self.recurrent_activation(a_z), self.recurrent_activation(a_r)
        candidate = self.activation(x_h + reset_gate * s_h)
        return [update_gate * prev[0] + (1 - update_gate) * candidate]

    def gradient(
        self, a: list[Tensor], prev: list[Tensor], h_in: Tensor, d_new: list[Tensor], transposed: Tensor
    ) -> tuple[list[Tensor], Tensor, list[Tensor]]:
        a_z, a_r, x_h, s_h = a
        (h_prev,), (d_hidden,) = prev, d_new
        update_gate, reset_gate = self.recurrent_activation(a_z), self.recurrent_activation(a_r)
        a_h = x_h + reset_gate * s_h
        candidate = self.activation(a_h)
        d_z = d_hidden * (h_prev - candidate) * derivative(self.recurrent_activation, a_z, update_gate)
        d_h = d_hidden * (1 - update_gate) * derivative(self.activation, a_h, candidate)
        d_r = d_h * s_h * derivative(self.recurrent_activation, a_r, reset_gate)
        d_s = d_h * reset_gate
        d_h_in = ops.matmul(ops.concatenate([d_z, d_r, d_s], axis=-1), transposed)
        return [d_z, d_r, d_h, d_s], d_h_in, [d_hidden * update_gate]

    def recurrent_operands(self, a: list[Tensor], h_in: Tensor, d_a: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
        d_z, d_r, _, d_s = d_a
        return [(h_in, d_z), (h_in, d_r), (h_in, d_s)]


class GRUResetBeforeEquations(Equations):
    """The equations of `GRUCell` without `reset_after`; a = (a_z, a_r, a_h)."""

    takes_joint_inputs = False

    def preactivate(self, x: list[Tensor], h_in: Tensor, weights: Weights) -> list[Tensor]:
        x_z, x_r, x_h = add_lists(x, split_blocks(weights.bias, 3))
        gates_kernel, candidate_kernel = split_off_last(weights.recurrent_kernel, 3)
        s_z, s_r = block_products(h_in, gates_kernel, 2, fused=True)
        a_r = x_r + s_r
        return [x_z + s_z, a_r, x_h + ops.matmul(self.recurrent_activation(a_r) * h_in, candidate_kernel)]

    def recompute(self, inputs: Tensor, h_in: Tensor, hidden: Tensor, weights: Weights) -> list[Tensor]:
        a_z, a_r = joint_products(inputs, h_in, weights, slice(2))
        reset = self.recurrent_activation(a_r) * h_in
        return [a_z, a_r, *joint_products(inputs, reset, weights, slice(2, 3))]

    def update(self, a: list[Tensor], prev: list[Tensor]) -> list[Tensor]:
        a_z, _, a_h = a
        update_gate = self.recurrent_activation(a_z)
        return [update_gate * prev[0] + (1 - update_gate) * self.activation(a_h)]

    def gradient(
        self, a: list[Tensor], prev: list[Tensor], h_in: Tensor, d_new: list[Tensor], transposed: Tensor
    ) -> tuple[list[Tensor], Tensor, list[Tensor]]:
        a_z, a_r, a_h = a
        (h_prev,), (d_hidden,) = prev, d_new
        update_gate, reset_gate = self.recurrent_activation(a_z), self.recurrent_activation(a_r)
        candidate = self.activation(a_h)
        gates_transposed, candidate_transposed = ops.split(transposed, [2 * h_prev.shape[-1]], axis=-2)
        d_z = d_hidden * (h_prev - candidate) * derivative(self.recurrent_activation, a_z, update_gate)
        d_h = d_hidden * (1 - update_gate) * derivative(self.activation, a_h, candidate)
        d_reset = ops.matmul(d_h, candidate_transposed)
        d_r = d_reset * h_in * derivative(self.recurrent_activation, a_r, reset_gate)
        d_h_in = d_reset * reset_gate + ops.matmul(ops.concatenate([d_z, d_r], axis=-1), gates_transposed)
        return [d_z, d_r, d_h], d_h_in, [d_hidden * update_gate]

    def recurrent_operands(self, a: list[Tensor], h_in: Tensor, d_a: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
        _, a_r, _ = a
        d_z, d_r, d_h = d_a
        return [(h_in, d_z), (h_in, d_r), (self.recurrent_activation(a_r) * h_in, d_h)]


@keras.saving.register_keras_serializable(package="engram")
class GRUCell(RecurrentCell):
    """One step of a GRU.

    With W `kernel` (features, 3 * units) and U `recurrent_kernel` (units, 3 * units), each split into three blocks in
    the order z, r, h, sigma the `recurrent_activation` and tanh the `activation`:

        z = sigma(x W_z + b_z + h_prev U_z + d_z)           update gate
        r = sigma(x W_r + b_r + h_prev U_r + d_r)           reset gate
        g = tanh(x W_h + b_h + r * (h_prev U_h + d_h))      candidate, with `reset_after`
        g = tanh(x W_h + b_h + (r * h_prev) U_h)            candidate, without it: as in the paper
        h = z * h_prev + (1 - z) * g                        hidden, the output

    With `reset_after` there are two biases, b and d, the rows of `bias` (2, 3 * units), and h_prev U is one product;
    cuDNN computes this form. Without it there is only b, `bias` (3 * units,).

    Args:
        units: size of the hidden state.
        activation: of the candidate.
        recurrent_activation: of the two gates.
        use_bias: whether to add the biases.
        kernel_initializer, recurrent_initializer, bias_initializer: of W, U and the biases.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: of W, U and the biases.
        kernel_constraint, recurrent_constraint, bias_constraint: of W, U and the biases.
        dropout, recurrent_dropout: fraction of the input's features, and of the hidden state as input to the gates,
            dropped in training, the same at every step of a sequence (Gal and Ghahramani, "A Theoretically Grounded
            Application of Dropout in Recurrent Neural Networks", NeurIPS 2016).
        reset_after: whether to apply the reset gate after the product with U, or before it.
        seed: of the dropout masks and of zoneout.
        zoneout: probability that a unit's state is left unchanged at a step in training; in inference the old and
            new states are averaged with this weight (Krueger et al., "Zoneout: Regularizing RNNs by Randomly
            Preserving Hidden Activations", ICLR 2017).

    Call arguments:
        inputs: (batch, features).
        states: `[hidden]`, (batch, units).
        training: whether dropout is active.

    Returns:
        `hidden, [hidden]`, each (batch, units).

    Example:
        >>> import keras
        >>> import layers
        >>> cell = layers.GRUCell(3)
        >>> hidden, states = cell(keras.ops.ones((2, 4)), cell.get_initial_state(batch_size=2))
        >>> keras.ops.shape(hidden), [keras.ops.shape(state) for state in states]
        ((2, 3), [(2, 3)])
    """

    gates = ("update_gate", "reset_gate", "candidate")

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        recurrent_initializer: Initializer = "orthogonal",
        bias_initializer: Initializer = "zeros",
        kernel_regularizer: Regularizer = None,
        recurrent_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        recurrent_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        zoneout: float | Sequence[float] = 0.0,
        **kwargs: Any,
    ):
        super().__init__(
            units=units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            reset_after=reset_after,
            seed=seed,
            zoneout=zoneout,
            **kwargs,
        )

    @property
    def bias_shape(self) -> Shape:
        width = len(self.gates) * self.units
        return (2, width) if self.reset_after else (width,)

    @property
    def input_bias(self) -> Tensor | None:
        return self.bias[0] if self.use_bias and self.reset_after else self.bias

    @property
    def recurrent_bias(self) -> Tensor | None:
        return self.bias[1] if self.use_bias and self.reset_after else None

    @property
    def equations(self) -> Equations:
        equations = GRUEquations if self.reset_after else GRUResetBeforeEquations
        return equations(self.activation, self.recurrent_activation)


@keras.saving.register_keras_serializable(package="engram")
class GRU(RecurrentLayer):
    """Gated recurrent unit over a sequence; a drop-in for `keras.layers.GRU`.

    Takes the arguments of `GRUCell`, which documents the equations, and of `keras.layers.RNN`. `RecurrentLayer`
    documents the call.

    Example:
        >>> import keras
        >>> import layers
        >>> sequences = keras.Input((5, 4))  # 5 steps of 4 features
        >>> layers.GRU(3)(sequences).shape
        (None, 3)
        >>> layers.GRU(3, return_sequences=True)(sequences).shape
        (None, 5, 3)
    """

    cell_class = GRUCell
    cell_name = "gru_cell"
