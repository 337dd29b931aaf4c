"""The simple recurrent network.

Elman, "Finding Structure in Time", Cognitive Science 14(2), 1990.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from .kernels import Equations, Weights, derivative, needs_only_output
from .recurrent import LAYER_OPTIONS_WITHOUT_CUDNN, RecurrentCell, RecurrentLayer
from .typing import Activation, Constraint, Initializer, Regularizer, Tensor


class SimpleRNNEquations(Equations):
    """The equation of `SimpleRNNCell`; a = (a_h,), or (h,) in the backward pass if the derivative needs only h."""

    @property
    def needs_preactivations(self) -> bool:  # type: ignore[override]
        return not needs_only_output(self.activation)

    def update(self, a: list[Tensor], prev: list[Tensor]) -> list[Tensor]:
        return [self.activation(a[0])]

    def recompute(self, inputs: Tensor, h_in: Tensor, hidden: Tensor, weights: Weights) -> list[Tensor]:
        return super().recompute(inputs, h_in, hidden, weights) if self.needs_preactivations else [hidden]

    def gradient(
        self, a: list[Tensor], prev: list[Tensor], h_in: Tensor, d_new: list[Tensor], transposed: Tensor
    ) -> tuple[list[Tensor], Tensor, list[Tensor]]:
        hidden = self.activation(a[0]) if self.needs_preactivations else a[0]
        d_a = d_new[0] * derivative(self.activation, a[0], hidden)
        return [d_a], ops.matmul(d_a, transposed), [0.0]


@keras.saving.register_keras_serializable(package="engram")
class SimpleRNNCell(RecurrentCell):
    """One step of a simple recurrent network.

    With W `kernel` (features, units), U `recurrent_kernel` (units, units), b `bias` (units,) and tanh the
    `activation`:

        h = tanh(x W + b + h_prev U)                hidden, the output

    Args:
        units: size of the hidden state.
        activation: of the hidden state.
        use_bias: whether to add the bias.
        kernel_initializer, recurrent_initializer, bias_initializer: of W, U and b.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: of W, U and b.
        kernel_constraint, recurrent_constraint, bias_constraint: of W, U and b.
        dropout, recurrent_dropout: fraction of the input's features, and of the hidden state as input to the next
            step, dropped in training, the same at every step of a sequence (Gal and Ghahramani, "A Theoretically
            Grounded Application of Dropout in Recurrent Neural Networks", NeurIPS 2016).
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
        >>> cell = layers.SimpleRNNCell(3)
        >>> hidden, states = cell(keras.ops.ones((2, 4)), cell.get_initial_state(batch_size=2))
        >>> keras.ops.shape(hidden), [keras.ops.shape(state) for state in states]
        ((2, 3), [(2, 3)])
    """

    gates = ("hidden",)
    seeds_before_initializers = True

    def __init__(
        self,
        units: int,
        activation: Activation = "tanh",
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
        seed: int | None = None,
        zoneout: float | Sequence[float] = 0.0,
        **kwargs: Any,
    ):
        super().__init__(
            units=units,
            activation=activation,
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
            seed=seed,
            zoneout=zoneout,
            **kwargs,
        )

    @property
    def equations(self) -> Equations:
        return SimpleRNNEquations(self.activation)


@keras.saving.register_keras_serializable(package="engram")
class SimpleRNN(RecurrentLayer):
    """Simple recurrent network over a sequence; a drop-in for `keras.layers.SimpleRNN`.

    Takes the arguments of `SimpleRNNCell`, which documents the equation, and of `keras.layers.RNN`. `RecurrentLayer`
    documents the call. `activity_regularizer` is applied; Keras 3.15's layer ignores it.

    Example:
        >>> import keras
        >>> import layers
        >>> sequences = keras.Input((5, 4))  # 5 steps of 4 features
        >>> layers.SimpleRNN(3)(sequences).shape
        (None, 3)
        >>> layers.SimpleRNN(3, return_sequences=True)(sequences).shape
        (None, 5, 3)
    """

    cell_class = SimpleRNNCell
    cell_name = "simple_rnn_cell"
    layer_options = LAYER_OPTIONS_WITHOUT_CUDNN
