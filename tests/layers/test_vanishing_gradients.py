"""How much of the first step is left after 200, as a fact: the derivative of h_T by the states at the start."""

import keras
import numpy as np
import pytest

import layers

UNITS, STEPS = 16, 200


def sensitivity(layer):
    """Largest singular value of d h_T / d (h_1, c_1), or d h_T / d h_1 where there is no cell."""
    sequences = np.random.default_rng(0).normal(size=(1, STEPS, 4)).astype("float32")
    start = np.zeros((1, layer.cell.num_states * UNITS), "float32")

    def last_hidden(start):
        return layer(sequences, initial_state=keras.ops.split(start, layer.cell.num_states, axis=1))[0]

    if keras.backend.backend() == "jax":
        import jax

        with keras.StatelessScope():
            jacobian = jax.jacobian(last_hidden)(jax.numpy.asarray(start))[:, 0]
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = tf.Variable(start)
            result = last_hidden(value)
        jacobian = tape.jacobian(result, value)[:, 0]
    return float(np.linalg.norm(keras.ops.convert_to_numpy(jacobian), 2))


@pytest.fixture
def measured():
    keras.utils.set_random_seed(0)
    found = {}
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
        found[name] = sensitivity(layer)
    return found


def test_an_open_forget_gate_keeps_the_gradient_that_the_others_lose(measured):
    print(measured)
    for name in ("SimpleRNN", "GRU", "LSTM 1"):
        assert measured[name] < 1e-12, name
    assert measured["SimpleRNN"] < measured["LSTM 1"]
    assert measured["LSTM 3"] > 1e-3
