"""Compute the surprise of each token of long and short texts, in batches."""

import keras
import numpy as np
from keras import ops

# Steps that are read at once, and rows of a batch.
CHUNK, ROWS = 256, 64


class Scorer(keras.Model):
    """One chunk of texts as a Keras model, so that `predict_on_batch` compiles it on every backend.

    Call arguments:
        inputs: tokens, int (batch, time); the next tokens, int (batch, time); and the states, (batch, units) each.

    Returns:
        Nats of the next tokens, float32 (batch, time), and the new states.
    """

    def __init__(self, model):
        super().__init__()
        self.model = model
        # The recurrent layers are compiled anyway.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, inputs):
        tokens, targets, *states = inputs
        outputs, states = self.model.run(tokens, states)
        return self.model.nats(outputs, targets), *states


def sequence_nats(scorer, sequences):
    """Return the nats of each token of sequences but the first, given those before it.

    Args:
        scorer: a `Scorer`.
        sequences: list of int (tokens,).

    Returns:
        List of float32 (tokens - 1,).
    """
    order = np.argsort([-len(each) for each in sequences], kind="stable")
    found = [None] * len(sequences)
    rows = min(ROWS, len(sequences))
    for start in range(0, len(order), rows):
        chosen = order[start : start + rows]
        for row, nats in zip(chosen, _batch_nats(scorer, [sequences[row] for row in chosen], rows), strict=True):
            found[row] = nats
    return found


def _batch_nats(scorer, sequences, rows):
    """Score a batch, filled up to `rows` rows so that few shapes are compiled."""
    longest = max(len(each) for each in sequences) - 1
    steps = max(1, -(-longest // CHUNK))
    padded = np.zeros((rows, steps * CHUNK + 1), "int32")
    for row, each in enumerate(sequences):
        padded[row, : len(each)] = each
    states = [np.zeros((rows, size), "float32") for size in scorer.model.state_sizes]
    nats = []
    for at in range(0, steps * CHUNK, CHUNK):
        tokens, targets = padded[:, at : at + CHUNK], padded[:, at + 1 : at + CHUNK + 1]
        one, *states = map(ops.convert_to_numpy, scorer.predict_on_batch([tokens, targets, *states]))
        nats.append(one)
    nats = np.concatenate(nats, axis=1)
    return [nats[row, : len(each) - 1] for row, each in enumerate(sequences)]


def token_nats(scorer, tokens, window=None):
    """Return the nats of all predictions of `data.Tokens`, float32 (predictions,).

    Args:
        scorer: a `Scorer`.
        tokens: `data.Tokens`.
        window: number of predictions after which the state is reset, with the last token as context; None carries it
            through each document.
    """
    sequences = []
    for index in range(len(tokens.starts) - 1):
        ids = tokens.document(index)
        size = window or len(ids)
        sequences += [ids[at : at + size + 1] for at in range(0, len(ids) - 1, size)]
    return np.concatenate(sequence_nats(scorer, sequences))


def positions(tokens, window):
    """Return the position of each prediction since the last reset of `token_nats`, int (predictions,), from 0."""
    lengths = np.diff(tokens.starts) - 1
    return np.concatenate([np.arange(length) % window for length in lengths])
