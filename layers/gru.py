"""The gated recurrent unit.

Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation",
EMNLP 2014, section 2.3 and appendix A.
"""

import keras
from keras import ops

from .recurrent import RecurrentCell, RecurrentLayer


@keras.saving.register_keras_serializable(package="engram")
class GRUCell(RecurrentCell):
    """One step of a GRU.

    With W `kernel` (features, 3 * units), U `recurrent_kernel` (units, 3 * units), each cut into three blocks
    in the order z, r, h, sigma the `recurrent_activation` and tanh the `activation`:

        z = sigma(x W_z + b_z + h_prev U_z + d_z)           update gate
        r = sigma(x W_r + b_r + h_prev U_r + d_r)           reset gate
        g = tanh(x W_h + b_h + r * (h_prev U_h + d_h))      candidate, with `reset_after`
        g = tanh(x W_h + b_h + (r * h_prev) U_h)            candidate, without: as in the paper
        h = z * h_prev + (1 - z) * g                        hidden, the output

    With `reset_after` there are two biases, b and d, the rows of `bias` (2, 3 * units), and all of h_prev U is
    one product; it is the form that cuDNN computes. Without it `bias` is b alone, (3 * units,).

    Args:
        units: size of the hidden state.
        activation: of the candidate.
        recurrent_activation: of the two gates.
        use_bias: whether there are biases.
        kernel_initializer, recurrent_initializer, bias_initializer: of W, U and the biases.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: of W, U and the biases.
        kernel_constraint, recurrent_constraint, bias_constraint: of W, U and the biases.
        dropout, recurrent_dropout: share of the input's features, and of the hidden state on its way into the
            gates, dropped in training, the same ones at every step of a sequence (Gal and Ghahramani,
            NeurIPS 2016).
        reset_after: whether the reset gate acts after the product with U or before it.
        seed: of the dropout masks and of zoneout.
        zoneout: probability that a unit keeps its state at a step, in training; at other times states are mixed
            in that proportion (Krueger et al., "Zoneout: Regularizing RNNs by Randomly Preserving Hidden
            Activations", ICLR 2017).

    Call arguments:
        inputs: (batch, features).
        states: `[hidden]`, (batch, units).
        training: whether dropout is active.

    Returns:
        `hidden, [hidden]`, each (batch, units).
    """

    gates = ("update_gate", "reset_gate", "candidate")

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        reset_after=True,
        seed=None,
        zoneout=0.0,
        **kwargs,
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
    def bias_shape(self):
        width = len(self.gates) * self.units
        return (2, width) if self.reset_after else (width,)

    @property
    def input_bias(self):
        return self.bias[0] if self.reset_after else self.bias

    def step(self, inputs, states, training):
        (h_prev,) = states
        h_seen = self.drop_recurrent(h_prev, training)
        x_z, x_r, x_h = ops.split(self.project(inputs, training), 3, axis=-1)
        if self.reset_after:
            recurrent = ops.matmul(h_seen, self.recurrent_kernel)
            h_z, h_r, h_h = ops.split(recurrent + self.bias[1] if self.use_bias else recurrent, 3, axis=-1)
            reset_gate = self.recurrent_activation(x_r + h_r)
            candidate = self.activation(x_h + reset_gate * h_h)
        else:
            gates_kernel, candidate_kernel = ops.split(self.recurrent_kernel, [2 * self.units], axis=-1)
            h_z, h_r = ops.split(ops.matmul(h_seen, gates_kernel), 2, axis=-1)
            reset_gate = self.recurrent_activation(x_r + h_r)
            candidate = self.activation(x_h + ops.matmul(reset_gate * h_seen, candidate_kernel))
        update_gate = self.recurrent_activation(x_z + h_z)
        return [update_gate * h_prev + (1 - update_gate) * candidate]


@keras.saving.register_keras_serializable(package="engram")
class GRU(RecurrentLayer):
    """A gated recurrent unit over a sequence; takes the place of `keras.layers.GRU`.

    Its arguments are those of `GRUCell`, where its equations stand, and of `keras.layers.RNN`; what it is
    called with and returns is said at `RecurrentLayer`.
    """

    cell_class = GRUCell
    cell_name = "gru_cell"
