"""Times as a table has them, with or without a zone, to times without one."""

import zoneinfo

import numpy as np
import pandas as pd

from ..common.cli import UserError

# From UTC, at the end of a time.
OFFSET = r" ?(?:[+-]\d\d:?\d\d|Z)$"


def parse_times(name, written, config):
    """(times without a zone, the zone that they were in or None)."""
    column = written.name
    if missing := [row for row, time in written.items() if pd.isna(time) or time == ""]:
        raise UserError(f"{name}: row {missing[0]}: column {column!r} is empty, expected a time")
    if pd.api.types.is_datetime64_any_dtype(written):
        times = pd.DatetimeIndex(written)
    else:
        unix = config.time_format == "unix"
        given = pd.to_numeric(written, errors="coerce") if unix else written.astype(str)
        how = {"unit": "s"} if unix else {"format": config.time_format or "ISO8601"}
        zoned = not unix and config.time_format is None and given.str.contains(OFFSET).any()
        times = pd.to_datetime(given, errors="coerce", utc=bool(zoned), **how)
        dates = pd.to_datetime(given.str.replace(OFFSET, "", regex=True), errors="coerce", **how) if zoned else times
        if (dates == dates.dt.normalize()).all():
            # Days of the user's clock, which are not equally long in UTC.
            times = dates
        if times.isna().any():
            row = times.index[times.isna()][0]
            expected = "seconds since 1970" if unix else f"the format {config.time_format}"
            if config.time_format is None:
                expected = (
                    "a time of ISO 8601, as 2024-07-31 18:00; give --time-format, as '%d.%m.%Y %H:%M', for others"
                )
            raise UserError(f"{name}: row {row}: column {column!r}: {written[row]!r} is not {expected}")
        times = pd.DatetimeIndex(times)
    return _without_zone(name, times, written, config.time_zone)


def _without_zone(name, times, written, zone):
    try:
        zone and zoneinfo.ZoneInfo(zone)
    except (LookupError, ValueError):
        raise UserError(f"--time-zone {zone}: no such time zone; expected a name as Europe/Berlin") from None
    if times.tz is not None:
        return times.tz_convert("UTC").tz_localize(None).as_unit("us"), zone or str(times.tz)
    times = times.as_unit("us")
    if zone is None or (times == times.normalize()).all():
        return times, None
    try:
        local = times.tz_localize(zone, ambiguous="infer", nonexistent="NaT")
    except ValueError as error:
        raise UserError(
            f"{name}: where the clocks of {zone} went back, an hour must stand twice ({error}); write the times with "
            "their offset, as 2024-10-27 02:00+01:00, or in UTC"
        ) from None
    if local.isna().any():
        place = int(np.flatnonzero(local.isna())[0])
        raise UserError(f"{name}: row {written.index[place]}: {written.iloc[place]!r} does not exist in {zone}: the "
                        "clocks went forward; write the times in UTC or with their offset")  # fmt: skip
    return local.tz_convert("UTC").tz_localize(None).as_unit("us"), zone
