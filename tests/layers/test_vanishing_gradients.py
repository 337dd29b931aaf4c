"""Vanishing gradients: the derivative of the hidden state after 200 steps with respect to the initial states."""

import keras
import numpy as np
import pytest

import layers

UNITS, STEPS = 16, 200


def sensitivity(layer):
    """Return the largest singular value of d h_T / d (h_0, c_0), or of d h_T / d h_0 without a cell."""
    sequences = np.random.default_rng(0).normal(size=(1, STEPS, 4)).astype("float32")
    initial_state = np.zeros((1, layer.cell.num_states * UNITS), "float32")

    def last_hidden(initial_state):
        return layer(sequences, initial_state=keras.ops.split(initial_state, layer.cell.num_states, axis=1))[0]

    if keras.backend.backend() == "jax":
        import jax

        with keras.StatelessScope():
            jacobian = jax.jacobian(last_hidden)(jax.numpy.asarray(initial_state))[:, 0]
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = tf.Variable(initial_state)
            result = last_hidden(value)
        jacobian = tape.jacobian(result, value)[:, 0]
    return float(np.linalg.norm(keras.ops.convert_to_numpy(jacobian), 2))


@pytest.fixture
def sensitivities():
    keras.utils.set_random_seed(0)
    results = {}
    for name, kind, forget_bias in (
        ("SimpleRNN", layers.SimpleRNN, None),
        ("GRU", layers.GRU, None),
        ("LSTM 1", layers.LSTM, 1.0),
        ("LSTM 3", layers.LSTM, 3.0),
    ):
        layer = kind(UNITS)
        layer.build((1, STEPS, 4))
        if forget_bias is not None:
            *kernels, bias = layer.get_weights()
            bias[UNITS : 2 * UNITS] = forget_bias
            layer.set_weights([*kernels, bias])
        results[name] = sensitivity(layer)
    return results


def test_open_forget_gate_prevents_vanishing_gradients(sensitivities):
    print(sensitivities)
    for name in ("SimpleRNN", "GRU", "LSTM 1"):
        assert sensitivities[name] < 1e-12, name
    assert sensitivities["SimpleRNN"] < sensitivities["LSTM 1"]
    assert sensitivities["LSTM 3"] > 1e-3
