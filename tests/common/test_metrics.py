"""Figures of a detector by hand, and intervals that hold what they promise."""

import numpy as np
import pytest

from apps.common.metrics import binary_metrics, bootstrap_intervals, sentence_chrf, translation_metrics


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


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    generator = np.random.default_rng(1)

    def share(labels, values):
        return {"mean": float(values.mean())}

    covered = 0
    for number in range(100):
        values = generator.random(80) < 0.3
        low, high = bootstrap_intervals(share, np.arange(80) % 2, values, resamples=200, seed=number)["mean"]
        covered += low <= 0.3 <= high
    assert 85 <= covered <= 100


def test_resamples_never_lack_a_class():
    labels = np.array([1] + [0] * 30)

    def count(labels):
        assert len(np.unique(labels)) == 2
        return {"positives": labels.sum()}

    assert bootstrap_intervals(count, labels, resamples=50)["positives"][0] >= 1


def test_translations_are_measured_by_what_they_share_with_the_references():
    references = ["the cat sat on the mat .", "a dog ran home quickly today ."]
    same = translation_metrics(references, references)
    assert {name: figures["value"] for name, figures in same.items()} == pytest.approx(
        {"bleu": 100, "bleu_lower": 100, "chrf": 100}
    )
    shouted = translation_metrics([text.upper() for text in references], references)
    assert shouted["bleu_lower"]["value"] == pytest.approx(100)
    assert shouted["bleu"]["value"] < 20
    nothing = translation_metrics(["", ""], references)
    assert nothing["bleu"]["value"] == nothing["chrf"]["value"] == 0
    assert "tok:13a" in same["bleu"]["signature"] and "case:lc" in same["bleu_lower"]["signature"]
    half = translation_metrics([references[0], "something else entirely was said here ."], references)
    low, high = half["bleu"]["interval"]
    assert low < half["bleu"]["value"] < high


def test_sentence_chrf_is_one_figure_a_sentence():
    best, middle, worst = sentence_chrf(["a red house", "a red mouse", "zzz"], ["a red house"] * 3)
    assert best == pytest.approx(100)
    assert best > middle > 30 > worst
