"""Train a video captioner into a run directory; the same command resumes an interrupted training."""

import sys
from pathlib import Path

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config
from .reading import read_clips

RUN_DIR = Path("runs/video_captioner")
CACHE = Path("runs/video_captioner_cache")


def train(
    config: Flat[Config] = Config(),
    options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR),
    cache: Path = CACHE,
    strict: bool = False,
):
    """Train a video captioner on a folder of clips with captions.

    Shows first what it reads of them.

    Args:
        cache: Folder for the frames or features of each clip, which other trainings can use, too.
        strict: Stop at a clip that cannot be read, is missing, or has no captions, instead of leaving it out.

    Returns:
        The `training.Run`; None with --check.
    """
    cli.require_data(config.data, *([config.captions] if config.captions else []))
    clips = read_clips(config, cache, strict)
    clips.summary.print()
    if options.check:
        return None
    with cli.importing_tensorflow():
        from .fit import fit

    return fit(config, options, clips, cache, strict)


if __name__ == "__main__":
    sys.exit(cli.run(train))
