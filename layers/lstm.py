"""Long short-term memory.

Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997, with the forget gate
of Gers, Schmidhuber and Cummins, "Learning to Forget", Neural Computation 12(10), 2000.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from .kernels import Equations, derivative
from .recurrent import RecurrentCell, RecurrentLayer
from .typing import Activation, Constraint, Initializer, Regularizer, Tensor


class LSTMEquations(Equations):
    """The equations of `LSTMCell`; a = (a_i, a_f, a_c, a_o)."""

    cudnn_mode = "lstm"

    def _gates(self, a):
        a_i, a_f, a_c, a_o = a
        sigma = self.recurrent_activation
        return sigma(a_i), sigma(a_f), self.activation(a_c), sigma(a_o)

    def update(self, a: list[Tensor], prev: list[Tensor]) -> list[Tensor]:
        _, c_prev = prev
        input_gate, forget_gate, cell_candidate, output_gate = self._gates(a)
        cell = forget_gate * c_prev + input_gate * cell_candidate
        return [output_gate * self.activation(cell), cell]

    def gradient(
        self, a: list[Tensor], prev: list[Tensor], h_in: Tensor, d_new: list[Tensor], transposed: Tensor
    ) -> tuple[list[Tensor], Tensor, list[Tensor]]:
        a_i, a_f, a_c, a_o = a
        _, c_prev = prev
        d_hidden, d_cell = d_new
        input_gate, forget_gate, cell_candidate, output_gate = self._gates(a)
        cell = forget_gate * c_prev + input_gate * cell_candidate
        cell_output = self.activation(cell)
        d_cell = d_cell + d_hidden * output_gate * derivative(self.activation, cell, cell_output)
        d_a = [
            d_cell * cell_candidate * derivative(self.recurrent_activation, a_i, input_gate),
            d_cell * c_prev * derivative(self.recurrent_activation, a_f, forget_gate),
            d_cell * input_gate * derivative(self.activation, a_c, cell_candidate),
            d_hidden * cell_output * derivative(self.recurrent_activation, a_o, output_gate),
        ]
        return d_a, ops.matmul(ops.concatenate(d_a, axis=-1), transposed), [0.0, d_cell * forget_gate]


@keras.saving.register_keras_serializable(package="engram")
class LSTMCell(RecurrentCell):
    """One step of an LSTM.

    With W `kernel` (features, 4 * units), U `recurrent_kernel` (units, 4 * units) and b `bias` (4 * units),
    each split into four blocks in the order i, f, c, o, sigma the `recurrent_activation` and tanh the
    `activation`:

        i = sigma(x W_i + b_i + h_prev U_i)         input gate
        f = sigma(x W_f + b_f + h_prev U_f)         forget gate
        g = tanh(x W_c + b_c + h_prev U_c)          cell candidate
        o = sigma(x W_o + b_o + h_prev U_o)         output gate
        c = f * c_prev + i * g                      cell
        h = o * tanh(c)                             hidden, the output

    From step to step the cell is multiplied only by f, so while the forget gate is open (f near 1) its gradient neither
    vanishes nor explodes.

    Args:
        units: size of the hidden state and of the cell.
        activation: of the cell candidate and of the cell in the output.
        recurrent_activation: of the three gates.
        use_bias: whether to add the bias.
        kernel_initializer, recurrent_initializer, bias_initializer: of W, U and b.
        unit_forget_bias: whether to initialize the forget gate's bias to 1, so that the gate is open when training
            begins (Jozefowicz, Zaremba and Sutskever, "An Empirical Exploration of Recurrent Network Architectures",
            ICML 2015, section 3.2).
        kernel_regularizer, recurrent_regularizer, bias_regularizer: of W, U and b.
        kernel_constraint, recurrent_constraint, bias_constraint: of W, U and b.
        dropout, recurrent_dropout: fraction of the input's features, and of the hidden state as input to the gates,
            dropped in training, the same at every step of a sequence (Gal and Ghahramani, "A Theoretically Grounded
            Application of Dropout in Recurrent Neural Networks", NeurIPS 2016).
        seed: of the dropout masks and of zoneout.
        zoneout: probability that a unit's state is left unchanged at a step in training; in inference the old and
            new states are averaged with this weight (Krueger et al., "Zoneout: Regularizing RNNs by Randomly
            Preserving Hidden Activations", ICLR 2017). One number, or one each for hidden state and cell.

    Call arguments:
        inputs: (batch, features).
        states: `[hidden, cell]`, each (batch, units).
        training: whether dropout is active.

    Returns:
        `hidden, [hidden, cell]`, each (batch, units).

    Example:
        >>> import keras
        >>> import layers
        >>> cell = layers.LSTMCell(3)
        >>> hidden, states = cell(keras.ops.ones((2, 4)), cell.get_initial_state(batch_size=2))
        >>> keras.ops.shape(hidden), [keras.ops.shape(state) for state in states]
        ((2, 3), [(2, 3), (2, 3)])
    """

    gates: tuple[str, ...] = ("input_gate", "forget_gate", "cell_candidate", "output_gate")
    num_states = 2

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        recurrent_initializer: Initializer = "orthogonal",
        bias_initializer: Initializer = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Regularizer = None,
        recurrent_regularizer: Regularizer = None,
        bias_regularizer: Regularizer = None,
        kernel_constraint: Constraint = None,
        recurrent_constraint: Constraint = None,
        bias_constraint: Constraint = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
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
            unit_forget_bias=unit_forget_bias,
            kernel_regularizer=kernel_regularizer,
            recurrent_regularizer=recurrent_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            recurrent_constraint=recurrent_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            recurrent_dropout=recurrent_dropout,
            seed=seed,
            zoneout=zoneout,
            **kwargs,
        )

    @property
    def initial_bias(self) -> Initializer:
        return self._initialize_bias_with_unit_forget_gate if self.unit_forget_bias else super().initial_bias

    def _initialize_bias_with_unit_forget_gate(self, shape, dtype=None):
        return ops.concatenate(
            [
                self.bias_initializer((self.units,), dtype=dtype),
                ops.ones((self.units,), dtype=dtype),
                self.bias_initializer((2 * self.units,), dtype=dtype),
            ]
        )

    @property
    def equations(self) -> Equations:
        return LSTMEquations(self.activation, self.recurrent_activation)


@keras.saving.register_keras_serializable(package="engram")
class LSTM(RecurrentLayer):
    """Long short-term memory over a sequence; a drop-in for `keras.layers.LSTM`.

    Takes the arguments of `LSTMCell`, which documents the equations, and of `keras.layers.RNN`. `RecurrentLayer`
    documents the call.

    Example:
        >>> import keras
        >>> import layers
        >>> sequences = keras.Input((5, 4))  # 5 steps of 4 features
        >>> layers.LSTM(3)(sequences).shape
        (None, 3)
        >>> outputs, hidden, cell = layers.LSTM(3, return_sequences=True, return_state=True)(sequences)
        >>> outputs.shape, hidden.shape, cell.shape
        ((None, 5, 3), (None, 3), (None, 3))
    """

    cell_class = LSTMCell
    cell_name = "lstm_cell"
