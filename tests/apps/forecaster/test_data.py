"""The split by time, scaling by the training rows, and the contents of windows."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from apps.common.cli import UserError
from apps.common.series.reading import Series
from apps.forecaster.config import Config
from apps.forecaster.data import Scaling, TimeSplit, calendar_features, complete_config, make_dataset, unix_seconds

CONFIG = Config(horizon=2, window_length=4, segment_length=2, season=3, batch_size=8, known=("k",))
SPLIT = TimeSplit(50, CONFIG)


def counting(rows=50, future=2):
    """Return the series 0, 1, 2, ... and 1000, 1001, ..., and a known column 500, 501, ..."""
    count = np.arange(float(rows))
    return Series(
        names=["a", "b"],
        times=pd.date_range("2024-01-01", periods=rows, freq="h"),
        values=np.stack([count, 1000 + count], axis=1),
        observed=np.ones((rows, 2), bool),
        known_names=["k"],
        known=500 + np.arange(float(rows + future))[:, None],
        frequency="h",
        zone=None,
    )


def identity(series):
    """Return a scaling that changes nothing."""
    count, known = len(series.names), len(series.known_names)
    return Scaling(np.zeros(count), np.ones(count), np.zeros(known), np.ones(known))


def batches(series, part, scaling=None):
    """Return values, covariates, targets and weights of all windows of a part."""
    dataset = make_dataset(series, SPLIT.origins(part), scaling or identity(series), CONFIG)
    rows = [(*inputs, *rest) for inputs, *rest in dataset.as_numpy_iterator()]
    return [np.concatenate(part) for part in zip(*rows, strict=True)]


@pytest.mark.parametrize("part, rows, origins", [
    ("train", range(0, 30), range(4, 29)),
    ("validation", range(30, 40), range(30, 39)),
    ("test", range(40, 50), range(40, 49)),
])  # fmt: skip
def test_windows_forecast_only_rows_of_their_part(part, rows, origins):
    assert SPLIT.rows[part] == rows
    origins = np.array(origins)
    np.testing.assert_array_equal(SPLIT.origins(part), origins)
    np.testing.assert_array_equal(SPLIT.origins(part, stride=3), origins[::3])
    values, covariates, targets, weights = batches(counting(), part)
    np.testing.assert_array_equal(targets[:, :, 0], origins[:, None] + [0, 1])
    np.testing.assert_array_equal(values[:, :, 0], origins[:, None] + [-4, -3, -2, -1])
    np.testing.assert_array_equal(values[:, :, 1], values[:, :, 0] + 1000)
    np.testing.assert_array_equal(covariates[:, :, 0], 500 + origins[:, None] + np.arange(-4, 2))
    assert (weights == 1).all()


def test_filled_values_have_weight_0():
    series = counting()
    series.observed[10, 1] = False
    _, _, targets, weights = batches(series, "train")
    assert (weights == 0).sum() == 2
    np.testing.assert_array_equal(weights == 0, targets == 1010)


def test_scaling_and_training_windows_do_not_see_later_rows():
    series = counting()
    later = dataclasses.replace(series, values=series.values.copy(), known=series.known.copy())
    later.values[30:], later.known[30:] = 1e6, -1e6
    first, second = (Scaling.fit(each, SPLIT) for each in (series, later))
    assert first.to_json() == second.to_json()
    assert first.mean[0] == 14.5 and first.std[1] == pytest.approx(np.arange(30).std())
    for one, other in zip(*(batches(each, "train", first) for each in (series, later)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_unscale_undoes_scale():
    scaling = Scaling.fit(counting(), SPLIT)
    values = np.random.default_rng(0).normal(size=(3, 5, 2))
    np.testing.assert_allclose(scaling.unscale(scaling.scale(values)[..., None])[..., 0], values)
    np.testing.assert_allclose(scaling.scale(counting().values[:30]).std(axis=0), 1)


def test_filled_gaps_do_not_count_for_the_scaling():
    series = counting()
    series.values[5, 0], series.observed[5, 0] = 1e9, False
    assert Scaling.fit(series, SPLIT).mean[0] == pytest.approx(np.delete(np.arange(30), 5).mean())


def test_calendar_features_are_periodic_points_on_circles():
    monday = unix_seconds(
        pd.DatetimeIndex(["2024-01-01 00:00", "2024-01-01 06:00", "2024-01-08 00:00", "2024-12-31 18:00"])
    )
    features = calendar_features(monday, ("day", "week", "year")).numpy()
    np.testing.assert_allclose(features[0, :4], [0, 1, 0, 1], atol=1e-6)
    np.testing.assert_allclose(features[1, :2], [1, 0], atol=1e-6)
    np.testing.assert_allclose(features[2, :4], features[0, :4], atol=1e-6)
    np.testing.assert_allclose(features[3, 4:], features[0, 4:], atol=0.03)
    assert calendar_features(monday, ()).shape == (4, 0)


def test_defaults_follow_from_step_and_rows():
    series = dataclasses.replace(counting(2000), known_names=[], known=np.zeros((2000, 0)))
    config = complete_config(series, Config())
    assert (config.season, config.horizon, config.segment_length, config.window_length) == (24, 24, 24, 336)
    short = dataclasses.replace(
        series, times=series.times[:200], values=series.values[:200], observed=series.observed[:200]
    )
    assert complete_config(short, Config(horizon=6)).window_length == 24
    assert complete_config(series, config) == config


@pytest.mark.parametrize(
    "change, settings, words",
    [
        ({}, {"window_length": 40}, ["50 rows", "30 for train", "at least 42 are needed", "--window-length 40"]),
        ({}, {"horizon": 12}, ["10 for validation", "at least 12 are needed", "--horizon 12"]),
        ({}, {"window_length": 5}, ["--window-length 5", "multiple of --segment-length 2"]),
        ({"values": np.stack([np.arange(50.0), np.full(50, 3.0)], 1)}, {}, ["series 'b' is 3 in all 30 training rows"]),
        ({"frequency": "MS"}, {"calendar": ("year",)}, ["--calendar", "MS"]),
        ({"frequency": "row"}, {"calendar": ("year",)}, ["--calendar", "rows are only numbered"]),
    ],
)
def test_series_that_do_not_suffice_are_refused(change, settings, words):
    series = dataclasses.replace(counting(), **change)
    with pytest.raises(UserError) as refused:
        complete_config(series, dataclasses.replace(CONFIG, **settings))
    assert all(word in str(refused.value) for word in words)
