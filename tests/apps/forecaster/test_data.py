"""Splits by time, scaling by the training rows alone, and what a window holds."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from apps.common.cli import UserError
from apps.forecaster.config import Config
from apps.forecaster.data import Scaling, borders, calendar_features, fit_scaling, make_dataset, seconds_of, settle
from apps.forecaster.reading import Series

CONFIG = Config(horizon=2, window_length=4, segment_length=2, season=3, batch_size=8, known=("k",))


def counting(rows=50, future=2):
    """The series 0, 1, 2, ... and 1000, 1001, ..., and a known column 500, 501, ..."""
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


def unit(series):
    """A scaling that leaves everything as it is."""
    count, known = len(series.names), len(series.known_names)
    return Scaling(np.zeros(count), np.ones(count), np.zeros(known), np.ones(known))


@pytest.mark.parametrize("part, first, last", [("train", 4, 28), ("validation", 30, 38), ("test", 40, 48)])
def test_parts_follow_each_other_and_forecast_nothing_of_another(part, first, last):
    series = counting()
    assert borders(50, CONFIG) == {"train": (0, 30), "validation": (30, 40), "test": (40, 50)}
    batches = list(make_dataset(series, unit(series), CONFIG, part))
    values, covariates = (np.concatenate([batch[0][place] for batch in batches]) for place in (0, 1))
    targets, weights = (np.concatenate([batch[place] for batch in batches]) for place in (1, 2))
    origins = np.arange(first, last + 1)
    np.testing.assert_array_equal(targets[:, :, 0], origins[:, None] + [0, 1])
    np.testing.assert_array_equal(values[:, :, 0], origins[:, None] + [-4, -3, -2, -1])
    np.testing.assert_array_equal(values[:, :, 1], values[:, :, 0] + 1000)
    np.testing.assert_array_equal(covariates[:, :, 0], 500 + origins[:, None] + np.arange(-4, 2))
    assert (weights == 1).all()


def test_filled_values_have_no_weight():
    series = counting()
    series.observed[10, 1] = False
    (batch, *_) = make_dataset(series, unit(series), CONFIG, "train")
    weights, targets = batch[2].numpy(), batch[1].numpy()
    assert (weights == 0).sum() == 2
    np.testing.assert_array_equal(weights == 0, targets == 1010)


def test_scaling_and_training_windows_see_nothing_after_the_training_rows():
    series = counting()
    later = dataclasses.replace(series, values=series.values.copy(), known=series.known.copy())
    later.values[30:], later.known[30:] = 1e6, -1e6
    first, second = (fit_scaling(each, 30) for each in (series, later))
    assert all((getattr(first, name) == getattr(second, name)).all() for name in vars(first))
    assert first.mean[0] == 14.5 and first.deviation[1] == pytest.approx(np.arange(30).std())
    for before, after in zip(*(make_dataset(each, first, CONFIG, "train") for each in (series, later)), strict=True):
        for one, other in zip((*before[0], *before[1:]), (*after[0], *after[1:]), strict=True):
            np.testing.assert_array_equal(one, other)


def test_scaling_comes_back_from_a_run(tmp_path):
    scaling = fit_scaling(counting(), 30)
    scaling.save(tmp_path)
    again = Scaling.load(tmp_path)
    assert all((getattr(again, name) == getattr(scaling, name)).all() for name in vars(scaling))


def test_gaps_do_not_count_for_the_scaling():
    series = counting()
    series.values[5, 0], series.observed[5, 0] = 1e9, False
    assert fit_scaling(series, 30).mean[0] == pytest.approx(np.delete(np.arange(30), 5).mean())


def test_calendar_is_a_point_on_a_circle_that_comes_round():
    monday = seconds_of(
        pd.DatetimeIndex(["2024-01-01 00:00", "2024-01-01 06:00", "2024-01-08 00:00", "2024-12-31 18:00"])
    )
    features = calendar_features(monday, ("day", "week", "year")).numpy()
    np.testing.assert_allclose(features[0, :4], [0, 1, 0, 1], atol=1e-6)
    np.testing.assert_allclose(features[1, :2], [1, 0], atol=1e-6)
    np.testing.assert_allclose(features[2, :4], features[0, :4], atol=1e-6)
    np.testing.assert_allclose(features[3, 4:], features[0, 4:], atol=0.03)
    assert calendar_features(monday, ()).shape == (4, 0)


def test_what_is_left_open_is_settled_by_step_and_rows():
    series = dataclasses.replace(counting(2000), known_names=[], known=np.zeros((2000, 0)))
    config = settle(series, Config())
    assert (config.season, config.horizon, config.segment_length, config.window_length) == (24, 24, 24, 336)
    short = dataclasses.replace(
        series, times=series.times[:200], values=series.values[:200], observed=series.observed[:200]
    )
    assert settle(short, Config(horizon=6)).window_length == 24
    assert settle(series, config) == config


@pytest.mark.parametrize(
    "change, settings, words",
    [
        ({}, {"window_length": 40}, ["50 rows", "30 for train", "at least 42 are needed", "--window-length 40"]),
        ({}, {"horizon": 12}, ["10 for validation", "at least 12 are needed", "--horizon 12"]),
        ({}, {"window_length": 5}, ["--window-length 5", "multiple of --segment-length 2"]),
        ({"values": np.stack([np.arange(50.0), np.full(50, 3.0)], 1)}, {}, ["series 'b' is 3 in all 30 training rows"]),
        ({"frequency": "MS"}, {"calendar": ("year",)}, ["--calendar", "MS"]),
    ],
)
def test_series_that_cannot_be_learned_from_are_refused(change, settings, words):
    series = dataclasses.replace(counting(), **change)
    with pytest.raises(UserError) as refused:
        settle(series, dataclasses.replace(CONFIG, **settings))
    assert all(word in str(refused.value) for word in words)


@pytest.mark.parametrize(
    "settings, word",
    [
        ({"horizon": 0}, "--horizon 0"),
        ({"quantiles": (0.1, 0.9)}, "--quantiles"),
        ({"quantiles": (0.9, 0.5)}, "rising"),
        ({"quantiles": (0.5, 1.0)}, "rising"),
        ({"test_fraction": 0.9}, "--test-fraction"),
        ({"series": ("a",), "known": ("a",)}, "--known"),
        ({"separator": "::"}, "--separator"),
        ({"decay": 0.0}, "--decay"),
    ],
)
def test_settings_out_of_range_are_refused(settings, word):
    with pytest.raises(UserError, match=word):
        Config(**settings)
