"""Tables and figures."""

import contextlib
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from tabulate import tabulate

from .files import replacing
from .fonts import fonts_for
from .words import shorten

matplotlib.use("agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import MaxNLocator

STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.prop_cycle": matplotlib.cycler(color=["#1f6f8b", "#e07a5f", "#81b29a", "#3d405b", "#b07aa1"]),
    "figure.dpi": 120,
    # A dollar sign is one.
    "text.parse_math": False,
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}


def table(rows: Sequence[dict], style: str = "simple") -> str:
    """Format dicts with the same keys as an aligned table; `style` is one of tabulate's, such as `github`."""
    return tabulate(rows, headers="keys", tablefmt=style, disable_numparse=True)


def verdict(title: str, values: Mapping[str, float], lower_is_better: bool = False, flaw: str | None = None) -> str:
    """Compare a model with its strongest baseline in one sentence.

    Args:
        title: of the metric.
        values: {name: value of the metric}, the model's first.
        lower_is_better: whether the metric is an error.
        flaw: what makes the model useless whatever the metric says, a clause; None for nothing.
    """
    (model, ours), *baselines = values.items()
    name, theirs = (min if lower_is_better else max)(baselines, key=lambda each: each[1])
    is_better = ours < theirs if lower_is_better else ours > theirs
    found = f"{'better' if is_better else 'no better'} than {name} ({title} {ours:.3g} against {theirs:.3g})"
    if flaw:
        found = f"not usable, {flaw}; {found}"
    return f"{model}: {found}" if is_better and not flaw else f"{model}: {found}: try more rows or epochs"


def repetitions(answers: Sequence[str], inputs: Sequence[Hashable]) -> str | None:
    """Return a clause that says that generated texts hardly depend on their inputs, or loop; None if neither.

    Args:
        answers: list of strings.
        inputs: list of what they were made from, of the same length; equal inputs may have equal answers.
    """
    answer, count = Counter(answers).most_common(1)[0]
    different = len({given for given, each in zip(inputs, answers, strict=True) if each == answer})
    if different > max(2, 0.5 * len(set(inputs))):
        return f"{count} of {len(answers)} answers are the same, {shorten(answer, 40)}"
    loops = sum(_has_loop(answer.split()) for answer in answers)
    return f"{loops} of {len(answers)} answers repeat themselves" if loops > max(1, 0.2 * len(answers)) else None


def _has_loop(words):
    """Return whether a sequence of up to four words comes four times in a row."""
    return any(
        words[start : start + size] * 4 == words[start : start + 4 * size]
        for size in range(1, 5)
        for start in range(len(words) - 4 * size + 1)
    )


@contextlib.contextmanager
def figure(
    path: str | Path, columns: int, width: float = 5.0, height: float = 4.2, rows: int = 1, texts: Iterable[str] = ()
) -> Iterator[Any]:
    """Yield matplotlib axes, `rows` rows of `columns` panels, and save the figure to `path` at the end.

    Args:
        path: of the picture.
        columns, rows: numbers of panels.
        width, height: of a panel, in inches.
        texts: strings that will be drawn, for which fonts are chosen; see `fonts.drawable`.
    """
    with plt.rc_context({**STYLE, "font.family": fonts_for(texts)}):
        drawing, axes = plt.subplots(rows, columns, figsize=(width * columns, height * rows), layout="constrained")
        try:
            yield axes
            with replacing(path) as part:
                drawing.savefig(part)
        finally:
            plt.close(drawing)


def plot_epochs(axes: Axes, history: Sequence[dict], curves: Mapping[str, str], **options: Any) -> None:
    """Draw columns of a history over the epochs, which are whole numbers.

    Args:
        axes: of matplotlib.
        history: rows of history.csv.
        curves: {column: label}.
        options: of `axes.plot`.
    """
    epochs = [row["epoch"] for row in history]
    for column, label in curves.items():
        axes.plot(epochs, [row[column] for row in history], label=label, **{"marker": "o", "markersize": 4, **options})
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch")
    axes.legend()
