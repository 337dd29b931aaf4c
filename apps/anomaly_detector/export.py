"""Export a detector as a SavedModel."""

import sys

from ..common import cli, runs


def export(run_dir: cli.RunDir):
    """Write RUN_DIR/export/1, a TensorFlow SavedModel that takes rows of readings and returns scores and alarms.

    Its signature `step` scores one row of a stream, given the state after the row before it.

    Args:
        run_dir: Folder of a trained run.
    """
    runs.open_run(run_dir, __package__)
    with cli.importing_tensorflow():
        from .saved_model import write_export

    write_export(run_dir)


if __name__ == "__main__":
    sys.exit(cli.run(export))
