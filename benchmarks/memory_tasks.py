"""What networks with an external memory learn that an LSTM does not, and how much Hopfield networks store.

The algorithmic tasks of Graves, Wayne and Danihelka, "Neural Turing Machines", arXiv:1410.5401, 2014: copy, repeat
copy, associative recall and priority sort, trained on short sequences and tested on longer ones too; two problems over
1,000 steps (`memory_tasks_long`); random patterns in Hopfield networks (`memory_tasks_hopfield`); and the speed of the
DNC.
"""

import functools
import importlib
import itertools
import os
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from apps.common import cli

from .memory_tasks_data import TASKS
from .results import FOLDER, grouped, write_results
from .speed import Measure

NETWORKS = ("DNC", "NTM", "LSTM")
PARTS = ("algorithmic", "long", "hopfield", "speed")
# One thread a training: the matrices are small, and several trainings can run side by side.
ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    # Several processes share a GPU.
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}
WORKER = "benchmarks.memory_tasks_training"


def memory_tasks(
    parts: tuple[str, ...] = PARTS,
    tasks: tuple[str, ...] = tuple(TASKS),
    models: tuple[str, ...] = NETWORKS,
    problems: tuple[str, ...] = ("adding", "copy memory"),
    long_layers: tuple[str, ...] = ("LSTM", "LSTM, chrono start"),
    seeds: tuple[int, ...] = (0, 1, 2),
    steps: int = 20_000,
    minutes: float = 30.0,
    jobs: int = 1,
    platform: str = "cpu",
    only_train: bool = False,
    folder: Path = Path("runs/memory_tasks"),
):
    """Train an LSTM, an NTM and a DNC on tasks that need a memory, and measure what Hopfield networks store.

    Args:
        parts: Parts to run, of algorithmic, long, hopfield and speed.
        tasks: Algorithmic tasks to train on.
        models: Networks to train on them.
        problems: Problems over 1,000 steps to train on.
        long_layers: Layers to train on them, of LSTM, "LSTM, chrono start" and DNC.
        seeds: Of the initial weights and the sequences; one training each.
        steps: Batches after which a training on an algorithmic task is given up.
        minutes: Minutes after which any training is given up.
        jobs: Trainings side by side, each in one thread.
        platform: Of JAX, cpu or cuda. The small networks of the algorithmic tasks are faster on a CPU.
        only_train: Stop after the trainings, before any results are written.
        folder: Keeps each training, so that an interrupted benchmark resumes.
    """
    for name, values, known in (("parts", parts, PARTS), ("tasks", tasks, TASKS), ("models", models, NETWORKS)):
        for value in values:
            if value not in known:
                raise cli.UserError(f"--{name} {value}: expected some of {', '.join(known)}")
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**ONE_THREAD, "JAX_PLATFORMS": platform}
    run = functools.partial(trainings, folder=folder, environment=environment, jobs=jobs)
    if "algorithmic" in parts:
        limits = {"steps": steps, "minutes": minutes, "folder": str(folder)}
        found = run("train", limits, task=tasks, network=models, seed=seeds)
        if not only_train:
            write_algorithmic(found, folder)
    if "long" in parts:
        found = run("long", {"minutes": minutes}, problem=problems, layer=long_layers, seed=seeds)
        if not only_train:
            importlib.import_module(".memory_tasks_long", __package__).write_long(found)
    if "hopfield" in parts and not only_train:
        importlib.import_module(".memory_tasks_hopfield", __package__).hopfield(seeds=seeds)
    if "speed" in parts and not only_train:
        write_speed(Measure(folder, WORKER, environment=environment))


def trainings(measurement, limits, folder, environment, jobs, **choices):
    """Run the trainings that the folder does not have, `jobs` of them at a time.

    Args:
        measurement: function of `memory_tasks_training`.
        limits: arguments of every training, see `Measure`.
        folder, environment: see `Measure`.
        jobs: see `memory_tasks`.
        **choices: further arguments, a list of values each; there is one training for each combination.

    Returns:
        Dict of the results by combination.
    """
    measure = Measure(folder, WORKER, limits, environment)
    cores = itertools.cycle(sorted(os.sched_getaffinity(0)))

    def pin():
        # A process inherits the core of the thread that starts it.
        if jobs > 1:
            os.sched_setaffinity(0, {next(cores)})

    def run(case):
        return case, measure("jax", measurement, **dict(zip(choices, case, strict=True)))

    with ThreadPoolExecutor(jobs, initializer=pin) as threads:
        return dict(threads.map(run, itertools.product(*choices.values())))


def write_algorithmic(found, folder):
    """Tabulate and draw the trainings on algorithmic tasks.

    Args:
        found: dict of the results of `memory_tasks_training.train` by (task, network, seed).
        folder: of the curves and weights.
    """
    from .memory_tasks_figures import draw_copy, draw_tasks
    from .memory_tasks_training import (
        AFTER,
        BATCH,
        CHECKED,
        EVERY,
        HALF,
        LARGER,
        PATIENCE,
        SETTINGS,
        SOLVED,
        SPARE,
        TESTED,
    )

    rows = [row_of(task, network, results) for (task, network), results in grouped(found).items()]
    sizes = "; ".join(
        f"{name}: {each.units} units, learning rate {each.learning_rate:g}"
        + "".join(f", {option} {value:g}" for option, value in each.memory.items())
        for name, each in SETTINGS.items()
    )
    larger = "; ".join(
        f"{network} of {task.replace('_', ' ')}: " + ", ".join(f"{option} {value}" for option, value in options.items())
        for (task, network), options in LARGER.items()
    )
    machine = "{cores} cores, {cpu}, jax {jax} on {device}"
    machines = sorted({machine.format(**each["machine"]) for each in found.values()})
    compiling = [each["compile_seconds"] for each in found.values()]
    seconds = [each["compile_seconds"] + each["seconds"] for each in found.values()]
    notes = (
        f"Bit error: fraction of wrong bits in {TESTED} test sequences; median of the seeds, worst in parentheses. "
        "Trained on random lengths up to the one given, tested at it, at twice and at four times of it.",
        f"Solved: less than {SOLVED:g} of the bits of {CHECKED} sequences of the longest training length are wrong in "
        f"{PATIENCE} checks in a row, of which there is one every {EVERY} batches of {BATCH}. Sequences: until the "
        "first of these checks, median of the seeds that solved it.",
        f"{sizes}; {larger}.",
        f"Adam, gradient norm cut to 1; the learning rate falls as 1 / (1 + batches / {HALF}), and to a "
        f"quarter of that when solved, after which the training ends in {AFTER} batches.",
        f"The memory has {SPARE} slots more than a sequence may fill. It grows with the tested length; the weights do "
        "not depend on it.",
        f"Trained in one thread each, in {statistics.median(seconds):.0f} s (median) to {max(seconds):.0f} s, "
        f"{statistics.median(compiling):.0f} s of them compiling, on {'; '.join(machines)}.",
    )
    FOLDER.mkdir(exist_ok=True)
    draw_tasks(found, folder, FOLDER / "memory_tasks.png")
    draw_copy(found, folder, FOLDER / "memory_tasks_copy.png")
    title = "Algorithmic tasks: bit error at the training length and beyond"
    write_results("memory_tasks", title, rows, ("keras", "jax"), None, notes, "--parts algorithmic")


def row_of(task, network, results):
    """Return a row of the table for the results of all seeds."""
    from .memory_tasks_training import BATCH

    solved = [result["solved_at"] for result in results if result["solved_at"]]
    most = max(result["steps"] for result in results)
    row = {
        "task": task.replace("_", " "),
        "network": network,
        "weights": f"{results[0]['weights']:,}",
        "solved": f"{len(solved)} of {len(results)}",
        "sequences until solved": f"{BATCH * statistics.median_low(solved):,}"
        if solved
        else f"not in {BATCH * most:,}",
        "length": str(TASKS[task].lengths[1]),
    }
    for index, factor in enumerate(("bit error", "at 2x", "at 4x")):
        errors = [list(result["errors"].values())[index] for result in results]
        row[factor] = f"{statistics.median(errors):.4f} ({max(errors):.4f})"
    return row


def write_speed(measure):
    """Tabulate the steps a second of `layers.DNC` and of `keras.layers.RNN` around the same cell."""
    rows = []
    for backend, name in (("tensorflow", "TensorFlow"), ("jax", "JAX")):
        for jit_compile, length in itertools.product((True, False) if backend == "tensorflow" else (True,), (20, 80)):
            found = measure(backend, "steps", jit_compile=jit_compile, length=length, seconds=20.0)
            row = {"backend": name, "XLA": "yes" if jit_compile else "no", "length": str(length)}
            row |= {"layers.DNC": f"{found['ours']:.1f}", "keras.layers.RNN(DNCCell)": f"{found['keras']:.1f}"}
            rows.append(row | {"ratio": f"{found['ours'] / found['keras']:.2f}"})
    notes = (
        "The DNC of the copy task, sequences of 2 * length + 1 steps in batches of 16, `train_on_batch`, one thread.",
        "The DNC's backward pass is not derived by hand: the layer adds masks, states and options to Keras' loop.",
    )
    title = "Training steps a second of the DNC"
    write_results("memory_tasks_speed", title, rows, ("keras", "tensorflow", "jax"), None, notes, module="memory_tasks")


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    sys.exit(cli.run(memory_tasks))
