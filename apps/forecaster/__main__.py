"""The whole story: train, measure, forecast, export, and say what to type next."""

import os
import sys
from pathlib import Path

import tyro

from ..common import cli, devices, runs
from .config import Config
from .evaluate import evaluate
from .export import export
from .predict import predict
from .train import RUN_DIR, train


def forecaster(
    config: tyro.conf.OmitArgPrefixes[Config] = Config(),
    run_dir: Path = RUN_DIR,
    overwrite: bool = False,
    tensorboard: bool = False,
    on: tyro.conf.OmitArgPrefixes[devices.Devices] = devices.Devices(),
):
    """Train, evaluate, forecast and export; each is also a command of its own.

    Args:
        config: Settings.
        run_dir: Folder for everything that the run leaves behind.
        overwrite: Throw away the run that stands in --run-dir.
        tensorboard: Write a TensorBoard log to --run-dir/tensorboard.
        on: Devices.
    """
    print("== train")
    if train(config, run_dir, overwrite, tensorboard, on).process:
        return  # the rest is for the first process of a group
    if config.test_fraction:
        print("\n== evaluate")
        evaluate(run_dir)
    print("\n== predict")
    predict(run_dir, output=run_dir / "forecast.csv", plot=run_dir / "forecast.png")
    print(f"written: {run_dir}/forecast.csv, forecast.png")
    print("\n== export")
    export(run_dir)
    app = runs.open_run(run_dir)["app"]
    python = os.path.relpath(sys.executable)
    print(f"""
Next:
  {python} -m apps.{app}.predict {run_dir} --plot forecast.png
  {python} -m apps.{app} --data YOUR_FILE --run-dir runs/mine
  {python} -m apps.serve {run_dir}""")


if __name__ == "__main__":
    sys.exit(cli.run(forecaster))
