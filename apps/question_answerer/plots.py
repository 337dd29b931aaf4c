"""The report of an evaluation as a picture."""

from pathlib import Path

import numpy as np

from ..common.files import read_csv
from ..common.reports import figure, plot_epochs
from .metrics import FAILED


def draw_report(run_dir, results):
    """Write report.png: the accuracy of each task with its interval, and the curve of learning.

    Args:
        run_dir: folder of the run.
        results: dict of name and what `metrics.measure` returns, the network's first.
    """
    run_dir, tasks = Path(run_dir), list(next(iter(results.values()))["tasks"])
    height = max(3.6, 1.6 + 0.34 * len(tasks))
    with figure(run_dir / "report.png", columns=2, width=6.2, height=height, texts=tasks) as (left, right):
        size = 0.8 / len(results)
        for number, (name, result) in enumerate(results.items()):
            values = [100 * result["tasks"][task]["value"] for task in tasks]
            bounds = np.array([result["tasks"][task]["interval"] for task in tasks]).T * 100
            errors = np.abs(bounds - values)
            left.barh(np.arange(len(tasks)) + (number - 1) * size, values, size, xerr=errors, label=name,
                      error_kw={"linewidth": 1})  # fmt: skip
        left.axvline(100 * (1 - FAILED), color="#3d405b", linewidth=1, linestyle="--")
        left.set_yticks(range(len(tasks)), tasks)
        left.invert_yaxis()
        left.set(title="Accuracy on test questions", xlabel="%; dashed: a task counts as solved", xlim=(0, 100))
        left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.06), ncols=len(results), fontsize=8)
        history = read_csv(run_dir / "history.csv")
        curves = {"accuracy": "training", "val_accuracy": "validation"}
        plot_epochs(right, history, curves, markersize=2)
        right.set(title="Accuracy while learning", ylim=(0, 1.02))
