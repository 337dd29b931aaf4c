"""The whole story: train, measure, caption a few clips, export, and say what to type next."""

import os
import sys
from pathlib import Path

import tyro

from ..common import cli, devices, runs
from .config import Config
from .data import split_clips
from .evaluate import evaluate
from .export import export
from .predict import predict
from .reading import read_clips
from .train import CACHE, RUN_DIR, train


def video_captioner(
    config: tyro.conf.OmitArgPrefixes[Config] = Config(),
    run_dir: Path = RUN_DIR,
    cache: Path = CACHE,
    strict: bool = False,
    overwrite: bool = False,
    tensorboard: bool = False,
    on: tyro.conf.OmitArgPrefixes[devices.Devices] = devices.Devices(),
):
    """Train, evaluate, caption a few clips and export; each is also a command of its own.

    Args:
        config: Settings.
        run_dir: Folder for everything that the run leaves behind.
        cache: Folder for what was seen of each clip, for this training and others.
        strict: Stop at a clip that cannot be read, or has no captions, or is not there, in place of leaving it out.
        overwrite: Throw away the run that stands in --run-dir.
        tensorboard: Write a TensorBoard log to --run-dir/tensorboard.
        on: Devices.
    """
    print("== train")
    if train(config, run_dir, cache, strict, overwrite, tensorboard, on).process:
        return  # the rest is for the first process of a group
    clips = ()
    test = split_clips(read_clips(config, cache), config)["test"]
    if len(test):
        print("\n== evaluate")
        evaluate(run_dir, cache=cache)
        clips = tuple(test.paths[:4])
        print("\n== predict")
        predict(run_dir, clips)
    print("\n== export")
    export(run_dir)
    app = runs.open_run(run_dir)["app"]
    python = os.path.relpath(sys.executable)
    print(f"""
Next:
  {python} -m apps.{app}.predict {run_dir} YOUR_CLIP.mp4
  {python} -m apps.{app}.predict {run_dir} YOUR_VIDEO.mp4 --every 2s
  {python} -m apps.{app} --data YOUR_FOLDER --run-dir runs/mine
  {python} -m apps.serve {run_dir}""")


if __name__ == "__main__":
    sys.exit(cli.run(video_captioner))
