"""What computing both halves of a batch at once gains on TensorFlow, on a processor of several cores.

The cases of `benchmarks.speed`, each in a separate process, where calls with and without halves alternate. Small
layers, and large ones from 32,768 units times rows, are never halved.
"""

import itertools
import sys
from pathlib import Path

from apps.common import cli

from .results import write_results
from .speed import Measure, geometric_mean, milliseconds
from .speed_worker import FAMILIES, GRID, cases


def speed_halves(folder: Path = Path("runs/speed_halves"), seconds: float = 1.0):
    """Measure the speed of the layers with and without halving the batch.

    Args:
        folder: Keeps each measurement, so that an interrupted benchmark resumes.
        seconds: How long a pair of functions takes turns, at least five each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    measure = Measure(folder)
    rows, ratios = [], {}
    shapes = [shape for shape in GRID if shape[0] > 1]
    for family, (shape, masked) in itertools.product(FAMILIES, cases(shapes)):
        found = measure("tensorflow", "halves", family=family, shape=shape, masked=masked, seconds=seconds)
        row = {"layer": family, "batch, time, features, units": ", ".join(map(str, shape))}
        row["mask"] = "yes" if masked else ""
        for part in ("forward", "training"):
            ratio = found[part]["halves"] / found[part]["whole"]
            ratios.setdefault(part, []).append(ratio)
            row |= {f"{part}: whole": milliseconds(found[part]["whole"])}
            row |= {f"{part}: default": milliseconds(found[part]["halves"]), f"{part}: ratio": f"{ratio:.2f}"}
        rows.append(row)
    notes = [
        f"{part}: the default's time over that of the whole batch, geometric mean {geometric_mean(each):.2f}, from "
        f"{min(each):.2f} to {max(each):.2f}."
        for part, each in ratios.items()
    ]
    title = "Milliseconds with and without computing both halves of a batch at once"
    write_results("speed_halves", title, rows, ("keras", "tensorflow"), None, notes, f"--seconds {seconds}")


if __name__ == "__main__":
    sys.exit(cli.run(speed_halves))
