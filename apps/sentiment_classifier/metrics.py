"""Metrics of a classifier, and their confidence intervals."""

import numpy as np
from sklearn import metrics

RESAMPLES, CONFIDENCE = 1000, 0.95


def class_metrics(confusion, ordered=False):
    """Compute metrics from the counts of true and predicted classes.

    Args:
        confusion: int (classes, classes), rows are the true ones.
        ordered: whether the classes have an order.

    Returns:
        Dict of float arrays: `accuracy`, `macro_f1`; `precision` and `recall`, (classes,); with an order also
        `kappa`, Cohen's with quadratic weights, and `mae`, the mean absolute error in classes. A ratio with
        denominator 0 is 0.
    """
    labels, predicted = (index.ravel() for index in np.indices(confusion.shape))
    weights = confusion.ravel()
    options = {"sample_weight": weights, "labels": np.arange(len(confusion))}
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(labels, predicted, zero_division=0, **options)
    found = {
        "accuracy": metrics.accuracy_score(labels, predicted, sample_weight=weights),
        # Of the classes that occur: what is absent cannot be found.
        "macro_f1": f1[confusion.sum(axis=1) > 0].mean(),
        "precision": precision,
        "recall": recall,
    }
    if ordered:
        is_constant = np.count_nonzero(confusion.sum(axis=0) + confusion.sum(axis=1)) < 2
        found["kappa"] = (
            0.0 if is_constant else metrics.cohen_kappa_score(labels, predicted, weights="quadratic", **options)
        )
        found["mae"] = metrics.mean_absolute_error(labels, predicted, sample_weight=weights)
    return {name: np.asarray(value, "float64") for name, value in found.items()}


def measure(labels, predicted, classes, ordered=False, seed=0):
    """Compute metrics with confidence intervals by the percentile bootstrap over rows.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. Rows drawn again and again are a
    multinomial sample of the pairs of true and predicted class.

    Args:
        labels, predicted: int (rows,).
        classes: number of classes.
        ordered: whether the classes have an order.
        seed: of the resamples.

    Returns:
        {metric of `class_metrics`: {"value", "interval": (low, high)}}, a list of them for `precision` and `recall`;
        and `confusion`, a list of lists.
    """
    confusion = metrics.confusion_matrix(labels, predicted, labels=np.arange(classes))
    generator = np.random.default_rng(seed)
    pairs = confusion.ravel() / confusion.sum()
    # With many classes each takes longer.
    count = RESAMPLES if classes <= 20 else RESAMPLES // 5
    drawn = [
        class_metrics(generator.multinomial(len(labels), pairs).reshape(confusion.shape), ordered) for _ in range(count)
    ]
    tails = 50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)
    found = {}
    for name, value in class_metrics(confusion, ordered).items():
        low, high = np.percentile([each[name] for each in drawn], tails, axis=0)
        each = [
            {"value": float(v), "interval": (float(a), float(b))}
            for v, a, b in zip(value.ravel(), low.ravel(), high.ravel(), strict=True)
        ]
        found[name] = each if value.ndim else each[0]
    return {**found, "confusion": confusion.tolist()}
