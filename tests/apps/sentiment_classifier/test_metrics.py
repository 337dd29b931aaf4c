"""Metrics next to those of scikit-learn on the rows, intervals, calibration and the baseline."""

import numpy as np
import pytest
from sklearn import metrics

from apps.sentiment_classifier.baseline import LogCountRatio, fit_baseline
from apps.sentiment_classifier.calibration import expected_calibration_error, fit_temperature, reliability
from apps.sentiment_classifier.config import Config
from apps.sentiment_classifier.metrics import class_metrics, measure
from apps.sentiment_classifier.model import build_model


def rows(count=400, classes=4, seed=0):
    draw = np.random.default_rng(seed)
    labels = draw.integers(classes, size=count)
    return labels, np.where(draw.random(count) < 0.6, labels, draw.integers(classes, size=count))


def test_metrics_of_the_counts_are_those_of_the_rows():
    labels, predicted = rows()
    found = measure(labels, predicted, 4, ordered=True)
    assert found["accuracy"]["value"] == np.mean(labels == predicted)
    expected = {
        "macro_f1": metrics.f1_score(labels, predicted, average="macro"),
        "kappa": metrics.cohen_kappa_score(labels, predicted, weights="quadratic"),
        "mae": np.mean(np.abs(labels - predicted)),
    }
    for name, value in expected.items():
        assert abs(found[name]["value"] - value) < 1e-9
    for name, score in (("precision", metrics.precision_score), ("recall", metrics.recall_score)):
        values = [each["value"] for each in found[name]]
        np.testing.assert_allclose(values, score(labels, predicted, average=None))
    assert np.sum(found["confusion"]) == 400
    assert "kappa" not in measure(labels, predicted, 4)


def test_intervals_hold_the_value_and_shrink_with_rows():
    widths = []
    for count in (100, 10_000):
        labels, predicted = rows(count)
        found = measure(labels, predicted, 4)
        for each in (found["accuracy"], found["macro_f1"], *found["precision"], *found["recall"]):
            low, high = each["interval"]
            assert low < each["value"] < high
        widths.append(np.diff(found["accuracy"]["interval"])[0])
    p = np.mean(np.equal(*rows(10_000)))
    assert abs(widths[1] - 2 * 1.96 * np.sqrt(p * (1 - p) / 10_000)) < 0.003
    assert 7 < widths[0] / widths[1] < 13


def test_absent_and_constant_classes_are_no_error():
    found = class_metrics(np.array([[5, 0, 0], [5, 0, 0], [0, 0, 0]]), ordered=True)
    assert found["accuracy"] == 0.5 and found["recall"].tolist() == [1, 0, 0] and found["kappa"] == 0
    assert abs(found["macro_f1"] - (2 / 3) / 2) < 1e-9
    assert class_metrics(np.array([[5, 0], [0, 0]]), ordered=True)["kappa"] == 0


def test_calibration_error_is_the_distance_of_confidence_and_accuracy():
    probabilities = np.array([[0.9, 0.1]] * 10 + [[0.35, 0.65]] * 10)
    labels = np.array([0] * 6 + [1] * 4 + [1] * 10)
    assert abs(expected_calibration_error(labels, probabilities) - (0.3 + 0.35) / 2) < 1e-9
    groups = reliability(labels, probabilities)
    assert [count for count, *_ in groups] == [10, 10] and groups[1][1:] == (pytest.approx(0.9), 0.6)


def test_temperature_is_found_again():
    model = build_model(Config(units=4), 10, [0.2, 0.8])
    draw = np.random.default_rng(0)
    evidence = draw.normal(0, 2, (20_000, 2))
    log_prior = np.log([0.2, 0.8])
    probabilities = np.exp(evidence + log_prior)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = (draw.random(20_000) < probabilities[:, 1]).astype(int)
    # A network that is three times too sure.
    temperature = fit_temperature(model, (3 * evidence + log_prior).astype("float32"), labels)
    assert abs(temperature - 3) < 0.15


def test_baseline_weighs_words_by_their_class():
    texts = ["good film", "very good film", "bad film", "very bad film"] * 5
    labels = np.array([1, 1, 0, 0] * 5)
    answers = fit_baseline(texts, labels)
    found = answers(["good", "bad", "film"])
    assert found[0, 1] > 0.7 and found[1, 0] > 0.7 and abs(found[2, 0] - 0.5) < 0.1
    three = fit_baseline([*texts, *["green tree"] * 10], np.concatenate([labels, np.full(10, 2)]))
    assert three(["green tree", "good film"]).argmax(axis=1).tolist() == [2, 1]
    np.testing.assert_allclose(three(["good tree"]).sum(axis=1), 1)


def test_log_count_ratio_is_that_of_the_paper():
    from scipy.sparse import csr_matrix

    features, labels = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1]], "float32"), np.array([1, 1, 0])
    ratio = LogCountRatio().fit(csr_matrix(features), labels).ratio_
    p, q = np.array([3, 2, 2]), np.array([1, 2, 2])
    np.testing.assert_allclose(ratio, np.log((p / p.sum()) / (q / q.sum())), rtol=1e-6)
