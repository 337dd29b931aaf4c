"""Times that are numbers: years, digits, seconds since 1970, days of Excel, parts of a time, numbers of rows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..tables.table import as_text
from .time_forms import clock, full_year, month_of

# Digits of a calendar time without marks, by their number; 13, 16 and 19 digits are fractions of seconds since 1970.
_DIGITS = {6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
# Seconds since 1970 up to the year 5138, and so on: the units differ by a factor of 1000.
_EPOCHS = ((1e11, 1, "seconds"), (1e14, 1e3, "milliseconds"), (1e17, 1e6, "microseconds"), (np.inf, 1e9, "nanoseconds"))
# Excel's days of 1954 to 2064, counted from the end of 1899.
_EXCEL = 20_000, 60_000
NOT_A_TIME = np.datetime64("NaT", "us")
ROW = "row"


@dataclass
class Times:
    """A column of times.

    Attributes:
        values: datetime64 (rows,), NaT where a cell is no time like the others; in UTC if there is a `zone`.
        form: what the column holds, for the summary: `year-month-day`, `seconds since 1970`.
        zone: of the times, or None.
        day_first: whether the day comes before the month in dates such as 3/4/2021; None if nothing depends on it.
        notes: what was assumed.
    """

    values: np.ndarray
    form: str
    zone: str | None = None
    day_first: bool | None = None
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """Whether the column numbers the rows, instead of telling their times."""
        return self.form == ROW


def times_of(times: pd.Series, form: str, **more: Any) -> Times:
    """Return `Times` of a Series of datetimes, with or without a zone."""
    times = pd.DatetimeIndex(times)
    zone = None if times.tz is None else str(times.tz)
    if zone:
        times = times.tz_convert("UTC").tz_localize(None)
    return Times(times.as_unit("us").to_numpy().copy(), form, zone, **more)


def parse_number_times(texts: pd.Series, time_format: str | None, form: str | None) -> Times:
    """Read years, dates without marks, seconds since 1970, Excel's days, or the numbers of rows."""
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy("float64")
    known = numbers[~np.isnan(numbers)]
    whole = (known == np.round(known)).all()
    if not len(known):
        return Times(np.full(len(texts), NOT_A_TIME), "nothing")
    if form == ROW:
        return _count(numbers)
    if time_format is None:
        if whole and ((known >= 1500) & (known <= 2200)).all():
            return Times(_by_digits(numbers, 4, "%Y"), "year")
        if not whole and texts[texts != ""].str.fullmatch(r"(1[5-9]|20)\d\d\.(0[1-9]|1[0-2]?)").all():
            parts = texts.str.extract(r"(\d{4})\.(\d\d?)").replace({1: {"1": "10"}})
            return times_of(pd.to_datetime(parts[0].str.cat(parts[1]), format="%Y%m", errors="coerce"), "year.month")
        digits = len(str(int(abs(known[0]))))
        if whole and digits in _DIGITS and known.min() > 0:
            values = _by_digits(numbers, digits, _DIGITS[digits])
            if not np.isnat(values[~np.isnan(numbers)]).any():
                return Times(values, "yyyymmddhhmmss"[:digits])
    if time_format == "unix" or (time_format is None and np.abs(known).min() >= 1e8):
        _, factor, unit = next(each for each in _EPOCHS if np.abs(known).max() < each[0])
        return Times(_since(np.datetime64(0, "us"), _exact(texts, numbers), 1e6 / factor), f"{unit} since 1970")
    if time_format == "excel" or (_EXCEL[0] <= known.min() and known.max() <= _EXCEL[1]):
        values = _since(np.datetime64("1899-12-30", "us"), numbers, 86_400e6)
        # A float has no more than this precision.
        values = values.astype("datetime64[ms]") + np.timedelta64(500, "ms")
        values = values.astype("datetime64[s]").astype("datetime64[us]")
        note = f"times read as Excel's days: {known[0]:g} is {_first(values)}"
        return Times(values, "Excel's days", notes=(note,))
    return _count(numbers)


def _first(values):
    return pd.Timestamp(values[~np.isnat(values)][0])


def _by_digits(numbers, digits, time_format):
    texts = pd.Series(numbers).map(lambda number: "" if np.isnan(number) else f"{number:.0f}".rjust(digits, "x"))
    times = pd.to_datetime(texts.mask(texts == ""), format=time_format, errors="coerce")
    return times.to_numpy().astype("datetime64[us]")


def _exact(texts, numbers):
    """Return whole numbers as int64, which have more digits than floats."""
    if texts[texts != ""].str.fullmatch(r"-?\d+").all():
        return np.array([int(text) if text else np.nan for text in texts], "object")
    return numbers


def _since(origin, numbers, microseconds):
    """Return times that are `numbers` units of `microseconds` after `origin`."""
    values = np.full(len(numbers), NOT_A_TIME)
    known = ~pd.isna(numbers)
    if numbers.dtype == object:
        steps = [number * int(microseconds) if microseconds >= 1 else number // round(1 / microseconds)
                 for number in numbers[known]]  # fmt: skip
    else:
        steps = np.round(numbers[known].astype("float64") * microseconds)
    values[known] = origin + np.array(steps, "int64").astype("timedelta64[us]")
    return values


def _count(numbers):
    """Return artificial times, a second for each number of a row."""
    known = numbers[~np.isnan(numbers)]
    if (known == np.round(known)).all() and np.abs(known).max() < 1e8:
        return Times(_since(np.datetime64(0, "us"), numbers, 1e6), ROW)
    return Times(np.full(len(numbers), NOT_A_TIME), "nothing")


def row_times(rows: int) -> Times:
    """Return the artificial times of `rows` rows that have none: a second each."""
    return _count(np.arange(1.0, rows + 1))


def parse_clocks(cells: Sequence, periods: bool = False) -> np.ndarray:
    """Return the microseconds since midnight of a column of clock times or hours, NaN where there is none.

    Args:
        cells: list of texts, numbers, or times.
        periods: whether numbers count the parts of a day, from 1, of which two a year may be an hour longer.
    """
    texts = [as_text(cell).strip() for cell in cells]
    numbers = [int(text) for text in texts if text.isdigit()]
    if periods and numbers and len(numbers) == len(texts) and min(numbers) >= 1 and max(numbers) <= 100:
        width = next(minutes for minutes in (60, 30, 15) if max(numbers) * minutes <= 25 * 60)
        return (np.array(numbers, "float64") - 1) * width * 60e6
    if numbers and len(numbers) == len(texts) and max(numbers) > 24:
        # 930 is half past nine.
        texts = [text.zfill(4) for text in texts]
    known = {text: clock(text) for text in set(texts)}
    return np.array([np.nan if known[text] is None else known[text] for text in texts], "float64")


def parse_parts(columns: dict[str, Sequence]) -> Times:
    """Read times whose parts have a column each.

    Args:
        columns: dict of lists of cells, by the part: year, month, day, hour, minute, second, quarter, week, dayofyear.

    Returns:
        `Times`.
    """
    values = {part: _part(part, cells) for part, cells in columns.items()}
    rows = len(next(iter(values.values())))
    year = np.array([full_year(int(number)) if 0 <= number < 100 else number for number in values["year"]])
    month = values.get("month", np.ones(rows))
    if "quarter" in values:
        month = 3 * values["quarter"] - 2
    frame = pd.DataFrame({"year": year, "month": month, "day": values.get("day", np.ones(rows))})
    if "week" in values:
        pairs = zip(year, values["week"], strict=True)
        texts = ["" if np.isnan(y + w) else f"{y:.0f}-W{w:02.0f}-1" for y, w in pairs]
        days = pd.to_datetime(pd.Series(texts), format="%G-W%V-%u", errors="coerce")
    else:
        days = pd.to_datetime(frame, errors="coerce")
    times = days.to_numpy().astype("datetime64[us]")
    if "dayofyear" in values:
        times = times + np.array(values["dayofyear"] - 1, "timedelta64[D]")
    for part, unit in (("hour", 3_600_000_000), ("minute", 60_000_000), ("second", 1_000_000)):
        if part in values:
            times = times + np.round(values[part] * unit).astype("timedelta64[us]")
    return Times(times, ", ".join(columns))


def _part(part, cells):
    texts = [as_text(cell).strip() for cell in cells]
    if part == "month":
        texts = [str(month_of(text) or text) for text in texts]
    if part in ("quarter", "week"):
        texts = [re.sub(r"^[^\d]*(\d+)[^\d]*$", r"\1", text) for text in texts]
    numbers = pd.to_numeric(pd.Series(texts), errors="coerce").to_numpy("float64")
    if part == "hour" and np.isnan(numbers).all():
        return parse_clocks(cells) / 3.6e9
    if part == "hour" and numbers.max() > 24:
        return numbers // 100 + numbers % 100 / 60
    return numbers
