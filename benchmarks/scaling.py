"""Trainings of every app on simulated devices and in a group of processes, which must give the same losses.

One CPU simulates all devices: this measures correctness, not speed.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tyro

from apps.common import cli, files
from benchmarks.group import loopback, member
from benchmarks.results import write_results

# Without dropout, whose masks differ on each replica of TensorFlow.
PLAIN = {
    "spam_detector": ["--dropout", "0", "--feature-dropout", "0"],
    "translator": ["--dropout", "0", "--output-dropout", "0"],
    "forecaster": ["--dropout", "0"],
    "video_captioner": ["--dropout", "0"],
}
JAX = {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
ROWS = 4096
COUNTS = (1, 2, 4, 8)
NOTES = (
    "An epoch of each app on its sample with the default settings; one CPU simulates all devices. `difference`: the "
    "largest difference of loss and validation loss from one device.",
    "JAX with dropout, TensorFlow without, since each of its replicas draws its own masks.",
    "`perturbed`: one device, with initial weights changed by a relative 2e-7: the effect of rounding, which the steps "
    "of an epoch amplify.",
)
MEMORY_NOTES = (
    f"GiB a device of one training step of {ROWS:,} rows, float32, as the compiler reports; compiled, not run.",
)


def main(apps: tyro.conf.UseAppendAction[tuple[str, ...]] = (), folder: Path | None = None):
    """Train every app on 1, 2 and 4 devices and in 1 and 2 processes, and compare their losses.

    Args:
        apps: Apps to train; all if none is given.
        folder: Folder for the runs; those that are there are not repeated.
    """
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        folder = folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        rows = [row for app in apps or PLAIN for row in losses_of(app, folder)]
    seconds = time.perf_counter() - start
    write_results("scaling", "Trainings on several devices", rows, ("tensorflow", "keras", "jax"), seconds, NOTES)
    start = time.perf_counter()
    rows = [memory_of(app) for app in apps or PLAIN]
    title = "Memory of a device by the number of devices"
    seconds = time.perf_counter() - start
    write_results("scaling_memory", title, rows, ("keras", "jax"), seconds, MEMORY_NOTES, module="scaling")


def losses_of(app, folder):
    """Return rows of the table, one for each way to train."""
    ways = {f"{count} devices, JAX": (on_jax, count) for count in (1, 2, 4)}
    ways |= {"2 processes, JAX": (in_processes, 2), "perturbed, JAX": (perturbed, 1)}
    ways |= {f"{count} devices, TensorFlow": (on_tensorflow, count) for count in (1, 2, 4)}
    first, rows = {}, []
    for way, (train, count) in ways.items():
        run_dir = folder / f"{app}-{train.__name__}-{count}"
        if not (run_dir / "finished.json").exists():
            train(app, count, ["--run-dir", run_dir, "--epochs", "1", *cache_of(app, folder)])
        (row,) = files.read_csv(run_dir / "history.csv")
        backend = way.rpartition(" ")[2]
        one = first.setdefault(backend, row)
        difference = max(abs(row[name] - one[name]) for name in ("loss", "val_loss"))
        rows.append({"app": app, "devices": way, "loss": f"{row['loss']:.7f}", "val_loss": f"{row['val_loss']:.7f}"})
        rows[-1]["difference"] = f"{difference:.1e}"
        print(rows[-1], flush=True)
    return rows


def cache_of(app, folder):
    return ["--cache", folder / "cache"] if app == "video_captioner" else []


def on_jax(app, count, arguments):
    flags = f"--xla_force_host_platform_device_count={count}"
    _run([sys.executable, "-m", f"apps.{app}.train", *arguments], **JAX, XLA_FLAGS=flags)


def on_tensorflow(app, count, arguments):
    worker = [sys.executable, "-m", "benchmarks.scaling_worker", "tensorflow", str(count), app]
    _run([*worker, *arguments, *PLAIN[app]], KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3")


def perturbed(app, count, arguments):
    _run([sys.executable, "-m", "benchmarks.scaling_worker", "perturbed", app, *arguments], **JAX)


def in_processes(app, count, arguments):
    with loopback() as prefix:
        members = [member(prefix, each, count, f"apps.{app}.train", arguments, **JAX) for each in range(count)]
        for each in members:
            _, errors = each.communicate()
            if each.returncode:
                raise SystemExit(errors)


def memory_of(app):
    worker = [sys.executable, "-m", "benchmarks.scaling_worker", "memory", app, str(ROWS), *map(str, COUNTS)]
    flags = f"--xla_force_host_platform_device_count={COUNTS[-1]}"
    found = json.loads(_run(worker, **JAX, XLA_FLAGS=flags).splitlines()[-1])
    return {"app": app} | {f"{count} devices": f"{gib:.2f}" for count, gib in zip(COUNTS, found, strict=True)}


def _run(command, **environment):
    done = subprocess.run([*map(str, command)], env=os.environ | environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    sys.exit(cli.run(main))
