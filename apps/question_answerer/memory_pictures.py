"""Draw the memory of a DNC that answers a question: writes, reads, allocation, contents and temporal links."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from ..common.reports import figure
from ..common.words import shorten

_LONGEST = 44


def draw_memory(path, story, question, answer, trace):
    """Write a picture of the memory along a story.

    Args:
        path: of the picture.
        story: tuple of sentences.
        question, answer: strings.
        trace: what `Answerer.trace` returns.
    """
    thinking, sentences = trace["sentences_read"].shape
    story = story[-sentences:]
    steps = [shorten(sentence, _LONGEST)[1:-1] for sentence in story]
    steps += [f"{question}  step {step + 1}" if step else f"{question}  step 1" for step in range(thinking)]
    heads = trace["read_weightings"].shape[1]
    by_step = {
        "allocation: free slots": trace["allocation_weighting"],
        "usage": trace["usage"],
        "written": trace["write_weighting"],
        **{f"read, head {head + 1}": trace["read_weightings"][:, head] for head in range(heads)},
    }
    columns = max(len(by_step), 4)
    height = 1.4 + 0.24 * max(len(steps), trace["usage"].shape[1])
    texts = [*steps, answer]
    with figure(path, columns=columns, rows=2, width=2.9, height=height, texts=texts) as axes:
        upper, lower = axes
        for panel, (title, values) in zip(upper, by_step.items(), strict=False):
            _draw(panel, values, title, 0, 1, "Blues")
            panel.axhline(sentences - 0.5, color="#e07a5f", linewidth=1)
            panel.set(xlabel="slot", yticks=[])
        upper[0].set_yticks(range(len(steps)), steps, fontsize=8)
        for panel in [*upper[len(by_step) :], *lower[4:]]:
            panel.axis("off")
        _draw_contents(lower, story, trace)
        upper[0].figure.suptitle(f"{question}  {answer}", x=0.01, ha="left", weight="bold")


def _draw_contents(panels, story, trace):
    """Draw what is in the memory, its temporal links and which sentences were read, after all steps."""
    memory = trace["memory"][-1]
    limit = max(float(np.abs(memory).max()), 1e-6)
    _draw(panels[0], memory, "contents at the end", -limit, limit, "RdBu_r")
    panels[0].set(xlabel="number in the slot", ylabel="slot")
    _draw(panels[1], temporal_links(trace["write_weighting"]), "temporal links", 0, 1, "Blues")
    panels[1].set(xlabel="written before", ylabel="slot")
    _draw(panels[2], written_by(trace["write_weighting"], len(story)), "which sentence is where", 0, 1, "Blues")
    panels[2].set(xlabel="slot", ylabel="sentence")
    _draw(panels[3], trace["sentences_read"], "sentences read", 0, 1, "Blues")
    panels[3].set(xlabel="sentence", ylabel="thinking step")
    for panel, axis in ((panels[2], "y"), (panels[3], "x")):
        numbers = range(1, len(story) + 1)
        getattr(panel, f"set_{axis}ticks")(range(len(story)), numbers, fontsize=8)
    count = len(trace["sentences_read"])
    panels[3].set_yticks(range(count), range(1, count + 1))


def _draw(panel, values, title, low, high, colors):
    panel.imshow(values, aspect="auto", interpolation="nearest", vmin=low, vmax=high, cmap=colors)
    panel.set_title(title, fontsize=10)
    panel.grid(False)
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))


def temporal_links(written):
    """Return the links after all steps, float (slots, slots): how much slot i was written right after slot j.

    Those of `layers.DNCCell`, which follow from the writes alone.

    Args:
        written: write weightings, float (steps, slots).
    """
    slots = written.shape[1]
    links, precedence = np.zeros((slots, slots)), np.zeros(slots)
    for write in written:
        links = (1 - write[:, None] - write) * links + write[:, None] * precedence
        np.fill_diagonal(links, 0)
        precedence = (1 - write.sum()) * precedence + write
    return links


def written_by(written, sentences):
    """Return how much of the write of each sentence is left in each slot at the end, float (sentences, slots).

    Args:
        written: write weightings, float (steps, slots).
        sentences: number of steps that are sentences, the first ones.
    """
    left = np.ones(written.shape[1])
    found = np.zeros_like(written)
    for step in range(len(written) - 1, -1, -1):
        found[step] = written[step] * left
        left = left * (1 - written[step])
    return found[:sentences]
