"""Pictures of forecasts."""

import dataclasses

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from apps.forecaster.plots import draw_forecast
from tests.apps.forecaster.test_calibration import series_of


def test_forecast_of_numbered_rows_is_drawn_over_their_numbers(tmp_path, monkeypatch):
    times = pd.DatetimeIndex(np.arange(1, 21).astype("datetime64[s]"))
    series = dataclasses.replace(series_of(np.arange(20.0)[:, None]), frequency="row", times=times)
    drawn, plot = [], Axes.plot
    monkeypatch.setattr(
        "matplotlib.axes.Axes.plot",
        lambda self, x, *rest, **more: drawn.append(list(x)) or plot(self, x, *rest, **more),
    )
    draw_forecast(tmp_path / "forecast.png", series, np.zeros((2, 1, 1)), (), 0)
    assert drawn == [[15, 16, 17, 18, 19, 20], [21, 22]]
