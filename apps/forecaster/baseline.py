"""Simple forecasts to compare the network with: seasonal naive, seasonal mean, ridge regression, Theta.

Each is a function of origins, int (windows,), that returns points, float64 (windows, horizon, series).
"""

import warnings

import numpy as np

from ..common.series.windows import cut_windows

# Largest number of windows that ridge regression is fitted on, and that errors are measured on.
FIT_WINDOWS, ERROR_WINDOWS = 200_000, 2_000
PENALTIES = 10.0 ** np.arange(-1, 6, 0.5)
# Largest number of fits of Theta, one for each window and series.
THETA_FITS = 1_000
THETA_SEASONS = 50


def fit_baselines(series, split, scaling, config, windows=None, start=0):
    """Return the baselines that suit series of this size, a dict by name.

    Args:
        series: `Series`.
        split: `TimeSplit` of the rows to fit to.
        scaling: `Scaling`.
        config: a `Config`.
        windows: number of windows to forecast; those of the test rows if None.
        start: first row that forecasts of later rows may use.
    """
    found = {
        "seasonal naive": seasonal_mean(series, config, 1, start),
        "mean of 7 seasons": seasonal_mean(series, config, 7, start),
        "ridge": Ridge(series, split, scaling, config),
    }
    # The intervals need forecasts of the validation windows, too.
    count = len(split.origins("validation")) + (len(split.origins("test")) if windows is None else windows)
    if count * len(series.names) <= THETA_FITS:
        found["Theta"] = theta(series, config, start)
    return found


def seasonal_mean(series, config, seasons, start=0):
    """Forecast the mean of the values one, two, ... `seasons` seasons before, if the window has as many; 1 is naive."""
    season = config.season
    last = np.arange(config.horizon) % season - season
    count = max(1, min(seasons, config.window_length // season))
    rows = last - season * np.arange(count)[:, None]

    def forecast(origins):
        first = np.where(origins < start, 0, start)[:, None, None]
        return series.values[np.maximum(origins[:, None, None] + rows, first)].mean(axis=1)

    return forecast


class Ridge:
    """A linear function of the window for each step ahead, fitted by ridge regression in closed form.

    All series share it; the mean of each window is subtracted, and added to the forecast. Hoerl and Kennard, "Ridge
    Regression", Technometrics 12 (1970); for its accuracy, Toner and Darlow, "An Analysis of Linear Time Series
    Forecasting Models", ICML 2024.

    Attributes:
        kernel: float32 (linear_length, horizon).
        penalty: the one with the least squared error on the validation windows.
    """

    def __init__(self, series, split, scaling, config):
        self.length, self.horizon, self.scaling = config.linear_length, config.horizon, scaling
        self.values = scaling.scale(series.values).astype("float32")
        train, validation = split.origins("train"), split.origins("validation")
        train = train[:: max(1, len(train) * len(series.names) // FIT_WINDOWS)]
        validation = validation[:: max(1, len(validation) // ERROR_WINDOWS)]
        products, targets = 0.0, 0.0
        for inputs, outputs in self._examples(train):
            products = products + (inputs.T @ inputs).astype("float64")
            targets = targets + (inputs.T @ outputs).astype("float64")
        values, vectors = np.linalg.eigh(products)
        projected = vectors.T @ targets
        trials = []
        for penalty in PENALTIES:
            kernel = (vectors @ (projected / (np.maximum(values, 0) + penalty)[:, None])).astype("float32")
            squared = sum(np.square(outputs - inputs @ kernel).sum() for inputs, outputs in self._examples(validation))
            trials.append((squared, penalty, kernel))
        _, self.penalty, self.kernel = min(trials, key=lambda trial: trial[0])

    def _examples(self, origins, size=256):
        """Yield (windows * series, length) and (windows * series, horizon), minus the windows' means."""
        for start in range(0, len(origins), size):
            cut = cut_windows(self.values, origins[start : start + size], self.length, self.horizon)
            cut = np.moveaxis(cut, 1, 2).reshape(-1, self.length + self.horizon)
            inputs, outputs = cut[:, : self.length], cut[:, self.length :]
            mean = inputs.mean(axis=1, keepdims=True)
            yield inputs - mean, outputs - mean

    def __call__(self, origins):
        inputs = np.moveaxis(cut_windows(self.values, origins, self.length, 0), 1, 2)
        mean = inputs.mean(axis=2, keepdims=True)
        points = np.moveaxis((inputs - mean) @ self.kernel + mean, 2, 1)
        return self.scaling.unscale(points.astype("float64")[..., None])[..., 0]


def theta(series, config, start=0):
    """Forecast by the Theta method, fitted for each window to all rows before its origin, at most 50 seasons.

    Rows from `start` on belong to another table than those before.

    Assimakopoulos and Nikolopoulos, "The theta model", International Journal of Forecasting 16 (2000).
    """
    # Slow to import, and used only for small sets.
    from statsmodels.tsa.forecasting.theta import ThetaModel

    def one(values):
        seasonal = config.season > 1 and len(values) >= 2 * config.season
        model = ThetaModel(values, period=config.season if seasonal else 1, deseasonalize=seasonal)
        return np.asarray(model.fit().forecast(config.horizon))

    def forecast(origins):
        with warnings.catch_warnings():
            # Optimizers that stop early warn in every fit.
            warnings.simplefilter("ignore")
            first = np.maximum(np.where(origins < start, 0, start), origins - THETA_SEASONS * config.season)
            return np.stack(
                [np.stack([one(column) for column in series.values[start:stop].T], axis=1)
                 for start, stop in zip(first, origins, strict=True)]
            )  # fmt: skip

    return forecast


def error_quantiles(forecast, series, split, config):
    """Return quantiles of a baseline's errors on the validation windows, to be added to its points.

    Returns:
        Float32 (horizon, series, levels); None for a config without quantiles.
    """
    if not config.quantiles:
        return None
    origins = split.origins("validation")
    origins = origins[:: max(1, len(origins) // ERROR_WINDOWS)]
    errors = [
        np.where(cut_windows(series.observed, part, 0, config.horizon),
                 cut_windows(series.values, part, 0, config.horizon) - forecast(part), np.nan)
        for part in np.array_split(origins, -(-len(origins) // 64))
    ]  # fmt: skip
    with warnings.catch_warnings():
        # A step may be missing in all validation windows.
        warnings.simplefilter("ignore", RuntimeWarning)
        quantiles = np.nanquantile(np.concatenate(errors).astype("float32"), config.quantiles, axis=0)
    return np.moveaxis(np.nan_to_num(quantiles), 0, -1)
