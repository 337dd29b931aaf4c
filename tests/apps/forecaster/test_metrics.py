"""Errors of forecasts."""

import numpy as np
import pytest
from sklearn import metrics

from apps.forecaster.metrics import ForecastErrors

LEVELS = (0.1, 0.5, 0.9)


@pytest.fixture
def forecasts():
    generator = np.random.default_rng(3)
    truth = generator.normal(5, 2, (40, 4, 2))
    observed = generator.random(truth.shape) < 0.8
    quantiles = np.sort(truth[..., None] + generator.normal(0, 1.5, (*truth.shape, 3)), axis=-1)
    return truth, observed, quantiles


def added(truth, observed, quantiles, pieces=1):
    errors = ForecastErrors(LEVELS, np.array([2.0, 4.0]), np.array([0.5, 0.25]), 4)
    for rows in np.array_split(np.arange(len(truth)), pieces):
        errors.add(truth[rows], observed[rows], quantiles[rows][..., 1], quantiles[rows])
    return errors


def test_errors_equal_those_of_sklearn(forecasts):
    truth, observed, quantiles = forecasts
    errors = added(*forecasts, pieces=3)
    scale = np.broadcast_to([2.0, 4.0], truth.shape)
    expected = dict.fromkeys(("mse", "mae"), 0.0)
    point = quantiles[..., 1]
    weights = observed.ravel()
    pairs = ((truth / scale).ravel(), (point / scale).ravel())
    expected["mse"] = metrics.mean_squared_error(*pairs, sample_weight=weights)
    expected["mae"] = metrics.mean_absolute_error(*pairs, sample_weight=weights)
    expected["pinball"] = 2 * np.mean(
        [
            metrics.mean_pinball_loss(
                pairs[0], (quantiles[..., index] / scale).ravel(), sample_weight=weights, alpha=level
            )
            for index, level in enumerate(LEVELS)
        ]
    )  # fmt: skip
    inside = (quantiles[..., 0] <= truth) & (truth <= quantiles[..., 2])
    expected["coverage_80"] = inside[observed].mean()
    naive = np.broadcast_to([0.5, 0.25], truth.shape)
    expected["mase"] = np.mean((np.abs(truth - point) / naive)[observed])
    expected["smape"] = np.mean((200 * np.abs(truth - point) / (np.abs(truth) + np.abs(point)))[observed])
    found = errors.result()
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(found["below"], (truth[..., None] <= quantiles)[observed].mean(axis=0))


def test_errors_of_series_are_in_their_unit_and_errors_of_steps_in_standard_deviations(forecasts):
    truth, observed, quantiles = forecasts
    errors, point = added(*forecasts), quantiles[..., 1]
    by_series, by_step = errors.result(axis=0), errors.result(axis=1)
    for index in range(2):
        here = observed[..., index]
        error = (truth - point)[..., index][here]
        assert by_series["rmse"][index] == pytest.approx(np.sqrt(np.mean(error**2)))
        assert by_series["mae_own_unit"][index] == pytest.approx(np.mean(np.abs(error)))
        assert by_series["mase"][index] == pytest.approx(np.mean(np.abs(error)) / (0.5, 0.25)[index])
    step = np.abs((truth - point) / [2, 4])[:, 2][observed[:, 2]]
    assert by_step["mae"].shape == (4,) and by_step["mae"][2] == pytest.approx(step.mean())
    assert by_step["below"].shape == (4, 3) and by_series["below"].shape == (2, 3)


def test_missing_values_do_not_change_errors(forecasts):
    truth, observed, quantiles = forecasts
    spoiled = np.where(observed, truth, 1e9)
    assert added(spoiled, observed, quantiles).result()["mse"] == added(*forecasts).result()["mse"]
    assert added(spoiled, observed, quantiles).result()["pinball"] == added(*forecasts).result()["pinball"]


def test_points_without_quantiles_have_no_coverage(forecasts):
    truth, observed, quantiles = forecasts
    errors = ForecastErrors((), np.array([2.0, 4.0]), np.array([0.5, 0.0]), 4)
    errors.add(truth, observed, quantiles[..., 1])
    assert not {"pinball", "below", "coverage_80"} & errors.result().keys()
    assert np.isnan(errors.result(axis=0)["mase"][1])
