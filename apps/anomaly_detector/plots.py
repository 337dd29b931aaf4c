"""Draw report.png: the whole time, and each event with what caused its alarm."""

import numpy as np
import pandas as pd
from matplotlib.dates import DateFormatter

from ..common.reports import figure
from ..common.series.number_times import ROW
from ..common.words import shorten
from .metrics import events

# Events, or alarms without labels, that are drawn closer, and rows before and after them.
MOST_EVENTS, AROUND = 7, 60
SENSORS = 3
RED, GREY = "#c0392b", "0.85"


def draw_report(run_dir, judged, detector):
    """Draw the recording with the most events, its score and alarms, and its first events closer.

    Args:
        run_dir: folder of the run, a Path.
        judged: list of `evaluation.Judged`.
        detector: `Detector`.
    """
    name = next(iter(judged[0].scores))
    chosen = max(judged, key=lambda each: len(_spans(each, name)))
    spans = _spans(chosen, name)[:MOST_EVENTS]
    columns = max(2, min(4, len(spans)))
    rows = 2 + 2 * -(-len(spans) // columns)
    title = shorten(chosen.recording.name, 60)[1:-1]
    with figure(run_dir / "report.png", columns, width=4.2, height=2.6, rows=rows, texts=detector.names) as axes:
        grid = axes[0, 0].get_gridspec()
        drawing = axes[0, 0].figure
        for panel in axes.ravel():
            panel.remove()
        whole = range(len(chosen.rows))
        top = drawing.add_subplot(grid[0, :])
        below = drawing.add_subplot(grid[1, :], sharex=top)
        _draw_sensors(top, chosen, whole, np.arange(min(SENSORS, len(detector.names))), detector)
        _draw_score(below, chosen, whole, name, detector)
        top.set(title=f"{title}: readings")
        below.set(title="Smoothed score")
        for number, (first, last) in enumerate(spans):
            row, column = 2 + 2 * (number // columns), number % columns
            around = range(max(0, first - AROUND), min(len(chosen.rows), last + AROUND + 1))
            causes = np.argsort(-chosen.contributions[first : last + 1].mean(axis=0))[:2]
            upper = drawing.add_subplot(grid[row, column])
            lower = drawing.add_subplot(grid[row + 1, column], sharex=upper)
            _draw_sensors(upper, chosen, around, causes, detector)
            _draw_score(lower, chosen, around, name, detector)
            upper.set(title=_causes(chosen, first, last, detector))


def _spans(judged, name):
    labels = judged.labels
    return events(judged.alarms[name] if labels is None or not labels.any() else labels)


def _causes(judged, first, last, detector):
    parts = judged.contributions[first : last + 1].mean(axis=0)
    order = np.argsort(-parts)[:2]
    total = max(parts.sum(), 1e-9)
    return ", ".join(f"{detector.names[index]} {100 * parts[index] / total:.0f} %" for index in order)


def _axis(judged, rows):
    series = judged.recording.series
    return series.axis(series.times[judged.rows.start + rows.start : judged.rows.start + rows.stop])


def _shade(axes, judged, rows):
    """Shade the labelled events."""
    if judged.labels is None:
        return
    times = _axis(judged, rows)
    for number, (first, last) in enumerate(events(judged.labels[rows.start : rows.stop])):
        axes.axvspan(times[first], times[last], color=GREY, lw=0, label="labelled" if number == 0 else None)


def _few_ticks(axes, judged, rows):
    """Write few and short times, which do not overlap."""
    times = _axis(judged, rows)
    axes.set_xticks(times[np.linspace(0, len(times) - 1, min(4, len(times))).astype(int)])
    if judged.recording.series.frequency != ROW:
        is_long = times[-1] - times[0] > pd.Timedelta(days=10)
        axes.xaxis.set_major_formatter(DateFormatter("%Y-%m-%d" if is_long else "%m-%d %H:%M"))


def _draw_sensors(axes, judged, rows, sensors, detector):
    values = judged.recording.series.values[judged.rows.start + rows.start : judged.rows.start + rows.stop]
    _shade(axes, judged, rows)
    for index in sensors:
        scaled = (values[:, index] - detector.scorer.loc[index]) / detector.scorer.scale[index]
        axes.plot(_axis(judged, rows), scaled, linewidth=0.9, label=detector.names[index])
    axes.set(ylabel="standardized")
    _few_ticks(axes, judged, rows)
    axes.legend(loc="upper left", fontsize=7, ncols=4)


def _draw_score(axes, judged, rows, name, detector):
    times, scores = _axis(judged, rows), judged.scores[name][rows.start : rows.stop]
    alarms = judged.alarms[name][rows.start : rows.stop]
    _shade(axes, judged, rows)
    axes.plot(times, scores, color="#3d405b", linewidth=0.9)
    axes.axhline(detector.threshold, color=RED, linestyle=":", linewidth=1, label="threshold")
    axes.plot(times, np.where(alarms, scores, np.nan), color=RED, marker=".", markersize=3, linewidth=0, label="alarm")
    _few_ticks(axes, judged, rows)
    axes.legend(loc="upper left", fontsize=7, ncols=3)
