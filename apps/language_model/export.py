"""Export a language model as a SavedModel."""

import sys

from ..common import cli, runs
from ..common.options import Flat
from .options import Limits


def export(
    run_dir: cli.RunDir,
    limits: Flat[Limits] = Limits(),
):
    """Write RUN_DIR/export/1, a TensorFlow SavedModel that continues, completes and scores texts.

    Its signatures: `serving_default` (prompt, length, temperature, seed -> continuation), `complete` (text -> the most
    likely next words), `score` (text -> nats), and `step` (text, state, length ... -> continuation, state), with which
    a client continues without resending the text.

    Args:
        run_dir: Folder of a trained run.
        limits: What requests may ask for.
    """
    runs.open_run(run_dir, __package__)
    with cli.importing_tensorflow():
        from .saved_model import write_export

    write_export(run_dir, limits)


if __name__ == "__main__":
    sys.exit(cli.run(export))
