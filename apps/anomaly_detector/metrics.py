"""Metrics of scores and alarms, by row and by event.

No alarm is adjusted to the labels. Point adjustment counts all rows of an event as found once one of them is, which
gives random scores a high F1: Kim et al., "Towards a Rigorous Evaluation of Time-Series Anomaly Detection", AAAI 2022.
"""

import numpy as np
from sklearn import metrics

# Thresholds of the surface, and its longest buffer in rows, both as in TSB-AD (Liu and Paparrizos, NeurIPS 2024).
THRESHOLDS, MAX_BUFFER = 250, 100
SECONDS_PER_DAY = 24 * 60 * 60


def _checked(labels, values, name, dtype):
    """Return labels and values as arrays; raise `ValueError` unless both are (rows,), and the values finite."""
    labels, values = np.asarray(labels, bool), np.asarray(values, dtype)
    if labels.ndim != 1 or labels.shape != values.shape or not len(labels):
        raise ValueError(
            f"labels and {name} must have the same shape (rows,), with rows > 0. "
            f"Received: shapes {labels.shape} and {values.shape}"
        )
    if not np.isfinite(values).all():
        row = int(np.argmin(np.isfinite(values)))
        raise ValueError(f"{name} must be finite. Received: {values[row]} in row {row}")
    return labels, values


def events(labels):
    """Return the runs of True.

    Args:
        labels: bool (rows,).

    Returns:
        List of (first row, last row), both in the run, in their order.
    """
    edges = np.diff(np.asarray(labels, bool).astype("int8"), prepend=0, append=0)
    firsts, lasts = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def auc_pr(labels, scores):
    """Compute the average precision, by row.

    Args:
        labels: bool (rows,), whether each row is anomalous.
        scores: float (rows,), the higher the more anomalous.

    Returns:
        From 0 to 1; about the fraction of anomalous rows for random scores. None without anomalous rows.

    Raises:
        ValueError: if the shapes differ, there are no rows, or a score is not finite.
    """
    labels, scores = _checked(labels, scores, "scores", "float64")
    return float(metrics.average_precision_score(labels, scores)) if labels.any() else None


def vus_pr(labels, scores, max_buffer=None):
    """Compute the volume under the surface of precision and recall over thresholds and buffers.

    Paparrizos et al., "Volume Under the Surface: A New Accuracy Evaluation Measure for Time-Series Anomaly Detection",
    PVLDB 15(11), 2022, as TSB-AD computes it. A buffer of l rows, half of them on each side, surrounds each event: an
    alarm d rows away from the event counts sqrt(1 - d / l), so that an alarm close by is only partly false. Recall is
    multiplied by the fraction of the events that have an alarm; events whose buffers overlap are one. The average
    precision with each buffer from 0 to `max_buffer` rows is averaged. Thresholds are 250 scores at equal ranks.

    Args:
        labels: bool (rows,), whether each row is anomalous.
        scores: float (rows,), the higher the more anomalous.
        max_buffer: rows of the longest buffer; a longer one gives higher values, so compare only equal ones. The
            period of the series is usual; 100 if None.

    Returns:
        From 0 to 1. None without anomalous rows.

    Raises:
        ValueError: if the shapes differ, there are no rows, a score is not finite, or `max_buffer` is negative.
    """
    labels, scores = _checked(labels, scores, "scores", "float64")
    max_buffer = MAX_BUFFER if max_buffer is None else max_buffer
    if max_buffer < 0:
        raise ValueError(f"max_buffer must be at least 0. Received: {max_buffer}")
    spans = np.array(events(labels))
    if not len(spans):
        return None
    thresholds = -np.sort(-scores)[np.linspace(0, len(scores) - 1, THRESHOLDS).astype(int)]
    # Index of the highest threshold with which each row is an alarm.
    return float(np.mean(_areas(labels, np.searchsorted(-thresholds, -scores), spans, max_buffer)))


def _areas(labels, index, spans, max_buffer):
    """Return the average precision with each buffer from 0 to `max_buffer` rows."""
    alarms, hits = _counts(index), _counts(index[labels])
    rows, distances = _buffer(labels, spans, max_buffer // 2)
    near, position = np.unique(rows, return_inverse=True)
    areas = []
    for length in range(max_buffer + 1):
        within = np.searchsorted(distances, length // 2, side="right")
        weights = np.bincount(position[:within], np.sqrt(1 - distances[:within] / max(length, 1)), len(near))
        partly = _counts(index[near], np.minimum(weights, 1))
        # Half of what buffers add to the hits is added to what can be hit, as in the paper.
        recall = np.minimum((hits + partly) / (labels.sum() + partly / 2), 1)
        recall *= _found(index, spans, length // 2)
        areas.append(np.diff(recall, prepend=0) @ ((hits + partly) / alarms))
    return areas


def _counts(index, weights=None):
    """Return the number, or the weight, of rows that are alarms with each threshold."""
    return np.cumsum(np.bincount(index, weights, THRESHOLDS))


def _buffer(labels, spans, reach):
    """Return the normal rows at most `reach` rows away from each event, and their distances, which increase."""
    distances = np.arange(1, reach + 1)[:, None]
    rows = np.concatenate([spans[:, 0] - distances, spans[:, 1] + distances], axis=1)
    is_normal = (rows >= 0) & (rows < len(labels))
    is_normal[is_normal] = ~labels[rows[is_normal]]
    return rows[is_normal], np.broadcast_to(distances, rows.shape)[is_normal]


def _found(index, spans, reach):
    """Return the fraction of events that have an alarm at most `reach` rows away, with each threshold."""
    is_apart = spans[1:, 0] - spans[:-1, 1] > 2 * reach
    firsts = np.maximum(spans[np.append(True, is_apart), 0] - reach, 0)
    ends = np.minimum(spans[np.append(is_apart, True), 1] + reach + 1, len(index))
    # Every second minimum is of the rows between two events; a row is appended for an end behind the last row.
    borders = np.stack([firsts, ends], axis=1).ravel()
    earliest = np.minimum.reduceat(np.append(index, THRESHOLDS), borders)[::2]
    return _counts(earliest) / len(firsts)


def best_f1(labels, scores):
    """Find the threshold with the highest F1 by row.

    It is found with the labels, so the F1 is an upper bound of what a threshold that was chosen without them can reach.

    Args:
        labels: bool (rows,), whether each row is anomalous.
        scores: float (rows,), the higher the more anomalous.

    Returns:
        F1, from 0 to 1, and the threshold, from which a row is an alarm; the highest of equally good ones. (None, None)
        without anomalous rows.

    Raises:
        ValueError: if the shapes differ, there are no rows, or a score is not finite.
    """
    labels, scores = _checked(labels, scores, "scores", "float64")
    if not labels.any():
        return None, None
    precision, recall, thresholds = metrics.precision_recall_curve(labels, scores)
    # The last point of the curve has no threshold. The others are turned round: argmax returns the first one.
    precision, recall, thresholds = precision[-2::-1], recall[-2::-1], thresholds[::-1]
    total = precision + recall
    f1 = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    best = np.argmax(f1)
    return float(f1[best]), float(thresholds[best])


def point_metrics(labels, alarms):
    """Compute metrics by row, without point adjustment.

    `false_alarm_rate` and `missed_alarm_rate` are those of the leaderboard of the Skoltech Anomaly Benchmark (SKAB),
    which prints them in percent.

    Args:
        labels: bool (rows,), whether each row is anomalous.
        alarms: bool (rows,).

    Returns:
        Dict of floats from 0 to 1: `precision`, `recall`, `f1`, `false_alarm_rate`, the fraction of normal rows with an
        alarm, and `missed_alarm_rate`, the fraction of anomalous rows without one. A ratio with denominator 0 is 0.

    Raises:
        ValueError: if the shapes differ or there are no rows.
    """
    labels, alarms = _checked(labels, alarms, "alarms", bool)
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, alarms, average="binary", zero_division=0
    )
    (normal, false), (missed, true) = metrics.confusion_matrix(labels, alarms, labels=[False, True])
    return {
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "false_alarm_rate": float(false / max(normal + false, 1)),
        "missed_alarm_rate": float(missed / max(missed + true, 1)),
    }


def _false_runs(labels, alarms):
    """Return the runs of alarms that touch no event."""
    return [(first, last) for first, last in events(alarms) if not labels[first : last + 1].any()]


def event_metrics(labels, alarms):
    """Compute metrics by event.

    An event is found if one of its rows is an alarm. A run of alarms is one alarm, and true if it touches an event. So
    an alarm in all rows is perfect by event: see also the false alarm rate of `point_metrics`.

    Args:
        labels: bool (rows,); each run of True is an event.
        alarms: bool (rows,).

    Returns:
        Dict: `precision`, the fraction of the runs of alarms that are true; `recall`, the fraction of the events that
        are found; `f1`, their harmonic mean; `delay`, the median number of rows from the first row of a found event
        to its first alarm, None if none is found. A ratio with denominator 0 is 0.

    Raises:
        ValueError: if the shapes differ or there are no rows.
    """
    labels, alarms = _checked(labels, alarms, "alarms", bool)
    spans, runs = events(labels), len(events(alarms))
    true = runs - len(_false_runs(labels, alarms))
    delays = [np.argmax(alarms[first : last + 1]) for first, last in spans if alarms[first : last + 1].any()]
    precision, recall = true / max(runs, 1), len(delays) / max(len(spans), 1)
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if delays else 0.0,
        "delay": float(np.median(delays)) if delays else None,
    }


def false_alarms_per_day(labels, alarms, seconds_per_row):
    """Compute the number of runs of alarms that touch no event in a day of normal rows.

    Args:
        labels: bool (rows,); each run of True is an event.
        alarms: bool (rows,).
        seconds_per_row: time from a row to the next; None if rows have no times.

    Returns:
        Number from 0 up; None if rows have no times or all of them are anomalous.

    Raises:
        ValueError: if the shapes differ, there are no rows, or `seconds_per_row` is not positive.
    """
    labels, alarms = _checked(labels, alarms, "alarms", bool)
    if seconds_per_row is None or labels.all():
        return None
    if not seconds_per_row > 0:
        raise ValueError(f"seconds_per_row must be positive. Received: {seconds_per_row}")
    days = np.count_nonzero(~labels) * seconds_per_row / SECONDS_PER_DAY
    return len(_false_runs(labels, alarms)) / days
