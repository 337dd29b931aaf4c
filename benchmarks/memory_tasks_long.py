"""Adding and copying over 1,000 steps: the part "long" of `memory_tasks`.

The adding problem is that of `long_memory`, copy memory that of Arjovsky, Shah and Bengio, "Unitary Evolution Recurrent
Neural Networks", ICML 2016.
"""

import statistics
from typing import NamedTuple

import keras
import numpy as np

import layers

from .long_memory import ADDING, Problem, make_layer, train
from .memory_tasks_data import COPIED, SYMBOLS, copy_memory
from .results import grouped, write_results

LENGTH = 1000
COPY_MEMORY = Problem(
    copy_memory,
    features=SYMBOLS + 2,
    outputs=SYMBOLS + 1,
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    is_wrong=lambda predictions, targets: np.argmax(predictions, axis=-1)[:, -COPIED:] != targets[:, -COPIED:],
    every=6400,
    tested=256,
    batch_size=128,
)


class Trained(NamedTuple):
    """How a layer is trained on a problem."""

    problem: Problem
    units: int
    learning_rate: float
    options: dict


PROBLEMS = {
    "adding": Trained(ADDING, 16, 5e-3, {}),
    "copy memory": Trained(COPY_MEMORY, 128, 1e-3, {"return_sequences": True}),
}
LAYERS = ("LSTM", "LSTM, chrono start", "DNC")


def train_on(problem, layer, seed, minutes, length=LENGTH):
    """Train until solved or given up, and return the last row of `long_memory.train`."""
    how = PROBLEMS[problem]
    if layer == "DNC":
        keras.utils.set_random_seed(seed)
        options = {"memory_slots": 16, "slot_size": 12, "read_heads": 1, "controller_units": 64, "clip_value": 20.0}
        built = layers.DNC(how.units, **options, **how.options)
    else:
        built = make_layer(layers, layer, length, seed, how.units, **how.options)
    return train(built, how.problem, length, float("inf"), seed, how.learning_rate, minutes)[-1]


def write_long(found):
    """Tabulate the results of `train_on` by (problem, layer, seed)."""
    rows = [_row(problem, layer, results) for (problem, layer), results in grouped(found).items()]
    settings = "; ".join(
        f"{name}: {how.units} units, learning rate {how.learning_rate:g}, batches of "
        f"{how.problem.batch_size}, tested every {how.problem.every:,} sequences"
        for name, how in PROBLEMS.items()
    )
    notes = (
        f"T = {LENGTH}. Adding (Hochreiter and Schmidhuber 1997): wrong is off by more than 0.04. Copy memory "
        f"(Arjovsky et al. 2016): wrong are symbols of the {COPIED} asked for; by chance 1 in {SYMBOLS} is right.",
        "Solved: less than 1 % wrong; given up after the seconds in the table. Medians of the seeds, the worst in "
        "parentheses.",
        f"{settings}; Adam, gradient norm cut to 1.",
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
