"""Figures of a language model."""

from itertools import pairwise

import numpy as np

from ..common.files import read_csv
from ..common.fonts import drawable
from ..common.reports import figure, plot_epochs
from ..common.text import START_ID

LOSSES = {"loss": "training text, with dropout", "val_loss": "validation text"}
# Characters of a line and lines of the passages that are drawn, and passages of each kind.
COLUMNS, LINES, PASSAGES = 46, 4, 3
# Nats per character from which on a character is drawn in the darkest colour.
DARKEST = 6.0


def draw_report(run_dir, by_position, nats, tokens, vocabulary, baseline):
    """Draw RUN_DIR/report.png: losses, loss by position, and the most and least surprising passages.

    Args:
        run_dir: folder of a trained run.
        by_position: position of each token since the last reset, its nats then, and the mean nats of the baseline.
        nats: of each token with the state carried, float (predictions,).
        tokens: `data.Tokens` of the text.
        vocabulary: its `Vocabulary`.
        baseline: name of the baseline.
    """
    most, least = _passages(nats, tokens, vocabulary)
    texts = [character for passage in (*most, *least) for character, _ in passage]
    with figure(run_dir / "report.png", columns=2, rows=2, width=7, height=4.4, texts=texts) as panels:
        (learning, memory), (surprising, usual) = panels
        plot_epochs(learning, read_csv(run_dir / "history.csv"), LOSSES)
        learning.set(title="Learning", ylabel="cross-entropy per token, nats")
        _draw_memory(memory, *by_position, baseline)
        _draw_passages(surprising, most, "Most surprising passages")
        _draw_passages(usual, least, "Least surprising passages")


def _draw_memory(axes, positions, nats, baseline, name):
    edges = np.unique(np.geomspace(1, positions.max() + 2, 24).astype(int)) - 1
    group = np.searchsorted(edges, positions, "right") - 1
    found = np.unique(group)
    means = np.array([nats[group == each].mean() for each in found])
    centers = np.array([positions[group == each].mean() + 1 for each in found])
    axes.plot(centers, means, marker="o", markersize=4, label="network")
    axes.axhline(baseline, linestyle="--", color="gray", label=f"{name}, all positions")
    axes.set_xscale("log")
    ticks = [tick for tick in (1, 3, 10, 30, 100, 300) if tick <= centers[-1]]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set(title="Memory", xlabel="tokens since the last reset", ylabel="cross-entropy per token, nats")
    axes.legend()


def _passages(nats, tokens, vocabulary):
    """Return the most and the least surprising passages, each a list of (character, nats)."""
    ids = np.asarray(tokens.ids)
    ids = ids[ids != START_ID]
    texts = [vocabulary.texts[each] for each in ids[:2_000_000].tolist()]
    lengths = np.array([len(text) for text in texts])
    ends = np.cumsum(lengths)
    size = COLUMNS * LINES
    borders = np.searchsorted(ends, np.arange(0, ends[-1] + 1, size))
    windows = [(a, b) for a, b in pairwise(borders) if b > a]
    if not windows:
        windows = [(0, len(texts))]
    means = np.array([nats[a:b].sum() / max(1, lengths[a:b].sum()) for a, b in windows])
    order = np.argsort(-means, kind="stable")

    def characters(window):
        start, end = window
        found = []
        for text, value in zip(texts[start:end], nats[start:end], strict=True):
            found += [(character, value / len(text)) for character in text]
        return found[:size]

    count = min(PASSAGES, len(order))
    return [characters(windows[row]) for row in order[:count]], [
        characters(windows[row]) for row in order[::-1][:count]
    ]


def _draw_passages(axes, passages, title):
    """Draw characters on a ground that is the darker the more surprising they are."""
    rows = len(passages) * (LINES + 1)
    ground = np.zeros((rows, COLUMNS))
    shown = drawable([" " if character.isspace() else character for passage in passages for character, _ in passage])
    shown = iter(shown)
    for number, passage in enumerate(passages):
        for index, (_, value) in enumerate(passage):
            row, column = number * (LINES + 1) + index // COLUMNS, index % COLUMNS
            ground[row, column] = value
            dark = value > 0.6 * DARKEST
            axes.text(column, row, next(shown), ha="center", va="center", fontsize=8, family="monospace",
                      color="white" if dark else "black")  # fmt: skip
    axes.imshow(ground, cmap="Oranges", vmin=0, vmax=DARKEST, aspect="auto")
    axes.set(title=title, xticks=[], yticks=[])
    axes.grid(False)
