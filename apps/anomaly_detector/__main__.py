"""Train, evaluate, print the alarms, export, and print what to type next."""

import sys

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config
from .evaluate import evaluate
from .export import export
from .predict import predict
from .train import RUN_DIR, train


def anomaly_detector(config: Flat[Config] = Config(), options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR)):
    """Train, evaluate, predict and export; each is also a command."""
    run_dir = options.run_dir
    print("== train")
    run = train(config, options)
    if run is None or run.placement.process:
        return  # only checked, or not the first process of a group, which does the rest
    if config.normal or config.train_fraction < 1:
        print("\n== evaluate")
        evaluate(run_dir)
    print("\n== predict")
    sys.stdout.flush()
    predict(run_dir, output=run_dir / "scores.csv")
    print(f"written: {run_dir}/scores.csv")
    print("\n== export")
    export(run_dir)
    commands = f".predict {run_dir} --data NEW_ROWS.csv --alarms-only", " --data YOUR_FILE --run-dir runs/mine"
    cli.print_next(__package__, run_dir, commands)


if __name__ == "__main__":
    sys.exit(cli.run(anomaly_detector))
