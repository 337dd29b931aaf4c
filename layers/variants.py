"""Variants of the LSTM and the GRU from the literature."""

import keras
from keras import ops

from .gru import GRUCell
from .lstm import LSTMCell
from .recurrent import RecurrentLayer
from .typing import Shape, Tensor

_EPSILON = 1e-5


@keras.saving.register_keras_serializable(package="engram")
class PeepholeLSTMCell(LSTMCell):
    """One step of an LSTM with peephole connections from the cell to the gates.

    Gers, Schraudolph and Schmidhuber, "Learning Precise Timing with LSTM Recurrent Networks", JMLR 3, 2002,
    section 2. It adds to the equations of `LSTMCell`, with p_i, p_f, p_o the rows of `peephole_kernel` (3, units):

        i = sigma(... + p_i * c_prev)
        f = sigma(... + p_f * c_prev)
        o = sigma(... + p_o * c)

    Arguments, states and outputs are those of `LSTMCell`. The peepholes are initialized to zero, so that the cell
    starts as an LSTM.

    Example:
        >>> import keras
        >>> import layers
        >>> cell = layers.PeepholeLSTMCell(3)
        >>> hidden, states = cell(keras.ops.ones((2, 4)), cell.get_initial_state(batch_size=2))
        >>> keras.ops.shape(hidden), [keras.ops.shape(state) for state in states]
        ((2, 3), [(2, 3), (2, 3)])
    """

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.peephole_kernel = self.add_weight(name="peephole_kernel", shape=(3, self.units), initializer="zeros")

    def step(self, inputs: Tensor, states: list[Tensor], training: bool) -> list[Tensor]:
        h_prev, c_prev = states
        z = self.project(inputs, training)
        z += ops.matmul(self.drop_recurrent(h_prev, training), self.recurrent_kernel)
        input_gate, forget_gate, cell_candidate, output_gate = ops.split(z, 4, axis=-1)
        peephole = self.peephole_kernel
        cell = self.recurrent_activation(forget_gate + peephole[1] * c_prev) * c_prev
        cell += self.recurrent_activation(input_gate + peephole[0] * c_prev) * self.activation(cell_candidate)
        hidden = self.recurrent_activation(output_gate + peephole[2] * cell) * self.activation(cell)
        return [hidden, cell]


@keras.saving.register_keras_serializable(package="engram")
class CoupledLSTMCell(LSTMCell):
    """One step of an LSTM whose input gate is coupled to its forget gate, as 1 - f.

    Greff et al., "LSTM: A Search Space Odyssey", IEEE Transactions on Neural Networks and Learning Systems
    28(10), 2017, section III-D (CIFG). The weights have three blocks in the order f, c, o, and

        c = f * c_prev + (1 - f) * g

    Arguments, states and outputs are those of `LSTMCell`.

    Example:
        >>> import keras
        >>> import layers
        >>> cell = layers.CoupledLSTMCell(3)
        >>> hidden, states = cell(keras.ops.ones((2, 4)), cell.get_initial_state(batch_size=2))
        >>> keras.ops.shape(hidden), [keras.ops.shape(state) for state in states]
        ((2, 3), [(2, 3), (2, 3)])
    """

    gates = ("forget_gate", "cell_candidate", "output_gate")

    def _initialize_bias_with_unit_forget_gate(self, shape, dtype=None):
        bias = self.bias_initializer(shape, dtype=dtype)
        return ops.concatenate([ops.ones((self.units,), dtype=dtype), bias[self.units :]])

    def step(self, inputs: Tensor, states: list[Tensor], training: bool) -> list[Tensor]:
        h_prev, c_prev = states
        z = self.project(inputs, training)
        z += ops.matmul(self.drop_recurrent(h_prev, training), self.recurrent_kernel)
        forget_gate, cell_candidate, output_gate = ops.split(z, 3, axis=-1)
        forget_gate = self.recurrent_activation(forget_gate)
        cell = forget_gate * c_prev + (1 - forget_gate) * self.activation(cell_candidate)
        hidden = self.recurrent_activation(output_gate) * self.activation(cell)
        return [hidden, cell]


class _Normalized:
    """Mixin for layer normalization inside a cell."""

    def add_norm(self, name, width, bias=True):
        scale = self.add_weight(name=f"{name}_scale", shape=(width,), initializer="ones")
        shift = self.add_weight(name=f"{name}_shift", shape=(width,), initializer="zeros") if bias else None
        return scale, shift

    def normalize(self, values, weights):
        """Normalize the last axis, then scale and, if there is a shift, shift it (Ba et al. 2016, section 3)."""
        scale, shift = weights
        # Half precision is too coarse for a variance.
        values = ops.cast(values, "float32") if self.compute_dtype in ("float16", "bfloat16") else values
        mean, variance = ops.moments(values, axes=-1, keepdims=True)
        normalized = ops.cast((values - mean) * ops.rsqrt(variance + _EPSILON), self.compute_dtype)
        normalized = normalized * ops.cast(scale, self.compute_dtype)
        return normalized if shift is None else normalized + ops.cast(shift, self.compute_dtype)


@keras.saving.register_keras_serializable(package="engram")
class LayerNormLSTMCell(_Normalized, LSTMCell):
    """One step of an LSTM with layer-normalized pre-activations.

    Ba, Kiros and Hinton, "Layer Normalization", arXiv:1607.06450, 2016, supplementary material. With LN the
    normalization over a vector's entries, each with a learned scale and the last one also with a shift:

        [i, f, g, o] = LN(x W) + LN(h_prev U) + b
        c = sigma(f) * c_prev + sigma(i) * tanh(g)
        h = sigma(o) * tanh(LN(c))

    b holds the shifts of the first two. Arguments, states and outputs are those of `LSTMCell`.

    Example:
        >>> import keras
        >>> import layers
        >>> cell = layers.LayerNormLSTMCell(3)
        >>> hidden, states = cell(keras.ops.ones((2, 4)), cell.get_initial_state(batch_size=2))
        >>> keras.ops.shape(hidden), [keras.ops.shape(state) for state in states]
        ((2, 3), [(2, 3), (2, 3)])
    """

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        width = len(self.gates) * self.units
        self.input_norm = self.add_norm("input_norm", width, bias=False)
        self.recurrent_norm = self.add_norm("recurrent_norm", width, bias=False)
        self.cell_norm = self.add_norm("cell_norm", self.units)

    def step(self, inputs: Tensor, states: list[Tensor], training: bool) -> list[Tensor]:
        h_prev, c_prev = states
        z = self.normalize(self.project(inputs, training, bias=False), self.input_norm)
        recurrent = ops.matmul(self.drop_recurrent(h_prev, training), self.recurrent_kernel)
        z += self.normalize(recurrent, self.recurrent_norm)
        z = z + self.bias if self.use_bias else z
        input_gate, forget_gate, cell_candidate, output_gate = ops.split(z, 4, axis=-1)
        cell = self.recurrent_activation(forget_gate) * c_prev
        cell += self.recurrent_activation(input_gate) * self.activation(cell_candidate)
        hidden = self.recurrent_activation(output_gate) * self.activation(self.normalize(cell, self.cell_norm))
        return [hidden, cell]


@keras.saving.register_keras_serializable(package="engram")
class LayerNormGRUCell(_Normalized, GRUCell):
    """One step of a GRU with layer-normalized pre-activations.

    Ba, Kiros and Hinton, "Layer Normalization", arXiv:1607.06450, 2016, supplementary material, with the block order
    and the meaning of z of `GRUCell`:

        [z, r, x_h] = LN(x W) + b,  [h_z, h_r, h_h] = LN(h_prev U) + d
        g = tanh(x_h + sigma(r + h_r) * h_h)
        h = sigma(z + h_z) * h_prev + (1 - sigma(z + h_z)) * g

    where the two gates' blocks are normalized together, and the candidate's by itself. Arguments, states and outputs
    are those of `GRUCell` with `reset_after`.

    Example:
        >>> import keras
        >>> import layers
        >>> cell = layers.LayerNormGRUCell(3)
        >>> hidden, states = cell(keras.ops.ones((2, 4)), cell.get_initial_state(batch_size=2))
        >>> keras.ops.shape(hidden), [keras.ops.shape(state) for state in states]
        ((2, 3), [(2, 3)])
    """

    def build(self, input_shape: Shape) -> None:
        if not self.reset_after:
            raise ValueError(
                "LayerNormGRUCell normalizes h_prev U before the reset gate, so `reset_after` must be True."
            )
        super().build(input_shape)
        self.input_norms = self._add_norms("input_norm")
        self.recurrent_norms = self._add_norms("recurrent_norm")

    def _add_norms(self, name):
        gates = self.add_norm(f"{name}_gates", 2 * self.units, bias=False)
        return gates, self.add_norm(f"{name}_candidate", self.units, bias=False)

    def _normalized_blocks(self, values, norms, bias):
        gates, candidate = ops.split(values, [2 * self.units], axis=-1)
        parts = [self.normalize(gates, norms[0]), self.normalize(candidate, norms[1])]
        joined = ops.concatenate(parts, axis=-1)
        return ops.split(joined + bias if self.use_bias else joined, 3, axis=-1)

    def step(self, inputs: Tensor, states: list[Tensor], training: bool) -> list[Tensor]:
        (h_prev,) = states
        recurrent = ops.matmul(self.drop_recurrent(h_prev, training), self.recurrent_kernel)
        biases = (self.bias[0], self.bias[1]) if self.use_bias else (None, None)
        x_z, x_r, x_h = self._normalized_blocks(self.project(inputs, training, bias=False), self.input_norms, biases[0])
        h_z, h_r, h_h = self._normalized_blocks(recurrent, self.recurrent_norms, biases[1])
        reset_gate = self.recurrent_activation(x_r + h_r)
        candidate = self.activation(x_h + reset_gate * h_h)
        update_gate = self.recurrent_activation(x_z + h_z)
        return [update_gate * h_prev + (1 - update_gate) * candidate]


@keras.saving.register_keras_serializable(package="engram")
class PeepholeLSTM(RecurrentLayer):
    """`PeepholeLSTMCell` over a sequence; called like `LSTM`.

    Example:
        >>> import keras
        >>> import layers
        >>> sequences = keras.Input((5, 4))  # 5 steps of 4 features
        >>> layers.PeepholeLSTM(3)(sequences).shape
        (None, 3)
        >>> layers.PeepholeLSTM(3, return_sequences=True)(sequences).shape
        (None, 5, 3)
    """

    cell_class = PeepholeLSTMCell
    cell_name = "peephole_lstm_cell"


@keras.saving.register_keras_serializable(package="engram")
class CoupledLSTM(RecurrentLayer):
    """`CoupledLSTMCell` over a sequence; called like `LSTM`.

    Example:
        >>> import keras
        >>> import layers
        >>> layer = layers.CoupledLSTM(3)
        >>> layer(keras.Input((5, 4))).shape
        (None, 3)
        >>> [tuple(weight.shape) for weight in layer.weights]  # three blocks of 3 units, not four
        [(4, 9), (3, 9), (9,)]
    """

    cell_class = CoupledLSTMCell
    cell_name = "coupled_lstm_cell"


@keras.saving.register_keras_serializable(package="engram")
class LayerNormLSTM(RecurrentLayer):
    """`LayerNormLSTMCell` over a sequence; called like `LSTM`.

    Example:
        >>> import keras
        >>> import layers
        >>> sequences = keras.Input((5, 4))  # 5 steps of 4 features
        >>> layers.LayerNormLSTM(3)(sequences).shape
        (None, 3)
        >>> layers.LayerNormLSTM(3, return_sequences=True)(sequences).shape
        (None, 5, 3)
    """

    cell_class = LayerNormLSTMCell
    cell_name = "layer_norm_lstm_cell"


@keras.saving.register_keras_serializable(package="engram")
class LayerNormGRU(RecurrentLayer):
    """`LayerNormGRUCell` over a sequence; called like `GRU`.

    Example:
        >>> import keras
        >>> import layers
        >>> sequences = keras.Input((5, 4))  # 5 steps of 4 features
        >>> layers.LayerNormGRU(3)(sequences).shape
        (None, 3)
        >>> layers.LayerNormGRU(3, return_sequences=True)(sequences).shape
        (None, 5, 3)
    """

    cell_class = LayerNormGRUCell
    cell_name = "layer_norm_gru_cell"
