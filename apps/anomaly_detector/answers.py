"""Format the answers of a detector: tables of scores, causes of alarms, drift."""

import numpy as np
import pandas as pd

from ..common.words import counted
from .evaluation import observed_values
from .metrics import events

# Sensors that are named as causes of a score, if each has at least this part of it.
CAUSES, LEAST_PART = 3, 0.1


def causes(names, contributions):
    """Return the sensors with the largest parts in a score, such as `flow 71 %; power 20 %`; "" for a score of 0."""
    total = contributions.sum()
    if total <= 0:
        return ""
    parts = contributions / total
    order = [index for index in np.argsort(-parts)[:CAUSES] if parts[index] >= LEAST_PART]
    return "; ".join(f"{names[index]} {100 * parts[index]:.0f} %" for index in order)


def score_table(detector, recording):
    """Score a recording.

    Returns:
        A pandas table with a row for each row that was read, not for gaps, and float32 (rows,), all scores.
    """
    found = detector.score(observed_values(recording))
    kept = recording.series.observed.any(axis=1)
    table = {
        "recording": recording.name,
        "time": recording.series.format_times(recording.series.times),
        "score": [float(f"{value:.6g}") for value in found.scores],
        "alarm": detector.alarms(found.scores).astype(int),
        "sensors": [causes(detector.names, row) for row in found.contributions],
    }
    return pd.DataFrame(table)[kept], found.scores


def drift(detector, scored):
    """Say how many alarms there were, and if the scores have moved away from those of the training.

    Args:
        detector: `Detector`.
        scored: list of float (rows,), scores of recordings.
    """
    alarms = sum(len(events(detector.alarms(each))) for each in scored)
    last = np.concatenate([each[len(each) // 2 :] for each in scored])
    ratio = float(np.median(last) / max(detector.usual, 1e-9))
    words = f"{counted(alarms, 'alarm')}; the median score of the last half of the rows is {ratio:.2f} times that of "
    words += "normal rows in training"
    return words + ("; the machine has changed: train again with newer rows" if ratio > 1.5 else "")
