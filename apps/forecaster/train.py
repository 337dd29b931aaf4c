"""Train a forecaster into a run directory; the same command resumes an interrupted training."""

import sys
from pathlib import Path

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config

RUN_DIR = Path("runs/forecaster")


def train(config: Flat[Config] = Config(), options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR)):
    """Train a forecaster on series of numbers.

    Returns:
        The `training.Run`; None after --check.
    """
    cli.require_data(config.data)
    if config.data.startswith("tfds:"):
        cli.import_tensorflow()
    # Imports pandas, which is slow, but not TensorFlow: mistakes in the data are found at once.
    from .reading import read_series

    series = read_series(config)
    series.summary.print()
    if options.check:
        return None
    with cli.importing_tensorflow():
        from .fit import fit

    return fit(config, options, series)


if __name__ == "__main__":
    sys.exit(cli.run(train))
