"""Draw film strips with captions and attention weights."""

import numpy as np

from ..common.fonts import drawable
from ..common.reports import figure
from ..common.text import SPACE

# Number of clips that are drawn.
NUM_STRIPS = 6


def draw_strips(path, captioner, strips):
    """Draw film strips, and below each frame the attention weight of each subword.

    Args:
        path: of the figure.
        captioner: a `Captioner`.
        strips: list of (frames, lines of a title, caption).
    """
    columns = min(2, len(strips))
    rows = -(-len(strips) // columns)
    texts = [line for _, lines, _ in strips for line in lines]
    with figure(path, columns=columns, rows=rows, width=7.0, height=3.6, texts=texts) as panels:
        panels = np.atleast_1d(panels).ravel()
        for axes in panels:
            axes.set_axis_off()
        for axes, (frames, lines, caption) in zip(panels, strips, strict=False):
            attention = captioner.attention(frames, caption) if captioner.has_attention else None
            _draw_strip(axes, frames, lines, attention)


def _draw_strip(axes, frames, lines, attention):
    count = len(frames)
    # A frame is one unit wide and high; a subword's row is as high as its letters, however many frames there are.
    row, gap = 0.0275 * count, 0.05
    axes.imshow(np.concatenate(list(frames), axis=1), extent=(0, count, -1, 0))
    axes.vlines(range(1, count), -1, 0, color="white", linewidth=2)
    axes.set_title("\n".join(drawable(lines)), fontsize=9)
    axes.set_axis_on()
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    lowest = -1.0
    if attention:
        pieces, weights = attention
        lowest -= gap + row * len(pieces)
        axes.imshow(weights, extent=(0, count, lowest, -1 - gap), cmap="Blues", vmin=0, vmax=weights.max())
        middles = -1 - gap - row * (np.arange(len(pieces)) + 0.5)
        axes.set_yticks(middles, drawable([piece.removeprefix(SPACE) for piece in pieces]), fontsize=8)
        axes.tick_params(length=0)
    axes.set(xlim=(0, count), ylim=(lowest, 0), aspect="equal", anchor="N")
