"""Split series by time, scale them by the training rows, and make batches of windows for the network."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from ..common.cli import UserError
from ..common.files import read_json
from ..common.series.grid import season_length, step_seconds
from ..common.series.number_times import ROW
from ..common.series.windows import window_dataset, window_origins

# Length in seconds, and the start of one cycle in seconds since 1970, which began on a Thursday.
CYCLES = {"day": (86_400, 0), "week": (7 * 86_400, -3 * 86_400), "year": (365.2425 * 86_400, 0)}


class TimeSplit:
    """Rows and windows of each part of the series: the first rows train, the next validate, the last test.

    Args:
        count: number of rows.
        config: a `Config`; of `complete_config` if `origins` is called.

    Attributes:
        rows: dict of ranges of rows, `train`, `validation` and `test`.
    """

    def __init__(self, count, config):
        test, validation = count - int(count * config.test_fraction), config.train_rows(count)
        self.rows = {"train": range(validation), "validation": range(validation, test), "test": range(test, count)}
        self._config = config

    def origins(self, part, stride=1):
        """Return the origins of the windows that forecast only rows of a part, int32 (windows,)."""
        rows, config = self.rows[part], self._config
        return window_origins(rows.start, rows.stop, config.window_length, config.horizon, stride)


@dataclass(frozen=True)
class Scaling:
    """Standardization by the training rows.

    Attributes:
        mean, std: float64 (series,).
        known_mean, known_std: float64 (known columns,).
    """

    mean: np.ndarray
    std: np.ndarray
    known_mean: np.ndarray
    known_std: np.ndarray

    @classmethod
    def fit(cls, series, split):
        """Compute mean and standard deviation of the training rows, without filled gaps."""
        stop = split.rows["train"].stop
        values = np.where(series.observed, series.values, np.nan)[:stop]
        known = series.known[:stop]
        # A covariate may be constant in the training rows.
        known_std = known.std(axis=0)
        return cls(
            np.nanmean(values, axis=0),
            np.nanstd(values, axis=0),
            known.mean(axis=0),
            np.where(known_std > 0, known_std, 1),
        )

    def to_json(self):
        """Return a dict of lists."""
        return {name: value.tolist() for name, value in vars(self).items()}

    @classmethod
    def load(cls, run_dir):
        """Read scaling.json, which contains `to_json()`."""
        saved = read_json(Path(run_dir) / "scaling.json")
        return cls(**{name: np.array(value, "float64") for name, value in saved.items()})

    def scale(self, values):
        """Scale float64 (..., series), NumPy or TensorFlow."""
        return (values - self.mean) / self.std

    def scale_known(self, known):
        """Scale float64 (..., known columns)."""
        return (known - self.known_mean) / self.known_std

    def unscale(self, forecasts):
        """Undo `scale` for float64 (..., series, outputs)."""
        return forecasts * self.std[:, None] + self.mean[:, None]


def complete_config(series, config):
    """Return the config with values for the lengths that are None, if the series suffice for it.

    Raises:
        UserError: too few rows, a constant series, a calendar although the step has no fixed length.
    """
    train = TimeSplit(len(series), config).rows["train"]
    config = config.with_defaults(season_length(series.frequency), len(train))
    _require_windows(config, TimeSplit(len(series), config))
    constant = np.ptp(series.values[: len(train)], axis=0) == 0
    if constant.any():
        index = int(constant.argmax())
        raise UserError(
            f"{config.data}: series {series.names[index]!r} is {series.values[0, index]:g} in all {len(train)} "
            "training rows, so there is nothing to learn; leave it out with --leave-out"
        )
    if config.calendar and step_seconds(series.frequency) is None:
        raise UserError(
            f"--calendar: a step of {series.frequency} has no fixed length; leave the option out, a window of whole "
            "years shows the season"
            if series.frequency != ROW
            else "--calendar: rows are only numbered, without times; leave the option out"
        )
    return config


def _require_windows(config, split):
    count = split.rows["test"].stop
    for part, rows in split.rows.items():
        if not len(split.origins(part)) and not (part == "test" and config.test_fraction == 0):
            needed = config.horizon + (config.window_length if part == "train" else 0)
            raise UserError(
                f"{config.data}: {count} rows, of which {len(rows)} for {part}; at least {needed} are needed there: "
                f"make --window-length {config.window_length} or --horizon {config.horizon} shorter, or give more rows"
            )


def unix_seconds(times):
    """Return seconds since 1970, int64."""
    return times.as_unit("s").asi8


def calendar_features(seconds, cycles):
    """Return the position of times in each of the `cycles` as points on circles.

    Args:
        seconds: tensor or array (...), seconds since 1970.
        cycles: names of `CYCLES`.

    Returns:
        Float64 tensor (..., 2 * cycles).
    """
    if not cycles:
        return tf.zeros([*tf.unstack(tf.shape(seconds)), 0], "float64")
    seconds = tf.cast(seconds, "float64")
    angles = [2 * np.pi * ((seconds - CYCLES[name][1]) / CYCLES[name][0] % 1) for name in cycles]
    return tf.stack([wave(angle) for angle in angles for wave in (tf.sin, tf.cos)], axis=-1)


def count_covariates(config):
    """Return the number of covariates: known columns and calendar features."""
    return len(config.known) + 2 * len(config.calendar)


def make_dataset(series, origins, scaling, config, epochs=None):
    """Make batches of windows.

    Args:
        series: `Series`.
        origins: of the windows, int32 (windows,).
        scaling: `Scaling`.
        config: a `Config` of `complete_config`.
        epochs: as for `window_dataset`; None gives the windows once, in their order.

    Returns:
        A tf.data.Dataset of ((values, covariates), targets, weights): float32 (batch, window_length, series),
        (batch, window_length + horizon, covariates), (batch, horizon, series) twice. Missing targets have weight 0.
    """
    known = scaling.scale_known(series.known[: len(series)])
    covariates = np.concatenate([known, calendar_features(unix_seconds(series.times), config.calendar)], axis=1)
    arrays = [part.astype("float32") for part in (scaling.scale(series.values), series.observed, covariates)]
    length = config.window_length

    def parts(values, observed, covariates):
        return (values[:, :length], covariates), values[:, length:], observed[:, length:]

    dataset = window_dataset(arrays, origins, length, config.horizon, config.batch_size, config.seed, epochs)
    return dataset.map(parts, tf.data.AUTOTUNE)
