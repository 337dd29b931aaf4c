"""Train, evaluate, caption a few clips, export, and print what to type next."""

import sys
from pathlib import Path

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config
from .evaluate import evaluate
from .export import export
from .predict import predict
from .train import CACHE, RUN_DIR, train


def video_captioner(
    config: Flat[Config] = Config(),
    options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR),
    cache: Path = CACHE,
    strict: bool = False,
):
    """Train, evaluate, caption a few clips and export; each is also a command.

    Args:
        cache: Folder for the frames or features of each clip, which other trainings can use, too.
        strict: Stop at a clip that cannot be read, is missing, or has no captions, instead of leaving it out.
    """
    run_dir = options.run_dir
    print("== train")
    run = train(config, options, cache, strict)
    if run is None or run.placement.process:
        return  # --check stops here; the first process of a group does the rest
    from .data import split_clips
    from .features import readable
    from .reading import read_clips

    test = split_clips(read_clips(config, cache), config)["test"]
    if len(test):
        print("\n== evaluate")
        evaluate(run_dir, cache=cache)
        print("\n== predict")
        predict(run_dir, tuple(readable(test.paths, config, 4)))
    print("\n== export")
    export(run_dir)
    commands = (
        f".predict {run_dir} YOUR_CLIP.mp4",
        f".predict {run_dir} YOUR_VIDEO.mp4 --every 2s",
        " --data YOUR_FOLDER --run-dir runs/mine",
    )
    cli.print_next(__package__, run_dir, commands)


if __name__ == "__main__":
    sys.exit(cli.run(video_captioner))
