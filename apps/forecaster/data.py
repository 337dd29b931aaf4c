"""From series on a grid of times to windows for the network: split by time, scaled by the training part."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from ..common import runs
from ..common.cli import UserError
from ..common.windows import origins, window_dataset
from .grid import season_of, step_seconds

# Length in seconds, and the second of 1970 at which one began: Thursday, 1 January.
CYCLES = {"day": (86_400, 0), "week": (7 * 86_400, -3 * 86_400), "year": (365.2425 * 86_400, 0)}


@dataclass(frozen=True)
class Scaling:
    """What the training rows say of level and spread.

    Attributes:
        mean, deviation: float64 (series,).
        known_mean, known_deviation: float64 (covariates,).
    """

    mean: np.ndarray
    deviation: np.ndarray
    known_mean: np.ndarray
    known_deviation: np.ndarray

    def save(self, run_dir):
        runs.write_json(Path(run_dir) / "scaling.json", {name: list(value) for name, value in vars(self).items()})

    @classmethod
    def load(cls, run_dir):
        saved = runs.read_json(Path(run_dir) / "scaling.json")
        return cls(**{name: np.array(value, "float64") for name, value in saved.items()})


def settle(series, config):
    """The config with what was left open settled for these series, once they are known to be long enough.

    Raises:
        UserError: too few rows, a series that does not move, a calendar for steps of no fixed length.
    """
    rows = borders(len(series), config)["train"][1]
    config = config.for_rows(season_of(series.frequency), rows)
    needed = config.window_length + config.horizon
    for part, (start, stop) in borders(len(series), config).items():
        if part == "test" and config.test_fraction == 0:
            continue
        if not len(origins(start, stop, config.window_length, config.horizon)):
            expected = needed if part == "train" else config.horizon
            raise UserError(
                f"{config.data}: {len(series)} rows, of which {stop - start} for {part}; at least {expected} are "
                f"needed there: make --window-length {config.window_length} or --horizon {config.horizon} shorter, or "
                "give more rows"
            )
    still = np.ptp(series.values[:rows], axis=0) == 0
    if still.any():
        place = int(still.argmax())
        raise UserError(
            f"{config.data}: series {series.names[place]!r} is {series.values[0, place]:g} in all {rows} "
            "training rows; there is nothing to learn from it, leave it out with --series"
        )
    if config.calendar and step_seconds(series.frequency) is None:
        raise UserError(
            f"--calendar: a step of {series.frequency} has no fixed length; leave it out, a window of whole years "
            "shows the season"
        )
    return config


def borders(rows, config):
    """First row, and the row after the last, of each part: train, validation and test, in the order of time."""
    test = rows - int(rows * config.test_fraction)
    validation = test - int(rows * config.validation_fraction)
    return {"train": (0, validation), "validation": (validation, test), "test": (test, rows)}


def fit_scaling(series, stop):
    """The scaling of the rows before `stop`; filled gaps do not count."""
    values = np.where(series.observed, series.values, np.nan)[:stop]
    known = series.known[:stop]
    # A covariate may well be the same all through the training rows.
    known_deviation = known.std(axis=0)
    return Scaling(
        np.nanmean(values, axis=0), np.nanstd(values, axis=0), known.mean(axis=0),
        np.where(known_deviation > 0, known_deviation, 1),
    )  # fmt: skip


def seconds_of(times):
    """Seconds since 1970, int64."""
    return times.as_unit("s").asi8


def calendar_features(seconds, cycles):
    """Where in each of the `cycles` a time is, as a point of a circle: float (..., 2 * cycles).

    Args:
        seconds: float64 tensor or array (...), since 1970.
    """
    if not cycles:
        return tf.zeros([*tf.unstack(tf.shape(seconds)), 0], "float64")
    seconds = tf.cast(seconds, "float64")
    angles = [2 * np.pi * ((seconds - CYCLES[name][1]) / CYCLES[name][0] % 1) for name in cycles]
    return tf.stack([wave(angle) for angle in angles for wave in (tf.sin, tf.cos)], axis=-1)


def covariates_of(series, scaling, config):
    """Known columns and calendar of the series' rows: float32 (time, covariates)."""
    known = (series.known[: len(series)] - scaling.known_mean) / scaling.known_deviation
    calendar = calendar_features(seconds_of(series.times), config.calendar)
    return np.concatenate([known, calendar], axis=1).astype("float32")


def count_covariates(config):
    return len(config.known) + 2 * len(config.calendar)


def make_dataset(series, scaling, config, part, epochs=None, share=None):
    """Batches of the windows of `part`, "train", "validation" or "test".

    Args:
        epochs: as in `window_dataset`; if absent, the windows come once, in the order of time.
        share: `devices.Placement.share`, to train on whole batches.

    Returns:
        A tf.data.Dataset of ((values, covariates), targets, weights): float32 (batch, window_length, series),
        (batch, window_length + horizon, covariates), (batch, horizon, series) twice. A weight is 0 where the truth is
        not known.
    """
    stride = config.stride if part == "train" else 1
    places = origins(*borders(len(series), config)[part], config.window_length, config.horizon, stride)
    values = ((series.values - scaling.mean) / scaling.deviation).astype("float32")
    arrays = values, series.observed.astype("float32"), covariates_of(series, scaling, config)
    length = config.window_length

    def parts(values, observed, covariates):
        return (values[:, :length], covariates), values[:, length:], observed[:, length:]

    dataset = window_dataset(arrays, places, length, config.horizon, config.batch_size, config.seed, epochs)
    dataset = dataset.map(parts, tf.data.AUTOTUNE)
    if share:
        dataset = share(dataset, len(places), epochs)
    return dataset.prefetch(tf.data.AUTOTUNE)
