"""Train a sentiment classifier into a run directory; the same command resumes an interrupted training."""

import sys
from pathlib import Path

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config
from .reading import read_examples
from .transfer import require_start

RUN_DIR = Path("runs/sentiment_classifier")


def train(config: Flat[Config] = Config(), options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR)):
    """Train a classifier of documents, from scratch or from a language model.

    Returns:
        The `training.Run`; None with --check.
    """
    cli.require_data(config.data)
    require_start(config)
    examples = read_examples(config)
    examples.summary.print()
    if options.check:
        return None
    with cli.importing_tensorflow():
        from .fit import fit

    return fit(config, options, examples)


if __name__ == "__main__":
    sys.exit(cli.run(train))
