"""Train a language model into a run directory; the same command resumes an interrupted training."""

import sys
from pathlib import Path

from ..common import cli, runs
from ..common.options import Flat, TrainingOptions
from .config import Config
from .reading import read_corpus

RUN_DIR = Path("runs/language_model")
# Settings that decide the shapes of the weights.
SAME = ("unit", "cell", "embedding_dim", "units", "num_layers", "normalization", "tied_embeddings")


def train(config: Flat[Config] = Config(), options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR)):
    """Train a language model on a text.

    Returns:
        The `training.Run`; None with --check.
    """
    cli.require_data(*config.data)
    if config.start_from:
        require_same_shape(config)
    corpus = read_corpus(config)
    corpus.summary.print()
    if options.check:
        return None
    with cli.importing_tensorflow():
        from .fit import fit

    return fit(config, options, corpus)


def require_same_shape(config):
    """Raise `cli.UserError` if the run of `config.start_from` cannot lend its weights."""
    saved = runs.open_run(config.start_from, __package__)
    for name in SAME:
        if saved[name] != getattr(config, name):
            raise cli.UserError(
                f"--start-from {config.start_from}: it was trained with {name} {saved[name]!r}, now "
                f"{getattr(config, name)!r}; give --{name.replace('_', '-')} {saved[name]}"
            )
    if not runs.is_finished(config.start_from):
        raise cli.UserError(f"--start-from {config.start_from}: its training has not ended; run its command again")


if __name__ == "__main__":
    sys.exit(cli.run(train))
