"""The regular grid of the times of a table: its step, its season, and its gaps."""

import numpy as np
import pandas as pd

from ..common.cli import UserError

MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
# Steps of the calendar, which differ in length; of two that fit, the longer is taken.
CALENDAR_STEPS = [
    *(f"{kind}-{month}" for kind in ("YS", "YE") for month in MONTHS),
    *(f"{kind}-{month}" for kind in ("QS", "QE") for month in MONTHS[:3]),
    *("MS", "ME", "B"),
]
STEPS_PER_SEASON = {"YS": 1, "YE": 1, "QS": 4, "QE": 4, "BQS": 4, "BQE": 4, "MS": 12, "ME": 12, "W": 52, "B": 5}
DAY, WEEK = 86_400, 7 * 86_400
# As many equal steps in a row that differ from the rest are not gaps.
MIN_CHANGED_STEPS = 5


def step_seconds(frequency):
    """Return the length of a step in seconds; None if it differs, as for months."""
    try:
        return pd.Timedelta(pd.tseries.frequencies.to_offset(frequency)).total_seconds()
    except ValueError:
        return None


def season_length(frequency):
    """Return the rows in a season: a day; for steps of a day or more a week; of a week or more a year; else 1."""
    seconds = step_seconds(frequency)
    if seconds is None:
        return STEPS_PER_SEASON.get(frequency.split("-")[0], 1)
    if seconds == WEEK:
        return 52
    length = DAY if seconds < DAY else WEEK
    return int(length // seconds) if length % seconds == 0 else 1


def infer_frequency(name, rows):
    """Return the step between times, by pandas' name.

    Args:
        name: name of the table, for messages.
        rows: pandas.Series of row numbers, for messages; its index is the times, increasing.

    Raises:
        UserError: the step changes, or is not the same for all rows.
    """
    times = rows.index
    if len(times) < 3:
        raise UserError(f"{name}: too few different times ({len(times)}) to infer the step; give --frequency")
    steps = np.diff(times.to_numpy())
    if steps.min() >= np.timedelta64(1, "D") and len(np.unique(steps)) > 1:
        for frequency in CALENDAR_STEPS:
            grid = pd.date_range(times[0], times[-1], freq=frequency)
            # Mondays are business days, too, but most business days would be missing.
            if len(grid) <= 2 * len(times) and times.isin(grid).all():
                return frequency
    kinds, counts = np.unique(steps, return_counts=True)
    step = kinds[counts.argmax()]
    if (index := _first_change(steps, step)) is not None:
        raise UserError(
            f"{name}: row {rows.iloc[index + 1]}: the step changes from "
            f"{_format_step(steps[index - 1] if index else step)} to {_format_step(steps[index])}; use only one part, "
            "or resample all to one step"
        )
    if (steps % step).any():
        index = int(np.flatnonzero(steps % step)[0])
        raise UserError(
            f"{name}: row {rows.iloc[index + 1]}: {_format_step(steps[index])} after the row before, where most are "
            f"{_format_step(step)}; resample all to one step"
        )
    days, rest = divmod(step, np.timedelta64(1, "D"))
    return pd.tseries.frequencies.to_offset(pd.Timedelta(step)).freqstr if rest else f"{days if days > 1 else ''}D"


def _first_change(steps, step):
    """Return the index of the first of several equal steps that differ from `step`; None if there are none."""
    begins = np.flatnonzero(np.append(True, steps[1:] != steps[:-1]))
    lengths = np.diff(np.append(begins, len(steps)))
    found = begins[(lengths >= MIN_CHANGED_STEPS) & (steps[begins] != step)]
    if not len(found):
        return None
    # If the table begins with the other step, it changes where `step` begins.
    return int(found[0]) or int(lengths[0])


def _format_step(step):
    return str(pd.Timedelta(step)).removeprefix("0 days ")


def regular_grid(name, rows, frequency):
    """Return all times from the first to the last; `rows` as for `infer_frequency`."""
    try:
        grid = pd.date_range(rows.index[0], rows.index[-1], freq=frequency).as_unit("us")
    except ValueError:
        raise UserError(
            f"--frequency {frequency}: no such step; give pandas' name, for example h, 15min, D, W-MON or MS"
        ) from None
    outside = ~rows.index.isin(grid)
    if outside.any():
        index = int(np.flatnonzero(outside)[0])
        raise UserError(
            f"{name}: row {rows.iloc[index]}: {rows.index[index]} is not a whole number of steps of {frequency} after "
            f"{rows.index[0]}; resample all to one step"
        )
    return grid


def fill_gaps(name, frame, lag, longest):
    """Replace missing values by the value `lag` rows before, or the last value if there are fewer rows.

    Uses only the past, so a backtest does not see the future.

    Args:
        name: name of the table, for messages.
        frame: pandas.DataFrame of numbers, NaN where missing.
        lag: rows.
        longest: rows in the longest gap to fill.

    Returns:
        Float64 (time, columns).

    Raises:
        UserError: a column begins with a gap, or has a longer gap.
    """
    values = frame.to_numpy("float64", copy=True)
    for column, series in zip(frame.columns, values.T, strict=True):
        gaps = np.flatnonzero(np.isnan(series))
        if not len(gaps):
            continue
        if gaps[0] == 0:
            first = frame[column].first_valid_index()
            raise UserError(
                f"{name}: column {column!r} begins with a gap, its first value is at {first}; delete the rows "
                "before it, or leave out the column with --series"
            )
        ends = np.flatnonzero(np.append(np.diff(gaps) > 1, True))
        lengths = np.diff(np.append(-1, ends))
        if lengths.max() > longest:
            begin = frame.index[gaps[ends[lengths.argmax()] - lengths.max() + 1]]
            raise UserError(
                f"{name}: column {column!r} has a gap of {lengths.max()} rows from {begin} on; gaps of up to --max-gap "
                f"{longest} are filled: raise it, or delete the rows before"
            )
        for row in gaps:
            series[row] = series[row - lag if row >= lag else row - 1]
    return values
