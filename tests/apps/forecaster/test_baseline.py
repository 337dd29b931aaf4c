"""The simple forecasts: exact where they must be, and ridge the same as scikit-learn's."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge as SklearnRidge

from apps.common.windows import windows
from apps.forecaster.baseline import Ridge, baselines, error_bands, origins_of, seasonal_mean, theta
from apps.forecaster.config import Config
from apps.forecaster.reading import Series

CONFIG = Config(horizon=5, window_length=12, segment_length=3, season=3)


def series_of(values, observed=None):
    values = np.asarray(values, "float64").reshape(len(values), -1)
    return Series(
        names=[str(place) for place in range(values.shape[1])],
        times=pd.date_range("2024-01-01", periods=len(values), freq="h"),
        values=values,
        observed=np.ones(values.shape, bool) if observed is None else observed,
        known_names=[],
        known=np.zeros((len(values), 0)),
        frequency="h",
        zone=None,
    )


def truth(series, places):
    return windows(series.values, places, 0, CONFIG.horizon)


@pytest.fixture
def noisy():
    generator = np.random.default_rng(0)
    steps = np.arange(120)[:, None]
    return series_of(10 * np.sin(steps / [3, 5]) + [0, 40] + generator.normal(0, 1, (120, 2)))


@pytest.mark.parametrize("seasons", [1, 4])
def test_seasonal_means_are_exact_on_what_comes_round(seasons):
    series = series_of(np.tile([1.0, 5, 9], 40))
    places = origins_of(series, CONFIG)
    assert len(places) == 20
    np.testing.assert_array_equal(seasonal_mean(series, CONFIG, seasons)(places), truth(series, places))


def test_seasonal_naive_takes_the_last_season_and_the_mean_several():
    series = series_of(np.arange(60))
    np.testing.assert_array_equal(seasonal_mean(series, CONFIG, 1)(np.array([30]))[0, :, 0], [27, 28, 29, 27, 28])
    np.testing.assert_array_equal(seasonal_mean(series, CONFIG, 3)(np.array([30]))[0, :, 0], [24, 25, 26, 24, 25])


def test_ridge_is_that_of_sklearn(noisy):
    ridge = Ridge(noisy, CONFIG)
    train = origins_of(noisy, CONFIG, "train")
    cut = np.moveaxis(windows(ridge.scaled, train, 12, 5), 1, 2).reshape(-1, 17)
    level = cut[:, :12].mean(axis=1, keepdims=True)
    model = SklearnRidge(alpha=ridge.penalty, fit_intercept=False).fit(cut[:, :12] - level, cut[:, 12:] - level)
    np.testing.assert_allclose(ridge.weights, model.coef_.T, atol=1e-3)
    places = origins_of(noisy, CONFIG)
    naive = seasonal_mean(noisy, CONFIG, 1)
    errors = [np.abs(method(places) - truth(noisy, places)).mean() for method in (ridge, naive)]
    assert errors[0] < 0.5 * errors[1]


def test_no_baseline_sees_what_it_forecasts(noisy):
    places = np.array([100])
    later = dataclasses.replace(noisy, values=noisy.values.copy())
    later.values[100:] = 1e6
    for name, method in baselines(noisy, CONFIG).items():
        np.testing.assert_array_equal(baselines(later, CONFIG)[name](places), method(places), err_msg=name)


def test_theta_follows_trend_and_season_and_is_for_small_sets_alone(noisy):
    steps = np.arange(60.0)
    series = series_of(100 + steps + 10 * (steps % 3))
    places = np.array([50])
    np.testing.assert_allclose(theta(series, CONFIG)(places), truth(series, places), rtol=0.05)
    assert list(baselines(noisy, CONFIG)) == ["seasonal naive", "mean of 7 seasons", "ridge", "Theta"]
    many = series_of(np.random.default_rng(0).normal(size=(6000, 1)))
    assert "Theta" not in baselines(many, CONFIG)


def test_bands_are_the_quantiles_of_the_errors_on_validation():
    generator = np.random.default_rng(1)
    observed = np.ones((4000, 1), bool)
    values = generator.normal(0, 2, (4000, 1))
    observed[2500:2520], values[2500:2520] = False, 1e9
    series = series_of(values, observed)
    bands = error_bands(lambda places: np.zeros((len(places), 5, 1)), series, CONFIG)
    expected = np.quantile(values[2400:3200][observed[2400:3200]], CONFIG.quantiles)
    assert bands.shape == (5, 1, 7)
    np.testing.assert_allclose(bands[2, 0], expected, atol=0.15)
    assert error_bands(None, series, dataclasses.replace(CONFIG, quantiles=())) is None
