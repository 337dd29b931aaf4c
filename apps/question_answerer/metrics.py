"""Accuracy of each task with its interval, mean error and failed tasks, as in bAbI's papers."""

import math

import numpy as np

# Largest error of a task that counts as solved (Weston et al. 2015).
FAILED = 0.05
_Z = 1.959964


def interval(right, count):
    """Return the 95 % interval of Wilson for a fraction, (low, high)."""
    if not count:
        return 0.0, 1.0
    fraction, squared = right / count, _Z * _Z
    middle = (fraction + squared / (2 * count)) / (1 + squared / count)
    half = _Z / (1 + squared / count) * math.sqrt(fraction * (1 - fraction) / count + squared / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def measure(is_right, tasks):
    """Measure answers.

    Args:
        is_right: bool (questions,).
        tasks: names of the questions' tasks.

    Returns:
        Dict of "tasks", {name: {"value", "interval", "count"}} of the accuracy; "mean_error" over tasks; "failed",
        number of tasks with an error above `FAILED`; and "accuracy" over questions.
    """
    is_right, tasks, found = np.asarray(is_right, bool), np.asarray(tasks), {}
    for task in dict.fromkeys(tasks.tolist()):
        rows = is_right[tasks == task]
        low, high = interval(int(rows.sum()), len(rows))
        found[task] = {"value": float(rows.mean()), "interval": [low, high], "count": len(rows)}
    # Not 1 - value, which rounding puts above the limit.
    errors = [float(np.mean(~is_right[tasks == task])) for task in found]
    return {
        "tasks": found,
        "mean_error": float(np.mean(errors)),
        "failed": int(sum(error > FAILED for error in errors)),
        "accuracy": float(is_right.mean()),
    }
