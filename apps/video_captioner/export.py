"""Export a captioner as a SavedModel or in ONNX."""

import sys

from ..common import cli, runs
from ..common.options import ExportFormat, Flat, Search


def export(
    run_dir: cli.RunDir,
    search: Flat[Search] = Search(),
    format: ExportFormat = "saved_model",
):
    """Write RUN_DIR/export/1, a TensorFlow SavedModel that takes clips and returns captions and scores.

    Its signature `serving_default` takes frames and their number, `encoded` animated GIFs or JPEG frames.

    Args:
        run_dir: Folder of a trained run.
        search: Beam search.
        format: saved_model, or onnx for onnxruntime, which writes RUN_DIR/export/model.onnx. ONNX has no strings: it
            takes frames of the model's number and size and returns ids of the subwords in vocabulary.json, and the
            score.
    """
    runs.open_run(run_dir, __package__)
    with cli.importing_tensorflow():
        from .saved_model import write_export

    write_export(run_dir, search, format)


if __name__ == "__main__":
    sys.exit(cli.run(export))
