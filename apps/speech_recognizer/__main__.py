"""Train, evaluate, transcribe a few recordings, export, and print what to type next."""

import sys

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config
from .evaluate import evaluate
from .export import export
from .predict import predict
from .train import RUN_DIR, train


def speech_recognizer(config: Flat[Config] = Config(), options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR)):
    """Train, evaluate, transcribe a few recordings and export; each is also a command."""
    run_dir = options.run_dir
    print("== train")
    run = train(config, options)
    if run is None or run.placement.process:
        return  # only checked, or not the first process of a group, which does the rest
    if config.test_fraction:
        print("\n== evaluate")
        evaluate(run_dir)
    print("\n== predict")
    from .reading import read_recordings
    from .splitting import split_recordings

    splits = split_recordings(read_recordings(config), config)
    chosen = splits["test"] if len(splits["test"]) else splits["validation"]
    predict(run_dir, tuple(chosen.paths[:3]))
    print("\n== export")
    export(run_dir)
    commands = f".predict {run_dir} recording.wav", " --data YOUR_FOLDER --run-dir runs/mine"
    cli.print_next(__package__, run_dir, commands)


if __name__ == "__main__":
    sys.exit(cli.run(speech_recognizer))
