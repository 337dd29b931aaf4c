"""A trained forecaster: recent rows in, forecasts out, both in the user's units."""

from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from ..common import runs
from ..common.cli import UserError
from ..common.series.grid import step_seconds
from .config import Config
from .data import Scaling, calendar_features, unix_seconds
from .model import load_model


class Forecaster:
    """Forecast the rows that follow windows of series.

    Attributes:
        config: the run's Config.
        names: of the series.
        frequency: step between rows, by pandas' name.
        read_as: what the columns of its table meant, see `Series`.
        scaling: `Scaling`.
        model: `Forecast`.
        point: index of the point forecast among the outputs.
    """

    def __init__(self, run_dir):
        saved = runs.open_run(run_dir, __package__)
        self.config = runs.settings_of(saved, Config)
        self.names, self.frequency = saved["names"], saved["step"]
        self.read_as = saved.get("read_as", {})
        self.scaling = Scaling.load(run_dir)
        self.model = load_model(Path(run_dir) / "model.keras")
        self.point = self.model.point

    def __call__(self, values, known=None, seconds=None, batch_size=256):
        """Return forecasts.

        Args:
            values: float (batch, window_length, series), without gaps.
            known: float (batch, window_length + horizon, known columns); None if the run has none.
            seconds: int (batch,), time of each window's last row in seconds since 1970; used only for a calendar.
            batch_size: windows in a batch.

        Returns:
            Float64 (batch, horizon, series, outputs): the quantiles, increasing, or the mean.
        """
        if known is None:
            known = np.zeros((len(values), self.config.window_length + self.config.horizon, 0))
        if seconds is None:
            seconds = np.zeros(len(values), "int64")
        inputs = [part.numpy() for part in self.model_inputs(values, known, seconds)]
        return self.in_units(self.model.predict(inputs, batch_size=batch_size, verbose=0)).numpy()

    def model_inputs(self, values, known, seconds):
        """Return the model's inputs, two float32 tensors, for the arguments of a call, tensors or arrays."""
        config, step = self.config, step_seconds(self.frequency)
        values = self.scaling.scale(tf.cast(values, "float64"))
        known = self.scaling.scale_known(tf.cast(known, "float64"))
        steps = tf.range(1 - config.window_length, config.horizon + 1, dtype="float64") * (step or 0.0)
        calendar = calendar_features(tf.cast(seconds, "float64")[:, None] + steps, config.calendar)
        return tf.cast(values, "float32"), tf.cast(tf.concat([known, calendar], axis=-1), "float32")

    def in_units(self, outputs):
        """Return the model's outputs in the user's units, a float64 tensor."""
        forecasts = self.scaling.unscale(tf.cast(outputs, "float64"))
        return tf.maximum(forecasts, 0.0) if self.config.non_negative else forecasts

    def forecast_after(self, series):
        """Forecast the rows after the last one of `series`.

        Returns:
            Float64 (horizon, series, outputs).

        Raises:
            UserError: too few rows, or known columns that end too early.
        """
        length, horizon = self.config.window_length, self.config.horizon
        if len(series) < length:
            raise UserError(f"{len(series)} rows are too few: a forecast is made from the last {length}; give more")
        known = None
        if self.config.known:
            future = len(series.known) - len(series)
            if future < horizon:
                raise UserError(
                    f"{', '.join(self.config.known)}: known for {future} rows after the last value, expected {horizon}:"
                    " append rows with times and these columns, and empty cells for the series"
                )
            known = series.known[None, len(series) - length : len(series) + horizon]
        return self(series.values[None, -length:], known, unix_seconds(series.times[-1:]))[0]


def forecast_table(series, forecast, quantiles):
    """Return a pandas table with a row for each time and series.

    Args:
        series: `Series`.
        forecast: float (rows, series, outputs), from the first row after `series` on.
        quantiles: probabilities of the outputs; empty for the mean.
    """
    names = [f"q{level:g}" for level in quantiles] or ["mean"]
    times = series.format_times(series.times_after(len(forecast)))
    table = {"time": np.repeat(times, len(series.names)), "series": series.names * len(times)}
    for name, column in zip(names, forecast.reshape(-1, len(names)).T, strict=True):
        table[name] = [float(f"{value:.7g}") for value in column]
    return pd.DataFrame(table)
