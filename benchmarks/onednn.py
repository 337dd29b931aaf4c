"""Seconds of an epoch of every app on TensorFlow, with and without oneDNN's kernels."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from apps.common import cli, files
from benchmarks.results import write_results

APPS = ("spam_detector", "translator", "forecaster", "video_captioner")
NOTES = (
    "Each app on its sample with the default settings; median of the epochs after the first, which compiles, of "
    "alternating trainings.",
    "TensorFlow uses oneDNN unless TF_ENABLE_ONEDNN_OPTS=0.",
)


def onednn(rounds: int = 1, epochs: int = 3, cache: Path = Path("runs/video_captioner_cache")):
    """Measure epochs of every app with and without oneDNN.

    Args:
        rounds: Trainings of each app with and without.
        epochs: Epochs of each training.
        cache: Folder for the frames of the captioner's clips.
    """
    start, rows = time.perf_counter(), []
    for app in APPS:
        seconds = {"1": [], "0": []}
        for _ in range(rounds):
            for setting, taken in seconds.items():
                taken += epoch_seconds(app, setting, epochs, cache)
        on, off = (statistics.median(taken) for taken in seconds.values())
        rows.append({"app": app, "with, s": f"{on:.2f}", "without, s": f"{off:.2f}", "without/with": f"{off / on:.2f}"})
        print(rows[-1], flush=True)
    title = "Epochs with and without oneDNN"
    write_results("onednn", title, rows, ("tensorflow", "keras"), time.perf_counter() - start, NOTES)


def epoch_seconds(app, setting, epochs, cache):
    """Train; return the seconds of the epochs after the first."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", f"apps.{app}.train", "--run-dir", f"{folder}/run", "--epochs", str(epochs)]
        command += ["--cache", str(cache)] if app == "video_captioner" else []
        environment = os.environ | {"TF_ENABLE_ONEDNN_OPTS": setting}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise cli.UserError(f"{app}: {done.stderr.strip().splitlines()[-1]}")
        return [row["seconds"] for row in files.read_csv(Path(folder) / "run" / "history.csv")[1:]]


if __name__ == "__main__":
    sys.exit(cli.run(onednn))
