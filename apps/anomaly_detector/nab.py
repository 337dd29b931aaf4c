"""The score of the Numenta Anomaly Benchmark, which rewards early alarms.

Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms - the Numenta Anomaly Benchmark", ICMLA 2015,
section III. A window around each anomaly counts its best alarm, the more the earlier it comes; an alarm outside costs
the more the farther it is behind the last window.
"""

from dataclasses import dataclass

import numpy as np

# Weights of alarms in windows, alarms outside, and missed windows.
PROFILES = {"standard": (1.0, 0.11, 1.0), "low FP": (1.0, 0.22, 1.0), "low FN": (1.0, 0.11, 2.0)}
# Part of the rows, the first ones, in which alarms do not count; at most that part of so many rows.
PROBATION, PROBATION_ROWS = 0.15, 5000


def probation(rows):
    """Return the number of rows at the beginning in which alarms do not count."""
    return int(PROBATION * min(rows, PROBATION_ROWS))


def _sigmoid(position):
    # -1 from three windows' widths on.
    return np.where(position > 3, -1.0, 2 / (1 + np.exp(5 * np.minimum(position, 3))) - 1)


@dataclass(frozen=True)
class Weighed:
    """What an alarm in each row of a series would count.

    Attributes:
        window: int (rows,), index of the window of each row; -1 outside, -2 in the probation.
        inside: float (rows,), of an alarm in its window, at most 1; 0 outside.
        outside: float (rows,), of an alarm outside, from -1 to 0; 0 inside.
        windows: number of windows.
    """

    window: np.ndarray
    inside: np.ndarray
    outside: np.ndarray
    windows: int


def weigh(rows, windows):
    """Say what an alarm in each row would count.

    Args:
        rows: number of rows.
        windows: list of (first row, last row), both in the window, in their order, apart from each other.

    Returns:
        `Weighed`.
    """
    window, inside, outside = np.full(rows, -1), np.zeros(rows), np.full(rows, -1.0)
    index = np.arange(rows)
    for number, (first, last) in enumerate(windows):
        width = last - first + 1
        own = slice(first, last + 1)
        window[own] = number
        inside[own] = _sigmoid(-(last - index[own] + 1) / width) / _sigmoid(np.array(-1.0))
        outside[own] = 0
        behind = slice(last + 1, windows[number + 1][0] if number + 1 < len(windows) else rows)
        outside[behind] = _sigmoid((index[behind] - last) / max(width - 1, 1))
    window[: probation(rows)] = -2
    return Weighed(window, inside, outside, len(windows))


def nab_score(weighed, alarms, profile="standard"):
    """Score alarms in several series together.

    Args:
        weighed: list of `Weighed`, one for each series.
        alarms: list of bool (rows,).
        profile: of `PROFILES`.

    Returns:
        100 for the first row of every window and no other alarm, 0 for no alarm at all; below 0 if false alarms cost
        more than the others bring. NaN without windows.
    """
    true, false, missed = PROFILES[profile]
    total, count = 0.0, sum(each.windows for each in weighed)
    for each, rows in zip(weighed, alarms, strict=True):
        best = np.full(each.windows, -missed)
        hits = rows & (each.window >= 0)
        np.maximum.at(best, each.window[hits], true * each.inside[hits])
        total += best.sum() + false * each.outside[rows & (each.window == -1)].sum()
    return 100 * (total + missed * count) / ((true + missed) * count) if count else float("nan")


def best_threshold(weighed, scores, profile="standard"):
    """Find the threshold with the best score, as the benchmark's leaderboard does, on the labelled rows themselves.

    Args:
        weighed: list of `Weighed`.
        scores: list of float (rows,), the higher the more anomalous; one threshold holds for all series.
        profile: of `PROFILES`.

    Returns:
        The threshold, from which a row is an alarm, and `nab_score` with it. Without windows, or if any alarm costs
        more than it brings, the threshold is infinite, and nothing is an alarm.
    """
    true, false, missed = PROFILES[profile]
    offsets = np.cumsum([0, *(each.windows for each in weighed)])
    windows = np.concatenate(
        [np.where(e.window < 0, e.window, e.window + o) for e, o in zip(weighed, offsets, strict=False)]
    )
    inside = true * np.concatenate([each.inside for each in weighed])
    outside = false * np.concatenate([each.outside for each in weighed])
    values = np.concatenate(scores)
    counted = np.flatnonzero(windows > -2)
    order = counted[np.argsort(-values[counted], kind="stable")]
    # What each further alarm adds: outside what it costs, in a window what it has more than the best so far.
    gains, best = np.where(windows[order] < 0, outside[order], 0.0), np.full(offsets[-1], -missed)
    for at in np.flatnonzero(windows[order] >= 0):
        row = order[at]
        gains[at] = max(inside[row] - best[windows[row]], 0)
        best[windows[row]] += gains[at]
    totals = np.cumsum(gains)
    if not offsets[-1] or not len(order):
        return float("inf"), 0.0 if offsets[-1] else float("nan")
    # All rows with the same value are alarms, or none.
    ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    chosen = ends[np.argmax(totals[ends])]
    if totals[chosen] < 0:
        return float("inf"), 0.0
    return float(values[order[chosen]]), float(100 * totals[chosen] / ((true + missed) * offsets[-1]))
