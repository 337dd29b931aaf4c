"""Train, evaluate, label a few messages, export, and print what to type next."""

import sys

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config
from .evaluate import evaluate
from .export import export
from .predict import predict
from .train import RUN_DIR, train

MESSAGES = (
    "Hey, are you coming to the cinema at 8?",
    "WINNER!! You have won a cruise. Call 09065550123 now to claim, T&Cs apply",
    "hi mum this is my new number, can u send £180 to Raj today? its urgent",
    "Your parcel B2841 comes on the 9th between 2pm and 4pm. Nothing to pay",
)


def spam_detector(config: Flat[Config] = Config(), options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR)):
    """Train, evaluate, predict a few messages and export; each is also a command."""
    run_dir = options.run_dir
    print("== train")
    run = train(config, options)
    if run is None or run.placement.process:
        return  # only checked, or not the first process of a group, which does the rest
    if config.test_fraction:
        print("\n== evaluate")
        evaluate(run_dir)
    print("\n== predict")
    predict(run_dir, MESSAGES)
    print("\n== export")
    export(run_dir)
    commands = f'.predict {run_dir} "your message"', " --data YOUR_FILE --run-dir runs/mine"
    cli.print_next(__package__, run_dir, commands)


if __name__ == "__main__":
    sys.exit(cli.run(spam_detector))
