"""Tables and figures."""

import contextlib

import matplotlib
from tabulate import tabulate

from .files import replacing

matplotlib.use("agg")
from matplotlib import pyplot as plt

STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.prop_cycle": matplotlib.cycler(color=["#1f6f8b", "#e07a5f", "#81b29a", "#3d405b", "#b07aa1"]),
    "figure.dpi": 120,
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}


def table(rows, style="simple"):
    """Format dicts with the same keys as an aligned table; `style` is one of tabulate's, such as `github`."""
    return tabulate(rows, headers="keys", tablefmt=style, disable_numparse=True)


@contextlib.contextmanager
def figure(path, columns, width=5.0, height=4.2, rows=1):
    """Yield matplotlib axes, `rows` rows of `columns` panels, and save the figure to `path` at the end."""
    with plt.rc_context(STYLE):
        drawing, axes = plt.subplots(rows, columns, figsize=(width * columns, height * rows), layout="constrained")
        try:
            yield axes
            with replacing(path) as part:
                drawing.savefig(part)
        finally:
            plt.close(drawing)
