"""Adding and copying over 1,000 steps: the part "long" of `memory_tasks`.

The adding problem is that of `long_memory`, copy memory that of Arjovsky, Shah and Bengio, "Unitary Evolution Recurrent
Neural Networks", ICML 2016.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import statistics
from typing import NamedTuple

import keras
import numpy as np

import layers

from .long_memory import ADDING, BATCH, Problem, make_layer, train
from .memory_tasks_data import COPIED, SYMBOLS, copy_memory
from .results import grouped, write_results

LENGTH = 1000
COPY_MEMORY = Problem(
    copy_memory,
    features=SYMBOLS + 2,
    outputs=SYMBOLS + 1,
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    is_wrong=lambda predictions, targets: np.argmax(predictions, axis=-1)[:, -COPIED:] != targets[:, -COPIED:],
    every=3200,
    tested=256,
)


class Trained(NamedTuple):
    """How a layer is trained on a problem; `most_steps` are those of the sequences, taken together."""

    problem: Problem
    units: int
    learning_rate: float
    most_steps: int
    options: dict


PROBLEMS = {
    "adding": Trained(ADDING, 16, 5e-3, 120_000_000, {}),
    "copy memory": Trained(COPY_MEMORY, 64, 2e-3, 120_000_000, {"return_sequences": True}),
}
CASES = (tuple(PROBLEMS), ("LSTM", "LSTM, chrono start"))


def train_on(problem, layer, seed, length=LENGTH, most_steps=None):
    """Train until solved or given up, and return the last row of `long_memory.train`."""
    how = PROBLEMS[problem]
    built = make_layer(layers, layer, length, seed, how.units, **how.options)
    return train(built, how.problem, length, most_steps or how.most_steps, seed, how.learning_rate)[-1]


def write_long(found):
    """Tabulate the results of `train_on` by (problem, layer, seed)."""
    rows = [_row(problem, layer, results) for (problem, layer), results in grouped(found).items()]
    settings = "; ".join(
        f"{name}: {how.units} units, learning rate {how.learning_rate:g}, tested every {how.problem.every:,} "
        f"sequences, given up after {how.most_steps:,} steps in all"
        for name, how in PROBLEMS.items()
    )
    notes = (
        f"T = {LENGTH}. Adding (Hochreiter and Schmidhuber 1997): wrong is off by more than 0.04. Copy memory "
        f"(Arjovsky et al. 2016): wrong are symbols of the {COPIED} asked for; by chance 1 in {SYMBOLS} is right.",
        "Solved: less than 1 % wrong. Medians of the seeds, the worst in parentheses.",
        f"{settings}; Adam, gradient norm cut to 1, batches of {BATCH}.",
        "Chrono start: forget biases ln(u), u uniform between 1 and T - 1, and input biases -ln(u) (Tallec and "
        "Ollivier, ICLR 2018).",
    )
    title = f"Adding and copy memory over {LENGTH:,} steps"
    packages = ("keras", "jax")
    write_results("memory_tasks_long", title, rows, packages, None, notes, "--parts long", module="memory_tasks")


def _row(problem, layer, results):
    solved = [last["sequences"] for last in results if last["wrong"] < 0.01]
    wrong = [100 * last["wrong"] for last in results]
    seconds = [last["seconds"] for last in results]
    most = max(last["sequences"] for last in results)
    return {
        "problem": problem,
        "layer": layer,
        "solved": f"{len(solved)} of {len(results)}",
        "sequences until solved": f"{statistics.median_low(solved):,}" if solved else f"not in {most:,}",
        "wrong at the end, %": f"{statistics.median(wrong):.1f} ({max(wrong):.1f})",
        "seconds": f"{statistics.median(seconds):.0f}",
    }
