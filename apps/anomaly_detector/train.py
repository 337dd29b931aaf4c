"""Train an anomaly detector into a run directory; the same command resumes an interrupted training."""

import sys
from pathlib import Path

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config

RUN_DIR = Path("runs/anomaly_detector")


def train(config: Flat[Config] = Config(), options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR)):
    """Learn the normal behaviour of sensors.

    Returns:
        The `training.Run`; None after --check.
    """
    cli.require_data(*config.data, *config.normal)
    if any(source.startswith("tfds:") for source in (*config.data, *config.normal)):
        cli.import_tensorflow()
    # Imports pandas, which is slow, but not TensorFlow: mistakes in the data are found at once.
    from .reading import read_normal, read_recordings

    normal = read_normal(config)
    # What is to be judged is read, too, so that mistakes are found before the training.
    shown = [*normal, *read_recordings(config)] if config.normal else normal
    for recording in shown[:3]:
        recording.series.summary.print()
    if len(shown) > 3:
        print(f"... and {len(shown) - 3} more recordings")
    if options.check:
        return None
    with cli.importing_tensorflow():
        from .fit import fit

    return fit(config, options, normal)


if __name__ == "__main__":
    sys.exit(cli.run(train))
