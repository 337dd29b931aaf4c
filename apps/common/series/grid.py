"""The regular grid of the times of a table: its step, its season, and its gaps."""

import re
from typing import Any

import numpy as np
import pandas as pd

from ..cli import UserError
from .number_times import ROW

MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
# Steps of the calendar, which differ in length; of two that fit, the longer is taken.
CALENDAR_STEPS = [
    *(f"{kind}-{month}" for kind in ("YS", "YE") for month in MONTHS),
    *(f"{kind}-{month}" for kind in ("QS", "QE") for month in MONTHS[:3]),
    *("MS", "ME", "B", "BMS", "BME"),
]
STEPS_PER_SEASON = {"QS": 4, "QE": 4, "BQS": 4, "BQE": 4, "MS": 12, "ME": 12, "BMS": 12, "BME": 12, "W": 52, "B": 5}
DAY, WEEK = 86_400, 7 * 86_400
# As many equal steps in a row that differ from the rest are not gaps.
MIN_CHANGED_STEPS = 5
# Steps in seconds that times with small deviations may have been meant to have.
USUAL_STEPS = [1, 2, 5, 10, 15, 20, 30, *(60 * n for n in (1, 2, 3, 5, 6, 10, 12, 15, 20, 30)),
               *(3600 * n for n in (1, 2, 3, 4, 6, 8, 12)), DAY, WEEK]  # fmt: skip
ROWS = "or number the rows with --frequency row"


def step_seconds(frequency: str) -> float | None:
    """Return the length of a step in seconds; None if it differs, as for months."""
    try:
        return pd.Timedelta(pd.tseries.frequencies.to_offset(frequency)).total_seconds()
    except ValueError:
        return None


def season_length(frequency: str) -> int:
    """Return the rows in a season: a day; for steps of a day or more a week; of a week or more a year; else 1."""
    seconds = step_seconds(frequency)
    if seconds is None:
        count, step = re.findall(r"^(\d*)([^-]*)", frequency)[0]
        return max(1, STEPS_PER_SEASON.get(step, 1) // int(count or 1))
    if seconds == WEEK:
        return 52
    length = DAY if seconds < DAY else WEEK
    return int(length // seconds) if length % seconds == 0 else 1


def infer_frequency(name: str, rows: pd.Series) -> str:
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
    differ = len(np.unique(steps)) > 1
    if steps.min() >= np.timedelta64(28, "D") or (differ and steps.min() >= np.timedelta64(1, "D")):
        if (frequency := _several_months(times)) is not None:
            return frequency
        for frequency in CALENDAR_STEPS:
            grid = pd.date_range(times[0], times[-1], freq=frequency)
            # Mondays are business days, too, but most business days would be missing.
            if len(grid) <= 2 * len(times) and times.isin(grid).all():
                return frequency
    kinds, counts = np.unique(steps, return_counts=True)
    step = kinds[counts.argmax()]
    if (index := _first_change(steps, step)) is not None:
        raise UserError(
            f"{name}: {rows.iloc[index + 1]}: the step changes from "
            f"{format_step(steps[index - 1] if index else step)} to {format_step(steps[index])}; use only one part, "
            f"or {advice(times)}"
        )
    if (steps % step).any():
        index = int(np.flatnonzero(steps % step)[0])
        raise UserError(
            f"{name}: {rows.iloc[index + 1]}: {format_step(steps[index])} after the time before, where most are "
            f"{format_step(step)}; {advice(times)}"
        )
    days, rest = divmod(step, np.timedelta64(1, "D"))
    return pd.tseries.frequencies.to_offset(pd.Timedelta(step)).freqstr if rest else f"{days if days > 1 else ''}D"


def advice(times: pd.DatetimeIndex) -> str:
    """Return what to do with irregular times, with a step that is near to most of theirs."""
    median = float(np.median(np.diff(times.to_numpy()) / np.timedelta64(1, "s")))
    step = min(USUAL_STEPS, key=lambda usual: abs(np.log(usual / max(median, 1e-6))))
    name = pd.tseries.frequencies.to_offset(pd.Timedelta(seconds=step)).freqstr
    return f"bring them to one step with --resample, such as --resample {name} --aggregate mean, {ROWS}"


def _several_months(times):
    """Return a step of 2 months, half a year or several years, such as `5YS-JAN`; None for others."""
    months = 12 * times.year + times.month
    ends, starts = times.is_month_end.all(), (times.day == 1).all()
    if not (ends or starts) or (times != times.normalize()).any() or (np.diff(months) <= 0).any():
        return None
    count = int(np.gcd.reduce(np.diff(months)))
    if not (count in (2, 4, 6) or (count % 12 == 0 and count > 12)) or months[-1] - months[0] > 2 * count * len(times):
        return None
    kind = "E" if ends and not starts else "S"
    if count % 12:
        return f"{count}M{kind}"
    return f"{count // 12}Y{kind}-{MONTHS[times[0].month - 1]}"


def _first_change(steps, step):
    """Return the index of the first of several equal steps that differ from `step`; None if there are none."""
    begins = np.flatnonzero(np.append(True, steps[1:] != steps[:-1]))
    lengths = np.diff(np.append(begins, len(steps)))
    found = begins[(lengths >= MIN_CHANGED_STEPS) & (steps[begins] != step)]
    if not len(found):
        return None
    # If the table begins with the other step, it changes where `step` begins.
    return int(found[0]) or int(lengths[0])


def format_step(step: Any) -> str:
    return str(pd.Timedelta(step)).removeprefix("0 days ")


def regular_grid(name: str, rows: pd.Series, frequency: str) -> pd.DatetimeIndex:
    """Return all times from the first to the last; `rows` as for `infer_frequency`."""
    try:
        grid = pd.date_range(rows.index[0], rows.index[-1], freq="s" if frequency == ROW else frequency).as_unit("us")
    except ValueError:
        raise UserError(
            f"--frequency {frequency}: no such step; give pandas' name, for example h, 15min, D, W-MON or MS, or row"
        ) from None
    outside = ~rows.index.isin(grid)
    if outside.any():
        index = int(np.flatnonzero(outside)[0])
        raise UserError(
            f"{name}: {rows.iloc[index]}: {rows.index[index]} is not a whole number of steps of {frequency} after "
            f"{rows.index[0]}; {advice(rows.index)}"
        )
    return grid
