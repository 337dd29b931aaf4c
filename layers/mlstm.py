"""Matrix xLSTM.

Beck, Poeppel, Spanring, Auer, Prudnikova, Kopp, Klambauer, Brandstetter and Hochreiter, "xLSTM: Extended Long
Short-Term Memory", arXiv:2405.04517, 2024, section 2.3 and appendix A.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

# Keras has no public way to read variables in another dtype than the layer's inside a call.
from keras.src.backend.common.variables import AutocastScope

from . import kernels
from .input_gated import InputGatedCell
from .kernels import matrix_memory
from .kernels.linear_scan import default_form, linear_scan
from .recurrent import LAYER_OPTIONS_WITHOUT_CUDNN, RecurrentLayer
from .slstm import check_forget_activation, check_heads
from .typing import Activation, Constraint, Initializer, Regularizer, Shape, Tensor


@keras.saving.register_keras_serializable(package="engram")
class MLSTMCell(InputGatedCell):
    """One step of a matrix xLSTM: each head stores values under keys in a matrix, and reads it with a query.

    With W `kernel` and b `bias`, each split into blocks for query, key, value, output gate, input gate and forget gate,
    and d = `key_dim`; for each head:

        q = x W_q + b_q,  k = (x W_k + b_k) / sqrt(d),  v = x W_v + b_v
        a_i = x w_i + b_i,  a_f = x w_f + b_f               one number each
        log f = log sigmoid(a_f), or a_f with `forget_activation="exponential"`
        m = max(log f + m_prev, a_i)                        stabilizer
        i = exp(a_i - m)                                    input gate
        f = exp(log f + m_prev - m)                         forget gate
        C = f C_prev + i k v^T                              memory
        n = f n_prev + i k                                  normalizer
        h = sigmoid(x W_o + b_o) * (C^T q) / max(|n^T q|, exp(-m))          hidden, the output

    The stabilizer cancels in h and keeps the exponentials at most 1, so that no pre-activation overflows. No gate reads
    h_prev, so the layer computes whole chunks of steps at once. The denominator is at least 1e-6.

    In mixed precision the product of input and kernel is in half precision, all else in float32.

    Args:
        units: size of the output; a head has units / num_heads values.
        num_heads: number of heads; divides `units`.
        key_dim: size of the keys and queries of a head; by default that of its values.
        forget_activation: "sigmoid" or "exponential".
        use_bias: whether to add the bias.
        kernel_initializer, bias_initializer: of W and b.
        forget_bias: initial bias of the forget gates: one number, or those of the first and the last head with the
            others evenly between; None for that of `bias_initializer`. With 3 and "sigmoid" a head forgets within about
            20 steps, with 6 within 400.
        kernel_regularizer, bias_regularizer: of W and b.
        kernel_constraint, bias_constraint: of W and b.
        dropout: fraction of the input's features dropped in training, the same at every step of a sequence.
        seed: of the dropout masks.

    Call arguments:
        inputs: (batch, features).
        states: `[hidden, memory, normalizer, stabilizer]`, (batch, size) each; `state_shapes` has their shapes. Only
            Keras' loop reads the first, to repeat it at masked steps.
        training: whether dropout is active.

    Returns:
        `hidden, [hidden, memory, normalizer, stabilizer]`, with hidden (batch, units).

    Example:
        >>> import keras
        >>> import layers
        >>> cell = layers.MLSTMCell(4, num_heads=2)
        >>> output, states = cell(keras.ops.ones((2, 3)), cell.get_initial_state(batch_size=2))
        >>> keras.ops.shape(output)
        (2, 4)
    """

    # Assigned by `RecurrentCell`.
    num_heads: int
    key_dim: int | None
    forget_bias: Any

    def __init__(
        self,
        units: int,
        num_heads: int = 1,
        key_dim: int | None = None,
        forget_activation: Activation = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Initializer = "glorot_uniform",
        bias_initializer: Initializer = "zeros",
        forget_bias: float | Sequence[float] | None = (3.0, 6.0),
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
            num_heads=num_heads,
            key_dim=key_dim,
            forget_activation=forget_activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            forget_bias=forget_bias,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            dropout=dropout,
            seed=seed,
            **kwargs,
        )
        self.state_size = [math.prod(shape) for shape in self.state_shapes.values()]

    def _check_options(self):
        super()._check_options()
        check_heads(self.num_heads, self.units)
        check_forget_activation(self.forget_activation)
        check_positive_integer("key_dim", self.key_dim, or_none=True)
        bias = self.forget_bias
        if isinstance(bias, (list, tuple)):
            self.forget_bias = bias = list(bias)
        if bias is not None and not (isinstance(bias, (int, float)) or (isinstance(bias, list) and len(bias) == 2)):
            raise ValueError(
                "Received an invalid value for argument `forget_bias`, expected None, a number or a pair of numbers, "
                f"got {bias!r}."
            )

    # Shapes

    @property
    def _head_sizes(self):
        """Return the sizes of a head's key and value."""
        value_dim = self.units // self.num_heads
        return self.key_dim or value_dim, value_dim

    @property
    def _block_sizes(self):
        """Return the columns of the blocks: query, key, value, output gate, input gate, forget gate."""
        keys = self.num_heads * self._head_sizes[0]
        return keys, keys, self.units, self.units, self.num_heads, self.num_heads

    @property
    def bias_shape(self) -> Shape:
        return (sum(self._block_sizes),)

    @property
    def state_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the states by name, in order, without the batch axis."""
        heads, (key_dim, value_dim) = self.num_heads, self._head_sizes
        return {
            "hidden": (self.units,),
            "memory": (heads, key_dim, value_dim),
            "normalizer": (heads, key_dim),
            "stabilizer": (heads,),
        }

    def unpack_states(self, states: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return the states by name, (batch, *shape) each, from the list of tensors (batch, size)."""
        pairs = zip(self.state_shapes.items(), states, strict=True)
        return {name: ops.reshape(state, (-1, *shape)) for (name, shape), state in pairs}

    def get_initial_state(self, batch_size: int | None = None) -> list[Tensor]:
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in self.state_size]

    @property
    def initial_bias(self) -> Initializer:
        return super().initial_bias if self.forget_bias is None else self._initialize_bias

    def _initialize_bias(self, shape, dtype=None):
        first, last = self.forget_bias if isinstance(self.forget_bias, list) else [self.forget_bias] * 2
        forget = ops.linspace(first, last, self.num_heads, dtype=dtype)
        return ops.concatenate([self.bias_initializer(shape, dtype=dtype)[: -self.num_heads], forget])

    # Steps

    def split(self, projection: Tensor) -> tuple[matrix_memory.Parts, Tensor]:
        """Split the input's contributions, (..., width), into those to the memory and the output gate, (..., units)."""
        sizes = self._block_sizes
        blocks = ops.split(projection, [sum(sizes[: index + 1]) for index in range(5)], axis=-1)
        query, key, value, output_gate, log_input, log_forget = blocks
        lead = ops.shape(projection)[:-1]
        query, key, value = (ops.reshape(x, (*lead, self.num_heads, -1)) for x in (query, key, value))
        if self.forget_activation is keras.activations.sigmoid:
            log_forget = ops.log_sigmoid(log_forget)
        key = key / math.sqrt(self._head_sizes[0])
        return matrix_memory.Parts(query, key, value, log_input, log_forget), ops.sigmoid(output_gate)

    def step(self, inputs: Tensor, states: list[Tensor], training: bool) -> list[Tensor]:
        parts, output_gate = self.split(self.project(inputs, training))
        prev = list(self.unpack_states(states).values())[1:]
        read, new = matrix_memory.step(parts, prev)
        return self.pack_states(output_gate * ops.reshape(read, (-1, self.units)), new)

    def pack_states(self, hidden: Tensor, states: list[Tensor]) -> list[Tensor]:
        """Return the list of all states, (batch, size) each."""
        pairs = zip(self.state_size, [hidden, *states], strict=True)
        return [ops.reshape(state, (-1, size)) for size, state in pairs]


@keras.saving.register_keras_serializable(package="engram")
class MLSTM(RecurrentLayer):
    """Matrix xLSTM over a sequence, in chunks.

    Takes the arguments of `MLSTMCell`, which documents the equations and the states, of `keras.layers.RNN`, and
    `chunk_size`. `RecurrentLayer` documents the call; the states are (batch, size) each, and `unpack_states` returns
    them by name and in their shapes.

    Args:
        chunk_size: number of steps that are computed at once. Results are equal for all sizes. Time and memory of a
            step grow with it, the number of steps of the loop falls.

    Example:
        >>> import keras
        >>> import layers
        >>> layer = layers.MLSTM(4, num_heads=2, return_state=True)
        >>> output, *states = layer(keras.ops.ones((2, 5, 3)))  # 2 sequences of 5 steps of 3 features
        >>> keras.ops.shape(output), keras.ops.shape(layer.unpack_states(states)["memory"])
        ((2, 4), (2, 2, 2, 2))
    """

    cell_class = MLSTMCell
    cell_name = "mlstm_cell"
    layer_options = {**LAYER_OPTIONS_WITHOUT_CUDNN, "chunk_size": 64}  # noqa: RUF012
    own_options = ("chunk_size",)
    chunk_size: int

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        check_positive_integer("chunk_size", self.chunk_size)

    def unpack_states(self, states: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return states by name, (batch, *shape) each, from those that a layer with `return_state` returns."""
        return self.cell.unpack_states(states)

    def choose_kernel(self, time: int | None, training: bool, device: str | None = None) -> kernels.Choice:
        choice = kernels.choose_portable(self, time)
        return choice or kernels.Choice("chunkwise", "all steps of a chunk are computed at once")

    def inner_loop(
        self, sequences: Tensor, initial_state: list[Tensor], mask: Tensor | None, training: bool = False
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        if self.choose_kernel(sequences.shape[1], training).kernel == "portable":
            return super().inner_loop(sequences, initial_state, mask, training=training)
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        cell = self.cell
        with AutocastScope(cell.compute_dtype):
            parts, output_gate = cell.split(cell.project(sequences, training))
        if mask is not None:
            parts = _close_gates(parts, mask)
        prev = list(self.unpack_states(initial_state).values())[1:]
        read, new = matrix_memory.chunkwise(parts, prev, self.chunk_size)
        hidden = output_gate * ops.reshape(read, ops.shape(output_gate))
        if mask is not None:
            hidden = _repeat_at_masked_steps(cell, hidden, initial_state[0], mask)
        states = cell.pack_states(hidden[:, -1], new)
        outputs = self._kernel_outputs(hidden, states, mask)
        return outputs[:, -1], outputs, states


def _close_gates(parts, mask):
    """Return the parts with gates that leave the memory unchanged at masked steps."""
    log_input = ops.where(mask[:, :, None], parts.log_input, ops.full_like(parts.log_input, matrix_memory.CLOSED))
    log_forget = ops.where(mask[:, :, None], parts.log_forget, ops.zeros_like(parts.log_forget))
    return parts._replace(log_input=log_input, log_forget=log_forget)


def _repeat_at_masked_steps(cell, hidden, initial, mask):
    """Replace outputs at masked steps by the previous ones, which is a linear recurrence with coefficients 0 and 1."""
    kept = ops.broadcast_to(mask[:, :, None], ops.shape(hidden))
    zeros, ones = ops.zeros_like(hidden), ops.ones_like(hidden)
    form, _ = default_form()
    return linear_scan(cell, form, ops.where(kept, zeros, ones), ops.where(kept, hidden, zeros), initial)


def check_positive_integer(name: str, value: Any, or_none: bool = False) -> None:
    """Raise ValueError for a value that is not a positive integer, or None with `or_none`."""
    if or_none and value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise ValueError(
            f"Received an invalid value for argument `{name}`, expected a positive integer, got {value!r}."
        )
