"""What networks with an external memory learn that an LSTM does not, and how much Hopfield networks store.

The algorithmic tasks of Graves, Wayne and Danihelka, "Neural Turing Machines", arXiv:1410.5401, 2014: copy, repeat
copy, associative recall and priority sort, trained on short sequences and tested on longer ones too.
"""

import itertools
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from apps.common import cli

from .memory_tasks_data import TASKS
from .speed import Measure

NETWORKS = ("DNC", "NTM", "LSTM")
# One thread a training: the matrices are small, and several trainings can run side by side.
ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


def memory_tasks(
    tasks: tuple[str, ...] = tuple(TASKS),
    models: tuple[str, ...] = NETWORKS,
    seeds: tuple[int, ...] = (0, 1, 2),
    steps: int = 20_000,
    minutes: float = 30.0,
    jobs: int = 1,
    folder: Path = Path("runs/memory_tasks"),
):
    """Train an LSTM, an NTM and a DNC on algorithmic tasks.

    Args:
        tasks: Tasks to train on.
        models: Networks to train.
        seeds: Of the initial weights and the sequences; one training each.
        steps: Batches after which a training is given up.
        minutes: Minutes after which a training is given up.
        jobs: Trainings side by side, each in one thread.
        folder: Keeps each training, so that an interrupted benchmark resumes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run_trainings(list(itertools.product(tasks, models, seeds)), folder, steps, minutes, jobs)


def run_trainings(trainings, folder, steps, minutes, jobs):
    """Run the trainings that are not in the folder yet.

    Args:
        trainings: list of (task, network, seed).
        folder, steps, minutes, jobs: see `memory_tasks`.

    Returns:
        List of the results of `memory_tasks_training.train`, in the same order.
    """
    limits = {"steps": steps, "minutes": minutes, "folder": str(folder)}
    environment = {**ONE_THREAD, "JAX_PLATFORMS": "cpu"}
    measure = Measure(folder, "benchmarks.memory_tasks_training", limits, environment)
    cores = itertools.cycle(sorted(os.sched_getaffinity(0)))

    def pin():
        # A process inherits the core of the thread that starts it.
        if jobs > 1:
            os.sched_setaffinity(0, {next(cores)})

    def run(training):
        task, network, seed = training
        return measure("jax", "train", task=task, network=network, seed=seed)

    with ThreadPoolExecutor(jobs, initializer=pin) as threads:
        return list(threads.map(run, trainings))


if __name__ == "__main__":
    sys.exit(cli.run(memory_tasks))
