"""Forecasts what follows a table of recent rows with a trained forecaster."""

import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from ..common import cli, runs
from ..common.reports import figure
from .config import Config
from .data import Scaling, calendar_features, seconds_of
from .grid import step_seconds
from .model import load_model
from .reading import read_series

# Series that --plot draws, and how many horizons of the past with them.
DRAWN, PAST = 4, 3


class Forecaster:
    """A trained run: recent rows in, forecasts out, both in the user's units.

    Attributes:
        config: the run's Config.
        names: of the series.
        frequency: step between rows, by pandas' name.
    """

    def __init__(self, run_dir):
        saved = runs.open_run(run_dir)
        self.config = runs.settings_of(saved, Config)
        self.names, self.frequency, self.zone = saved["names"], saved["step"], saved["zone"]
        self.model = load_model(Path(run_dir) / "model.keras")
        self.scaling = Scaling.load(run_dir)

    @property
    def point(self):
        """Which of the outputs is the point forecast."""
        return self.model.point

    def __call__(self, values, known=None, seconds=None, batch_size=256):
        """Forecasts.

        Args:
            values: float (batch, window_length, series), without gaps.
            known: float (batch, window_length + horizon, known columns); not needed if there are none.
            seconds: int (batch,), time of each window's last row, in seconds since 1970; needed for a calendar only.

        Returns:
            Float64 (batch, horizon, series, outputs): the quantiles, rising, or the mean alone.
        """
        if known is None:
            known = np.zeros((len(values), self.config.window_length + self.config.horizon, 0))
        if seconds is None:
            seconds = np.zeros(len(values), "int64")
        inputs = [keras.ops.convert_to_numpy(part) for part in self.scaled(values, known, seconds)]
        return self.unscaled(self.model.predict(inputs, batch_size=batch_size, verbose=0)).numpy()

    def scaled(self, values, known, seconds):
        """The model's inputs, float32 tensors, from what `__call__` takes."""
        size, step = self.config, step_seconds(self.frequency)
        scaled = (tf.cast(values, "float64") - self.scaling.mean) / self.scaling.deviation
        known = (tf.cast(known, "float64") - self.scaling.known_mean) / self.scaling.known_deviation
        steps = tf.range(1 - size.window_length, size.horizon + 1, dtype="float64") * (step or 0.0)
        calendar = calendar_features(tf.cast(seconds, "float64")[:, None] + steps, size.calendar)
        return tf.cast(scaled, "float32"), tf.cast(tf.concat([known, calendar], axis=-1), "float32")

    def unscaled(self, answer):
        """The model's output in the user's units, a float64 tensor."""
        scaling = self.scaling
        return tf.cast(answer, "float64") * scaling.deviation[:, None] + scaling.mean[:, None]

    def latest(self, series):
        """What `__call__` takes to forecast the rows after the last one of `series`.

        Raises:
            UserError: too few rows, or known columns that end too early.
        """
        length, horizon = self.config.window_length, self.config.horizon
        if len(series) < length:
            raise cli.UserError(f"{len(series)} rows are too few: a forecast looks at the last {length}; give more")
        seconds = seconds_of(series.times[-1:])
        if not self.config.known:
            return series.values[None, -length:], None, seconds
        ahead = len(series.known) - len(series)
        if ahead < horizon:
            raise cli.UserError(
                f"{', '.join(self.config.known)}: known for {ahead} rows after the last value, expected {horizon}: "
                "append rows with their times and these columns, the series' cells empty"
            )
        known = series.known[len(series) - length : len(series) + horizon]
        return series.values[None, -length:], known[None], seconds


def predict(
    run_dir: cli.RunDir,
    data: str | None = None,
    horizon: int | None = None,
    output: Path | None = None,
    plot: Path | None = None,
):
    """Forecast the rows that follow the last one of a table; prints CSV: time, series, and a column a quantile.

    Args:
        run_dir: Folder of a trained run.
        data: Table of recent rows, in the form that the training took; what the run was trained on if not given.
        horizon: Rows to forecast; as many as the model can if not given.
        output: File to write the CSV to, in place of standard output.
        plot: Picture (.png, .pdf, .svg) to draw of the forecast, for the first 4 series.
    """
    forecaster = Forecaster(run_dir)
    config = forecaster.config
    horizon = config.horizon if horizon is None else horizon
    if not 1 <= horizon <= config.horizon:
        raise cli.UserError(
            f"--horizon {horizon}: expected from 1 to {config.horizon}, for which {run_dir} was trained"
        )
    series = read_series(config, data, like=forecaster)
    try:
        answer = forecaster(*forecaster.latest(series))[0, :horizon]
    except cli.UserError as error:
        raise cli.UserError(f"{data or config.data}: {error}") from None
    # Standard output is for the CSV alone.
    print(series.summary, file=sys.stderr)
    times = series.times_after(horizon)
    table = tabulated(series, times, answer, config.quantiles)
    if output:
        with runs.replacing(output) as part:
            table.to_csv(part, index=False)
    else:
        sys.stdout.write(table.to_csv(index=False))
    if plot:
        draw(plot, series, times, answer, forecaster)


def tabulated(series, times, answer, quantiles):
    """A table with a row for each time and series."""
    names = [f"q{level:g}" for level in quantiles] or ["mean"]
    outputs = dict(zip(names, answer.reshape(-1, len(names)).T, strict=True))
    written = series.written(times)
    table = {"time": np.repeat(written, len(series.names)), "series": series.names * len(times)}
    return pd.DataFrame(table | {name: [float(f"{value:.7g}") for value in column] for name, column in outputs.items()})


def draw(path, series, times, answer, forecaster):
    """The end of each series and its forecast, with bands."""
    past = min(len(series), PAST * len(times))
    count = min(DRAWN, len(series.names))
    with figure(path, columns=count, width=6.0) as panels:
        for place, axes in enumerate(np.atleast_1d(panels)):
            axes.plot(series.times[-past:], series.values[-past:, place], color="#3d405b", label="given")
            draw_bands(axes, times, answer[:, place], forecaster.config.quantiles, forecaster.point)
            axes.set(title=series.names[place])
            leave_room(axes)


def leave_room(axes):
    """Turns the times and puts the legend above what is drawn."""
    axes.tick_params(axis="x", rotation=30)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.25 * (high - low))
    axes.legend(loc="upper left", ncols=3, fontsize=8)


def draw_bands(axes, times, answer, quantiles, point):
    """A forecast, (horizon, outputs), as a line with the intervals between symmetric quantiles around it."""
    for low, level in enumerate(quantiles):
        high = len(quantiles) - 1 - low
        if low < high and np.isclose(quantiles[high], 1 - level):
            label = f"{100 * (1 - 2 * level):.0f} % interval"
            axes.fill_between(
                times, answer[:, low], answer[:, high], color="#1f6f8b", alpha=0.12 + 0.08 * low, lw=0, label=label
            )
    axes.plot(times, answer[:, point], color="#1f6f8b", label="median" if quantiles else "mean")


if __name__ == "__main__":
    sys.exit(cli.run(predict))
