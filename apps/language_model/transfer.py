"""Begin a training with the weights of another run."""

import numpy as np

from ..common.vocabularies import Vocabulary
from .model import load_model


def extended(vocabulary, pieces):
    """Return a vocabulary with further pieces behind its own, whose ids stay as they are.

    Args:
        vocabulary: `Vocabulary` of the run to start from.
        pieces: of the new text. Of subwords only single characters are added: the others would change how known words
            are cut.
    """
    known = set(vocabulary.pieces)
    new = [piece for piece in pieces if piece not in known and (vocabulary.unit != "subwords" or len(piece) == 1)]
    return Vocabulary(vocabulary.unit, [*vocabulary.pieces, *new])


def copy_weights(run_dir, model):
    """Copy the weights of a run into a new `LanguageModel` whose vocabulary begins with the run's.

    New tokens keep their initial vectors, and are at first as unlikely as the least likely known one.
    """
    source = load_model(f"{run_dir}/model.keras")
    for old, new in zip(source.trainable_variables, model.trainable_variables, strict=True):
        values = old.numpy()
        if values.shape != new.shape:
            rest = new.numpy()[len(values) :]
            values = np.concatenate([values, np.full_like(rest, values.min()) if rest.ndim == 1 else rest])
        new.assign(values)
