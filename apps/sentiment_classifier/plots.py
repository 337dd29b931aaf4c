"""Draw report.png."""

import numpy as np

from ..common import runs
from ..common.files import read_csv, read_json
from ..common.reports import figure, plot_epochs
from ..common.words import shorten
from .calibration import reliability

# Classes whose counts are written into the confusion matrix, and whose names beside it.
_WRITTEN, _NAMED = 10, 30


def draw_report(run_dir, test, answers, results):
    """Draw the confusion matrix, the reliability of the probabilities, and the learning curve.

    Args:
        run_dir: folder of the run, a Path.
        test: `Examples`.
        answers: {name: float (rows, classes)}, the model's first.
        results: {name: metrics}.
    """
    names = [shorten(name, 18)[1:-1] for name in test.class_names]
    with figure(run_dir / "report.png", columns=3, texts=test.class_names) as (matrix, calibration, learning):
        _draw_confusion(matrix, names, np.array(next(iter(results.values()))["confusion"]))
        _draw_reliability(calibration, test.labels, answers, results)
        history = read_csv(run_dir / "history.csv")
        plot_epochs(learning, history, {"loss": "training rows, with dropout", "val_loss": "validation rows"})
        if runs.is_finished(run_dir):
            learning.axvline(
                read_json(run_dir / "finished.json")["best"]["epoch"], color="0.6", linestyle=":", label="best"
            )
        learning.set(title="Learning", ylabel="loss per document, nats", ylim=(0, None))
        learning.legend()


def _draw_confusion(axes, names, counts):
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.4)
    if len(names) <= _WRITTEN:
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if shares[row, column] > 0.5 else "black"
            share = f"\n{100 * shares[row, column]:.0f} %" if len(names) <= 6 else ""
            axes.text(column, row, f"{count:,}{share}", ha="center", va="center", color=color)
    axes.set(title="Confusion matrix", xlabel="predicted", ylabel="true")
    if len(names) <= _NAMED:
        axes.set_xticks(range(len(names)), names, rotation=45 if len(names) > 3 else 0)
        axes.set_yticks(range(len(names)), names)
    axes.grid(False)


def _draw_reliability(axes, labels, answers, results):
    axes.plot([0, 100], [0, 100], color="0.6", linestyle=":", label="calibrated")
    for name, probabilities in list(answers.items())[:2]:
        rows, confidence, accuracy = np.array(reliability(labels, probabilities)).T
        label = f"{name}, error {100 * results[name]['ece']:.1f} %"
        axes.plot(100 * confidence, 100 * accuracy, linewidth=1, label=label)
        axes.scatter(100 * confidence, 100 * accuracy, s=10 + 300 * rows / rows.sum())
    axes.set(
        title="Reliability",
        xlabel="probability of the answer, %; areas: documents",
        ylabel="right answers, %",
        xlim=(0, 103),
        ylim=(0, 103),
    )
    axes.legend(loc="upper left", fontsize=8)
