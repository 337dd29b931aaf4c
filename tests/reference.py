"""The cells again in NumPy, in float64, straight from their papers: what the layers are compared with."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step(x, h, c, kernel, recurrent_kernel, bias):
    """Gers, Schmidhuber and Cummins 2000; blocks i, f, c, o."""
    w_i, w_f, w_c, w_o = np.split(kernel, 4, axis=1)
    u_i, u_f, u_c, u_o = np.split(recurrent_kernel, 4, axis=1)
    b_i, b_f, b_c, b_o = np.split(bias, 4)
    i = sigmoid(x @ w_i + h @ u_i + b_i)
    f = sigmoid(x @ w_f + h @ u_f + b_f)
    g = np.tanh(x @ w_c + h @ u_c + b_c)
    o = sigmoid(x @ w_o + h @ u_o + b_o)
    c = f * c + i * g
    return o * np.tanh(c), c


def lstm(x, h, c, weights, mask=None):
    """Runs over (batch, time, features).

    Args:
        mask: bool (batch, time); where it is False the states stay as they were and so does the output.

    Returns:
        Outputs (batch, time, units), and the last h and c.
    """
    outputs = []
    for t in range(x.shape[1]):
        h_next, c_next = lstm_step(x[:, t], h, c, *weights)
        keep = np.ones((len(x), 1), bool) if mask is None else mask[:, t, None]
        h, c = np.where(keep, h_next, h), np.where(keep, c_next, c)
        outputs.append(h)
    return np.stack(outputs, axis=1), h, c
