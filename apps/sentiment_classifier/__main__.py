"""Train, evaluate, classify a few documents, export, and print what to type next."""

import sys

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config
from .evaluate import evaluate
from .export import export
from .predict import predict
from .train import RUN_DIR, train

REVIEWS = (
    "I thought this would be a brilliant film for me, but sitting there I saw it would be a tedious film for me.",
    "My sister had said that it was dull and I believed them, but in the end I thought that it was moving and I was "
    "surprised.",
    "A decent western, no more and no less.",
)


def sentiment_classifier(config: Flat[Config] = Config(), options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR)):
    """Train, evaluate, predict a few documents and export; each is also a command."""
    run_dir = options.run_dir
    print("== train")
    run = train(config, options)
    if run is None or run.placement.process:
        return  # only checked, or not the first process of a group, which does the rest
    if config.test_fraction:
        print("\n== evaluate")
        evaluate(run_dir)
    print("\n== predict")
    predict(run_dir, REVIEWS, explain=True)
    print("\n== export")
    export(run_dir)
    commands = f'.predict {run_dir} --explain "your document"', " --data YOUR_FILE --run-dir runs/mine"
    cli.print_next(__package__, run_dir, commands)


if __name__ == "__main__":
    sys.exit(cli.run(sentiment_classifier))
