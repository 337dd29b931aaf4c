"""One training of `benchmarks.memory_tasks`, run in its own process and printed as a line of JSON.

Needs Keras, JAX and NumPy alone.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

import layers

from .memory_tasks_data import TASKS, bit_error, training_sequences
from .speed_worker import interleaved

BATCH, CHECKED, TESTED = 16, 256, 512
# Batches between checks.
EVERY = 200
SOLVED = 1e-3
# Checks in a row that must be passed; batches that follow, with a quarter of the learning rate, so that the last wrong
# bits do not come and go.
PATIENCE, AFTER = 3, 1500
# Batches after which the learning rate is a half of the first.
HALF = 8000
FACTORS = (1, 2, 4)
# Slots beyond those that a task needs.
SPARE = 4


class Settings(NamedTuple):
    """Sizes and learning rate of a network; `units` are those of the LSTM or of the controller."""

    units: int
    learning_rate: float
    memory: dict


SETTINGS = {
    "LSTM": Settings(256, 1e-3, {}),
    "NTM": Settings(64, 1e-3, {"slot_size": 12, "clip_value": 20.0}),
    "DNC": Settings(64, 3e-3, {"slot_size": 12, "read_heads": 1, "clip_value": 20.0}),
}
# Of the tasks that need more.
LARGER = {
    ("associative_recall", "DNC"): {"slot_size": 20, "read_heads": 2},
    ("priority_sort", "DNC"): {"slot_size": 16, "read_heads": 4},
}


def build_model(task, network, length, trained=None):
    """Build a network with a memory for sequences of a length; the weights do not depend on it.

    Args:
        task, network: names.
        length: of the longest sequence.
        trained: model whose weights are copied, or None.
    """
    settings, larger, task = SETTINGS[network], LARGER.get((task, network), {}), TASKS[task]
    model = keras.Sequential([keras.Input((None, task.features))])
    if network == "LSTM":
        model.add(layers.LSTM(settings.units, return_sequences=True))
        model.add(keras.layers.Dense(task.bits))
    else:
        options = {"memory_slots": task.slots(length) + SPARE, "controller_units": settings.units}
        options |= {**settings.memory, **larger}
        model.add(getattr(layers, network)(task.bits, return_sequences=True, **options))
    if trained is not None:
        model.set_weights(trained.get_weights())
    return model


def train(task: str, network: str, seed: int, steps: int, minutes: float, folder: str):
    """Train until solved, or for a number of batches or minutes, and test at the lengths of `FACTORS`.

    Writes the weights and the curve, rows of step, seconds, loss and bit error, to FOLDER/TASK-NETWORK-SEED.npz.
    """
    keras.utils.set_random_seed(seed)
    longest = TASKS[task].lengths[1]
    model = build_model(task, network, longest)
    settings = SETTINGS[network]
    model.compile(
        keras.optimizers.Adam(settings.learning_rate, clipnorm=1.0),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=True,
    )
    generator = np.random.default_rng(seed)
    compiling = _compile(model, TASKS[task], generator)
    curve = _fit(model, TASKS[task], generator, steps, 60 * minutes - compiling)
    weights = {f"weight_{index}": weight for index, weight in enumerate(model.get_weights())}
    np.savez(Path(folder) / f"{task}-{network}-{seed}.npz", curve=np.array(curve), **weights)
    errors = {}
    for factor in FACTORS:
        test = TASKS[task].make(np.random.default_rng(1000 + factor), TESTED, factor * longest)
        errors[factor * longest] = _error(build_model(task, network, factor * longest, model), test)
    step, seconds, *_ = curve[-1]
    return {
        "solved_at": solved_at(curve),
        "steps": step,
        "seconds": round(seconds, 1),
        "compile_seconds": round(compiling, 1),
        "errors": errors,
        "weights": model.count_params(),
        "machine": _machine(),
    }


def _compile(model, task, generator):
    """Run the training step and the prediction once, and return the seconds."""
    start = time.perf_counter()
    inputs, targets, weights = training_sequences(task, generator, BATCH)
    model.fit(inputs, targets, sample_weight=weights, batch_size=BATCH, verbose=0)
    _error(model, task.make(generator, CHECKED, task.lengths[1]))
    return time.perf_counter() - start


def _fit(model, task, generator, steps, seconds):
    """Train on new sequences, and return rows of step, seconds, loss and bit error, one for each check."""
    check = task.make(np.random.default_rng(999), CHECKED, task.lengths[1])
    every, first_rate = min(EVERY, steps), float(model.optimizer.learning_rate)
    curve, step, taken, solved, start = [], 0, 0.0, None, time.perf_counter()
    while step < steps and taken < seconds and (solved is None or step < solved + AFTER):
        model.optimizer.learning_rate = first_rate / (1 + step / HALF) / (1 if solved is None else 4)
        inputs, targets, weights = training_sequences(task, generator, BATCH * every)
        history = model.fit(inputs, targets, sample_weight=weights, batch_size=BATCH, shuffle=False, verbose=0)
        step, taken = step + every, time.perf_counter() - start
        curve.append((step, taken, history.history["loss"][0], _error(model, check)))
        print(*curve[-1], file=sys.stderr, flush=True)
        solved = solved_at(curve)
    return curve


def solved_at(curve):
    """Return the step of the first of the first `PATIENCE` checks in a row that were passed, or None."""
    passed = [row[-1] < SOLVED for row in curve]
    starts = (index for index in range(len(curve) - PATIENCE + 1) if all(passed[index : index + PATIENCE]))
    first = next(starts, None)
    return None if first is None else curve[first][0]


def _error(model, sequences):
    inputs, targets, weights = sequences
    return bit_error(model.predict(inputs, batch_size=128, verbose=0), targets, weights)


def _machine():
    import jax

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    cpu = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
    return {"cores": os.cpu_count(), "cpu": cpu, "jax": jax.__version__, "device": jax.devices()[0].device_kind}


def steps(jit_compile: bool, length: int, seconds: float):
    """Measure training steps a second of `layers.DNC` and of `keras.layers.RNN` around the same cell."""
    task = TASKS["copy"]
    inputs, targets, _ = task.make(np.random.default_rng(0), BATCH, length)
    model = build_model("copy", "DNC", length)
    config = model.layers[0].cell.get_config()
    loop = keras.layers.RNN(layers.DNCCell.from_config(config), return_sequences=True)
    models = {"ours": model, "keras": keras.Sequential([keras.Input((None, task.features)), loop])}
    models["keras"].set_weights(model.get_weights())
    for each in models.values():
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        each.compile(keras.optimizers.Adam(1e-3, clipnorm=1.0), loss=loss, jit_compile=jit_compile)
    calls = {name: lambda each=each: each.train_on_batch(inputs, targets) for name, each in models.items()}
    return {name: 1 / taken for name, taken in interleaved(calls, seconds).items()}


def long(**arguments):
    """Train on a problem of `memory_tasks_long`, whose `train_on` takes the arguments."""
    from .memory_tasks_long import train_on

    return train_on(**arguments)


MEASUREMENTS = {f.__name__: f for f in (train, steps, long)}


def main(arguments):
    name, *rest = arguments
    print(json.dumps(MEASUREMENTS[name](**json.loads(rest[0]))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
