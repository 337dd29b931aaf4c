"""The equations of the DNC and the NTM in NumPy and float64, for one row, one head and one slot at a time.

Graves et al., Nature 538, 2016, Methods; Csordas and Schmidhuber, ICLR 2019; Graves et al., arXiv:1410.5401, 2014.
A state is a dict of arrays, named and shaped as the cell's `state_shapes`.
"""

import numpy as np

from tests.reference import lstm_step, sigmoid


def softmax(x):
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def softplus(x):
    return np.log1p(np.exp(x))


def oneplus(x):
    return 1 + softplus(x)


def cosine(u, v):
    return u @ v / np.sqrt((u @ u + 1e-6) * (v @ v + 1e-6))


def content(memory, key, strength, mask=1.0):
    return softmax(np.array([strength * cosine(key * mask, slot * mask) for slot in memory]))


def allocation(usage):
    """Nature 538, equation 1."""
    phi = np.argsort(usage, kind="stable")
    a = np.zeros_like(usage)
    for j in range(len(usage)):
        product = 1.0
        for i in range(j):
            product *= usage[phi[i]]
        a[phi[j]] = (1 - usage[phi[j]]) * product
    return a


def links(previous, precedence, write):
    result = np.zeros_like(previous)
    for i in range(len(write)):
        for j in range(len(write)):
            if i != j:
                result[i, j] = (1 - write[i] - write[j]) * previous[i, j] + write[i] * precedence[j]
    return result


def sharpened_links(d, strength):
    d = d + 1e-6
    powers = (d / d.max()) ** strength
    return powers / powers.sum()


class Reader:
    """Takes the parts of an interface vector, one after the other."""

    def __init__(self, vector):
        self.vector = vector

    def take(self, *shape):
        size = int(np.prod(shape))
        part, self.vector = self.vector[:size].reshape(shape), self.vector[size:]
        return part


def controlled(x, state, weights):
    """Run an LSTM as the controller; returns its hidden and cell state."""
    inputs = np.concatenate([x, state["read_vectors"].ravel()])[None]
    hidden, cell = lstm_step(inputs, [state["controller_0"][None], state["controller_1"][None]], *weights[4:])
    return hidden[0], cell[0]


def dnc_step(x, state, weights, dealloc_by_content=False, mask_content=False, normalize_links=False):
    """One step of a DNC with an LSTM; weights in the layer's order, the controller's last."""
    interface_kernel, interface_bias, output_kernel, output_bias = weights[:4]
    heads, width = state["read_vectors"].shape
    h, c = controlled(x, state, weights)
    xi = Reader(h @ interface_kernel + interface_bias)
    read_keys, read_strengths = xi.take(heads, width), oneplus(xi.take(heads))
    write_key, write_strength = xi.take(width), oneplus(xi.take(1))[0]
    erase, write_vector = sigmoid(xi.take(width)), xi.take(width)
    free_gates, allocation_gate, write_gate = sigmoid(xi.take(heads)), sigmoid(xi.take(1)), sigmoid(xi.take(1))
    modes = [softmax(row) for row in xi.take(heads, 3)]
    read_masks = sigmoid(xi.take(heads, width)) if mask_content else np.ones((heads, width))
    write_mask = sigmoid(xi.take(width)) if mask_content else np.ones(width)
    strengths = [oneplus(xi.take(heads)) for _ in range(2)] if normalize_links else None
    assert xi.vector.size == 0

    psi = np.prod([1 - f * w for f, w in zip(free_gates, state["read_weightings"], strict=True)], axis=0)
    u, w = state["usage"], state["write_weighting"]
    usage = (u + w - u * w) * psi
    lookup = content(state["memory"], write_key, write_strength, write_mask)
    write = write_gate * (allocation_gate * allocation(usage) + (1 - allocation_gate) * lookup)
    memory = state["memory"] * (1 - np.outer(write, erase))
    if dealloc_by_content:
        memory = memory * psi[:, None]
    memory = memory + np.outer(write, write_vector)
    new_links = links(state["links"], state["precedence"], write)
    reads = []
    for i in range(heads):
        backward, forward = new_links.T @ state["read_weightings"][i], new_links @ state["read_weightings"][i]
        if normalize_links:
            backward, forward = sharpened_links(backward, strengths[0][i]), sharpened_links(forward, strengths[1][i])
        found = content(memory, read_keys[i], read_strengths[i], read_masks[i])
        reads.append(modes[i][0] * backward + modes[i][1] * found + modes[i][2] * forward)
    vectors = np.array([memory.T @ read for read in reads])
    return {
        "output": np.concatenate([h, vectors.ravel()]) @ output_kernel + output_bias,
        "controller_0": h,
        "controller_1": c,
        "memory": memory,
        "read_vectors": vectors,
        "read_weightings": np.array(reads),
        "write_weighting": write,
        "usage": usage,
        "precedence": (1 - write.sum()) * state["precedence"] + write,
        "links": new_links,
    }


def shifted(weighting, shifts):
    """Equation 8 of the NTM."""
    size, reach = len(weighting), len(shifts) // 2
    result = np.zeros(size)
    for i in range(size):
        for j in range(size):
            for k in range(-reach, reach + 1):
                if (i - j - k) % size == 0:
                    result[i] += weighting[j] * shifts[k + reach]
    return result


def ntm_step(x, state, weights, shift_range=1):
    """One step of an NTM with an LSTM; weights in the layer's order, the controller's last."""
    interface_kernel, interface_bias, output_kernel, output_bias = weights[:4]
    write_heads, read_heads = len(state["write_weightings"]), len(state["read_weightings"])
    heads, width = write_heads + read_heads, state["memory"].shape[1]
    h, c = controlled(x, state, weights)
    xi = Reader(h @ interface_kernel + interface_bias)
    keys, strengths, gates = xi.take(heads, width), softplus(xi.take(heads)), sigmoid(xi.take(heads))
    shifts, exponents = [softmax(row) for row in xi.take(heads, 2 * shift_range + 1)], oneplus(xi.take(heads))
    erase, vectors = sigmoid(xi.take(write_heads, width)), xi.take(write_heads, width)
    assert xi.vector.size == 0

    def moved(head, memory, previous):
        found = content(memory, keys[head], strengths[head])
        w = shifted(gates[head] * found + (1 - gates[head]) * previous, shifts[head])
        return w ** exponents[head] / np.sum(w ** exponents[head])

    memory = state["memory"].copy()
    writes = [moved(head, state["memory"], state["write_weightings"][head]) for head in range(write_heads)]
    for head, write in enumerate(writes):
        memory = memory * (1 - np.outer(write, erase[head]))
    for head, write in enumerate(writes):
        memory = memory + np.outer(write, vectors[head])
    reads = [moved(write_heads + head, memory, state["read_weightings"][head]) for head in range(read_heads)]
    read_vectors = np.array([memory.T @ read for read in reads])
    return {
        "output": np.concatenate([h, read_vectors.ravel()]) @ output_kernel + output_bias,
        "controller_0": h,
        "controller_1": c,
        "memory": memory,
        "read_vectors": read_vectors,
        "write_weightings": np.array(writes),
        "read_weightings": np.array(reads),
    }


def run(step, sequences, states, weights, mask=None, **options):
    """Run a step over sequences.

    Args:
        step: one of the functions above.
        sequences: (batch, time, features).
        states: dict of initial states, (batch, *shape) each.
        weights: in the layer's order.
        mask: boolean (batch, time), True = keep.
        options: of the step.

    Returns:
        Dict of all states at all steps, (batch, time, *shape).
    """
    rows = []
    for row in range(len(sequences)):
        state, history = {name: value[row] for name, value in states.items()}, []
        for time, x in enumerate(sequences[row]):
            if mask is None or mask[row, time]:
                state = step(x, state, weights, **options)
            history.append(state)
        rows.append(history)
    return {name: np.array([[state[name] for state in history] for history in rows]) for name in states}
