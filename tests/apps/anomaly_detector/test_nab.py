"""The score of the Numenta Anomaly Benchmark: by hand, and on its own files next to its leaderboard."""

import json

import numpy as np
import pytest
from scipy.special import erfc

from apps.anomaly_detector.nab import PROFILES, best_threshold, nab_score, probation, weigh
from tests.conftest import shared_data

WINDOWS = [(40, 49), (80, 89)]


def alarms_at(*rows, count=200):
    alarms = np.zeros(count, bool)
    alarms[list(rows)] = True
    return alarms


def test_probation_is_15_percent_of_at_most_5000_rows():
    assert [probation(rows) for rows in (0, 6, 200, 5000, 100_000)] == [0, 0, 30, 750, 750]


def test_rows_are_weighed_by_their_window():
    weighed = weigh(200, WINDOWS)
    assert weighed.windows == 2
    assert np.flatnonzero(weighed.window == -2).tolist() == list(range(30))
    assert np.flatnonzero(weighed.window == 1).tolist() == list(range(80, 90))
    assert weighed.inside[40] == 1 and (np.diff(weighed.inside[40:50]) < 0).all() and weighed.inside[49] > 0
    assert not weighed.inside[50:80].any() and not weighed.outside[40:50].any()
    # -1 before the first window and from three widths on; in between the farther, the worse.
    assert (weighed.outside[30:40] == -1).all() and (weighed.outside[120:] == -1).all()
    assert (np.diff(weighed.outside[90:110]) < 0).all() and -1 < weighed.outside[109] < weighed.outside[90] < 0
    # One width of 10 rows, which are 9 steps, behind the window.
    assert weighed.outside[89 + 9] == pytest.approx(2 / (1 + np.exp(5)) - 1)


@pytest.mark.parametrize("profile", PROFILES)
def test_best_alarms_score_100_and_none_0(profile):
    weighed = [weigh(200, WINDOWS)]
    assert nab_score(weighed, [alarms_at(40, 80)], profile) == pytest.approx(100)
    # Further alarms in a window and alarms in the probation do not count.
    assert nab_score(weighed, [alarms_at(0, 29, 40, 45, 80, 89)], profile) == pytest.approx(100)
    assert nab_score(weighed, [alarms_at()], profile) == 0
    assert nab_score(weighed, [alarms_at(40)], profile) == pytest.approx(50)


def test_false_alarm_costs_its_weight():
    weighed = [weigh(200, WINDOWS)]
    scores = [nab_score(weighed, [alarms_at(40, 80, 150)], profile) for profile in PROFILES]
    assert scores == pytest.approx([100 * (4 - 0.11) / 4, 100 * (4 - 0.22) / 4, 100 * (6 - 0.11) / 6])


def test_score_of_series_without_windows():
    weighed = [weigh(200, WINDOWS), weigh(100, [])]
    assert nab_score(weighed, [alarms_at(40, 80), alarms_at(count=100)]) == pytest.approx(100)
    assert nab_score(weighed, [alarms_at(40, 80), alarms_at(99, count=100)]) == pytest.approx(100 * (4 - 0.11) / 4)
    assert np.isnan(nab_score(weighed[1:], [alarms_at(count=100)]))


@pytest.mark.parametrize("profile", PROFILES)
def test_best_threshold_is_the_best_of_all(profile):
    generator = np.random.default_rng(0)
    weighed = [weigh(200, WINDOWS), weigh(300, [(100, 120)]), weigh(100, [])]
    # Rounded: rows with the same score are alarms together.
    scores = [np.round(generator.random(rows), 2) for rows in (200, 300, 100)]
    for each, values in zip(weighed, scores, strict=True):
        values[each.window >= 0] += 0.2
    threshold, best = best_threshold(weighed, scores, profile)
    thresholds = np.unique(np.concatenate(scores))
    found = [nab_score(weighed, [values >= each for values in scores], profile) for each in thresholds]
    assert best == pytest.approx(max(found)) and max(found) > 0
    assert best == pytest.approx(nab_score(weighed, [values >= threshold for values in scores], profile))


def windowed_gaussian(values, window=6400, step=100):
    """Score values by the normal distribution of those before, as the detector of this name in the benchmark does.

    Up to `window` values all those before are used; then the oldest `step` are replaced by as many new ones at a time.
    """
    # From the first value on, so that the variance of equal values is exactly 0.
    values = values - values[0]
    count = np.arange(1, min(len(values), window + 1))
    mean, std = np.zeros(len(values)), np.ones(len(values))
    mean[count] = np.cumsum(values)[count - 1] / count
    std[count] = np.sqrt(np.maximum(np.cumsum(values**2)[count - 1] / count - mean[count] ** 2, 0))
    for first in range(window + step, len(values), step):
        mean[first : first + step] = values[first - window : first].mean()
        std[first : first + step] = values[first - window : first].std()
    for moment in (mean, std):
        moment[window + 1 : window + step] = moment[window : window + 1]
    std[std == 0] = 1e-6
    scores = 1 - 0.5 * erfc(np.abs(values - mean) / std / 1.4142)
    scores[0] = 0
    # Many are so near to 1 that the last digits, on which the order would depend, are noise.
    return np.round(scores, 12)


def test_detector_of_the_benchmark_gets_its_score_of_the_leaderboard():
    folder = shared_data("nab")
    weighed, scores = [], []
    for name, windows in json.loads((folder / "combined_windows.json").read_text()).items():
        lines = (folder / name).read_text().splitlines()[1:]
        times, values = zip(*(line.split(",") for line in lines), strict=True)
        # A time that occurs twice, as the clocks change, means the first row; windows have fractions of a second.
        borders = [[times.index(time.partition(".")[0]) for time in window] for window in windows]
        weighed.append(weigh(len(times), borders))
        scores.append(windowed_gaussian(np.array(values, "float64")))
    assert len(scores) == 58 and sum(each.windows for each in weighed) == 116
    published = json.loads((folder / "leaderboard.json").read_text())["windowedGaussian"]
    names = {"standard": "standard", "low FP": "reward_low_FP_rate", "low FN": "reward_low_FN_rate"}
    assert set(names) == set(PROFILES)
    for profile, name in names.items():
        threshold, best = best_threshold(weighed, scores, profile)
        assert best == pytest.approx(published[name], abs=1e-6)
        assert nab_score(weighed, [each >= threshold for each in scores], profile) == pytest.approx(best)


def test_no_alarm_is_best_if_every_alarm_costs():
    scores = [np.r_[np.ones(100), np.zeros(100)]]
    threshold, score = best_threshold([weigh(200, [])], scores)
    assert threshold == np.inf and np.isnan(score)
    # Each row of the window is among many false alarms with the same score.
    threshold, score = best_threshold([weigh(200, [(195, 199)])], [np.r_[np.zeros(200)]])
    assert (threshold, score) == (np.inf, 0.0)
