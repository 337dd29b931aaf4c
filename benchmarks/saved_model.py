"""Forward pass of exported layers: ours, Keras' layers, and the compiled kernel as the bound.

A SavedModel must not need XLA, so it cannot hold the compiled kernel of `predict`. Here each layer is exported with
unknown batch and time, loaded again and called; the compiled kernel runs in the same process as the bound.
"""

import itertools
import sys
from pathlib import Path

from apps.common import cli

from .results import write_results
from .speed import Measure, geometric_mean, milliseconds
from .speed_worker import FAMILIES, GRID, cases


def saved_model(folder: Path = Path("runs/saved_model"), seconds: float = 2.0):
    """Measure the forward pass of SavedModels of the layers.

    Args:
        folder: Keeps each measurement, so that an interrupted benchmark resumes.
        seconds: How long the functions of a case take turns, at least five times each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    measure = Measure(folder)
    rows, found = [], []
    for family, (shape, masked) in itertools.product(FAMILIES, cases(GRID)):
        times = measure("tensorflow", "saved", family=family, shape=shape, masked=masked, seconds=seconds)
        found.append(times)
        rows.append(
            {
                "layer": family,
                "batch, time, features, units": ", ".join(map(str, shape)),
                "mask": "yes" if masked else "",
                "SavedModel: ours": milliseconds(times["graph"]),
                "Keras' loop": milliseconds(times["portable"]),
                "Keras": milliseconds(times["keras"]),
                "compiled kernel": milliseconds(times["compiled"]),
                "Keras/ours": f"{times['keras'] / times['graph']:.2f}",
                "ours/compiled": f"{times['graph'] / times['compiled']:.2f}",
            }
        )
    notes = [note(found, *pair) for pair in (("keras", "graph"), ("portable", "graph"), ("graph", "compiled"))]
    notes.append("Keras' loop: our layers with `use_kernel('portable')`. Medians of calls in turns, milliseconds.")
    title = "Forward pass of a SavedModel"
    write_results("saved_model", title, rows, ("keras", "tensorflow"), None, notes, f"--seconds {seconds}")


NAMES = {"keras": "Keras' layers", "portable": "Keras' loop", "graph": "the SavedModel of ours", "compiled": "compiled"}


def note(found, one, other):
    ratios = [times[one] / times[other] for times in found]
    return (
        f"Time of {NAMES[one]} over that of {NAMES[other]}: geometric mean {geometric_mean(ratios):.2f}, from "
        f"{min(ratios):.2f} to {max(ratios):.2f}."
    )


if __name__ == "__main__":
    sys.exit(cli.run(saved_model))
