"""Export a forecaster as a SavedModel or as an ONNX model."""

import sys

from ..common import cli, runs
from ..common.options import ExportFormat


def export(run_dir: cli.RunDir, format: ExportFormat = "saved_model"):
    """Write RUN_DIR/export/1, a TensorFlow SavedModel that takes recent rows and returns forecasts, in your units.

    Args:
        run_dir: Folder of a trained run.
        format: onnx writes RUN_DIR/export/model.onnx instead, which does not refuse values that are not finite.
    """
    runs.open_run(run_dir, __package__)
    with cli.importing_tensorflow():
        from .saved_model import write_export

    write_export(run_dir, format)


if __name__ == "__main__":
    sys.exit(cli.run(export))
