"""Speed of the layers next to Keras' and PyTorch's.

`speed_worker` runs every measurement in a separate process, where calls of ours and Keras' alternate. Layers return
whole sequences; the training step computes every gradient, the one for the inputs included. PyTorch, if installed,
does the same with `nn.RNN`, `nn.GRU` and `nn.LSTM`, and with packed sequences where there is a mask.
"""

import importlib.util
import json
import math
import os
import subprocess
import sys
from pathlib import Path

from apps.common import cli, files

from .results import write_results
from .speed_worker import FAMILIES, GRID, cases

BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX"}


def speed(
    folder: Path = Path("runs/speed"),
    seconds: float = 1.0,
    spam: str = "sample",
):
    """Measure the speed of the layers next to Keras' and PyTorch's.

    Args:
        folder: Keeps each measurement, so that an interrupted benchmark resumes.
        seconds: How long a pair of functions takes turns, at least five each.
        spam: Data of the spam detector whose epoch is timed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    measure = Measure(folder)
    grid(measure, seconds, spam)


class Measure:
    """Run each measurement of a module once, in a separate process.

    Args:
        folder: where the measurements are kept.
        module: that measures.
        limits: arguments of every measurement that its file's name leaves out.
        environment: further variables of the processes.
    """

    def __init__(self, folder, module="benchmarks.speed_worker", limits=None, environment=None):
        self.folder, self.module = folder, module
        self.limits, self.environment = limits or {}, environment or {}

    def __call__(self, backend, measurement, **arguments):
        name = "-".join([backend, measurement, *map(str, arguments.values())])
        path = self.folder / f"{''.join(c if c.isalnum() else '-' for c in name)}.json"
        if not path.exists():
            command = [sys.executable, "-m", self.module, measurement, json.dumps(arguments | self.limits)]
            environment = {"KERAS_BACKEND": "jax" if backend == "torch" else backend, **self.environment}
            environment = {**os.environ, **environment}
            answer = subprocess.run(command, env=environment, capture_output=True, text=True)
            if answer.returncode:
                raise cli.UserError(f"{name}: {answer.stderr.strip().splitlines()[-1]}")
            files.write_json(path, json.loads(answer.stdout.splitlines()[-1]))
            print(path.stem, path.read_text(), flush=True)
        return json.loads(path.read_text())


def grid(measure, seconds, spam):
    has_torch = importlib.util.find_spec("torch") is not None
    rows, ratios = [], {}
    for backend, name in BACKENDS.items():
        for family in FAMILIES:
            for shape, masked in cases(GRID):
                case = {"family": family, "shape": shape, "masked": masked, "seconds": seconds}
                found = measure(backend, "grid", **case)
                torch = measure("torch", "torch_grid", **case) if has_torch else None
                rows.append(case_row(name, family, shape, masked, found, torch))
                for part in ("forward", "training"):
                    ratios.setdefault((name, part, "Keras"), []).append(found[part]["keras"] / found[part]["ours"])
                    if torch:
                        ratio = torch[part]["torch"] / found[part]["ours"]
                        ratios.setdefault((name, part, "PyTorch"), []).append(ratio)
    notes = [
        f"{name}, {part}: {peer}'s time over ours, geometric mean {geometric_mean(found):.2f}, from {min(found):.2f} "
        f"to {max(found):.2f}; 1 or more in {sum(ratio >= 1 for ratio in found)} of {len(found)} cases."
        for (name, part, peer), found in ratios.items()
    ]
    for backend, name in BACKENDS.items():
        epoch = measure(backend, "spam_epoch", data=spam, epochs=5)
        notes.append(
            f"An epoch of `fit` of the spam detector (data: {Path(spam).name}) on {name}: {epoch['ours']:.2f} s with "
            f"ours, {epoch['keras']:.2f} s with Keras' layers in the same model."
        )
    notes += [
        "Medians of calls in turns. Masks pad rows on the right, by up to three quarters of the length.",
        "On a GPU: `speed_gpu.md`.",
    ]
    packages = ("keras", "tensorflow", "jax", *(["torch"] if has_torch else []))
    title = "Milliseconds of the forward pass and of the training step"
    write_results("speed", title, rows, packages, None, notes, f"--seconds {seconds}")


def case_row(name, family, shape, masked, found, torch):
    row = {"backend": name, "layer": family, "batch, time, features, units": ", ".join(map(str, shape))}
    row["mask"] = "yes" if masked else ""
    for part in ("forward", "training"):
        ours, keras = found[part]["ours"], found[part]["keras"]
        row |= {f"{part}: ours": milliseconds(ours), "Keras" + " " * (part == "training"): milliseconds(keras)}
        row["Keras/ours" + " " * (part == "training")] = f"{keras / ours:.2f}"
        if torch:
            row["PyTorch" + " " * (part == "training")] = milliseconds(torch[part]["torch"])
    return row


def milliseconds(seconds):
    return f"{1000 * seconds:.{2 if seconds < 0.01 else 1}f}"


def geometric_mean(ratios):
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


if __name__ == "__main__":
    sys.exit(cli.run(speed))
