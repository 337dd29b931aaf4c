"""Train a question answerer into a run directory; the same command resumes an interrupted training."""

import sys
from pathlib import Path

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config
from .reading import read_examples

RUN_DIR = Path("runs/question_answerer")


def train(config: Flat[Config] = Config(), options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR)):
    """Train a network that answers questions about stories.

    Returns:
        The `training.Run`; None with --check.
    """
    cli.require_data(*(source for source in config.data if not source.startswith("tfds:")))
    examples = read_examples(config)
    examples.summary.print()
    if options.check:
        return None
    with cli.importing_tensorflow():
        from .fit import fit

    return fit(config, options, examples)


if __name__ == "__main__":
    sys.exit(cli.run(train))
