"""Probabilities that mean what they say.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, sections 2 and 4.2.
"""

import numpy as np
from keras import ops
from scipy.optimize import minimize_scalar

BINS = 15


def fit_temperature(model, logits, labels):
    """Return the temperature with the smallest cross-entropy.

    Args:
        model: a `DocumentClassifier`.
        logits: float32 (rows, classes), of rows that the model did not learn from.
        labels: int (rows,).
    """

    def nats(log_temperature):
        found = ops.convert_to_numpy(model.probabilities(logits, float(np.exp(log_temperature))))
        return -np.mean(np.log(np.maximum(found[np.arange(len(labels)), labels], 1e-12)))

    return float(np.exp(minimize_scalar(nats, bounds=(-3, 3), method="bounded").x))


def reliability(labels, probabilities, bins=BINS):
    """Group answers by their confidence, the probability of the most likely class.

    Args:
        labels: int (rows,).
        probabilities: float (rows, classes).
        bins: number of groups of equal width.

    Returns:
        List of (rows, mean confidence, accuracy) of the groups that are not empty.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    group = np.minimum((confidence * bins).astype(int), bins - 1)
    chosen = [group == index for index in range(bins)]
    return [
        (int(rows.sum()), float(confidence[rows].mean()), float(right[rows].mean())) for rows in chosen if rows.any()
    ]


def expected_calibration_error(labels, probabilities, bins=BINS):
    """Return the mean distance between confidence and accuracy, from 0 to 1."""
    groups = reliability(labels, probabilities, bins)
    return sum(rows * abs(confidence - accuracy) for rows, confidence, accuracy in groups) / len(labels)
