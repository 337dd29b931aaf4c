"""The simple forecasts that any network must beat: naive, means, a straight line over the window, Theta.

Each is a function of origins, int (windows,), that gives points, float64 (windows, horizon, series).
"""

import warnings

import numpy as np

from ..common.windows import origins, windows
from .data import borders

# Windows that ridge regression learns from, and that bands are measured on, at the most.
LEARNED, MEASURED = 200_000, 2_000
PENALTIES = 10.0 ** np.arange(-1, 6, 0.5)
# Fits of Theta, one for each window and series, that are not too many to wait for.
THETA_FITS = 1_000
THETA_SEASONS = 50


def baselines(series, config):
    """Dict of the baselines by name that suit series of this size."""
    found = {
        "seasonal naive": seasonal_mean(series, config, 1),
        "mean of 7 seasons": seasonal_mean(series, config, 7),
        "ridge": Ridge(series, config),
    }
    # The validation windows, too, for its bands.
    count = sum(len(origins_of(series, config, part)) for part in ("validation", "test"))
    if count * len(series.names) <= THETA_FITS:
        found["Theta"] = theta(series, config)
    return found


def origins_of(series, config, part="test"):
    """Origins of all windows of a part, "train", "validation" or "test"."""
    return origins(*borders(len(series), config)[part], config.window_length, config.horizon)


def seasonal_mean(series, config, seasons):
    """The mean of the last values at the same place in the season, as many as the window holds; 1 is naive."""
    season = config.season
    last = np.arange(config.horizon) % season - season
    held = max(1, min(seasons, config.window_length // season))
    rows = last - season * np.arange(held)[:, None]

    def forecast(places):
        return series.values[np.maximum(places[:, None, None] + rows, 0)].mean(axis=1)

    return forecast


class Ridge:
    """A linear function of the window for each step ahead, by ridge regression in closed form.

    All series share it; each window's mean is taken off and added again. Hoerl and Kennard, "Ridge Regression",
    Technometrics 12 (1970); how well it does, Toner and Darlow, "An Analysis of Linear Time Series Forecasting Models",
    ICML 2024. The penalty is the one with the least squared error on the validation windows.

    Attributes:
        penalty: the chosen one.
    """

    def __init__(self, series, config):
        self.length = config.line_length
        self.horizon = config.horizon
        stop = borders(len(series), config)["train"][1]
        self.mean, self.deviation = series.values[:stop].mean(axis=0), series.values[:stop].std(axis=0)
        self.scaled = ((series.values - self.mean) / self.deviation).astype("float32")
        places = origins_of(series, config, "train")
        places = places[:: max(1, len(places) * len(series.names) // LEARNED)]
        products, targets = 0.0, 0.0
        for inputs, outputs in self._examples(places):
            products = products + (inputs.T @ inputs).astype("float64")
            targets = targets + (inputs.T @ outputs).astype("float64")
        values, vectors = np.linalg.eigh(products)
        projected = vectors.T @ targets
        validation = origins_of(series, config, "validation")
        validation = validation[:: max(1, len(validation) // MEASURED)]
        trials = []
        for penalty in PENALTIES:
            weights = (vectors @ (projected / (np.maximum(values, 0) + penalty)[:, None])).astype("float32")
            squared = sum(np.square(outputs - inputs @ weights).sum() for inputs, outputs in self._examples(validation))
            trials.append((squared, penalty, weights))
        _, self.penalty, self.weights = min(trials, key=lambda trial: trial[0])

    def _examples(self, places, size=256):
        """(windows, length) and (windows, horizon), the window's mean taken off, some at a time."""
        for start in range(0, len(places), size):
            cut = np.moveaxis(windows(self.scaled, places[start : start + size], self.length, self.horizon), 1, 2)
            cut = cut.reshape(-1, self.length + self.horizon)
            inputs, outputs = cut[:, : self.length], cut[:, self.length :]
            level = inputs.mean(axis=1, keepdims=True)
            yield inputs - level, outputs - level

    def __call__(self, places):
        read = np.moveaxis(windows(self.scaled, places, self.length, 0), 1, 2)
        level = read.mean(axis=2, keepdims=True)
        answer = np.moveaxis((read - level) @ self.weights + level, 2, 1)
        return answer.astype("float64") * self.deviation + self.mean


def theta(series, config):
    """The Theta method, fitted anew for each window to all that came before (at the most 50 seasons).

    Assimakopoulos and Nikolopoulos, "The theta model", International Journal of Forecasting 16 (2000).
    """
    # Slow to import, and needed for small sets alone.
    from statsmodels.tsa.forecasting.theta import ThetaModel

    def one(values):
        seasonal = config.season > 1 and len(values) >= 2 * config.season
        model = ThetaModel(values, period=config.season if seasonal else 1, deseasonalize=seasonal)
        return np.asarray(model.fit().forecast(config.horizon))

    def forecast(places):
        with warnings.catch_warnings():
            # Of optimizers that stopped early, fit after fit.
            warnings.simplefilter("ignore")
            first = np.maximum(0, places - THETA_SEASONS * config.season)
            return np.stack(
                [np.stack([one(column) for column in series.values[start:stop].T], axis=1)
                 for start, stop in zip(first, places, strict=True)]
            )  # fmt: skip

    return forecast


def error_bands(forecast, series, config):
    """Quantiles of a baseline's errors on the validation windows, to put around its points: (horizon, series, levels).

    None for a config without quantiles.
    """
    if not config.quantiles:
        return None
    places = origins_of(series, config, "validation")
    places = places[:: max(1, len(places) // MEASURED)]
    errors = [
        np.where(windows(series.observed, part, 0, config.horizon),
                 windows(series.values, part, 0, config.horizon) - forecast(part), np.nan)
        for part in np.array_split(places, -(-len(places) // 64))
    ]  # fmt: skip
    with warnings.catch_warnings():
        # A step of which no validation window knows the truth.
        warnings.simplefilter("ignore", RuntimeWarning)
        bands = np.nanquantile(np.concatenate(errors).astype("float32"), config.quantiles, axis=0)
    return np.moveaxis(np.nan_to_num(bands), 0, -1)
