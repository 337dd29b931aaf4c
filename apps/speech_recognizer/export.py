"""Export a recogniser as a SavedModel."""

import sys

from ..common import cli, runs


def export(run_dir: cli.RunDir, beam: int = 16):
    """Write RUN_DIR/export/1, a TensorFlow SavedModel that takes samples or WAV files and returns text.

    Its signature `serving_default` takes samples and their rate, `wav` the content of WAV files of 16 bits; of a model
    for streaming, `step` reads a recording in pieces.

    Args:
        run_dir: Folder of a trained run.
        beam: Width of the search; 1 takes the likeliest token of each frame.
    """
    runs.open_run(run_dir, __package__)
    require_beam(beam)
    with cli.importing_tensorflow():
        from .saved_model import write_export

    write_export(run_dir, beam)


def require_beam(beam):
    """Check the width of the search."""
    if not 1 <= beam <= 1000:
        raise cli.UserError(f"--beam {beam}: expected a whole number from 1 to 1000")


if __name__ == "__main__":
    sys.exit(cli.run(export))
