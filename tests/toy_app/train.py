"""Train the toy app's network."""

import sys
from pathlib import Path

import tyro

from apps.common import cli
from apps.common.options import TrainingOptions

from .config import Config


def train(
    config: tyro.conf.OmitArgPrefixes[Config] = Config(),
    options: tyro.conf.OmitArgPrefixes[TrainingOptions] = TrainingOptions(Path("runs/toy")),
    pause: float = 0.0,
):
    """Train on numbers.

    Args:
        config: Settings.
        options: Run directory and devices.
        pause: Seconds to wait after each epoch.
    """
    with cli.importing_tensorflow():
        from .fit import fit

    return fit(config, options, pause)


if __name__ == "__main__":
    sys.exit(cli.run(train))
