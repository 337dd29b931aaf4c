"""Pictures of `memory_tasks`: what was learned on the algorithmic tasks, and how a DNC copies."""

import keras
import numpy as np

from apps.common.reports import figure

from .memory_tasks_data import TASKS
from .memory_tasks_training import BATCH, build_model

COLORS = {"LSTM": "#e07a5f", "NTM": "#81b29a", "DNC": "#1f6f8b"}
# Errors below this are drawn on a linear scale, so that zero has a place.
LINEAR = 1e-4
TICKS = (0, 1e-4, 1e-3, 1e-2, 1e-1)


def draw_tasks(found, folder, path):
    """Draw a column for each task: the bit error over the length, and over the training sequences.

    Args:
        found: dict of the results of `memory_tasks_training.train` by (task, network, seed).
        folder: of the curves.
        path: of the picture.
    """
    tasks = list(dict.fromkeys(task for task, *_ in found))
    with figure(path, len(tasks), width=3.6, height=3.2, rows=2) as panels:
        columns = np.reshape(panels, (2, len(tasks))).T
        for (above, below), task in zip(columns, tasks, strict=True):
            for network, color in COLORS.items():
                results = {seed: each for (*case, seed), each in found.items() if case == [task, network]}
                if results:
                    _draw_errors(above, results.values(), network, color)
                    for seed in results:
                        curve = np.load(folder / f"{task}-{network}-{seed}.npz")["curve"]
                        below.plot(curve[:, 0] * BATCH / 1000, curve[:, 3], color=color, linewidth=1, alpha=0.8)
            longest = TASKS[task].lengths[1]
            above.axvspan(above.get_xlim()[0], longest, color="0.94", zorder=0)
            above.set(title=task.replace("_", " "), xlabel="length; gray: in training", ylabel="bit error")
            below.set(xlabel="training sequences, thousands", ylabel="bit error")
            for panel in (above, below):
                panel.set_yscale("symlog", linthresh=LINEAR)
                panel.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
                panel.set(ylim=(-LINEAR / 5, 0.7))
        columns[0][0].legend()


def _draw_errors(panel, results, network, color):
    """Draw the median of the seeds as a line, and each of them as a point."""
    lengths = [int(length) for length in next(iter(results))["errors"]]
    errors = np.array([list(result["errors"].values()) for result in results])
    panel.plot(lengths, np.median(errors, axis=0), color=color, label=network)
    for seed in errors:
        panel.plot(lengths, seed, ".", color=color)
    panel.set_xticks(lengths, [str(length) for length in lengths])


def draw_copy(found, folder, path, length=20):
    """Draw a copied sequence, and where the DNC with the fewest wrong bits writes and reads.

    Args:
        found, folder, path: as for `draw_tasks`.
        length: of the sequence.
    """
    seeds = {seed: list(each["errors"].values()) for (*case, seed), each in found.items() if case == ["copy", "DNC"]}
    if not seeds:
        return
    saved = np.load(folder / f"copy-DNC-{min(seeds, key=seeds.get)}.npz")
    model = build_model("copy", "DNC", length)
    model.set_weights([saved[f"weight_{index}"] for index in range(len(model.weights))])
    inputs, targets, _ = TASKS["copy"].make(np.random.default_rng(0), 1, length)
    trace = {name: np.asarray(value)[0] for name, value in model.layers[0].trace(inputs).items()}
    asked = np.arange(len(inputs[0])) > length
    output = np.asarray(keras.ops.sigmoid(trace["output"])) * asked[:, None]
    pictures = {
        "inputs": inputs[0],
        "targets": targets[0],
        "outputs": output,
        "write weighting": trace["write_weighting"],
        "read weighting": trace["read_weightings"][:, 0],
    }
    with figure(path, 1, width=7, height=1.9, rows=len(pictures)) as panels:
        for panel, (title, values) in zip(panels, pictures.items(), strict=True):
            panel.imshow(values.T, aspect="auto", cmap="magma", vmin=0, vmax=1, interpolation="nearest")
            panel.grid(False)
            panel.set(title=title, ylabel="slot" if "weighting" in title else "bit")
        panels[-1].set(xlabel="step")
