"""Calibration on synthetic series: the mixture is no worse than its parts, intervals cover what they should."""

import types

import numpy as np
import pandas as pd
import pytest

from apps.common.models import save_model
from apps.common.series.reading import Series
from apps.forecaster.calibration import FRACTIONS, best_fraction, calibrate
from apps.forecaster.config import Config
from apps.forecaster.data import Scaling, TimeSplit, make_dataset
from apps.forecaster.model import build_model, load_model

CONFIG = Config(horizon=4, window_length=12, segment_length=3, season=3, units=4)


def series_of(values):
    """Return a `Series` of hourly values (time, series)."""
    return Series(
        names=[str(index) for index in range(values.shape[1])],
        times=pd.date_range("2024-01-01", periods=len(values), freq="h"),
        values=values,
        observed=np.ones(values.shape, bool),
        known_names=[],
        known=np.zeros((len(values), 0)),
        frequency="h",
        zone=None,
    )


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory):
    """A calibrated model that was not trained, its weights after each of two calibrations, and forecasts of tests.

    The series are noise around periods, so windows of all parts are exchangeable.
    """
    generator = np.random.default_rng(0)
    steps = np.arange(4_000)[:, None]
    series = series_of(np.sin(2 * np.pi * steps / [3, 6]) + generator.standard_t(4, (4_000, 2)) * [0.5, 1])
    split = TimeSplit(len(series), CONFIG)
    scaling = Scaling.fit(series, split)
    run = types.SimpleNamespace(folder=tmp_path_factory.mktemp("run"), results={})
    save_model(build_model(CONFIG, 2, 0), run.folder / "model.keras")
    weights = []
    for _ in range(2):
        calibrate(CONFIG, run, series, split, scaling)
        model = load_model(run.folder / "model.keras")
        weights.append([*model.mixture.get_weights(), *model.quantiles.get_weights()])

    def forecasts(part, fraction=None):
        if fraction is not None:
            model.mixture.network_fraction.assign(fraction)
        batches = make_dataset(series, split.origins(part), scaling, CONFIG).as_numpy_iterator()
        parts = [(model.predict_on_batch(inputs), targets) for inputs, targets, _ in batches]
        answers, targets = (np.concatenate(each) for each in zip(*parts, strict=True))
        model.mixture.network_fraction.assign(run.results["network_fraction"])
        return answers, targets

    return run, weights, forecasts


def test_calibration_can_be_repeated(calibrated):
    run, (first, second), _ = calibrated
    assert run.results["network_fraction"] == pytest.approx(float(first[1]))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("low, high, nominal", [(0, 6, 0.95), (1, 5, 0.8), (2, 4, 0.5)])
def test_intervals_of_exchangeable_windows_cover_their_nominal_fraction(calibrated, low, high, nominal):
    answers, targets = calibrated[2]("test")
    inside = (answers[..., low] <= targets) & (targets <= answers[..., high])
    assert inside.mean() == pytest.approx(nominal, abs=0.03)
    # Each quantile, and not only the interval, has its fraction below it.
    assert (targets <= answers[..., low]).mean() == pytest.approx((1 - nominal) / 2, abs=0.03)


def test_mixture_is_no_worse_than_an_untrained_network_or_the_linear_model(calibrated):
    run, _, forecasts = calibrated
    errors = []
    for fraction in (run.results["network_fraction"], 0.0, 1.0):
        answers, targets = forecasts("test", fraction)
        error = answers[..., 3] - targets
        errors.append((np.square(error).mean(), np.abs(error).mean()))
    mixture, linear, network = np.array(errors)
    assert (network > 1.2 * linear).all() and (mixture < 1.005 * linear).all()


def test_fraction_weighs_absolute_and_squared_errors_where_a_part_is_worse_at_some_steps():
    generator = np.random.default_rng(1)
    linear = generator.normal(size=(4_000, 10))
    # The network's errors are smaller in the first steps, and much larger in the last ones.
    network = generator.normal(size=(4_000, 10)) * np.repeat([0.8, 3.0], 5)
    mixed = np.stack([(1 - fraction) * linear + fraction * network for fraction in FRACTIONS])
    absolute, squared = np.abs(mixed).sum(axis=(1, 2)), np.square(mixed).sum(axis=(1, 2))
    chosen = FRACTIONS.tolist().index(best_fraction(absolute, squared))
    assert 0 < FRACTIONS[chosen] < 0.5
    assert absolute[chosen] < 0.97 * min(absolute[0], absolute[-1])
    assert squared[chosen] < 0.97 * min(squared[0], squared[-1])


def test_fraction_of_a_perfect_part_is_chosen():
    zero_at_network = np.linspace(5, 0, len(FRACTIONS))
    assert best_fraction(zero_at_network, zero_at_network**2) == 1.0
