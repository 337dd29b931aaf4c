"""Parts, scaling, pieces, thresholds and baselines."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from apps.anomaly_detector.baseline import Forest, RollingGaussian, SeasonalResidual, SubPCA, fit_baselines
from apps.anomaly_detector.config import Config
from apps.anomaly_detector.data import Scaling, make_dataset, split_recordings
from apps.anomaly_detector.reading import Recording
from apps.anomaly_detector.threshold import choose_threshold, peaks, runs_per_row
from apps.common.cli import UserError
from apps.common.series.reading import Series


def recording(rows, name="a.csv", sensors=2):
    values = np.random.default_rng(rows).normal(0, 1, (rows, sensors))
    values[:, 0] = np.arange(rows)
    times = pd.date_range("2026-01-01", periods=rows, freq="h")
    names = [f"sensor {index}" for index in range(sensors)]
    return Recording(name, Series(names, times, values, np.ones_like(values, bool), [], np.zeros((rows, 0)), "h", None))


SMALL = {"chunk_length": 20, "window_length": 5, "horizon": 2}


def test_first_rows_train_the_next_validate_the_last_are_judged():
    (part,) = split_recordings([recording(400)], Config(**SMALL))
    assert (part.train, part.validation, part.test) == (range(150), range(150, 200), range(200, 400))
    (part,) = split_recordings([recording(400)], Config(**SMALL, train_until="2026-01-09 07:00"))
    assert part.test == range(200, 400)
    (part,) = split_recordings([recording(400)], Config(**SMALL, normal=("a.csv",)))
    assert part.test == range(400, 400) and len(part.train) == 300


def test_too_few_rows_are_refused():
    with pytest.raises(UserError, match=r"a\.csv': 15 rows for validation, expected 20 or more"):
        split_recordings([recording(120)], Config(**SMALL))
    assert len(split_recordings([recording(30), recording(400)], Config(**SMALL))) == 2


def test_scaling_is_robust_and_knows_only_training_rows():
    draw = np.random.default_rng(0)
    values = draw.normal([5, -3], [2, 0.1], (2000, 2))
    values[::50] += 1000
    scaling = Scaling.fit(values)
    np.testing.assert_allclose(scaling.loc, [5, -3], atol=0.2)
    np.testing.assert_allclose(scaling.scale, [2, 0.1], rtol=0.15)
    constant = np.stack([np.full(100, 7.0), np.zeros(100), np.r_[np.zeros(95), np.ones(5)]], axis=1)
    scaling = Scaling.fit(constant)
    np.testing.assert_allclose(scaling.scale, [0.07, 1.0, 1 / 3.92])
    assert np.isfinite(scaling.scaled(constant)).all()


def test_pieces_cover_recordings_and_do_not_cross_them():
    recordings, config = [recording(50), recording(31), recording(9)], Config(**SMALL, stride=10, batch_size=4)
    scaling = Scaling(np.zeros(2), np.ones(2))
    rows = [range(10, 50), range(31), range(9)]
    dataset, count = make_dataset(recordings, rows, scaling, config, range(2))
    assert count == 3 + 2 and int(dataset.cardinality()) == 4
    epochs = [np.concatenate([batch.numpy() for batch, _ in list(dataset)[at : at + 2]]) for at in (0, 2)]
    for pieces in epochs:
        assert pieces.shape == (5, 20, 2) and np.all(np.diff(pieces[:, :, 0]) == 1)
        assert sorted(pieces[:, 0, 0]) == [0, 10, 10, 20, 30]
    assert not np.array_equal(*epochs)
    again, _ = make_dataset(recordings, rows, scaling, config, range(1, 2))
    np.testing.assert_array_equal(np.concatenate([batch.numpy() for batch, _ in again]), epochs[1])
    validation, count = make_dataset(recordings, rows, scaling, config)
    assert count == 3 and sum(len(batch) for batch, _ in validation) == 3


def test_threshold_is_exceeded_as_rarely_as_wanted():
    draw = np.random.default_rng(0)
    learned, later = stats.genpareto(0.1).rvs(20_000, random_state=1), stats.genpareto(0.1).rvs(400_000, random_state=2)
    for rate, factor in ((1e-2, 1.5), (1e-3, 2), (1e-4, 5)):
        found = len(peaks(later, choose_threshold([learned], rate))) / len(later)
        assert rate / factor < found < factor * rate
    assert choose_threshold([learned], 1e-3) < choose_threshold([learned], 1e-4)
    # A few anomalies among the normal rows hardly change it.
    spoiled = learned.copy()
    spoiled[draw.integers(0, len(spoiled), 5)] = 1000
    assert abs(choose_threshold([spoiled], 1e-3) / choose_threshold([learned], 1e-3) - 1) < 0.05


def test_threshold_of_few_scores_is_the_highest():
    assert choose_threshold([np.array([0.1, 0.3, 0.2])], 0.01) == 0.3
    assert choose_threshold([np.zeros(100)], 0.01) == 0


def test_peaks_are_the_highest_of_each_run():
    assert peaks(np.array([0, 2, 3, 0, 5, 1, 4.0]), 1).tolist() == [3, 5, 4]
    assert peaks(np.zeros(3), 1).tolist() == []


def test_wanted_alarms_are_a_day_or_in_a_thousand_rows():
    assert runs_per_row(2, 600) == 2 / 144 and runs_per_row(2, None) == 0.002


def normal_rows(rows=1500, seed=0):
    draw = np.random.default_rng(seed)
    cycle = np.sin(2 * np.pi * np.arange(rows) / 24)
    return np.stack([cycle, 2 * cycle], axis=1) + 0.1 * draw.normal(size=(rows, 2))


def test_baselines_find_a_spike_and_depend_on_earlier_rows_only():
    learned, values = normal_rows(), normal_rows(400, seed=1)
    values[300] += 8
    changed = values.copy()
    changed[301:] -= 5
    baselines = fit_baselines([learned], 24)
    assert len(baselines) == 4
    for name, each in baselines.items():
        scores = each.score(values)
        assert scores.shape == (400,) and scores[300] > 1.1 * scores[200:300].max(), name
        np.testing.assert_allclose(each.score(changed)[:301], scores[:301], atol=1e-9)


def test_baselines_take_constant_and_short_rows():
    constant = np.ones((40, 1))
    for each in (RollingGaussian(), SeasonalResidual(24), SubPCA(24), Forest()):
        assert np.isfinite(each.fit([constant]).score(constant)).all()
    assert SeasonalResidual().fit([constant]).season == 1
