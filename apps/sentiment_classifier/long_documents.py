"""Read a document of any length in chunks of one size.

Memory grows with the document only by the outputs of one level of layers: 2 * units numbers for each token, and those
that the next level makes of them.
"""

import keras
import numpy as np
from keras import ops

CHUNK = 1024


class Side(keras.Model):
    """A layer of one direction on a chunk, its states given and returned, so that `predict_on_batch` compiles it."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.supports_jit = keras.backend.backend() != "tensorflow"

    def call(self, inputs):
        x, mask, *states = inputs
        return self.layer(x, initial_state=states, mask=ops.not_equal(mask, 0))


class LongReader:
    """Read one document in chunks, with the states carried from chunk to chunk in both directions.

    Args:
        model: a `DocumentClassifier`.
    """

    def __init__(self, model):
        self.model = model
        self._levels = [[Side(layer) for layer in level] for level in model.directions]

    def __call__(self, ids, kept):
        """Return logits, float32 (classes,), and weights of attention, float32 (time,).

        Args:
            ids: int (time,).
            kept: bool (time,), False for tokens to leave out.
        """
        length = len(ids)
        chunks = max(1, -(-length // CHUNK))
        tokens, mask = np.zeros((2, chunks, 1, CHUNK), "int32")
        tokens.reshape(-1)[:length], mask.reshape(-1)[:length] = ids, kept
        xs = [ops.convert_to_numpy(self.model.embed(each)) for each in tokens]
        for level in self._levels:
            sides = [_run(side, xs, mask) for side in level]
            xs = [np.concatenate(parts, axis=-1) for parts in zip(*sides, strict=True)]
        x, mask = np.concatenate(xs, axis=1), mask.reshape(1, -1) != 0
        logits, weights = map(ops.convert_to_numpy, self.model.decide(ops.convert_to_tensor(x), mask))
        return logits[0], weights[0, :length]


def _run(side, xs, mask):
    """Return the outputs of a layer on all chunks, in the order of the text."""
    backwards, outputs = side.layer.go_backwards, []
    states = [np.zeros((1, size), "float32") for size in _state_sizes(side.layer)]
    order = range(len(xs))
    for index in reversed(order) if backwards else order:
        found = side.predict_on_batch([xs[index], mask[index], *states])
        output, *states = map(ops.convert_to_numpy, found)
        outputs.append(output[:, ::-1] if backwards else output)
    return outputs[::-1] if backwards else outputs


def _state_sizes(layer):
    levels = getattr(layer, "levels", [layer])
    return [size for level in levels for size in keras.tree.flatten(level.cell.state_size)]
