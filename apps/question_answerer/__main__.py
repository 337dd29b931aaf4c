"""Train, evaluate, answer a few questions, export, and print what to type next."""

import sys

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config
from .evaluate import evaluate
from .export import export
from .predict import predict
from .train import RUN_DIR, train

STORY = "Ada went to the kitchen. Ben hurried to the attic. Ada took the lamp. Ada walked to the garden."
QUESTIONS = ("Where is Ada?", "Where is the lamp?", "Is Ben in the attic?")


def question_answerer(config: Flat[Config] = Config(), options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR)):
    """Train, evaluate, predict a few questions and export; each is also a command."""
    run_dir = options.run_dir
    print("== train")
    run = train(config, options)
    if run is None or run.placement.process:
        return  # only checked, or not the first process of a group, which does the rest
    if config.test_fraction:
        print("\n== evaluate")
        evaluate(run_dir)
    print("\n== predict")
    predict(run_dir, QUESTIONS, STORY)
    print("\n== export")
    export(run_dir)
    commands = f'.predict {run_dir} "Where is Ada?" --story "{STORY}"', " --data YOUR_FILE --run-dir runs/mine"
    cli.print_next(__package__, run_dir, commands)


if __name__ == "__main__":
    sys.exit(cli.run(question_answerer))
