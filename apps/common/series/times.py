"""Read columns of times, in whatever form they are written, with or without a time zone."""

import datetime
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..cli import UserError
from ..tables.table import as_text
from .number_times import NOT_A_TIME, Times, parse_number_times, times_of
from .time_forms import full_year, take_apart

# Offset from UTC at the end of a time.
OFFSET = r" ?(?:[+-]\d\d:?\d\d|Z)$"
_ISO = re.compile(r"\d{4}-\d\d(-\d\d.*)?|\d{8}T.*")
_NUMBER = re.compile(r"-?\d+(\.\d*)?([eE][-+]?\d+)?")


def parse_times(cells: Sequence, time_format: str | None = None, like: dict | None = None) -> Times:
    """Parse a column of times.

    Args:
        cells: list of texts, numbers, dates.
        time_format: as in a `Config`.
        like: dict with the `form` and the `day_first` of a trained model's times, for what the column leaves open.

    Returns:
        `Times`; those of a column with no time at all are all NaT.

    Raises:
        UserError: the format is not one; dates can be read in two ways.
    """
    like = like or {}
    filled = [cell for cell in cells if cell is not None]
    if filled and all(isinstance(cell, (datetime.date, np.datetime64)) for cell in filled):
        times = pd.to_datetime(pd.Series(cells, dtype="object"), errors="coerce", utc=_mixes_zones(filled) or None)
        return times_of(times, "times")
    texts = pd.Series([as_text(cell).strip().strip("\"'") for cell in cells], dtype="object")
    if time_format not in (None, "unix", "excel"):
        return times_of(_by_format(texts, time_format), f"format {time_format}")
    numeric = texts.map(_NUMBER.fullmatch).notna()
    if time_format or 2 * numeric.sum() > (texts != "").sum():
        return parse_number_times(texts.where(numeric, ""), time_format, like.get("form"))
    return _parse_texts(texts, like.get("day_first"))


def _mixes_zones(cells):
    """Return whether dates have several fixed offsets, and not one zone whose clocks change."""
    return len({str(cell.tzinfo) for cell in cells if isinstance(cell, datetime.datetime)}) > 1


def _by_format(texts, time_format):
    try:
        return pd.to_datetime(texts.mask(texts == ""), errors="coerce", format=time_format, utc="%z" in time_format)
    except (ValueError, re.error) as error:
        raise UserError(
            f"--time-format {time_format}: not a format ({error}); expected one as for Python's strptime, such as "
            "%d.%m.%Y %H:%M, or unix, or excel"
        ) from None


def _parse_texts(texts, day_first):
    sample = texts[texts != ""]
    if not len(sample):
        return Times(np.full(len(texts), NOT_A_TIME), "nothing")
    times = None
    if sum(map(bool, map(_ISO.fullmatch, sample[:100]))) > 0.5 * len(sample[:100]):
        times = _parse_iso(texts)
        if not times.isna().any():
            return times_of(times, "year-month-day")
    others = texts if times is None else texts[times.isna()]
    unique = {text: None for text in others if text}
    found = dict(zip(unique, take_apart(unique), strict=True))
    fields = [found.get(text) for text in others]
    if times is None:
        return _from_fields(fields, day_first)
    # Hour 24, for example, which is not ISO 8601.
    fields = [each if each and each.form == "year-month-day" else None for each in fields]
    more = _from_fields(fields, day_first)
    result = times_of(times, "year-month-day")
    result.values[times.isna().to_numpy()] = more.values
    return result


def _parse_iso(texts):
    cells = texts.mask(texts == "")
    zoned = cells.str.contains(OFFSET).any()
    times = pd.to_datetime(cells, errors="coerce", utc=bool(zoned), format="ISO8601")
    dates = times
    if zoned:
        dates = pd.to_datetime(cells.str.replace(OFFSET, "", regex=True), errors="coerce", format="ISO8601")
    # Local days, which differ in length in UTC.
    return dates if (dates == dates.dt.normalize()).all() else times


def _from_fields(fields, day_first):
    """Return the times of a column of `Fields`, of which only those of the most frequent form count."""
    forms = Counter(each.form for each in fields if each)
    if not forms:
        return Times(np.full(len(fields), NOT_A_TIME), "nothing")
    form = forms.most_common(1)[0][0]
    fields = [each if each and each.form == form else None for each in fields]
    notes, order = (), None
    if form == "numbers":
        order, notes = _find_order(fields, day_first)
        form = {"DMY": "day, month, year", "MDY": "month, day, year", "YMD": "year, month, day"}[order]
    days = _days(fields, order)
    clocks = np.array([each.microseconds if each else 0 for each in fields], "timedelta64[us]")
    local = days + clocks
    offsets = {each.offset for each in fields if each and each.offset is not None}
    if not offsets or not clocks.any():
        # Local days, which differ in length in UTC.
        return Times(local, form, None, order and order == "DMY", notes)
    shifts = np.array([(each.offset or 0) if each else 0 for each in fields], "timedelta64[m]")
    return Times(local - shifts, form, "UTC", order and order == "DMY", notes)


def _days(fields, order):
    """Return datetime64[us] (rows,); NaT for None and for days that do not exist."""
    known = {}
    for each in fields:
        if each and each.date not in known:
            known[each.date] = _day(each, order)
    return np.array([known[each.date] if each else NOT_A_TIME for each in fields], "datetime64[us]")


def _day(fields, order):
    date = fields.date
    if order:
        date = [date[order.index(part)] for part in "YMD"]
        date[0] = full_year(date[0]) if date[0] < 100 else date[0]
    try:
        return np.datetime64(datetime.date(*date), "us")
    except ValueError:
        return NOT_A_TIME


def _find_order(fields, day_first):
    """Return the order of day, month and year in dates such as 3/4/2021, and notes.

    Decided by a day over 12 anywhere; else by German points, by the trained model, or by which order gives regular
    steps.

    Raises:
        UserError: nothing decides.
    """
    filled = [each for each in fields if each]
    orders = ["DMY", "MDY"] + ["YMD"] * (not any(each.full_year for each in filled))
    days = {order: _days(filled, order) for order in orders}
    invalid = {order: int(np.isnat(found).sum()) for order, found in days.items()}
    least = min(invalid.values())
    orders = [order for order in orders if invalid[order] == least]
    if "YMD" in orders and len(orders) > 1 and not all(each.date[0] > 31 for each in filled):
        orders.remove("YMD")
    if len(orders) == 1 or (days[orders[0]] == days[orders[1]]).all():
        return orders[0], ()
    if day_first is not None:
        return ("DMY" if day_first else "MDY"), ()
    if filled[0].mark == ".":
        return "DMY", ()
    clocks = np.array([each.microseconds for each in filled], "timedelta64[us]")
    scores = {order: regularity(days[order] + clocks) for order in orders}
    best = max(scores, key=scores.get)
    if scores[best] > 1.5 * min(scores.values()):
        words = "day first" if best == "DMY" else "month first"
        return best, (f"dates such as {_written(filled[0])} read with the {words}: only so the steps are regular",)
    marks = [order.replace("D", "%d").replace("M", "%m").replace("Y", "%Y" if filled[0].full_year else "%y")
             for order in orders]  # fmt: skip
    marks = [filled[0].mark.join(re.findall("%.", mark)) for mark in marks]
    clock_format = " %H:%M" if clocks.any() else ""
    raise UserError(
        f"dates such as {_written(filled[0])} can be read with the day or the month first; give --time-format "
        f"{marks[0]}{clock_format} or --time-format {marks[1]}{clock_format}"
    )


def _written(fields):
    return fields.mark.join(map(str, fields.date))


def regularity(times: pd.DatetimeIndex) -> float:
    """Return how regular times are: their number, relative to that of a grid of the most frequent step; at most 1."""
    times = np.unique(times[~np.isnat(times)])
    if len(times) < 3:
        return 1.0
    months = times.astype("datetime64[M]")
    monthly = len(np.unique(times - months)) == 1
    times = (months if monthly else times).astype("int64")
    steps, counts = np.unique(np.diff(times), return_counts=True)
    return len(times) / ((times[-1] - times[0]) / steps[counts.argmax()] + 1)
