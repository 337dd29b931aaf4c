"""Speed of the layers and of the apps' training steps on an NVIDIA GPU, on JAX.

The layers next to Keras' and PyTorch's, in the cases of `benchmarks.speed`; the LSTM by cuDNN; GRU and LSTM with
unrolled loops; the apps next to themselves with Keras' loop. JAX and PyTorch multiply float32 in TF32 here, their
default for recurrent layers. Set JAX_COMPILATION_CACHE_DIR to run again without compiling.
"""

import importlib.util
import sys
from pathlib import Path

from apps.common import cli

from .accelerator_worker import UNROLLED
from .results import write_results
from .speed import Measure, case_row, geometric_mean, milliseconds
from .speed_worker import FAMILIES, GRID, LARGE, cases
from .steps import STEPS

# TF32 has 10 bits of mantissa, and the loops sum in another order than cuDNN.
TOLERANCE = 0.05
# Of a batch of the apps.
ROWS = 64


def accelerator(folder: Path = Path("runs/accelerator"), seconds: float = 0.5):
    """Measure the speed of the layers and of the apps' training steps on a GPU.

    Args:
        folder: Keeps each measurement, so that an interrupted benchmark resumes.
        seconds: How long a pair of functions takes turns, at least five each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    measure = Measure(folder, "benchmarks.accelerator_worker")
    grid(measure, seconds)
    kernels(measure, seconds)
    unroll(measure, seconds)
    apps(measure, seconds)


def grid(measure, seconds):
    has_torch = importlib.util.find_spec("torch") is not None
    rows, ratios, worst = [], {}, 0.0
    for family in FAMILIES:
        ours = measure("jax", "grids", family=family, seconds=seconds, tolerance=TOLERANCE)
        torch = measure("torch", "torch_grids", family=family, seconds=seconds) if has_torch else [None] * len(ours)
        for (shape, masked), found, peer in zip(cases(GRID), ours, torch, strict=True):
            rows.append({"kernel": found["kernel"], **case_row("JAX", family, shape, masked, found, peer)})
            worst = max(worst, found["difference"])
            for part in ("forward", "training"):
                peers = {"Keras": found[part]["keras"]} | ({"PyTorch": peer[part]["torch"]} if peer else {})
                for name, time in peers.items():
                    ratios.setdefault((family, part, name), []).append(time / found[part]["ours"])
    notes = [
        f"{family}, {part}: {peer}'s time over ours, geometric mean {geometric_mean(found):.2f}, from {min(found):.2f} "
        f"to {max(found):.2f}."
        for (family, part, peer), found in ratios.items()
    ]
    notes.append(
        "Medians of calls in turns, each waited for. Masks pad rows on the right, by up to three quarters of the "
        f"length. Largest difference between our gradients and Keras', relative to the largest entry: {worst:.1e}."
    )
    packages = ("keras", "jax", *(["torch"] if has_torch else []))
    title = "Milliseconds of the forward pass and of the training step on a GPU"
    _write("speed_gpu", title, rows, notes, seconds, packages)


def kernels(measure, seconds):
    rows, measured = [], measure("jax", "kernels", seconds=seconds)
    for (shape, masked), found in zip(cases((*GRID, *LARGE)), measured, strict=True):
        row = {"batch, time, features, units": ", ".join(map(str, shape)), "mask": "yes" if masked else ""}
        for part in ("forward", "training"):
            row |= {f"{part}: {kernel}": milliseconds(found[part][kernel]) for kernel in ("compiled", "cudnn")}
            row[f"{part}: cudnn/compiled"] = f"{found[part]['cudnn'] / found[part]['compiled']:.2f}"
        rows.append(row)
    title = "Milliseconds of the LSTM by its kernel on a GPU"
    notes = ("JAX; `use_kernel`; medians of calls in turns, each waited for.",)
    _write("speed_gpu_kernels", title, rows, notes, seconds)


def unroll(measure, seconds):
    rows = []
    for family in ("GRU", "LSTM"):
        for shape, found in zip(GRID, measure("jax", "unroll", family=family, seconds=seconds), strict=True):
            row = {"layer": family, "batch, time, features, units": ", ".join(map(str, shape))}
            for part in ("forward", "training"):
                row |= {f"{part}: {steps}": milliseconds(found[part][str(steps)]) for steps in UNROLLED}
                first, last = (found[part][str(steps)] for steps in (UNROLLED[0], UNROLLED[-1]))
                row[f"{part}: {UNROLLED[0]}/{UNROLLED[-1]}"] = f"{first / last:.2f}"
            rows.append(row)
    title = "Milliseconds by the unrolling of loops on a GPU"
    notes = ("JAX; `UNROLL` of `layers/kernels/jax.py`; medians of calls in turns, each waited for.",)
    _write("speed_gpu_unroll", title, rows, notes, seconds)


def apps(measure, seconds):
    rows = []
    for app in STEPS:
        found = measure("jax", "app_step", app=app, batch_size=ROWS, seconds=seconds)
        row = {"app": app, "ours": milliseconds(found["ours"]), "Keras' loop": milliseconds(found["portable"])}
        rows.append(row | {"Keras' loop/ours": f"{found['portable'] / found['ours']:.2f}"})
    notes = (
        f"JAX; {ROWS} rows at the app's default sizes: forward, loss, backward, optimizer and metrics.",
        "Keras' loop: the same model within `use_kernel('portable')`; medians of calls in turns, each waited for.",
    )
    title = "Milliseconds of the apps' training steps on a GPU"
    _write("speed_gpu_apps", title, rows, notes, seconds)


def _write(name, title, rows, notes, seconds, packages=("keras", "jax")):
    write_results(name, title, rows, packages, None, notes, f"--seconds {seconds}", module="accelerator")


if __name__ == "__main__":
    sys.exit(cli.run(accelerator))
