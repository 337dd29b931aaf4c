"""The matrix memory of an mLSTM, step by step and in chunks.

With q, k, v the query, key and value of a head, i and f its gates, and m the stabilizer:

    m_t = max(log f_t + m_{t-1}, log i_t)
    C_t = exp(log f_t + m_{t-1} - m_t) C_{t-1} + exp(log i_t - m_t) k_t v_t^T
    n_t = exp(log f_t + m_{t-1} - m_t) n_{t-1} + exp(log i_t - m_t) k_t
    y_t = C_t^T q_t / max(|n_t^T q_t|, exp(-m_t))

Within a chunk, with b_t the sum of log f up to step t, all steps are computed at once:

    D_ts = b_t - b_s + log i_s for s <= t                           what step t keeps of step s
    m_t = max(b_t + m_0, max_s D_ts)
    C_t^T q_t = exp(b_t + m_0 - m_t) C_0^T q_t + sum_s exp(D_ts - m_t) (q_t^T k_s) v_s

and the same for n. States are those between chunks, so that time and memory grow linearly with the sequence.
"""

from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple

import keras
from keras import ops

from ..typing import Tensor

# In place of the logarithm of a closed gate, minus infinity.
CLOSED = -1e30
# Lower bound of the denominator, for a query without any overlap with the memory.
_SMALLEST = 1e-6


class Parts(NamedTuple):
    """What the input contributes: query and key (..., heads, key_dim), value (..., heads, value_dim), and the
    logarithms of both gates (..., heads)."""

    query: Tensor
    key: Tensor
    value: Tensor
    log_input: Tensor
    log_forget: Tensor


def _divide(numerator, overlap, stabilizer):
    """Return the numerator, (..., value_dim), divided by max(|overlap|, exp(-stabilizer))."""
    # exp(-stabilizer) would overflow; the quotient is zero in float32 anyway.
    bound = ops.exp(ops.minimum(-stabilizer, 80.0))
    denominator = ops.maximum(ops.maximum(ops.abs(overlap), bound), _SMALLEST)
    return numerator / denominator[..., None]


def step(parts: Parts, states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Run one step.

    Args:
        parts: of one step, (batch, heads, ...) each.
        states: memory (batch, heads, key_dim, value_dim), normalizer (batch, heads, key_dim) and stabilizer
            (batch, heads).

    Returns:
        What the query reads, (batch, heads, value_dim), and the new states.
    """
    query, key, value, log_input, log_forget = parts
    memory, normalizer, stabilizer = states
    kept = log_forget + stabilizer
    stabilizer = ops.maximum(kept, log_input)
    forget_gate, input_gate = ops.exp(kept - stabilizer)[..., None], ops.exp(log_input - stabilizer)[..., None]
    key = input_gate * key
    memory = forget_gate[..., None] * memory + key[..., None] * value[..., None, :]
    normalizer = forget_gate * normalizer + key
    numerator = ops.squeeze(ops.matmul(query[..., None, :], memory), axis=-2)
    return _divide(numerator, ops.sum(query * normalizer, axis=-1), stabilizer), [memory, normalizer, stabilizer]


def chunk_step(states: list[Tensor], chunk: list[Tensor]) -> tuple[list[Tensor], Tensor]:
    """Run all steps of a chunk.

    Args:
        states: as those of `step`.
        chunk: the fields of `Parts`, (batch, heads, steps, ...) each.

    Returns:
        The states after the chunk, and what the queries read, (batch, heads, steps, value_dim).
    """
    query, key, value, log_input, log_forget = chunk
    memory, normalizer, stabilizer = states
    steps = query.shape[2]
    total = ops.cumsum(log_forget, axis=-1)
    decay = total[..., :, None] - total[..., None, :] + log_input[..., None, :]
    is_past = ops.arange(steps)[:, None] >= ops.arange(steps)
    decay = ops.where(is_past, decay, ops.full_like(decay, CLOSED))
    kept = total + stabilizer[..., None]
    stabilizers = ops.maximum(kept, ops.max(decay, axis=-1))
    weights = ops.exp(decay - stabilizers[..., None])
    carried = ops.exp(kept - stabilizers)
    scores = weights * ops.matmul(query, ops.swapaxes(key, -1, -2))
    numerator = ops.matmul(scores, value) + carried[..., None] * ops.matmul(query, memory)
    overlap = ops.sum(scores, axis=-1) + carried * ops.squeeze(ops.matmul(query, normalizer[..., None]), axis=-1)
    # The last row of the weights is what the last step keeps of every step.
    key = weights[..., -1, :, None] * key
    memory = carried[..., -1, None, None] * memory + ops.matmul(ops.swapaxes(key, -1, -2), value)
    normalizer = carried[..., -1, None] * normalizer + ops.sum(key, axis=-2)
    return [memory, normalizer, stabilizers[..., -1]], _divide(numerator, overlap, stabilizers)


def _split(sequences, steps, padding):
    """Split (batch, time, heads, ...) into chunks, (chunks, batch, heads, steps, ...), padded with a constant."""
    batch, time, *rest = ops.shape(sequences)
    missing = -time % steps
    if not isinstance(missing, int) or missing:
        constant = ops.zeros((batch, missing, *rest), sequences.dtype) + padding
        sequences = ops.concatenate([sequences, ops.cast(constant, sequences.dtype)], axis=1)
    chunks = ops.reshape(sequences, (batch, (time + missing) // steps, steps, *rest))
    return ops.transpose(chunks, (1, 0, 3, 2, *range(4, len(rest) + 3)))


def _chunk_loop() -> Callable:
    """Return the backend's loop over chunks; `chunk_loop` in `kernels/jax_scan.py` documents it."""
    backend = keras.backend.backend()
    if backend in ("tensorflow", "jax"):
        return import_module(f".{backend}_scan", __package__).chunk_loop
    return _python_loop


def _python_loop(step, carry, chunks, like):
    outputs = []
    for index in range(chunks[0].shape[0]):
        carry, output = step(carry, [chunk[index] for chunk in chunks])
        outputs.append(output)
    return carry, ops.stack(outputs, axis=0)


def chunkwise(parts: Parts, states: list[Tensor], chunk_size: int) -> tuple[Tensor, list[Tensor]]:
    """Run sequences of any length.

    Args:
        parts: of all steps, (batch, time, heads, ...) each.
        states: as those of `step`.
        chunk_size: steps of a chunk.

    Returns:
        What the queries read, (batch, time, heads, value_dim), and the states after the last step.
    """
    batch, time, heads, width = ops.shape(parts.value)
    steps = min(chunk_size, time) if isinstance(time, int) else chunk_size
    chunks = [_split(x, steps, 0.0) for x in parts._replace(log_input=parts.log_forget)]
    chunks[3] = _split(parts.log_input, steps, CLOSED)
    states, reads = _chunk_loop()(chunk_step, states, chunks, chunks[2][0])
    reads = ops.reshape(ops.transpose(reads, (1, 0, 3, 2, 4)), (batch, ops.shape(reads)[0] * steps, heads, width))
    return reads[:, :time], list(states)
