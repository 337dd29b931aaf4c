"""How many sequences each layer needs to see before it can add two numbers that are far apart.

The adding problem of Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997,
section 5.4: a sequence of T steps, each a number from [-1, 1] and a marker; two steps are marked with 1, one
among the first ten and one in the first half, the first and the last step with -1
unless the first is one of the two, all others with 0. The target,
at the end, is 0.5 + (X1 + X2) / 4, with X1 and X2 the marked numbers. Solved means that fewer than 1 % of 2,560
test sequences are off by more than 0.04. They solved T = 100, 500 and 1000 after 74,000, 209,000 and 853,000
sequences (table 7).

Run it with KERAS_BACKEND=jax, whose loops are several times as fast as TensorFlow's on a processor.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import sys
import time
from pathlib import Path

import keras
import numpy as np

import layers
from apps.common import cli, runs
from apps.common.reports import figure

from .results import FOLDER, write_results

UNITS, BATCH, TEST = 16, 32, 2560
EVERY = 150 * BATCH


def long_memory(
    lengths: tuple[int, ...] = (100, 500, 1000),
    most: int = 240_000,
    seed: int = 0,
    learning_rate: float = 5e-3,
    folder: Path = Path("runs/long_memory"),
):
    """Measure sequences until solved, ours beside Keras' with the same first weights and the same sequences.

    Args:
        lengths: Steps of a sequence.
        most: Sequences after which a layer is given up.
        seed: Of the first weights and the sequences.
        learning_rate: Of Adam; the gradient's norm is cut to 1.
        folder: Keeps each layer's curve, so that an interrupted benchmark goes on where it stopped.
    """
    start = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    rows, curves = [], {}
    for length in lengths:
        for family in ("SimpleRNN", "LSTM", "GRU"):
            for whose, module in (("ours", layers), ("Keras", keras.layers)):
                path = folder / f"{family}-{whose}-{length}-seed-{seed}.csv"
                curve = runs.read_csv(path) or train(getattr(module, family), length, most, seed, learning_rate)
                runs.write_csv(path, curve)
                curves[length, family, whose] = curve
                rows.append(_row(length, family, whose, curve))
                print(rows[-1], flush=True)
    draw(curves, lengths)
    notes = (
        f"{UNITS} units, Adam with learning rate {learning_rate}, gradient norm cut to 1, batches of {BATCH}, "
        f"seed {seed}, tested every {EVERY:,} sequences, given up after {most:,}.",
        "Ours and Keras' start from the same weights and see the same sequences; they part by rounding alone.",
        "Hochreiter and Schmidhuber 1997, table 7: 74,000, 209,000 and 853,000 sequences at T = 100, 500 and 1000.",
    )
    title = "Long memory: sequences until the adding problem is solved"
    write_results("long_memory", title, rows, ("keras", keras.backend.backend()), time.perf_counter() - start, notes)


def make_sequences(generator, count, length):
    """Sequences (count, length, 2) and targets (count, 1)."""
    values = generator.uniform(-1, 1, (count, length))
    markers = np.zeros((count, length))
    markers[:, [0, -1]] = -1
    every = np.arange(count)
    first = generator.integers(0, 10, count)
    second = generator.integers(0, length // 2 - 1, count)
    second += second >= first
    markers[every, first] = markers[every, second] = 1
    targets = 0.5 + (values[every, first] + values[every, second]) / 4
    return np.stack([values, markers], axis=-1).astype("float32"), targets[:, None].astype("float32")


def train(kind, length, most, seed, learning_rate):
    """Trains until solved or given up.

    Returns:
        Rows of the sequences seen, the share of test sequences that are off, and the seconds so far.
    """
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((length, 2)), kind(UNITS), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(learning_rate, clipnorm=1.0), loss="mse")
    generator = np.random.default_rng(seed)
    sequences, targets = make_sequences(generator, TEST, length)
    curve, start = [], time.perf_counter()
    while not curve or (curve[-1]["wrong"] >= 0.01 and curve[-1]["sequences"] < most):
        model.fit(*make_sequences(generator, EVERY, length), batch_size=BATCH, shuffle=False, verbose=0)
        off = np.abs(model.predict(sequences, batch_size=512, verbose=0) - targets) > 0.04
        seen = len(curve) * EVERY + EVERY
        curve.append({"sequences": seen, "wrong": float(off.mean()), "seconds": time.perf_counter() - start})
    return curve


def _row(length, family, whose, curve):
    last = curve[-1]
    solved = last["wrong"] < 0.01
    return {
        "T": length,
        "layer": f"{family}, {whose}",
        "sequences until solved": f"{last['sequences']:,}" if solved else f"not in {last['sequences']:,}",
        "wrong at the end, %": f"{100 * last['wrong']:.1f}",
        "seconds": f"{last['seconds']:.0f}",
    }


def draw(curves, lengths):
    """One panel a length: share of wrong answers against sequences seen."""
    FOLDER.mkdir(exist_ok=True)
    colors = {"SimpleRNN": "#e07a5f", "LSTM": "#1f6f8b", "GRU": "#81b29a"}
    with figure(FOLDER / "long_memory.png", columns=len(lengths)) as panels:
        for panel, length in zip(np.atleast_1d(panels), lengths, strict=True):
            for (steps, family, whose), curve in curves.items():
                if steps == length:
                    style = {"color": colors[family], "linestyle": "-" if whose == "ours" else ":"}
                    panel.plot(
                        [row["sequences"] / 1000 for row in curve],
                        [100 * row["wrong"] for row in curve],
                        label=f"{family}, {whose}",
                        **style,
                    )
            panel.axhline(1, color="0.6", linewidth=0.8)
            panel.set(
                title=f"T = {length}",
                xlabel="training sequences, thousands",
                ylabel="off by more than 0.04, %",
                ylim=(0, 100),
            )
        np.atleast_1d(panels)[0].legend()


if __name__ == "__main__":
    sys.exit(cli.run(long_memory))
