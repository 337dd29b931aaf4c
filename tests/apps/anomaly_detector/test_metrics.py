"""Metrics of alarms next to values by hand, to scikit-learn's and to those of the reference implementation of VUS."""

import numpy as np
import pytest
from sklearn import metrics

from apps.anomaly_detector.metrics import (
    auc_pr,
    best_f1,
    event_metrics,
    events,
    false_alarms_per_day,
    point_metrics,
    vus_pr,
)


def bits(text):
    return np.array([bit == "1" for bit in text.replace(" ", "")])


def series(rows, spans, noise=3, decimals=10, seed=0):
    """Return labels and scores that are higher in the events."""
    labels = np.zeros(rows, bool)
    for first, last in spans:
        labels[first : last + 1] = True
    scores = np.random.default_rng(seed).random(rows) * noise + labels
    return labels, np.round(scores, decimals)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("0110100", [(1, 2), (4, 4)]),
        ("1100011", [(0, 1), (5, 6)]),
        ("111", [(0, 2)]),
        ("1", [(0, 0)]),
        ("000", []),
        ("", []),
    ],
)
def test_events_are_the_runs_of_true(labels, expected):
    assert events(bits(labels)) == expected
    assert events([bit == "1" for bit in labels]) == expected


def test_average_precision_is_that_by_hand():
    # The anomalous rows have the ranks 1 and 3.
    assert auc_pr(bits("0101"), [0.3, 0.9, 0.6, 0.5]) == pytest.approx((1 + 2 / 3) / 2)
    assert auc_pr(bits("0100"), np.ones(4)) == 0.25


def test_volume_is_that_by_hand():
    labels, scores = bits("0000110000"), bits("0000001100").astype(float)
    # Without a buffer only the lowest threshold, with which all rows are alarms, finds the event.
    assert vus_pr(labels, scores, 0) == pytest.approx(0.2)
    # A buffer of 2 rows has one on each side, which counts sqrt(1 - 1 / 2).
    near = 0.5**0.5
    recall, precision = near / (2 + near / 2), near / 2
    third = recall * precision + (1 - recall) * (2 + 2 * near) / 10
    assert vus_pr(labels, scores, 2) == pytest.approx((0.2 + 0.2 + third) / 3)


@pytest.mark.parametrize(
    ("data", "max_buffer", "expected"),
    # By RangeAUC_volume_opt of TSB-AD at commit 8763009, with 250 thresholds.
    [
        (series(1000, [(100, 140), (600, 610)]), 100, 0.5257981534229798),
        (series(1000, [(100, 140), (600, 610)]), 7, 0.4276407243676584),
        (series(1000, [(100, 140), (600, 610)]), 0, 0.42113961279391454),
        # Events at both ends, whose buffers overlap, and fewer rows than the thresholds; equal scores.
        (series(300, [(0, 3), (10, 12), (50, 50), (290, 299)], noise=2), 21, 0.5841769657395212),
        (series(100, [(20, 29), (40, 44)], noise=2, decimals=1), 10, 0.7581720571198481),
        (series(5000, [(1000, 1200), (1210, 1215), (4000, 4000)], noise=5, decimals=0), 50, 0.11474056299446665),
    ],
)
def test_volume_is_that_of_the_reference_implementation(data, max_buffer, expected):
    assert vus_pr(*data, max_buffer) == pytest.approx(expected, abs=1e-9)


def test_longest_buffer_has_100_rows_if_none_is_given():
    data = series(1000, [(100, 140), (600, 610)])
    assert vus_pr(*data) == vus_pr(*data, 100) != vus_pr(*data, 99)


def test_volume_without_buffer_is_the_average_precision_if_each_row_is_a_threshold_and_there_is_one_event():
    labels, scores = series(200, [(100, 140)])
    assert vus_pr(labels, scores, 0) == pytest.approx(auc_pr(labels, scores))
    assert auc_pr(labels, scores) == metrics.average_precision_score(labels, scores)


def test_volume_forgives_a_lag_that_the_average_precision_does_not():
    labels, _ = series(2000, [(500, 519), (1500, 1519)])
    late, far = np.roll(labels, 15).astype(float), np.roll(labels, 300).astype(float)
    assert vus_pr(labels, labels.astype(float)) == pytest.approx(1)
    assert vus_pr(labels, late) > 1.5 * auc_pr(labels, late)
    assert vus_pr(labels, far) < 0.1


def test_volume_of_many_rows_is_computed():
    generator = np.random.default_rng(0)
    labels = np.convolve(generator.random(100_000) < 1e-3, np.ones(20), "same") > 0
    assert len(events(labels)) > 50
    assert 0.3 < vus_pr(labels, generator.random(100_000) + 0.5 * labels) < 0.9


@pytest.mark.parametrize("metric", [auc_pr, vus_pr])
def test_curves_of_special_labels_and_scores(metric):
    scores = np.arange(50.0)
    assert metric(np.zeros(50, bool), scores) is None
    assert metric(np.ones(50, bool), scores) == pytest.approx(1)
    assert metric(np.ones(1, bool), [0.5]) == pytest.approx(1)
    labels = scores >= 40
    assert metric(labels, scores) == pytest.approx(1)
    # Ranks decide, not values.
    noisy = np.random.default_rng(0).random(50) + labels
    assert metric(labels, np.exp(5 * noisy)) == metric(labels, noisy)


def test_constant_scores_have_the_precision_of_all_alarms():
    labels = np.arange(50) >= 40
    assert auc_pr(labels, np.ones(50)) == pytest.approx(0.2)
    assert vus_pr(labels, np.ones(50), 0) == pytest.approx(0.2)
    assert best_f1(labels, np.ones(50)) == (pytest.approx(2 * 0.2 / 1.2), 1.0)


def test_best_f1_is_the_best_of_all_thresholds():
    labels, scores = series(400, [(100, 140), (300, 310)], noise=1.5, decimals=2)
    f1, threshold = best_f1(labels, scores)
    all_f1 = [metrics.f1_score(labels, scores >= each) for each in np.unique(scores)]
    assert f1 == pytest.approx(max(all_f1))
    assert f1 == pytest.approx(point_metrics(labels, scores >= threshold)["f1"])
    assert best_f1(bits("0110"), [0, 2, 3, 1]) == (1.0, 2.0)
    # Thresholds 4 and 1 are equally good.
    assert best_f1(bits("1001"), [4, 3, 2, 1]) == (pytest.approx(2 / 3), 4.0)
    assert best_f1(np.zeros(3, bool), [1, 2, 3]) == (None, None)
    assert best_f1(np.ones(3, bool), [1, 2, 3]) == (1.0, 1.0)


def test_point_metrics_are_those_by_hand_and_of_scikit_learn():
    labels, alarms = bits("0011110000"), bits("1000110010")
    found = point_metrics(labels, alarms)
    assert found == pytest.approx(
        {"precision": 2 / 4, "recall": 2 / 4, "f1": 0.5, "false_alarm_rate": 2 / 6, "missed_alarm_rate": 2 / 4}
    )
    labels, scores = series(500, [(100, 140), (300, 310)])
    found = point_metrics(labels, scores > 2)
    assert found["precision"] == metrics.precision_score(labels, scores > 2)
    assert found["recall"] == metrics.recall_score(labels, scores > 2) == pytest.approx(1 - found["missed_alarm_rate"])
    assert found["f1"] == metrics.f1_score(labels, scores > 2)
    assert found["false_alarm_rate"] == pytest.approx(1 - metrics.recall_score(~labels, scores <= 2))


def test_one_alarm_in_a_long_event_is_not_adjusted():
    labels = np.arange(1000) >= 500
    assert point_metrics(labels, np.arange(1000) == 700)["recall"] == 1 / 500


def test_event_metrics_are_those_by_hand():
    labels = bits("0011100 0111100 0000000 0110000")
    alarms = bits("0000110 0010110 0110100 0000000")
    found = event_metrics(labels, alarms)
    # Runs: one that extends past its event, two in the second event, two outside.
    assert found == pytest.approx({"precision": 3 / 5, "recall": 2 / 3, "f1": 2 * 0.6 / (0.6 * 1.5 + 1), "delay": 1.5})
    assert all(isinstance(value, float) for value in found.values())


def test_delay_is_the_median_of_the_found_events():
    labels = bits("011110 011110 011110 011110")
    alarms = bits("010000 010010 000010 000000")
    assert event_metrics(labels, alarms)["delay"] == 0
    alarms = bits("010000 001000 000010 000000")
    assert event_metrics(labels, alarms)["delay"] == 1


def test_one_run_of_alarms_over_several_events_is_true_and_finds_all():
    labels, alarms = bits("0110110001"), bits("1111100000")
    assert event_metrics(labels, alarms) == {"precision": 1, "recall": 2 / 3, "f1": pytest.approx(0.8), "delay": 0}
    # An alarm in all rows is perfect by event; the false alarm rate shows what it is worth.
    assert event_metrics(labels, np.ones(10, bool))["f1"] == 1
    assert point_metrics(labels, np.ones(10, bool))["false_alarm_rate"] == 1


def test_alarms_next_to_an_event_do_not_find_it():
    found = event_metrics(bits("0011000"), bits("0100100"))
    assert found == {"precision": 0, "recall": 0, "f1": 0, "delay": None}


@pytest.mark.parametrize(
    ("labels", "alarms", "by_event", "by_row"),
    [
        ("0000", "0000", (0, 0, 0, None), (0, 0, 0, 0, 0)),
        ("0000", "0110", (0, 0, 0, None), (0, 0, 0, 0.5, 0)),
        ("0110", "0000", (0, 0, 0, None), (0, 0, 0, 0, 1)),
        ("1111", "0000", (0, 0, 0, None), (0, 0, 0, 0, 1)),
        ("1111", "1111", (1, 1, 1, 0), (1, 1, 1, 0, 0)),
    ],
)
def test_ratios_with_denominator_0_are_0(labels, alarms, by_event, by_row):
    labels, alarms = bits(labels), bits(alarms)
    assert tuple(event_metrics(labels, alarms).values()) == by_event
    assert tuple(point_metrics(labels, alarms).values()) == by_row


def test_false_alarms_are_counted_in_days_of_normal_rows():
    labels, alarms = np.zeros(100, bool), np.zeros(100, bool)
    labels[10:30] = labels[60:64] = True
    # A run that touches an event, one in an event, one behind an event, one of three rows.
    alarms[[9, 10, 20, 64, 80, 81, 82]] = True
    assert false_alarms_per_day(labels, alarms, 3600) == pytest.approx(2 / (76 / 24))
    assert false_alarms_per_day(labels, np.zeros(100, bool), 3600) == 0
    assert false_alarms_per_day(labels, alarms, None) is None
    assert false_alarms_per_day(np.ones(100, bool), alarms, 3600) is None
    assert false_alarms_per_day(np.zeros(48, bool), np.ones(48, bool), 1800) == 1
    with pytest.raises(ValueError, match="must be positive"):
        false_alarms_per_day(labels, alarms, 0)


@pytest.mark.parametrize("metric", [auc_pr, vus_pr, best_f1])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused(metric, value):
    with pytest.raises(ValueError, match=f"finite. Received: {value} in row 2"):
        metric(bits("0110"), [0, 1, value, 3])


@pytest.mark.parametrize("metric", [auc_pr, vus_pr, best_f1, point_metrics, event_metrics])
def test_unequal_shapes_are_refused(metric):
    for labels, values in (([True], [1, 0]), (np.ones((2, 1)), np.ones((2, 1))), ([], [])):
        with pytest.raises(ValueError, match="same shape"):
            metric(labels, values)


def test_negative_buffer_is_refused():
    with pytest.raises(ValueError, match="max_buffer must be at least 0"):
        vus_pr(bits("01"), [0, 1], -1)
