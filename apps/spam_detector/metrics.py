"""Metrics of a detector, and their confidence intervals."""

import numpy as np
from sklearn import metrics

# Resamples of the bootstrap.
RESAMPLES = 500


def binary_metrics(labels, predicted, scores):
    """Compute the metrics of a detector.

    Args:
        labels: int (rows,), 1 for the class to detect; both classes must occur.
        predicted: int (rows,), predicted labels.
        scores: float (rows,), higher for the class to detect, on any scale.

    Returns:
        Dict of floats from 0 to 1 (`mcc` from -1). A ratio with denominator 0 is 0.
    """
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, average="binary", zero_division=0
    )
    return {
        "accuracy": float(np.mean(labels == predicted)),
        "mcc": float(metrics.matthews_corrcoef(labels, predicted)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "false_positive_rate": float(np.mean(predicted[labels == 0])),
        "roc_auc": float(metrics.roc_auc_score(labels, scores)),
        "pr_auc": float(metrics.average_precision_score(labels, scores)),
    }


def bootstrap_intervals(metric, labels, *arrays, confidence=0.95, seed=0):
    """Compute confidence intervals by the percentile bootstrap.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.

    Args:
        metric: function of labels and arrays that returns a dict of floats.
        labels: (rows,); a resample that lacks a class is drawn again.
        arrays: further arguments of `metric`, (rows, ...) each.
        confidence: of the intervals, from 0 to 1.
        seed: of the resamples.

    Returns:
        Dict of (low, high).
    """
    generator = np.random.default_rng(seed)
    classes = len(np.unique(labels))
    drawn = []
    while len(drawn) < RESAMPLES:
        rows = generator.integers(len(labels), size=len(labels))
        if len(np.unique(labels[rows])) == classes:
            drawn.append(metric(labels[rows], *(array[rows] for array in arrays)))
    tails = 50 * (1 - confidence), 50 * (1 + confidence)
    bounds = {name: np.percentile([row[name] for row in drawn], tails) for name in drawn[0]}
    return {name: (float(low), float(high)) for name, (low, high) in bounds.items()}
