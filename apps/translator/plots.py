"""Figures of a translator."""

import numpy as np

from ..common.files import read_csv
from ..common.reports import figure
from ..common.text import SPACE

# Largest number of sentences whose attention is drawn.
MAX_DRAWN = 4
# History columns: label.
LOSSES = {"loss": "training pairs, with dropout", "val_loss": "validation pairs, averaged weights"}


def draw_attention(path, sentences):
    """Draw attention weights side by side.

    Args:
        path: file to write.
        sentences: list of what `Translator.attention` returns.
    """
    longest = max(max(len(source), len(target)) for source, target, _ in sentences)
    size = max(4.0, 0.32 * longest)
    with figure(path, columns=len(sentences), width=size, height=size) as panels:
        for axes, (source, target, weights) in zip(np.atleast_1d(panels), sentences, strict=True):
            axes.imshow(weights, cmap="Blues", vmin=0, vmax=1)
            axes.set_xticks(range(len(source)), map(_label, source), rotation=90)
            axes.set_yticks(range(len(target)), map(_label, target))
            axes.set(xlabel="source", ylabel="translation")
            axes.xaxis.set_label_position("top")
            axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, labelsize=9)
            axes.grid(False)


def _label(piece):
    return piece.removeprefix(SPACE) or "␣"


def draw_report(run_dir, lengths, scores):
    """Draw RUN_DIR/report.png: losses, chrF by length, and distribution of chrF.

    Args:
        run_dir: folder of a trained run.
        lengths: int (sentences,), words of each source sentence.
        scores: {name of a model: chrF of each sentence, float (sentences,)}.
    """
    with figure(run_dir / "report.png", columns=3) as (learning, by_length, distribution):
        history = read_csv(run_dir / "history.csv")
        epochs = [row["epoch"] for row in history]
        for metric, label in LOSSES.items():
            learning.plot(epochs, [row[metric] for row in history], marker="o", markersize=4, label=label)
        learning.set(title="Learning", xlabel="epoch", ylabel="smoothed cross-entropy per subword, nats")
        learning.legend()
        edges = np.unique(np.quantile(lengths, np.linspace(0, 1, 7)))
        groups = np.clip(np.searchsorted(edges, lengths, side="right") - 1, 0, max(0, len(edges) - 2))
        for name, values in scores.items():
            found = np.unique(groups)
            means = [lengths[groups == group].mean() for group in found]
            by_length.plot(means, [values[groups == group].mean() for group in found], marker="o", label=name)
            distribution.hist(values, bins=20, range=(0, 100), histtype="step", linewidth=2, label=name)
        by_length.set(title="By length", xlabel="words of the source", ylabel="mean chrF of a sentence", ylim=(0, 101))
        by_length.legend(loc="lower left")
        distribution.set(title="By quality", xlabel="chrF of a sentence", ylabel="sentences")
        distribution.legend(loc="upper left")
