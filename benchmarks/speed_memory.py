"""Memory of a training step, ours next to Keras', and what it costs to need the least.

`speed_memory_worker` runs every measurement in a separate process.
"""

import itertools
import sys
from pathlib import Path

from apps.common import cli
from apps.common.reports import figure

from .results import FOLDER, write_results
from .speed import BACKENDS, Measure, milliseconds
from .speed_worker import FAMILIES

# (batch, time, features, units)
SHAPES = ((32, 1000, 16, 64), (32, 4000, 16, 64))
LENGTHS = (125, 250, 500, 1000, 2000, 4000, 20_000)
WHOSE = {"ours": "ours", "least": "ours, least memory", "keras": "Keras"}


def speed_memory(folder: Path = Path("runs/speed_memory")):
    """Measure the memory of training steps next to Keras', at two lengths on both backends, and at many on TensorFlow.

    Args:
        folder: Keeps each measurement, so that an interrupted benchmark resumes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    measure = Measure(folder, "benchmarks.speed_memory_worker")
    layers(measure)
    lengths(measure)


def layers(measure):
    rows, ratios = [], {}
    for (backend, name), shape in itertools.product(BACKENDS.items(), SHAPES):
        none = measure(backend, "memory", family="none", shape=shape, whose="none")
        for family in FAMILIES:
            found = {w: measure(backend, "memory", family=family, shape=shape, whose=w) for w in WHOSE}
            for w, label in WHOSE.items():
                ratio = found[w]["steps"] / found["keras"]["steps"]
                ratios.setdefault((name, w), []).append(ratio)
                rows.append(
                    {
                        "backend": name,
                        "time": shape[1],
                        "layer": family,
                        "whose": label,
                        "MiB": f"{found[w]['steps']:.0f}",
                        "over Keras'": f"{ratio:.2f}",
                        "without the loss": f"{found[w]['steps'] - none['steps']:.0f}",
                        "with compiling": f"{found[w]['mebibytes']:.0f}",
                        "ms": milliseconds(found[w]["seconds"]),
                    }
                )
    notes = [
        f"{name}, {WHOSE[w]}: {', '.join(f'{ratio:.2f}' for ratio in found)} of Keras' memory."
        for (name, w), found in ratios.items()
        if w != "keras"
    ]
    batch, _, features, units = SHAPES[0]
    notes += [
        f"Batch {batch}, features {features}, units {units}; no mask; float32.",
        'Least memory: `use_kernel("compiled", memory="least")`.',
        "MiB: the process' high-water mark in five training steps over what it held before it compiled them. "
        "Without the loss: less what the loss of outputs of this shape takes without a layer. With compiling: the "
        "high-water mark of these steps and the one before, which compiles.",
    ]
    title = "Peak memory of the training step"
    write_results("speed_memory", title, rows, ("keras", "tensorflow", "jax"), None, notes)


def lengths(measure):
    rows = []
    batch, _, features, units = SHAPES[0]
    for length in LENGTHS:
        shape = (batch, length, features, units)
        found = {w: measure("tensorflow", "memory", family="LSTM", shape=shape, whose=w) for w in WHOSE}
        row = {"time": length} | {f"{WHOSE[w]}, ms": f"{1000 * found[w]['seconds']:.0f}" for w in WHOSE}
        rows.append(row | {f"{WHOSE[w]}, MiB": f"{found[w]['steps']:.0f}" for w in WHOSE})
    with figure(FOLDER / "speed_length.png", 2) as panels:
        for axes, unit in zip(panels, ("ms", "MiB"), strict=True):
            for label in WHOSE.values():
                axes.plot(LENGTHS, [float(row[f"{label}, {unit}"]) for row in rows], marker="o", label=label)
            axes.set(xlabel="steps of a sequence", ylabel=unit, xscale="log", yscale="log")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter("{x:,.0f}")
            axes.legend()
        panels[0].set_title("Time of a training step")
        panels[1].set_title("Its peak memory")
    notes = (f"LSTM on TensorFlow; batch {batch}, features {features}, units {units}. MiB as in `speed_memory.md`.",)
    title = "A training step against the length of the sequences"
    write_results("speed_length", title, rows, ("keras", "tensorflow"), None, notes, module="speed_memory")


if __name__ == "__main__":
    sys.exit(cli.run(speed_memory))
