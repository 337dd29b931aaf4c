"""Train, evaluate, forecast, export, and print what to type next."""

import sys

from ..common import cli
from ..common.options import Flat, TrainingOptions
from .config import Config
from .evaluate import evaluate
from .export import export
from .predict import predict
from .train import RUN_DIR, train


def forecaster(config: Flat[Config] = Config(), options: Flat[TrainingOptions] = TrainingOptions(RUN_DIR)):
    """Train, evaluate, forecast and export; each is also a command."""
    run_dir = options.run_dir
    print("== train")
    run = train(config, options)
    if run is None or run.placement.process:
        return  # --check ends here; the first process of a group does the rest
    if config.test_fraction:
        print("\n== evaluate")
        evaluate(run_dir)
    print("\n== predict")
    predict(run_dir, output=run_dir / "forecast.csv", plot=run_dir / "forecast.png")
    print(f"written: {run_dir}/forecast.csv, {run_dir}/forecast.png")
    print("\n== export")
    export(run_dir)
    commands = f".predict {run_dir} --plot forecast.png", " --data YOUR_FILE --run-dir runs/mine"
    cli.print_next(__package__, run_dir, commands)


if __name__ == "__main__":
    sys.exit(cli.run(forecaster))
