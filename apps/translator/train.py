"""Train a translator into a run directory; the same command resumes an interrupted training."""

import sys
from pathlib import Path

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config
from .reading import read_pairs

RUN_DIR = Path("runs/translator")


def train(config: Flat[Config] = Config(), options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR)):
    """Train a translator on pairs of sentences.

    Returns:
        The `training.Run`; None with --check.
    """
    cli.require_data(*config.data, *config.validation_data)
    pairs = read_pairs(config)
    pairs.summary.print()
    validation = None
    if config.validation_data:
        validation = read_pairs(config, config.validation_data)
        validation.summary.print()
    if options.check:
        return None
    with cli.importing_tensorflow():
        from .fit import fit

    return fit(config, options, pairs, validation)


if __name__ == "__main__":
    sys.exit(cli.run(train))
