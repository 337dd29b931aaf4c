"""Speed of minGRU, minLSTM, sLSTM and mLSTM next to LSTM and GRU of the same size, all of them ours.

The cases of `benchmarks.speed`. Each case is measured in a separate process, where calls of all layers alternate.
Layers return whole sequences; the training step computes every gradient, the one for the inputs included.
"""

import sys
from pathlib import Path

from apps.common import cli

from .results import write_results
from .speed import BACKENDS, Measure, geometric_mean, milliseconds
from .speed_worker import GRID, MODERN, cases


def speed_modern(folder: Path = Path("runs/speed_modern"), seconds: float = 1.0, time: int = 0):
    """Measure the speed of the recurrent layers of 2024 next to LSTM and GRU.

    Args:
        folder: Keeps each measurement, so that an interrupted benchmark resumes.
        seconds: How long all layers take turns, at least five each.
        time: Steps of all sequences, for a quick try; 0 for those of the cases.
    """
    folder.mkdir(parents=True, exist_ok=True)
    measure = Measure(folder)
    rows, ratios = [], {}
    shapes = [(batch, time or length, features, units) for batch, length, features, units in GRID]
    for backend, name in BACKENDS.items():
        for shape, masked in cases(shapes):
            found = measure(backend, "modern", shape=shape, masked=masked, seconds=seconds)
            for part in ("forward", "training"):
                row = {"backend": name, "batch, time, features, units": ", ".join(map(str, shape))}
                row |= {"mask": "yes" if masked else "", "part": part}
                rows.append(row | {layer: milliseconds(found[part][layer]) for layer in MODERN})
                for layer in MODERN:
                    ratio = found[part]["LSTM"] / found[part][layer]
                    ratios.setdefault((name, part, layer), []).append(ratio)
    notes = [
        f"{name}, {part}: the LSTM's time over that of {layer}, geometric mean {geometric_mean(each):.2f}, from "
        f"{min(each):.2f} to {max(each):.2f}."
        for (name, part, layer), each in ratios.items()
        if layer != "LSTM"
    ]
    notes.append(
        "MinLSTM with its default scan; SLSTM and MLSTM with 4 heads. Medians of calls in turns. Masks pad rows on the "
        "right, by up to three quarters of the length."
    )
    title = "Milliseconds of the forward pass and of the training step of the layers of 2024"
    write_results("speed_modern", title, rows, ("keras", "tensorflow", "jax"), None, notes, f"--seconds {seconds}")


if __name__ == "__main__":
    sys.exit(cli.run(speed_modern))
