"""Number of sequences that each layer needs to learn to add two numbers that are far apart.

The adding problem of Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 9(8), 1997,
section 5.4: a sequence of T steps, each a number from [-1, 1] and a marker; two steps are marked with 1, one
among the first ten and one in the first half, the first and the last step with -1
unless the first is one of the two, all others with 0. The target,
at the end, is 0.5 + (X1 + X2) / 4, with X1 and X2 the marked numbers. Solved means that fewer than 1 % of 2,560
test sequences are off by more than 0.04. They solved T = 100, 500 and 1000 after 74,000, 209,000 and 853,000
sequences (table 7).

LSTM stands twice: as it is, and with the start of Tallec and Ollivier, "Can Recurrent Neural Networks Warp Time?",
ICLR 2018, section 2: forget biases ln(u), u uniform between 1 and T - 1, and input biases - ln(u), so that the cells
begin with memories of every length up to T. So do the minimal and extended LSTMs of 2024, but for the MLSTM, whose
default start is similar; they have no counterpart in Keras.

Run it with KERAS_BACKEND=jax, whose loops are several times as fast as TensorFlow's on a processor.
"""

import os

if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import keras
import numpy as np

import layers
from apps.common import cli, files
from apps.common.reports import figure

from .results import FOLDER, write_results

UNITS, BATCH, TEST = 16, 32, 2560
EVERY = 150 * BATCH

CHRONO = ", chrono start"
CLASSIC = ("SimpleRNN", "GRU", "LSTM", f"LSTM{CHRONO}")
MODERN = (*(name + start for name in ("MinGRU", "MinLSTM", "SLSTM") for start in ("", CHRONO)), "MLSTM")
OPTIONS = {"SLSTM": {"num_heads": 4}, "MLSTM": {"num_heads": 4}}


def long_memory(
    lengths: tuple[int, ...] = (100, 500, 1000),
    most_steps: int = 120_000_000,
    seed: int = 0,
    learning_rate: float = 5e-3,
    folder: Path = Path("runs/long_memory"),
    which: Literal["all", "modern"] = "all",
):
    """Measure sequences until solved, ours next to Keras' with the same initial weights and sequences.

    Args:
        lengths: Steps of a sequence.
        most_steps: Steps of training sequences, taken together, after which a layer is given up.
        seed: Of the first weights and the sequences.
        learning_rate: Of Adam; the gradient's norm is cut to 1.
        folder: Keeps each layer's curve, so that an interrupted benchmark resumes.
        which: Layers to measure; modern: those of 2024 and an LSTM with a chrono start, in results of their own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = (*CLASSIC, *MODERN) if which == "all" else (f"LSTM{CHRONO}", *MODERN)
    rows, curves = [], {}
    for length in lengths:
        for name in names:
            for whose, module in (("ours", layers), ("Keras", keras.layers))[: 2 if name in CLASSIC else 1]:
                path = folder / f"{name}-{whose}-{length}-seed-{seed}.csv".replace(", ", "-").replace(" ", "-")
                curve = files.read_csv(path)
                if not curve:
                    layer = make_layer(module, name, length, seed)
                    curve = train(layer, ADDING, length, most_steps, seed, learning_rate)
                    files.write_csv(path, curve)
                curves[length, name, whose] = curve
                rows.append(_row(length, name, whose, curve))
                print(rows[-1], flush=True)
    result = "long_memory" if which == "all" else f"long_memory_{which}"
    draw(curves, lengths, result)
    notes = (
        f"{UNITS} units, 4 heads in SLSTM and MLSTM, Adam with learning rate {learning_rate}, gradient norm cut to 1, "
        f"batches of {BATCH}, "
        f"seed {seed}, tested every {EVERY:,} sequences, given up after {most_steps:,} steps in all.",
        "Ours and Keras' start from the same weights and see the same sequences; they part by rounding alone.",
        "Hochreiter and Schmidhuber 1997, table 7: 74,000, 209,000 and 853,000 sequences at T = 100, 500 and 1000.",
    )
    title = "Long memory: sequences until the adding problem is solved"
    options = f"--lengths {' '.join(map(str, lengths))} --which {which}"
    packages = ("keras", keras.backend.backend())
    write_results(result, title, rows, packages, None, notes, options, module="long_memory")


def make_sequences(generator, count, length):
    """Generate sequences (count, length, 2) and targets (count, 1)."""
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


class Problem(NamedTuple):
    """A problem of a long memory.

    Attributes:
        make: function of a generator, a number of sequences and T, which returns sequences (count, time, features) and
            targets.
        features, outputs: sizes of a step of the sequences and of an output.
        loss: of `compile`.
        is_wrong: function of predictions and targets, which returns an array of booleans.
        every, tested: numbers of sequences between two tests, and of a test.
        batch_size: of the training.
    """

    make: Callable
    features: int
    outputs: int
    loss: str | keras.losses.Loss
    is_wrong: Callable
    every: int
    tested: int
    batch_size: int = BATCH


ADDING = Problem(
    make_sequences,
    features=2,
    outputs=1,
    loss="mse",
    is_wrong=lambda predictions, targets: np.abs(predictions - targets) > 0.04,
    every=EVERY,
    tested=TEST,
)


class ChronoStart(keras.initializers.Initializer):
    """Return the bias of a layer with these gates, for memories of up to `longest` steps."""

    def __init__(self, longest, seed, gates=layers.LSTMCell.gates):
        self.longest, self.seed, self.gates = longest, seed, gates

    def __call__(self, shape, dtype=None):
        units = shape[0] // len(self.gates)
        forget = np.log(np.random.default_rng(self.seed).uniform(1, self.longest - 1, units))
        # The update gate of a minimal GRU weights the candidate, as an input gate does.
        start = {"forget_gate": forget, "input_gate": -forget, "update_gate": -forget}
        blocks = [start.get(gate, np.zeros(units)) for gate in self.gates]
        return keras.ops.convert_to_tensor(np.concatenate(blocks), dtype)


def make_layer(module, name, length, seed, units=UNITS, **options):
    """Build a layer; a seed gives the same initial weights with either module."""
    keras.utils.set_random_seed(seed)
    family = name.removesuffix(CHRONO)
    options = OPTIONS.get(family, {}) | options
    if name != family:
        options |= {"unit_forget_bias": False} if family in ("LSTM", "SLSTM") else {}
        gates = getattr(layers, f"{family}Cell").gates
        options |= {"bias_initializer": ChronoStart(length, seed, gates)}
    return getattr(module, family)(units, **options)


def train(layer, problem, length, most_steps, seed, learning_rate, minutes=float("inf")):
    """Train until solved or given up, after `most_steps` steps of sequences or `minutes`.

    Returns:
        Rows of the sequences seen, the fraction of wrong answers, and the seconds so far.
    """
    model = keras.Sequential([keras.Input((None, problem.features)), layer, keras.layers.Dense(problem.outputs)])
    model.compile(keras.optimizers.Adam(learning_rate, clipnorm=1.0), loss=problem.loss)
    generator = np.random.default_rng(seed)
    sequences, targets = problem.make(generator, problem.tested, length)
    curve, seen, wrong, start = [], 0, 1.0, time.perf_counter()
    options = {"batch_size": problem.batch_size, "shuffle": False, "verbose": 0}
    while wrong >= 0.01 and seen * length < most_steps and (not curve or curve[-1]["seconds"] < 60 * minutes):
        model.fit(*problem.make(generator, problem.every, length), **options)
        seen += problem.every
        wrong = float(np.mean(problem.is_wrong(model.predict(sequences, batch_size=512, verbose=0), targets)))
        curve.append({"sequences": seen, "wrong": wrong, "seconds": time.perf_counter() - start})
    return curve


def _row(length, name, whose, curve):
    last = curve[-1]
    solved = last["wrong"] < 0.01
    return {
        "T": length,
        "layer": name,
        "whose": whose,
        "sequences until solved": f"{last['sequences']:,}" if solved else f"not in {last['sequences']:,}",
        "wrong at the end, %": f"{100 * last['wrong']:.1f}",
    }


def draw(curves, lengths, result):
    """Draw a panel for each length: fraction of wrong answers against training sequences."""
    FOLDER.mkdir(exist_ok=True)
    colors = {"SimpleRNN": "#e07a5f", "GRU": "#81b29a", "LSTM": "#3d405b", f"LSTM{CHRONO}": "#1f6f8b"}
    colors |= dict(
        zip(MODERN, ("#f2cc8f", "#c89f4f", "#b56576", "#6d3b47", "#9d8cc5", "#5e4b8b", "#7f9f3f"), strict=True)
    )
    with figure(FOLDER / f"{result}.png", columns=len(lengths)) as panels:
        for panel, length in zip(np.atleast_1d(panels), lengths, strict=True):
            for (steps, name, whose), curve in curves.items():
                if steps == length:
                    style = {"color": colors[name], "linestyle": "-" if whose == "ours" else ":"}
                    panel.plot(
                        [row["sequences"] / 1000 for row in curve],
                        [100 * row["wrong"] for row in curve],
                        label=f"{name} ({whose})",
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
