"""Time zones whose clocks change."""

import zoneinfo

import numpy as np
import pandas as pd

from ..cli import UserError


def require_zone(zone: str) -> None:
    """Raise `UserError` if there is no such time zone."""
    try:
        zone and zoneinfo.ZoneInfo(zone)
    except (LookupError, ValueError):
        raise UserError(f"--time-zone {zone}: no such time zone; expected a name such as Europe/Berlin") from None


def localized(name: str, times: np.ndarray, places: np.ndarray, zone: str) -> np.ndarray:
    """Return times of a zone whose clocks change, increasing, in UTC.

    Args:
        name: name of the table, for messages.
        times: datetime64 (rows,).
        places: where each is, for messages.
        zone: name of the time zone.

    Raises:
        UserError: an hour that the clocks skipped, or that should occur twice and does not.
    """
    try:
        local = pd.DatetimeIndex(times).tz_localize(zone, ambiguous="infer", nonexistent="NaT")
    except ValueError as error:
        raise UserError(
            f"{name}: where the clocks of {zone} went back, an hour must occur twice ({error}); write the times with "
            "their offset, such as 2024-10-27 02:00+01:00, or in UTC"
        ) from None
    if local.isna().any():
        index = int(np.flatnonzero(local.isna())[0])
        raise UserError(
            f"{name}: {places[index]}: {pd.Timestamp(times[index])} does not exist in {zone}: the clocks went forward; "
            "write the times in UTC or with their offset"
        )
    return local.tz_convert("UTC").tz_localize(None).as_unit("us").to_numpy()
