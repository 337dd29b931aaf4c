"""Reference implementations of the cells in NumPy and float64, written from their papers.

A step takes x (batch, features), a list of states (batch, units) each, and the weights in Keras' order. It returns the
new states, the first of which is the output.
"""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def simple_rnn_step(x, states, kernel, recurrent_kernel, bias):
    """Elman 1990."""
    (h,) = states
    return [np.tanh(x @ kernel + h @ recurrent_kernel + bias)]


def lstm_step(x, states, kernel, recurrent_kernel, bias):
    """Gers, Schmidhuber and Cummins 2000; blocks i, f, c, o."""
    h, c = states
    w_i, w_f, w_c, w_o = np.split(kernel, 4, axis=1)
    u_i, u_f, u_c, u_o = np.split(recurrent_kernel, 4, axis=1)
    b_i, b_f, b_c, b_o = np.split(bias, 4)
    i = sigmoid(x @ w_i + h @ u_i + b_i)
    f = sigmoid(x @ w_f + h @ u_f + b_f)
    g = np.tanh(x @ w_c + h @ u_c + b_c)
    o = sigmoid(x @ w_o + h @ u_o + b_o)
    c = f * c + i * g
    return [o * np.tanh(c), c]


def gru_step(x, states, kernel, recurrent_kernel, bias):
    """Cho et al. 2014, with the reset gate after the product, as in cuDNN; blocks z, r, h; bias (2, 3 * units)."""
    (h,) = states
    w_z, w_r, w_h = np.split(kernel, 3, axis=1)
    u_z, u_r, u_h = np.split(recurrent_kernel, 3, axis=1)
    (b_z, b_r, b_h), (d_z, d_r, d_h) = (np.split(row, 3) for row in bias)
    z = sigmoid(x @ w_z + b_z + h @ u_z + d_z)
    r = sigmoid(x @ w_r + b_r + h @ u_r + d_r)
    g = np.tanh(x @ w_h + b_h + r * (h @ u_h + d_h))
    return [z * h + (1 - z) * g]


def gru_reset_before_step(x, states, kernel, recurrent_kernel, bias):
    """Cho et al. 2014 as published; blocks z, r, h; bias (3 * units,)."""
    (h,) = states
    w_z, w_r, w_h = np.split(kernel, 3, axis=1)
    u_z, u_r, u_h = np.split(recurrent_kernel, 3, axis=1)
    b_z, b_r, b_h = np.split(bias, 3)
    z = sigmoid(x @ w_z + b_z + h @ u_z)
    r = sigmoid(x @ w_r + b_r + h @ u_r)
    g = np.tanh(x @ w_h + b_h + (r * h) @ u_h)
    return [z * h + (1 - z) * g]


def peephole_lstm_step(x, states, kernel, recurrent_kernel, bias, peephole):
    """Gers, Schraudolph and Schmidhuber 2002."""
    h, c = states
    i, f, g, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=1)
    p_i, p_f, p_o = peephole
    c_next = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * np.tanh(g)
    return [sigmoid(o + p_o * c_next) * np.tanh(c_next), c_next]


def coupled_lstm_step(x, states, kernel, recurrent_kernel, bias):
    """Greff et al. 2017; blocks f, c, o."""
    h, c = states
    f, g, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 3, axis=1)
    c = sigmoid(f) * c + (1 - sigmoid(f)) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def layer_norm(a, scale, shift=0.0):
    """Ba, Kiros and Hinton 2016."""
    return scale * (a - a.mean(axis=1, keepdims=True)) / np.sqrt(a.var(axis=1, keepdims=True) + 1e-5) + shift


def layer_norm_lstm_step(x, states, kernel, recurrent_kernel, bias, x_scale, h_scale, c_scale, c_shift):
    """Ba, Kiros and Hinton 2016; blocks i, f, c, o."""
    h, c = states
    z = layer_norm(x @ kernel, x_scale) + layer_norm(h @ recurrent_kernel, h_scale) + bias
    i, f, g, o = np.split(z, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(layer_norm(c, c_scale, c_shift)), c]


def layer_norm_gru_step(x, states, kernel, recurrent_kernel, bias, x_gates, x_candidate, h_gates, h_candidate):
    """Ba, Kiros and Hinton 2016; blocks z, r, h."""
    (h,) = states
    units = h.shape[1]
    x_all, h_all = x @ kernel, h @ recurrent_kernel
    gates = layer_norm(x_all[:, : 2 * units], x_gates) + bias[0, : 2 * units]
    gates = gates + layer_norm(h_all[:, : 2 * units], h_gates) + bias[1, : 2 * units]
    z, r = np.split(sigmoid(gates), 2, axis=1)
    from_x = layer_norm(x_all[:, 2 * units :], x_candidate) + bias[0, 2 * units :]
    from_h = layer_norm(h_all[:, 2 * units :], h_candidate) + bias[1, 2 * units :]
    return [z * h + (1 - z) * np.tanh(from_x + r * from_h)]


def positive(x):
    """The function g of Feng et al. 2024."""
    return np.where(x >= 0, x + 0.5, sigmoid(x))


def min_gru_step(x, states, kernel, bias, activation=positive):
    """Feng et al. 2024, section 3.1; blocks z, h."""
    z, h = np.split(x @ kernel + bias, 2, axis=1)
    return [(1 - sigmoid(z)) * states[0] + sigmoid(z) * activation(h)]


def min_lstm_step(x, states, kernel, bias, activation=positive):
    """Feng et al. 2024, section 3.2; blocks i, f, c."""
    i, f, c = np.split(x @ kernel + bias, 3, axis=1)
    i, f = sigmoid(i), sigmoid(f)
    return [f / (f + i) * states[0] + i / (f + i) * activation(c)]


def slstm_step(x, states, kernel, recurrent_kernel, bias, heads=1, exponential=False):
    """Beck et al. 2024, equations 8 to 17; blocks i, f, z, o, those of the recurrent kernel head by head."""
    h, c, n, m = states
    size = h.shape[1] // heads
    recurrent = np.zeros((len(x), 4, h.shape[1]))
    for head in range(heads):
        units = slice(head * size, (head + 1) * size)
        for gate in range(4):
            recurrent[:, gate, units] = h[:, units] @ recurrent_kernel[units, gate * size : (gate + 1) * size]
    i, f, z, o = (part + recurrent[:, gate] for gate, part in enumerate(np.split(x @ kernel + bias, 4, axis=1)))
    log_f = f if exponential else np.log(sigmoid(f))
    m_next = np.where(n == 0, i, np.maximum(log_f + m, i))
    i, f = np.exp(i - m_next), np.exp(log_f + m - m_next)
    c, n = f * c + i * np.tanh(z), f * n + i
    return [sigmoid(o) * c / n, c, n, m_next]


def mlstm_step(x, states, kernel, bias, heads=1, key_dim=None, exponential=False):
    """Beck et al. 2024, equations 19 to 27, with the stabilizer of appendix A; blocks q, k, v, o, i, f."""
    _, memory, n, m = states
    batch, units = states[0].shape
    d_v = units // heads
    d_k = key_dim or d_v
    q, k, v, o, i, f = np.split(x @ kernel + bias, np.cumsum([heads * d_k, heads * d_k, units, units, heads]), axis=1)
    log_f = f if exponential else np.log(sigmoid(f))
    m_next = np.maximum(log_f + m, i)
    i, f = np.exp(i - m_next), np.exp(log_f + m - m_next)
    memory, n = memory.reshape(batch, heads, d_k, d_v).copy(), n.reshape(batch, heads, d_k).copy()
    h = np.empty((batch, heads, d_v))
    for row, head in np.ndindex(batch, heads):
        key = k[row, head * d_k : (head + 1) * d_k] / np.sqrt(d_k)
        query, value = q[row, head * d_k : (head + 1) * d_k], v[row, head * d_v : (head + 1) * d_v]
        memory[row, head] = f[row, head] * memory[row, head] + i[row, head] * np.outer(key, value)
        n[row, head] = f[row, head] * n[row, head] + i[row, head] * key
        h[row, head] = memory[row, head].T @ query / max(abs(n[row, head] @ query), np.exp(-m_next[row, head]))
    return [sigmoid(o) * h.reshape(batch, units), memory.reshape(batch, -1), n.reshape(batch, -1), m_next]


def run(step, x, states, weights, mask=None):
    """Run a step over a sequence.

    Args:
        step: one of the functions above.
        x: (batch, time, features).
        states: list of initial states, (batch, units) each.
        weights: in Keras' order.
        mask: boolean (batch, time), True = keep; a masked step leaves states and output unchanged.

    Returns:
        Outputs (batch, time, units), then the last states.
    """
    outputs = []
    for t in range(x.shape[1]):
        mask_t = np.ones((len(x), 1), bool) if mask is None else mask[:, t, None]
        states = [np.where(mask_t, new, old) for new, old in zip(step(x[:, t], states, *weights), states, strict=True)]
        outputs.append(states[0])
    return np.stack(outputs, axis=1), *states
