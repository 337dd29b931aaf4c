"""Plots of forecasts with intervals."""

import numpy as np

from ..common.reports import figure

# Series that `draw_forecast` draws, and horizons of the past before their forecast.
MAX_SERIES, PAST_HORIZONS = 4, 3


def draw_forecast(path, series, forecast, quantiles, point):
    """Draw the end of the first series, and what follows.

    Args:
        path: picture to write.
        series: `Series`.
        forecast: float (rows, series, outputs), from the first row after `series` on.
        quantiles: probabilities of the outputs; empty for the mean.
        point: index of the point forecast among the outputs.
    """
    times = series.axis(series.times_after(len(forecast)))
    past = min(len(series), PAST_HORIZONS * len(times))
    with figure(path, columns=min(MAX_SERIES, len(series.names)), width=6.0) as panels:
        for index, axes in enumerate(np.atleast_1d(panels)):
            axes.plot(series.axis(series.times[-past:]), series.values[-past:, index], color="#3d405b", label="past")
            draw_intervals(axes, times, forecast[:, index], quantiles, point)
            axes.set(title=series.names[index])
            place_legend(axes)


def draw_intervals(axes, times, forecast, quantiles, point):
    """Draw a forecast, (horizon, outputs), as a line with the central intervals around it."""
    for low, level in enumerate(quantiles):
        high = len(quantiles) - 1 - low
        if low < high and np.isclose(quantiles[high], 1 - level):
            label = f"{100 * (1 - 2 * level):.0f} % interval"
            axes.fill_between(
                times, forecast[:, low], forecast[:, high], color="#1f6f8b", alpha=0.12 + 0.08 * low, lw=0, label=label
            )
    axes.plot(times, forecast[:, point], color="#1f6f8b", label="median" if quantiles else "mean")


def place_legend(axes):
    """Rotate the times, and make room for a legend above the curves."""
    axes.tick_params(axis="x", rotation=30)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.25 * (high - low))
    axes.legend(loc="upper left", ncols=3, fontsize=8)
