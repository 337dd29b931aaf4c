"""Compile the training step of every app for TPUs on a machine without one, and compare its memory with the chip's.

Lowering needs JAX alone; compiling ahead of time needs the package libtpu (`make tpu-check` installs it). That a step
compiles and fits does not say that it is fast, nor that what it computes is right.
"""

import os

# libtpu would otherwise query the metadata of the machine; no TPU may be in use.
os.environ |= {
    "KERAS_BACKEND": "jax",
    "JAX_PLATFORMS": "cpu",
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_WORKER_ID": "0",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}

import importlib.util
import sys
import time
from typing import Literal

import jax
from jax.experimental import topologies

from apps.common import cli
from benchmarks.results import write_results
from benchmarks.steps import STEPS, memory_on, training_step

App = Literal[tuple(STEPS)]
PLATFORMS = ("cpu", "cuda", "tpu")
# Name of a topology of one host, GiB of a chip (Google Cloud's pages on each, "HBM2 capacity and bandwidth").
CHIPS = {"v4": ("v4:2x2x1", 32), "v5e": ("v5e:2x2", 16), "v6e": ("v6e:2x2", 32)}
NOTES = (
    "One training step: forward, loss, backward, optimizer and metrics, at the app's own sizes, rows shared by data "
    "parallelism. Lowered with jax.export for " + ", ".join(PLATFORMS) + " at once; compiled ahead of time by libtpu.",
    "GiB a chip: arguments, results and what lies between, as the compiler counts them, less what results take over "
    "from arguments. Nothing was run on a TPU.",
)


def main(
    apps: tuple[App, ...] = tuple(STEPS),
    batch_size: int = 1024,
    precision: str = "mixed_bfloat16",
    lower_only: bool = False,
):
    """Lower, and compile for TPUs, the training steps of apps.

    Args:
        apps: Whose steps; all by default.
        batch_size: Rows of a step, which the four chips share.
        precision: Of the computation.
        lower_only: Stop after lowering, which needs no libtpu.
    """
    if not lower_only and not importlib.util.find_spec("libtpu"):
        raise cli.UserError("libtpu is not installed; make tpu-check installs it, --lower-only does without")
    start, rows = time.perf_counter(), []
    for app in apps:
        step, state, batch = training_step(app, batch_size, precision)
        exported = jax.export.export(jax.jit(step), platforms=PLATFORMS)(state, batch)
        print(f"{app}: lowered for {', '.join(exported.platforms)}", flush=True)
        for chip, (topology, memory) in {} if lower_only else CHIPS.items():
            begun, devices = time.perf_counter(), topologies.get_topology_desc(topology, platform="tpu").devices
            needed = memory_on(devices, step, state, batch)
            seconds = time.perf_counter() - begun
            fits = "yes" if needed < memory else "no"
            row = {"app": app, "chip": f"4 x {chip}", "compiled in s": f"{seconds:.0f}", "GiB a chip": f"{needed:.2f}"}
            rows.append(row | {"chip has": memory, "fits": fits})
            print(rows[-1], flush=True)
    if rows:
        title = f"Training steps compiled for TPUs, {batch_size} rows, {precision}"
        options = f"--batch-size {batch_size} --precision {precision}"
        write_results("tpu_check", title, rows, ("keras", "jax"), time.perf_counter() - start, NOTES, options)


if __name__ == "__main__":
    sys.exit(cli.run(main))
