"""Export a question answerer as a SavedModel."""

import sys
from dataclasses import dataclass

from ..common import cli, runs
from ..common.options import Flat
from ..common.settings import require_counts


@dataclass(frozen=True)
class Limits:
    """What the exported model accepts, so that a request cannot take minutes."""

    max_characters: int = 20_000
    """Largest number of characters of a story, and of a question."""
    max_story: int = 200
    """Largest number of sentences of a story; of a DNC also the slots of its memory."""

    def __post_init__(self):
        require_counts(self, "max_characters max_story")


def export(
    run_dir: cli.RunDir,
    limits: Flat[Limits] = Limits(),
):
    """Write RUN_DIR/export/1, a TensorFlow SavedModel that takes stories and questions and returns answers.

    Of a DNC it also returns where each step wrote and read, and how much of each sentence was read.

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
