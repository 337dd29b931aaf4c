"""The regular grid that the times of a table lie on: its step, its season, and what fills its gaps."""

import numpy as np
import pandas as pd

from ..common.cli import UserError

MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
# Steps of the calendar, which differ in length; of two that fit, the longer.
CALENDAR_STEPS = [
    *(f"{kind}-{month}" for kind in ("YS", "YE") for month in MONTHS),
    *(f"{kind}-{month}" for kind in ("QS", "QE") for month in MONTHS[:3]),
    *("MS", "ME", "B"),
]
STEPS_IN_A_SEASON = {"YS": 1, "YE": 1, "QS": 4, "QE": 4, "BQS": 4, "BQE": 4, "MS": 12, "ME": 12, "W": 52, "B": 5}
DAY, WEEK = 86_400, 7 * 86_400
# So many equal steps in a row, unlike the others, are no gaps.
STEPS_OF_A_CHANGE = 5


def step_seconds(frequency):
    """Length of a step in seconds; None if the calendar decides, as with months."""
    try:
        return pd.Timedelta(pd.tseries.frequencies.to_offset(frequency)).total_seconds()
    except ValueError:
        return None


def season_of(frequency):
    """Rows in the season that is likeliest at this step: a day, from a day on a week, from a week on a year; or 1."""
    seconds = step_seconds(frequency)
    if seconds is None:
        return STEPS_IN_A_SEASON.get(frequency.split("-")[0], 1)
    if seconds == WEEK:
        return 52
    length = DAY if seconds < DAY else WEEK
    return int(length // seconds) if length % seconds == 0 else 1


def infer_frequency(name, rows):
    """The step of the times, by pandas' name for it.

    Args:
        name: of the table, for messages.
        rows: pandas.Series of row numbers, for messages; its index is the times, rising.
    """
    times = rows.index
    if len(times) < 3:
        raise UserError(f"{name}: too few different times ({len(times)}) to tell the step; give --frequency")
    steps = np.diff(times.to_numpy())
    if steps.min() >= np.timedelta64(1, "D") and len(np.unique(steps)) > 1:
        for frequency in CALENDAR_STEPS:
            grid = pd.date_range(times[0], times[-1], freq=frequency)
            # Mondays are business days, too, but most of those would be missing.
            if len(grid) <= 2 * len(times) and times.isin(grid).all():
                return frequency
    kinds, counts = np.unique(steps, return_counts=True)
    step = kinds[counts.argmax()]
    if (place := _change(steps, step)) is not None:
        raise UserError(
            f"{name}: row {rows.iloc[place + 1]}: the step changes from {_spoken(steps[place - 1] if place else step)} "
            f"to {_spoken(steps[place])}; forecast one part alone, or resample all to one step"
        )
    if (steps % step).any():
        place = int(np.flatnonzero(steps % step)[0])
        raise UserError(
            f"{name}: row {rows.iloc[place + 1]}: {_spoken(steps[place])} after the row before, where most are "
            f"{_spoken(step)}; resample all to one step"
        )
    days, rest = divmod(step, np.timedelta64(1, "D"))
    return pd.tseries.frequencies.to_offset(pd.Timedelta(step)).freqstr if rest else f"{days if days > 1 else ''}D"


def _change(steps, step):
    """Where the first of several equal steps of another length is, if anywhere."""
    unlike = np.append(True, steps[1:] != steps[:-1])
    begins = np.flatnonzero(unlike)
    lengths = np.diff(np.append(begins, len(steps)))
    found = begins[(lengths >= STEPS_OF_A_CHANGE) & (steps[begins] != step)]
    if not len(found):
        return None
    # A table that begins with the odd step changes where the usual one begins.
    return int(found[0]) or int(lengths[0])


def _spoken(step):
    return str(pd.Timedelta(step)).removeprefix("0 days ")


def regular_grid(name, rows, frequency):
    """All times from the first to the last; `rows` as in `infer_frequency`."""
    try:
        grid = pd.date_range(rows.index[0], rows.index[-1], freq=frequency).as_unit("us")
    except ValueError:
        raise UserError(
            f"--frequency {frequency}: no such step; pandas' names are taken: h, 15min, D, W-MON, MS"
        ) from None
    outside = ~rows.index.isin(grid)
    if outside.any():
        place = int(np.flatnonzero(outside)[0])
        raise UserError(
            f"{name}: row {rows.iloc[place]}: {rows.index[place]} is not a whole number of steps of {frequency} after "
            f"{rows.index[0]}; resample all to one step"
        )
    return grid


def fill_gaps(name, frame, lag, longest):
    """The values of a frame, float64 (time, columns), a missing one replaced by the value `lag` rows before.

    That looks at the past alone, so a backtest stays honest. Where there is no row so far back, the last value before
    is taken.

    Raises:
        UserError: a column begins with a gap, or has one of more than `longest` rows.
    """
    values = frame.to_numpy("float64", copy=True)
    for column, series in zip(frame.columns, values.T, strict=True):
        gaps = np.flatnonzero(np.isnan(series))
        if not len(gaps):
            continue
        if gaps[0] == 0:
            first = frame[column].first_valid_index()
            raise UserError(
                f"{name}: column {column!r} begins with a gap, its first value is at {first}; leave out the rows "
                "before it, or the column with --series"
            )
        ends = np.flatnonzero(np.append(np.diff(gaps) > 1, True))
        lengths = np.diff(np.append(-1, ends))
        if lengths.max() > longest:
            begin = frame.index[gaps[ends[lengths.argmax()] - lengths.max() + 1]]
            raise UserError(
                f"{name}: column {column!r} has a gap of {lengths.max()} rows from {begin} on; gaps of up to --max-gap "
                f"{longest} are filled: raise it, or leave out the rows before"
            )
        for row in gaps:
            series[row] = series[row - lag if row >= lag else row - 1]
    return values
