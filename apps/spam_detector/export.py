"""Export a detector as a SavedModel."""

import sys

from ..common import cli, runs
from ..common.options import Flat
from .thresholds import Threshold


def export(
    run_dir: cli.RunDir,
    threshold: Flat[Threshold] = Threshold(),
):
    """Write RUN_DIR/export/1, a TensorFlow SavedModel that takes texts and returns labels and probabilities.

    Its signature `classes` returns the label, and each class with its score, under TensorFlow Serving's names.

    Args:
        run_dir: Folder of a trained run.
        threshold: From which probability on a message is labelled as the class to detect.
    """
    runs.open_run(run_dir, __package__)
    limit = threshold.resolve(run_dir)
    with cli.importing_tensorflow():
        from .saved_model import write_export

    write_export(run_dir, limit)


if __name__ == "__main__":
    sys.exit(cli.run(export))
