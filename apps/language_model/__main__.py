"""Train, evaluate, write and complete a little, export, and print what to type next."""

import sys

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config
from .evaluate import evaluate
from .export import export
from .options import Sampling
from .predict import Complete, Generate, predict
from .train import RUN_DIR, train


def language_model(config: Flat[Config] = Config(), options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR)):
    """Train, evaluate, generate a text, complete a word and export; each is also a command."""
    run_dir = options.run_dir
    print("== train")
    run = train(config, options)
    if run is None or run.placement.process:
        return  # only checked, or not the first process of a group, which does the rest
    if config.test_fraction:
        print("\n== evaluate")
        evaluate(run_dir)
    print("\n== predict")
    predict(run_dir, Generate(sampling=Sampling(length=300 if config.unit == "characters" else 60)))
    predict(run_dir, Complete(("The ", "She wa")))
    print("\n== export")
    export(run_dir)
    commands = (
        f'.predict {run_dir} generate "The beginning of a text" --temperature 0.7',
        f'.predict {run_dir} complete "What is being ty"',
        " --data YOUR_FILE --run-dir runs/mine",
    )
    cli.print_next(__package__, run_dir, commands)


if __name__ == "__main__":
    sys.exit(cli.run(language_model))
