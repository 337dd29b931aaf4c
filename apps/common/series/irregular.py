"""Bring irregular times to a grid: round those that are a little off, or make one row of those of a step."""

import numpy as np
import pandas as pd

from ..cli import UserError
from ..words import counted
from .grid import DAY, USUAL_STEPS, advice, format_step, infer_frequency, step_seconds

# Largest deviation of times that are rounded, in steps.
MAX_SHIFT = 0.15


def find_frequency(name: str, rows: pd.Series) -> tuple[str, pd.DatetimeIndex, str | None]:
    """Return the step between times, and the times on its grid.

    Times that are a little off, such as 10:00:01 and 10:15:02, are moved to the grid.

    Args:
        name, rows: as for `infer_frequency`.

    Returns:
        (step, pandas.DatetimeIndex, note or None).

    Raises:
        UserError: there is no such step.
    """
    try:
        frequency = infer_frequency(name, rows)
        refused = None
    except UserError as error:
        refused = error
    if refused is not None and len(rows) < 3:
        raise refused
    if refused is None and not _is_sparse(rows.index, frequency):
        return frequency, rows.index, None
    moved = _moved(rows.index)
    if moved is None or (moved == rows.index).all():
        if refused is None:
            span = format_step(rows.index[-1] - rows.index[0])
            raise UserError(
                f"{name}: times are irregular: {len(rows):,} in {span}, the most frequent step is {frequency}; "
                f"{advice(rows.index)}"
            )
        raise refused
    frequency = infer_frequency(name, rows.set_axis(moved))
    return frequency, moved, _words_for_moved(rows, moved, frequency)


def _words_for_moved(rows, moved, frequency):
    distance = np.abs((moved - rows.index).to_numpy())
    index = int(distance.argmax())
    return (
        f"{counted(int((distance > np.timedelta64(0)).sum()), 'time')} rounded to the step {frequency}, by at most "
        f"{format_step(distance.max())}: {rows.iloc[index]} from {rows.index[index]} to {moved[index]}"
    )


def _is_sparse(times, frequency):
    """Return whether most times of a grid would be missing: events, for instance."""
    seconds = step_seconds(frequency)
    return seconds is not None and (times[-1] - times[0]).total_seconds() / seconds > 10 * len(times) + 1000


def _moved(times):
    """Return times on the grid that they were probably meant to have; None if they are too far from any."""
    steps = np.diff(times.to_numpy()) / np.timedelta64(1, "s")
    median = float(np.median(steps))
    if median > 25 * DAY:
        months = times.to_period("M")
        return months.to_timestamp().as_unit("us") if months.is_unique else None
    step = min(USUAL_STEPS, key=lambda usual: abs(np.log(usual / median)))
    if not 0.8 < step / median < 1.25:
        return None
    seconds = times.to_numpy() - np.datetime64("1970-01-05", "us")
    angles = 2 * np.pi * ((seconds / np.timedelta64(1, "s")) % step) / step
    phase = np.angle(np.exp(1j * angles).mean()) * step / (2 * np.pi)
    if abs(phase) <= step / 8:
        phase = 0.0
    else:
        unit = 60 if step >= 3600 else 1
        phase = round(phase / unit) * unit
    width, shift = np.timedelta64(int(step * 1e6), "us"), np.timedelta64(int(phase * 1e6), "us")
    numbers = np.round((seconds - shift) / width).astype("int64")
    moved = np.datetime64("1970-01-05", "us") + numbers * width + shift
    if (np.abs(moved - times.to_numpy()) > MAX_SHIFT * width).any() or (np.diff(numbers) <= 0).any():
        return None
    return pd.DatetimeIndex(moved)


def resampled(frame: pd.DataFrame, step: str, aggregate: str, origin: pd.Timestamp) -> tuple[pd.DataFrame, int]:
    """Return a frame with a row for each `step` from the first to the last, and how many of them had no row.

    Args:
        frame: pandas.DataFrame whose index is times.
        step: pandas' name.
        aggregate: what is made of the rows of a step.
        origin: pandas.Timestamp from which steps are counted.

    Raises:
        UserError: there is no such step.
    """
    try:
        groups = frame.resample(step, origin=origin)
    except ValueError:
        raise UserError(
            f"--resample {step}: no such step; give pandas' name, for example h, 15min, D, W-MON or MS"
        ) from None
    found = groups.sum(min_count=1) if aggregate == "sum" else getattr(groups, aggregate)()
    empty = (groups.size() == 0).to_numpy()
    if aggregate == "sum":
        found[empty] = 0.0
    return found, int(empty.sum())
