"""Scalar xLSTM.

Beck, Poeppel, Spanring, Auer, Prudnikova, Kopp, Klambauer, Brandstetter and Hochreiter, "xLSTM: Extended Long
Short-Term Memory", arXiv:2405.04517, 2024, section 2.2 and appendix A.
"""

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from .kernels import Equations, derivative
from .precision import SinglePrecision
from .recurrent import LAYER_OPTIONS_WITHOUT_CUDNN, RecurrentCell, RecurrentLayer
from .typing import Activation, Constraint, Initializer, Regularizer, Shape, Tensor

# In place of the stabilizer of an empty memory, which is minus infinity.
_EMPTY = -1e30


@dataclass(frozen=True)
class SLSTMEquations(Equations):
    """The equations of `SLSTMCell`; a = (a_i, a_f, a_z, a_o)."""

    exponential_forget: bool = False

    def _terms(self, a, prev):
        """Return what both directions need: the gates, the candidate, and the states after the step."""
        a_i, a_f, a_z, a_o = a
        _, c_prev, n_prev, m_prev = prev
        log_forget = a_f if self.exponential_forget else ops.log_sigmoid(a_f)
        empty = n_prev == 0
        kept = log_forget + ops.where(empty, ops.full_like(m_prev, _EMPTY), m_prev)
        stabilizer = ops.maximum(kept, a_i)
        input_gate, forget_gate = ops.exp(a_i - stabilizer), ops.exp(kept - stabilizer)
        candidate = self.activation(a_z)
        cell = forget_gate * c_prev + input_gate * candidate
        normalizer = forget_gate * n_prev + input_gate
        output_gate = self.recurrent_activation(a_o)
        return empty, kept > a_i, input_gate, forget_gate, candidate, output_gate, cell, normalizer, stabilizer

    def update(self, a: list[Tensor], prev: list[Tensor]) -> list[Tensor]:
        *_, output_gate, cell, normalizer, stabilizer = self._terms(a, prev)
        return [output_gate * cell / normalizer, cell, normalizer, stabilizer]

    def gradient(
        self, a: list[Tensor], prev: list[Tensor], h_in: Tensor, d_new: list[Tensor], transposed: Tensor
    ) -> tuple[list[Tensor], Tensor, list[Tensor]]:
        _, a_f, a_z, a_o = a
        _, c_prev, n_prev, _ = prev
        d_hidden, d_cell, d_normalizer, d_stabilizer = d_new
        terms = self._terms(a, prev)
        empty, is_kept, input_gate, forget_gate, candidate, output_gate, cell, normalizer, _ = terms
        ratio = cell / normalizer
        d_ratio = d_hidden * output_gate / normalizer
        d_cell, d_normalizer = d_cell + d_ratio, d_normalizer - d_ratio * ratio
        # With respect to the exponents of both gates, from each of which the stabilizer is subtracted.
        d_log_input = (d_cell * candidate + d_normalizer) * input_gate
        d_log_forget = (d_cell * c_prev + d_normalizer * n_prev) * forget_gate
        d_stabilizer = d_stabilizer - d_log_input - d_log_forget
        zeros = ops.zeros_like(d_stabilizer)
        d_kept = d_log_forget + ops.where(is_kept, d_stabilizer, zeros)
        d_a = [
            d_log_input + ops.where(is_kept, zeros, d_stabilizer),
            d_kept if self.exponential_forget else d_kept * ops.sigmoid(-a_f),
            d_cell * input_gate * derivative(self.activation, a_z, candidate),
            d_hidden * ratio * derivative(self.recurrent_activation, a_o, output_gate),
        ]
        d_prev = [0.0, d_cell * forget_gate, d_normalizer * forget_gate, ops.where(empty, zeros, d_kept)]
        return d_a, ops.matmul(ops.concatenate(d_a, axis=-1), transposed), d_prev


@keras.saving.register_keras_serializable(package="engram")
class SLSTMCell(SinglePrecision, RecurrentCell):
    """One step of a scalar xLSTM: an LSTM with exponential gates and a normalizer.

    With W `kernel` (features, 4 * units), U `recurrent_kernel` and b `bias` (4 * units), each split into four blocks in
    the order i, f, z, o, sigma the `recurrent_activation` and tanh the `activation`:

        a_k = x W_k + b_k + h_prev U_k                  k = i, f, z, o
        log f = log sigmoid(a_f), or a_f with `forget_activation="exponential"`
        m = max(log f + m_prev, a_i)                    stabilizer
        i = exp(a_i - m)                                input gate
        f = exp(log f + m_prev - m)                     forget gate
        c = f * c_prev + i * tanh(a_z)                  cell
        n = f * n_prev + i                              normalizer
        h = sigma(a_o) * c / n                          hidden, the output

    The stabilizer cancels in c / n and keeps the exponentials at most 1, so that no pre-activation overflows. A
    normalizer of 0, as in the initial states, marks an empty memory: then m = a_i.

    Units are split into `num_heads` heads. U connects only units of the same head: rows of `recurrent_kernel`
    (units, 4 * units / num_heads) are the hidden units, head by head, and its columns the units of the same head.

    In mixed precision the cell computes in float32.

    Args:
        units: size of each state.
        num_heads: number of heads; divides `units`.
        activation: of the candidate.
        recurrent_activation: of the output gate.
        forget_activation: "sigmoid" or "exponential".
        use_bias: whether to add the bias.
        kernel_initializer, recurrent_initializer, bias_initializer: of W, of U for each head, and of b.
        unit_forget_bias: whether to initialize the forget gate's bias to 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: of W, U and b.
        kernel_constraint, recurrent_constraint, bias_constraint: of W, U and b.
        dropout, recurrent_dropout: fraction of the input's features, and of the hidden state as input to the gates,
            dropped in training, the same at every step of a sequence.
        seed: of the dropout masks.

    Call arguments:
        inputs: (batch, features).
        states: `[hidden, cell, normalizer, stabilizer]`, each (batch, units).
        training: whether dropout is active.

    Returns:
        `hidden, [hidden, cell, normalizer, stabilizer]`, each (batch, units).

    Example:
        >>> import keras
        >>> import layers
        >>> cell = layers.SLSTMCell(4, num_heads=2)
        >>> hidden, states = cell(keras.ops.ones((2, 3)), cell.get_initial_state(batch_size=2))
        >>> keras.ops.shape(hidden), len(states)
        ((2, 4), 4)
    """

    gates = ("input_gate", "forget_gate", "candidate", "output_gate")
    num_states = 4
    zoneout: Any = 0.0
    # Assigned by `RecurrentCell`.
    num_heads: int
    head_kernel: Tensor

    def __init__(
        self,
        units: int,
        num_heads: int = 1,
        activation: Activation = "tanh",
        recurrent_activation: Activation = "sigmoid",
        forget_activation: Activation = "sigmoid",
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
        **kwargs: Any,
    ):
        super().__init__(
            units=units,
            num_heads=num_heads,
            activation=activation,
            recurrent_activation=recurrent_activation,
            forget_activation=forget_activation,
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
            **kwargs,
        )

    def _check_options(self):
        super()._check_options()
        check_heads(self.num_heads, self.units)
        check_forget_activation(self.forget_activation)

    def build(self, input_shape: Shape) -> None:
        width = 4 * self.units
        self.kernel = self._weight("kernel", (input_shape[-1], width), self.kernel_initializer)
        shape = (self.units, width // self.num_heads)
        self.head_kernel = self._weight("recurrent_kernel", shape, self._initialize_heads)
        self.bias: Tensor = self._weight("bias", self.bias_shape, self.initial_bias) if self.use_bias else None

    def _initialize_heads(self, shape, dtype=None):
        size = self.units // self.num_heads
        heads = [self.recurrent_initializer((size, shape[1]), dtype=dtype)]
        while len(heads) < self.num_heads:
            # One instance always draws the same values.
            initializer = getattr(self.recurrent_initializer, "clone", lambda: self.recurrent_initializer)()
            heads.append(initializer((size, shape[1]), dtype=dtype))
        return ops.concatenate(heads, axis=0)

    @property
    def recurrent_kernel(self) -> Tensor:
        """U as a matrix (units, 4 * units), with zeros between heads."""
        if self.num_heads == 1:
            return self.head_kernel
        heads, size = self.num_heads, self.units // self.num_heads
        blocks = ops.reshape(self.head_kernel, (heads, size, 4, 1, size))
        same_head = ops.reshape(ops.eye(heads, dtype="bool"), (heads, 1, 1, heads, 1))
        return ops.reshape(ops.where(same_head, blocks, ops.zeros_like(blocks)), (self.units, 4 * self.units))

    @property
    def initial_bias(self) -> Initializer:
        return self._initialize_bias_with_unit_forget_gate if self.unit_forget_bias else super().initial_bias

    def _initialize_bias_with_unit_forget_gate(self, shape, dtype=None):
        bias = self.bias_initializer(shape, dtype=dtype)
        return ops.concatenate([bias[: self.units], ops.ones((self.units,), dtype=dtype), bias[2 * self.units :]])

    @property
    def equations(self) -> Equations:
        exponential = self.forget_activation is keras.activations.exponential
        return SLSTMEquations(self.activation, self.recurrent_activation, exponential)


def check_heads(num_heads: Any, units: int) -> None:
    """Raise ValueError if `num_heads` is not a positive integer that divides `units`."""
    if isinstance(num_heads, bool) or not isinstance(num_heads, int) or num_heads <= 0 or units % num_heads:
        raise ValueError(
            "Received an invalid value for argument `num_heads`, expected a positive integer that divides `units`, "
            f"{units}, got {num_heads!r}."
        )


def check_forget_activation(activation: Any) -> None:
    """Raise ValueError for another activation than sigmoid and exponential."""
    if activation not in (keras.activations.sigmoid, keras.activations.exponential):
        raise ValueError(
            "Received an invalid value for argument `forget_activation`, expected 'sigmoid' or 'exponential', "
            f"got {activation!r}."
        )


@keras.saving.register_keras_serializable(package="engram")
class SLSTM(RecurrentLayer):
    """Scalar xLSTM over a sequence.

    Takes the arguments of `SLSTMCell`, which documents the equations and the states, and of `keras.layers.RNN`.
    `RecurrentLayer` documents the call. Runs with the kernels of `LSTM`, except cuDNN's.

    Example:
        >>> import keras
        >>> import layers
        >>> sequences = keras.Input((5, 3))  # 5 steps of 3 features
        >>> output, *states = layers.SLSTM(4, num_heads=2, return_state=True)(sequences)
        >>> output.shape, len(states)
        ((None, 4), 4)
    """

    cell_class = SLSTMCell
    cell_name = "slstm_cell"
    layer_options = LAYER_OPTIONS_WITHOUT_CUDNN
