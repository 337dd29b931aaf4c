"""Errors of forecasts."""

import numpy as np


class ForecastErrors:
    """Sums of the errors of forecasts, added batch by batch.

    Args:
        levels: probabilities of the quantiles, increasing; empty for a mean only.
        std: float (series,), of the training rows; errors divided by it can be averaged over series.
        naive_error: float (series,), mean absolute error of the seasonal naive forecast in the training rows.
        horizon: steps of a forecast.
    """

    def __init__(self, levels, std, naive_error, horizon):
        self.levels, self.std, self.naive_error = np.array(levels), std, naive_error
        shape = horizon, len(std)
        names = ("count", "squared", "absolute", "symmetric", "pinball")
        self._sums = {name: np.zeros(shape) for name in names} | {"below": np.zeros((*shape, len(levels)))}
        self._inside = {percent: np.zeros(shape) for percent in self._intervals()}

    def _intervals(self):
        """Return the indices of the two quantiles that bound each central interval, by its percentage."""
        pairs = {}
        for low, level in enumerate(self.levels):
            high = np.flatnonzero(np.isclose(self.levels, 1 - level))
            if level < 0.5 and len(high):
                pairs[round(100 * (1 - 2 * level))] = low, int(high[0])
        return pairs

    def add(self, truth, observed, point, quantiles=None):
        """Add windows.

        Args:
            truth: float (windows, horizon, series).
            observed: bool like truth; values where it is False do not count.
            point: like truth.
            quantiles: (windows, horizon, series, levels) if there are any.
        """
        error = np.where(observed, truth - point, 0.0)
        size = np.where(observed, np.abs(truth) + np.abs(point), 0.0)
        symmetric = np.divide(200 * np.abs(error), size, out=np.zeros_like(error), where=size > 0)
        parts = {"count": observed, "squared": error**2, "absolute": np.abs(error), "symmetric": symmetric}
        if quantiles is not None and len(self.levels):
            excess = np.where(observed, truth, 0.0)[..., None] - np.where(observed[..., None], quantiles, 0.0)
            parts["pinball"] = 2 * np.maximum(self.levels * excess, (self.levels - 1) * excess).mean(axis=-1)
            parts["below"] = (excess <= 0) & observed[..., None]
            for percent, (low, high) in self._intervals().items():
                inside = (excess[..., low] >= 0) & (excess[..., high] <= 0) & observed
                self._inside[percent] += inside.sum(axis=0)
        for name, part in parts.items():
            self._sums[name] += part.sum(axis=0)

    def result(self, axis=None):
        """Compute the metrics of all windows that were added.

        Args:
            axis: None over all values; 0 for each series; 1 for each step of the horizon.

        Returns:
            Dict of floats, or of float arrays. `mse`, `mae` and `pinball` (twice the mean pinball loss over the levels,
            which for many even levels is the CRPS) in standard deviations of the training rows; `rmse` likewise, but
            for each series in its own unit, as `mae_own_unit`; `mase` (Hyndman and Koehler, International Journal of
            Forecasting 22, 2006); `smape` in percent; `coverage_80` and so on, the fraction of the truth inside the
            interval; `below` (..., levels), the fraction below each quantile. Without quantiles, theirs are absent.
        """
        sums, own = self._sums, axis == 0
        count = sums["count"].sum(axis=axis)

        def mean(total):
            total = total.sum(axis=(0, 1) if axis is None and total.ndim == 3 else axis)
            divisor = np.reshape(count, (*np.shape(count), *[1] * (np.ndim(total) - np.ndim(count))))
            return np.divide(total, divisor, out=np.full(np.shape(total), np.nan), where=divisor > 0)

        naive = np.where(self.naive_error > 0, self.naive_error, np.nan)
        metrics = {
            "mse": mean(sums["squared"] / self.std**2),
            "mae": mean(sums["absolute"] / self.std),
            "rmse": np.sqrt(mean(sums["squared"] / (1.0 if own else self.std**2))),
            "mase": mean(sums["absolute"] / naive),
            "smape": mean(sums["symmetric"]),
        }
        if own:
            metrics["mae_own_unit"] = mean(sums["absolute"])
        if sums["below"].any():
            metrics["pinball"] = mean(sums["pinball"] / self.std)
            metrics |= {f"coverage_{percent}": mean(inside) for percent, inside in self._inside.items()}
            metrics["below"] = mean(sums["below"])
        return {name: float(value) if np.ndim(value) == 0 else value for name, value in metrics.items()}
