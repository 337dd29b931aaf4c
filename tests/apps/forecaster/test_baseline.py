"""Simple forecasts: exact for periodic series; ridge regression equals scikit-learn's."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge as SklearnRidge

from apps.common.series.reading import Series
from apps.common.series.windows import cut_windows
from apps.forecaster.baseline import Ridge, error_quantiles, fit_baselines, seasonal_mean, theta
from apps.forecaster.config import Config
from apps.forecaster.data import Scaling, TimeSplit

CONFIG = Config(horizon=5, window_length=12, segment_length=3, season=3)


def series_of(values, observed=None):
    values = np.asarray(values, "float64").reshape(len(values), -1)
    return Series(
        names=[str(index) for index in range(values.shape[1])],
        times=pd.date_range("2024-01-01", periods=len(values), freq="h"),
        values=values,
        observed=np.ones(values.shape, bool) if observed is None else observed,
        known_names=[],
        known=np.zeros((len(values), 0)),
        frequency="h",
        zone=None,
    )


def truth(series, origins):
    return cut_windows(series.values, origins, 0, CONFIG.horizon)


def split_of(series):
    return TimeSplit(len(series), CONFIG)


def baselines_of(series):
    split = split_of(series)
    return fit_baselines(series, split, Scaling.fit(series, split), CONFIG)


@pytest.fixture
def noisy():
    generator = np.random.default_rng(0)
    steps = np.arange(120)[:, None]
    return series_of(10 * np.sin(steps / [3, 5]) + [0, 40] + generator.normal(0, 1, (120, 2)))


@pytest.mark.parametrize("seasons", [1, 4])
def test_seasonal_means_are_exact_for_a_periodic_series(seasons):
    series = series_of(np.tile([1.0, 5, 9], 40))
    origins = split_of(series).origins("test")
    assert len(origins) == 20
    np.testing.assert_array_equal(seasonal_mean(series, CONFIG, seasons)(origins), truth(series, origins))


def test_seasonal_naive_repeats_the_last_season_and_the_mean_averages_several():
    series = series_of(np.arange(60))
    np.testing.assert_array_equal(seasonal_mean(series, CONFIG, 1)(np.array([30]))[0, :, 0], [27, 28, 29, 27, 28])
    np.testing.assert_array_equal(seasonal_mean(series, CONFIG, 3)(np.array([30]))[0, :, 0], [24, 25, 26, 24, 25])


def test_ridge_equals_that_of_sklearn(noisy):
    split = split_of(noisy)
    ridge = Ridge(noisy, split, Scaling.fit(noisy, split), CONFIG)
    values = (noisy.values - noisy.values[:72].mean(axis=0)) / noisy.values[:72].std(axis=0)
    cut = np.moveaxis(cut_windows(values, split.origins("train"), 12, 5), 1, 2).reshape(-1, 17)
    mean = cut[:, :12].mean(axis=1, keepdims=True)
    model = SklearnRidge(alpha=ridge.penalty, fit_intercept=False).fit(cut[:, :12] - mean, cut[:, 12:] - mean)
    np.testing.assert_allclose(ridge.kernel, model.coef_.T, atol=1e-3)
    origins = split.origins("test")
    naive = seasonal_mean(noisy, CONFIG, 1)
    errors = [np.abs(method(origins) - truth(noisy, origins)).mean() for method in (ridge, naive)]
    assert errors[0] < 0.5 * errors[1]


def test_baselines_do_not_see_the_rows_that_they_forecast(noisy):
    origins = np.array([100])
    later = dataclasses.replace(noisy, values=noisy.values.copy())
    later.values[100:] = 1e6
    changed = baselines_of(later)
    for name, method in baselines_of(noisy).items():
        np.testing.assert_array_equal(changed[name](origins), method(origins), err_msg=name)


def test_theta_follows_trend_and_season_and_is_only_for_small_sets(noisy):
    steps = np.arange(60.0)
    series = series_of(100 + steps + 10 * (steps % 3))
    origins = np.array([50])
    np.testing.assert_allclose(theta(series, CONFIG)(origins), truth(series, origins), rtol=0.05)
    assert list(baselines_of(noisy)) == ["seasonal naive", "mean of 7 seasons", "ridge", "Theta"]
    many = series_of(np.random.default_rng(0).normal(size=(6000, 1)))
    assert "Theta" not in baselines_of(many)


def test_error_quantiles_are_those_of_the_validation_windows():
    generator = np.random.default_rng(1)
    observed = np.ones((4000, 1), bool)
    values = generator.normal(0, 2, (4000, 1))
    observed[2500:2520], values[2500:2520] = False, 1e9
    series = series_of(values, observed)
    found = error_quantiles(lambda origins: np.zeros((len(origins), 5, 1)), series, split_of(series), CONFIG)
    expected = np.quantile(values[2400:3200][observed[2400:3200]], CONFIG.quantiles)
    assert found.shape == (5, 1, 7)
    np.testing.assert_allclose(found[2, 0], expected, atol=0.15)
    assert error_quantiles(None, series, split_of(series), dataclasses.replace(CONFIG, quantiles=())) is None
