"""Metrics of a detector and their intervals."""

import numpy as np
import pytest

from apps.spam_detector import metrics
from apps.spam_detector.metrics import binary_metrics, bootstrap_intervals


def test_figures_equal_those_worked_out_by_hand():
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    scores = np.array([0.9, 0.8, 0.7, 0.2, 0.6, 0.5, 0.4, 0.3, 0.1, 0.0])
    figures = binary_metrics(labels, (scores > 0.55).astype(int), scores)
    assert figures["accuracy"] == pytest.approx(8 / 10)
    assert figures["precision"] == figures["recall"] == figures["f1"] == pytest.approx(3 / 4)
    assert figures["false_positive_rate"] == pytest.approx(1 / 6)
    assert figures["mcc"] == pytest.approx((3 * 5 - 1 * 1) / np.sqrt(4 * 4 * 6 * 6))
    assert figures["roc_auc"] == pytest.approx((6 + 6 + 6 + 2) / 24)
    assert figures["pr_auc"] == pytest.approx((1 + 1 + 1 + 4 / 8) / 4)


def test_detector_that_flags_nothing_has_figures():
    figures = binary_metrics(np.array([1, 0, 0]), np.zeros(3, int), np.zeros(3))
    assert (figures["precision"], figures["mcc"], figures["false_positive_rate"]) == (0, 0, 0)


def test_intervals_cover_the_truth_about_as_often_as_they_say(monkeypatch):
    monkeypatch.setattr(metrics, "RESAMPLES", 200)
    generator = np.random.default_rng(1)

    def share(labels, values):
        return {"mean": float(values.mean())}

    covered = 0
    for number in range(100):
        values = generator.random(80) < 0.3
        low, high = bootstrap_intervals(share, np.arange(80) % 2, values, seed=number)["mean"]
        covered += low <= 0.3 <= high
    assert 85 <= covered <= 100


def test_resamples_never_lack_a_class(monkeypatch):
    monkeypatch.setattr(metrics, "RESAMPLES", 50)
    labels = np.array([1] + [0] * 30)

    def count(labels):
        assert len(np.unique(labels)) == 2
        return {"positives": labels.sum()}

    assert bootstrap_intervals(count, labels)["positives"][0] >= 1
