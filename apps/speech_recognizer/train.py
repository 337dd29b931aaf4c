"""Train a speech recogniser into a run directory; the same command resumes an interrupted training."""

import sys
from pathlib import Path

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config
from .reading import read_recordings
from .transfer import require_runs

RUN_DIR = Path("runs/speech_recognizer")


def train(config: Flat[Config] = Config(), options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR)):
    """Train a recogniser on recordings and what is said in them.

    Returns:
        The `training.Run`; None with --check.
    """
    cli.require_data(config.data)
    require_runs(config)
    recordings = read_recordings(config)
    recordings.summary.print()
    if options.check:
        return None
    with cli.importing_tensorflow():
        from .fit import fit

    return fit(config, options, recordings)


if __name__ == "__main__":
    sys.exit(cli.run(train))
