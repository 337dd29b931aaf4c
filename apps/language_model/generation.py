"""Generate text token by token, with the same draws in the app and in the exported model."""

import keras
import tensorflow as tf
from keras import ops

from ..common.text import END_ID, PAD_ID, START_ID, UNKNOWN_ID

# Draws that one seed gives.
BLOCK = 1000
# Logit of what is never drawn.
_NEVER = -1e9


def uniforms(seeds, count):
    """Return numbers from 0 to 1 that depend only on a seed and their index, float32 (batch, count).

    Args:
        seeds: int32 (batch,).
        count: Python int.
    """
    blocks = [
        tf.map_fn(
            lambda seed, block=block: tf.random.stateless_uniform([BLOCK], tf.stack([seed, block])),
            seeds,
            fn_output_signature=tf.TensorSpec([BLOCK], tf.float32),
        )
        for block in range(-(-count // BLOCK))
    ]
    return tf.concat(blocks, axis=1)[:, :count]


def draw(logits, uniform, temperature, top_k=0, top_p=1.0):
    """Draw a token of each row.

    Args:
        logits: (batch, vocabulary_size).
        uniform: (batch,), from 0 to 1.
        temperature: (batch,); 0 takes the most likely token.
        top_k: number of most likely tokens to draw from; 0 for all.
        top_p: draws from the fewest most likely tokens whose probabilities sum to at least this (nucleus sampling,
            Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020).

    Returns:
        int32 (batch,).
    """
    vocabulary_size = logits.shape[-1]
    ids = ops.arange(vocabulary_size)
    special = ops.logical_or(
        ops.equal(ids, PAD_ID), ops.logical_or(ops.equal(ids, UNKNOWN_ID), ops.equal(ids, START_ID))
    )
    logits = ops.where(special, _NEVER, logits)
    greedy = ops.equal(temperature, 0)
    # In the order of probability, so that what is left out is the end.
    sorted_logits, order = ops.top_k(logits, vocabulary_size)
    scale = ops.where(greedy, ops.ones_like(temperature), temperature)[:, None]
    probabilities = ops.softmax(sorted_logits / scale, axis=-1)
    sums = ops.cumsum(probabilities, axis=-1)
    # At least the first is kept.
    count = ops.where(greedy, 1, top_k or vocabulary_size)[:, None]
    kept = ops.logical_and(ids[None] < count, ops.logical_or(sums - probabilities < top_p, ids[None] == 0))
    sums = ops.cumsum(ops.where(kept, probabilities, 0), axis=-1)
    chosen = ops.sum(ops.cast(sums <= uniform[:, None] * sums[:, -1:], "int32"), axis=-1)
    last = ops.sum(ops.cast(kept, "int32"), axis=-1) - 1
    index = ops.minimum(chosen, last)[:, None]
    return ops.cast(ops.take_along_axis(order, index, axis=-1)[:, 0], "int32")


def continue_from(model, states, draws, lengths, temperature, top_k=0, top_p=1.0):
    """Generate tokens after given states.

    Args:
        model: a `LanguageModel`.
        states: list of (batch, units).
        draws: (batch, steps), from 0 to 1.
        lengths: int (batch,), tokens to generate, at most steps.
        temperature, top_k, top_p: see `draw`.

    Returns:
        Token ids, int32 (batch, steps), 0 behind the end of a text and of its length; and the new states.
    """
    steps = ops.shape(draws)[1]
    width = draws.shape[1] or steps
    index = ops.arange(width)
    longest = ops.minimum(ops.max(ops.concatenate([lengths, ops.zeros((1,), lengths.dtype)])), steps)

    def unfinished(time, tokens, ended, *states):
        return ops.logical_and(time < longest, ops.logical_not(ops.all(ended)))

    def extend(time, tokens, ended, *states):
        states = list(states)
        uniform = ops.take(draws, time, axis=1)
        token = draw(model.next_logits(states), uniform, temperature, top_k, top_p)
        token = ops.where(ended, PAD_ID, token)
        new = model.step(token, states)
        # Rows that have ended keep their states.
        states = [ops.where(ended[:, None], old, each) for old, each in zip(states, new, strict=True)]
        tokens = ops.where(index == time, token[:, None], tokens)
        ended = ops.logical_or(ops.logical_or(ended, token == END_ID), lengths <= time + 1)
        return (time + 1, tokens, ended, *states)

    tokens = ops.zeros((ops.shape(draws)[0], width), "int32")
    _, tokens, _, *states = ops.while_loop(unfinished, extend, (0, tokens, lengths <= 0, *states))
    return tokens, states


class Sampler(keras.Model):
    """`continue_from` as a Keras model, so that `predict_on_batch` compiles the loop on every backend.

    Args:
        model: a `LanguageModel`.
        top_k, top_p: see `draw`.

    Call arguments:
        inputs: draws, float32 (batch, steps); temperature, float32 (batch,); and the states, (batch, units) each.

    Returns:
        Token ids, int32 (batch, steps), and the new states.
    """

    def __init__(self, model, top_k=0, top_p=1.0):
        super().__init__()
        self.model, self.top_k, self.top_p = model, top_k, top_p
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, inputs):
        draws, temperature, *states = inputs
        lengths = ops.full(ops.shape(draws)[:1], ops.shape(draws)[1], "int32")
        tokens, states = continue_from(self.model, states, draws, lengths, temperature, self.top_k, self.top_p)
        return tokens, *states
