"""Export a classifier as a SavedModel."""

import sys
from dataclasses import dataclass

from ..common import cli, runs
from ..common.options import Flat
from ..common.settings import require_counts


@dataclass(frozen=True)
class Limits:
    """What the exported model accepts, so that a request cannot take minutes."""

    max_characters: int = 200_000
    """Largest number of characters of a document."""
    max_explained: int = 20_000
    """Largest number of characters of a document to explain, which is read once for each word that is measured."""
    measured: int = 50
    """Words of a document, those with the most attention, whose effect `explain` measures."""

    def __post_init__(self):
        require_counts(self, "max_characters max_explained measured")


def export(
    run_dir: cli.RunDir,
    limits: Flat[Limits] = Limits(),
):
    """Write RUN_DIR/export/1, a TensorFlow SavedModel that takes texts and returns labels and probabilities.

    Its signature `classes` returns each class with its score under TensorFlow Serving's names, and `explain` the words
    with their attention and effect.

    Args:
        run_dir: Folder of a trained run.
        limits: What it accepts.
    """
    runs.open_run(run_dir, __package__)
    with cli.importing_tensorflow():
        from .saved_model import write_export

    write_export(run_dir, limits)


if __name__ == "__main__":
    sys.exit(cli.run(export))
