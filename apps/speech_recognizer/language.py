"""A language model in the search for the likeliest text."""

from pathlib import Path

import numpy as np
from keras import ops, tree

import layers  # noqa: F401  The classes of the language model's layers.

from ..common import files
from ..common.cli import UserError
from ..common.models import load_model
from ..common.text import END_ID, SPECIAL_PIECES, START_ID, UNKNOWN_ID
from ..common.transfer import load_trunk

# Files of a recogniser's run directory.
MODEL, VOCABULARY = "language_model.keras", "language_model.json"
# Log probability of a token that the language model does not have.
_UNKNOWN = -20.0


def save_language_model(run_dir, pieces, folder):
    """Copy a language model into the run directory of a recogniser.

    Args:
        run_dir: run directory of the language model.
        pieces: list of the recogniser's tokens, without the special ones.
        folder: the run directory.

    Raises:
        UserError: the language model's tokens are others.
    """
    trunk = load_trunk(run_dir)
    if "logits" not in [layer.name for layer in trunk.model.layers]:
        raise UserError(f"--language-model {run_dir}: has no layer `logits`; train it again")
    known, unit = set(trunk.vocabulary.pieces), trunk.vocabulary.unit
    absent = [piece for piece in pieces if piece not in known]
    if len(absent) > 0.2 * len(pieces):
        raise UserError(
            f"--language-model {run_dir}: {len(absent)} of the recogniser's {len(pieces)} tokens, such as "
            f"{absent[0]!r}, are not among its {unit}; train one with --unit characters on texts in the same letters"
        )
    with files.replacing(Path(folder) / MODEL) as part:
        trunk.model.save(part)
    files.write_json(Path(folder) / VOCABULARY, {"unit": unit, "pieces": trunk.vocabulary.pieces})


class TokenModel:
    """Log probabilities of the tokens of a recogniser, by a language model.

    Args:
        run_dir: run directory of a recogniser, with what `save_language_model` wrote.
        pieces: list of the recogniser's tokens, without the special ones.
    """

    def __init__(self, run_dir, pieces):
        saved, model = files.read_json(Path(run_dir) / VOCABULARY), load_model(Path(run_dir) / MODEL)
        ids = {piece: index for index, piece in enumerate(saved["pieces"], len(SPECIAL_PIECES))}
        self._known = np.array([False] * len(SPECIAL_PIECES) + [piece in ids for piece in pieces])
        self._ids = np.array([*range(len(SPECIAL_PIECES)), *(ids.get(piece, UNKNOWN_ID) for piece in pieces)], "int32")
        # A text is a line of the documents if the language model knows lines.
        self._end, self._opening = END_ID, [START_ID]
        if saved["unit"] == "characters" and "\n" in ids:
            self._end, self._opening = ids["\n"], [START_ID, ids["\n"]]
        names = {layer.name for layer in model.layers}
        get = model.get_layer
        self.embedding, self.logits = get("embedding"), get("logits")
        self.projection = get("projection") if "projection" in names else None
        self.stack = [
            get(f"recurrent_{index}") for index in range(sum(name.startswith("recurrent_") for name in names))
        ]

    @property
    def layers(self):
        """List of the layers."""
        return [self.embedding, *self.stack, *([self.projection] if self.projection is not None else []), self.logits]

    def initial(self, batch):
        """Return the states before a text, list of (batch, units), and log probabilities of its first token."""
        states = [ops.zeros((batch, size)) for layer in self.stack for size in tree.flatten(layer.cell.state_size)]
        for token in self._opening:
            states, likely = self._read(ops.zeros((batch,), "int32") + token, states)
        return states, likely

    def step(self, tokens, states):
        """Return the states after further tokens, int (rows,), and log probabilities, (rows, tokens), of the next."""
        return self._read(ops.take(self._ids, tokens), states)

    def end(self, likely):
        """Return the log probability that a text ends, (...,), given those of `step`, in which it has place 0."""
        return likely[..., 0]

    def _read(self, ids, states):
        x, new, states = self.embedding(ids), [], list(states)
        for layer in self.stack:
            count = len(tree.flatten(layer.cell.state_size))
            x, last = layer.cell(x, states[:count])
            states, new = states[count:], [*new, *last]
        if self.projection is not None:
            x = self.projection(x)
        likely = ops.log_softmax(ops.cast(self.logits(x), "float32"))
        own = ops.where(self._known, ops.take(likely, self._ids, axis=-1), _UNKNOWN)
        # Place 0, of no token, holds the end.
        return new, ops.concatenate([likely[..., self._end : self._end + 1], own[..., 1:]], axis=-1)
