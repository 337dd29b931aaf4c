"""Load what a language model has learned about text, to use it in another app."""

from dataclasses import dataclass
from pathlib import Path

import keras

from . import runs
from .cli import UserError
from .models import load_model
from .runs import TRUNK
from .vocabularies import Vocabulary, load_vocabulary


@dataclass(frozen=True)
class Trunk:
    """A trained language model.

    Attributes:
        model: keras.Model, int (batch, time) -> logits (batch, time, tokens), of an embedding, `embedding`, recurrent
            layers, `recurrent_0` and so on, each of which returns its sequence and its states, perhaps a Dense
            `projection`, and a Dense `logits`.
        vocabulary: `Vocabulary` that gives the ids.
        config: config.json of the run.
    """

    model: keras.Model
    vocabulary: Vocabulary
    config: dict


def load_trunk(run_dir: str | Path) -> Trunk:
    """Load the layers of a language model.

    The caller must have imported `layers`, whose classes they are.

    Args:
        run_dir: run directory of a language model.

    Returns:
        A `Trunk`.

    Raises:
        UserError: the run directory is not of a language model, or its training has not ended.
    """
    saved, path = runs.open_run(run_dir), Path(run_dir) / TRUNK
    if not path.exists():
        raise UserError(f"{run_dir}: a run of {saved.get('app')} without {TRUNK}, expected a trained language model")
    return Trunk(load_model(path), load_vocabulary(run_dir), saved)
