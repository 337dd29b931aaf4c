"""Figures of a translator."""

import sys
from itertools import islice

import numpy as np

from ..common.files import read_csv
from ..common.fonts import drawable
from ..common.reports import figure, plot_epochs
from ..common.text import SPACE

# Largest number of sentences whose attention is drawn.
MAX_DRAWN = 4
# Largest width and height in inches, which a screen of 1920 by 1080 dots shows.
SCREEN = 16.0, 9.0
# History columns: label.
LOSSES = {"loss": "training pairs, with dropout", "val_loss": "validation pairs, averaged weights"}


def draw_attention(path, sentences):
    """Draw attention weights side by side.

    Args:
        path: file to write.
        sentences: list of what `Translator.attention` returns.
    """
    longest = max(max(len(source), len(target)) for source, target, _ in sentences)
    size = min(max(4.0, 0.32 * longest), SCREEN[1])
    # Letters shrink where a row has less room than they need.
    font_size = min(9.0, 40 * size / longest)
    count = min(len(sentences), max(1, int(SCREEN[0] // size)))
    if count < len(sentences):
        print(f"{path}: {count} of {len(sentences)} sentences drawn, more would not fit a screen", file=sys.stderr)
    texts = [_label(piece) for source, target, _ in sentences[:count] for piece in (*source, *target)]
    labels = iter(drawable(texts))
    with figure(path, columns=count, width=size, height=size, texts=texts) as panels:
        for axes, (source, target, weights) in zip(np.atleast_1d(panels), sentences, strict=False):
            axes.imshow(weights, cmap="Blues", vmin=0, vmax=1)
            axes.set_xticks(range(len(source)), list(islice(labels, len(source))), rotation=90)
            axes.set_yticks(range(len(target)), list(islice(labels, len(target))))
            axes.set(xlabel="source", ylabel="translation")
            axes.xaxis.set_label_position("top")
            axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, labelsize=font_size)
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
        plot_epochs(learning, history, LOSSES)
        learning.set(title="Learning", ylabel="smoothed cross-entropy per subword, nats")
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
