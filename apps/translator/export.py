"""Export a translator as a SavedModel."""

import sys

from ..common import cli, runs
from ..common.options import Flat, Search


def export(
    run_dir: cli.RunDir,
    search: Flat[Search] = Search(),
):
    """Write RUN_DIR/export/1, a TensorFlow SavedModel that takes texts and returns translations and scores.

    If the model has attention, the signature `attention` also returns the pieces and the attention weights.

    Args:
        run_dir: Folder of a trained run.
        search: Search for the translation.
    """
    runs.open_run(run_dir, __package__)
    with cli.importing_tensorflow():
        from .saved_model import write_export

    write_export(run_dir, search)


if __name__ == "__main__":
    sys.exit(cli.run(export))
