"""Train, evaluate, translate a few sentences, export, and print what to type next."""

import sys

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config
from .evaluate import evaluate
from .export import export
from .predict import predict
from .train import RUN_DIR, train


def translator(config: Flat[Config] = Config(), options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR)):
    """Train, evaluate, translate a few sentences and export; each is also a command."""
    run_dir = options.run_dir
    print("== train")
    run = train(config, options)
    if run is None or run.placement.process:
        return  # only checked, or not the first process of a group, which does the rest
    if config.test_fraction:
        print("\n== evaluate")
        evaluate(run_dir)
        print("\n== predict")
        sentences = _some_test_sentences(config)
        for sentence in sentences:
            print(f"> {sentence}")
        predict(run_dir, sentences)
    print("\n== export")
    export(run_dir)
    cli.print_next(
        __package__, run_dir, [f'.predict {run_dir} "your sentence"', " --data YOUR_FILE --run-dir runs/mine"]
    )


def _some_test_sentences(config):
    from .data import split_pairs
    from .reading import read_pairs

    return tuple(split_pairs(read_pairs(config), config)["test"].sources[:4])


if __name__ == "__main__":
    sys.exit(cli.run(translator))
