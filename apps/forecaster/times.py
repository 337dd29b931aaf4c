"""Parse the times of a table, with or without a time zone."""

import zoneinfo

import numpy as np
import pandas as pd

from ..common.cli import UserError

# Offset from UTC at the end of a time.
OFFSET = r" ?(?:[+-]\d\d:?\d\d|Z)$"


def parse_times(name, written, config):
    """Parse a column of times.

    Args:
        name: name of the table, for messages.
        written: pandas.Series of times, text or datetime64; its index is the row numbers.
        config: a `Config`.

    Returns:
        (pandas.DatetimeIndex without a zone, zone of the times or None); with a zone the times are in UTC.

    Raises:
        UserError: names the first row whose time is missing or in another format.
    """
    column = written.name
    if missing := [row for row, time in written.items() if pd.isna(time) or time == ""]:
        raise UserError(f"{name}: row {missing[0]}: column {column!r} is empty, expected a time")
    if pd.api.types.is_datetime64_any_dtype(written):
        times = pd.DatetimeIndex(written)
    else:
        unix = config.time_format == "unix"
        cells = pd.to_numeric(written, errors="coerce") if unix else written.astype(str)
        arguments = {"unit": "s"} if unix else {"format": config.time_format or "ISO8601"}
        zoned = not unix and config.time_format is None and cells.str.contains(OFFSET).any()
        times = pd.to_datetime(cells, errors="coerce", utc=bool(zoned), **arguments)
        dates = times
        if zoned:
            dates = pd.to_datetime(cells.str.replace(OFFSET, "", regex=True), errors="coerce", **arguments)
        if (dates == dates.dt.normalize()).all():
            # Local days, which differ in length in UTC.
            times = dates
        if times.isna().any():
            row = times.index[times.isna()][0]
            expected = "seconds since 1970" if unix else f"the format {config.time_format}"
            if config.time_format is None:
                expected = "an ISO 8601 time such as 2024-07-31 18:00; for others give --time-format, such as %d.%m.%Y"
            raise UserError(f"{name}: row {row}: column {column!r}: {written[row]!r} is not {expected}")
        times = pd.DatetimeIndex(times)
    return _without_zone(name, times, written, config.time_zone)


def _without_zone(name, times, written, zone):
    try:
        zone and zoneinfo.ZoneInfo(zone)
    except (LookupError, ValueError):
        raise UserError(f"--time-zone {zone}: no such time zone; expected a name such as Europe/Berlin") from None
    if times.tz is not None:
        return times.tz_convert("UTC").tz_localize(None).as_unit("us"), zone or str(times.tz)
    times = times.as_unit("us")
    if zone is None or (times == times.normalize()).all():
        return times, None
    try:
        local = times.tz_localize(zone, ambiguous="infer", nonexistent="NaT")
    except ValueError as error:
        raise UserError(
            f"{name}: where the clocks of {zone} went back, an hour must occur twice ({error}); write the times with "
            "their offset, such as 2024-10-27 02:00+01:00, or in UTC"
        ) from None
    if local.isna().any():
        index = int(np.flatnonzero(local.isna())[0])
        raise UserError(f"{name}: row {written.index[index]}: {written.iloc[index]!r} does not exist in {zone}: the "
                        "clocks went forward; write the times in UTC or with their offset")  # fmt: skip
    return local.tz_convert("UTC").tz_localize(None).as_unit("us"), zone
