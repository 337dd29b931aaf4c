"""The whole story: train, measure, translate a few sentences, export, and say what to type next."""

import os
import sys
from pathlib import Path

import tyro

from ..common import cli, devices, runs
from .config import Config
from .data import read_pairs, split_pairs
from .evaluate import evaluate
from .export import export
from .predict import predict
from .train import RUN_DIR, train


def translator(
    config: tyro.conf.OmitArgPrefixes[Config] = Config(),
    run_dir: Path = RUN_DIR,
    overwrite: bool = False,
    tensorboard: bool = False,
    on: tyro.conf.OmitArgPrefixes[devices.Devices] = devices.Devices(),
):
    """Train, evaluate, translate a few sentences and export; each is also a command of its own.

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
    sentences = ()
    if config.test_fraction:
        print("\n== evaluate")
        evaluate(run_dir)
        sentences = tuple(split_pairs(read_pairs(config), config)["test"].sources[:4])
    if sentences:
        print("\n== predict")
        for sentence in sentences:
            print(f"> {sentence}")
        predict(run_dir, sentences)
    print("\n== export")
    export(run_dir)
    app = runs.open_run(run_dir)["app"]
    python = os.path.relpath(sys.executable)
    print(f"""
Next:
  {python} -m apps.{app}.predict {run_dir} "your sentence"
  {python} -m apps.{app} --data YOUR_FILE --run-dir runs/mine
  {python} -m apps.serve {run_dir}""")


if __name__ == "__main__":
    sys.exit(cli.run(translator))
