"""Rows of a table, as times and numbers: sorted, in UTC, without doubled times."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ..cli import UserError
from ..tables import Summary, Table
from ..words import counted
from .columns import Roles, read_times
from .irregular import resampled
from .number_columns import read_numbers
from .options import SeriesOptions
from .row_checks import other_rows, place, refuse_times, require_wide, series_of_rows
from .zones import localized


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows of a table.

    Attributes:
        name: of the table, for messages.
        places: where each row is in the file, an array of texts.
        frame: float64 columns; its index is the times.
        ids: series of each row, an array of texts; None for a table with a column for each series.
        zone: time zone of the times, which are then in UTC, or None.
    """

    name: str
    places: np.ndarray
    frame: pd.DataFrame
    ids: np.ndarray | None
    zone: str | None = None

    def take(self, order: np.ndarray) -> "Rows":
        """Return some of the rows."""
        ids = None if self.ids is None else self.ids[order]
        return dataclasses.replace(self, places=self.places[order], frame=self.frame.iloc[order], ids=ids)

    def series(self) -> Iterator[np.ndarray]:
        """Yield the indices of the rows of each series."""
        if self.ids is None:
            yield np.arange(len(self.frame))
        else:
            yield from pd.Series(range(len(self.ids))).groupby(self.ids, sort=False).indices.values()


def read_rows(
    table: Table, roles: Roles, config: SeriesOptions, summary: Summary, read_as: dict, like: Any = None
) -> tuple[Rows, bool]:
    """Read the times and the numbers of a table.

    Args:
        table: a `Table`.
        roles: its `Roles`.
        config: a `Config`.
        summary: `Summary`, to which is added what was left out or assumed.
        read_as: see `Series`; receives how the times were read.
        like: see `read_series`.

    Returns:
        `Rows` in the order of the table, and whether they are only numbered.
    """
    found = read_times(table, roles, config, read_as)
    keep = np.arange(len(table))
    if roles.time:
        # A unit among the first cells, or a sum at the end, must not decide what the others are.
        keep = np.flatnonzero(other_rows(table, found.values, roles, summary))
    if not len(keep):
        raise UserError(f"{table.name}: no rows with data; expected a time and a number in each")
    times = found.values[keep]
    refuse_times(table, times, roles, keep, config.time_format)
    require_wide(table, times, roles, keep)
    for note in found.notes:
        summary.note(note)
    columns = " and ".join(table.origin(index) for index in roles.time) or "none"
    if roles.time:
        summary.use("time", f"{columns} ({'numbers of rows' if found.counts else found.form}{roles.found})")
    else:
        summary.use("time", f"none, rows are numbered ({roles.found})")
    for index in roles.left_out:
        summary.note(f"{table.origin(index)} is {'another' if roles.time else 'no'} time, left out")
    read_as |= {"time": [table.names[index] for index in roles.time], "form": found.form, "day_first": found.day_first}
    places = np.array([place(table, row) for row in keep], "object")
    numbers = read_numbers(table, roles, config, summary, keep, places, like)
    frame = pd.DataFrame(numbers, index=pd.DatetimeIndex(times))
    ids = series_of_rows(table, roles.ids, keep)
    return Rows(table.name, places, frame, ids, found.zone), found.counts or not roles.time


def sort_rows(rows: Rows, summary: Summary) -> Rows:
    """Return rows sorted by time, and report it if they were not."""
    times = rows.frame.index.to_numpy()
    steps = np.diff(times)
    if rows.ids is None and len(steps) and (steps <= np.timedelta64(0)).all() and steps.any():
        # Reversed, the hours that occur twice when clocks go back keep their order.
        summary.note("sorted by time: the newest row came first")
        return rows.take(np.arange(len(times))[::-1])
    for part in rows.series():
        for index in part[1:][np.diff(times[part]) < np.timedelta64(0)]:
            summary.count("earlier than the row before, sorted", rows.places[index].removeprefix("row "))
    return rows.take(np.argsort(times, kind="stable"))


def in_utc(rows: Rows, zone: str | None) -> Rows:
    """Return rows with times in UTC if `zone` is given; rows of days, and of a zone that the table tells, stay."""
    times = rows.frame.index
    if rows.zone or not zone or (times == times.normalize()).all():
        return dataclasses.replace(rows, zone=rows.zone and (zone or rows.zone))
    found = times.to_numpy().copy()
    for part in rows.series():
        found[part] = localized(rows.name, found[part], rows.places[part], zone)
    rows = dataclasses.replace(rows, frame=rows.frame.set_axis(pd.DatetimeIndex(found)), zone=zone)
    return rows.take(np.argsort(found, kind="stable"))


def resample_rows(rows: Rows, config: SeriesOptions, summary: Summary) -> Rows:
    """Bring each series to rows of one step, by --resample and --aggregate."""
    origin = rows.frame.index.min().normalize()
    frames, ids, empty = [], [], 0
    for part in rows.series():
        frame, without = resampled(rows.frame.iloc[part], config.resample, config.aggregate, origin)  # type: ignore[arg-type]
        frames.append(frame)
        empty += without
        if rows.ids is not None:
            ids += [rows.ids[part[0]]] * len(frame)
    frame = pd.concat(frames)
    words = "have the sum 0" if config.aggregate == "sum" else "are missing"
    summary.note(
        f"{counted(len(rows.frame), 'row')} brought to {counted(len(frame), 'step')} of {config.resample} by their "
        f"{config.aggregate} (--resample)" + (f"; {counted(empty, 'step')} without a row {words}" if empty else "")
    )
    places = np.array([f"the step {time}" for time in frame.index], "object")
    return Rows(rows.name, places, frame, np.array(ids, "object") if ids else None, rows.zone)


def merge_duplicates(rows: Rows, config: SeriesOptions, summary: Summary) -> Rows:
    """Refuse rows of the same time and series, or make one of them, by --duplicates."""
    rule, frame = config.duplicates, rows.frame
    keys = pd.DataFrame({"time": frame.index})
    if rows.ids is not None:
        keys["id"] = rows.ids
    again = keys.duplicated().to_numpy()
    if not again.any():
        return rows
    if rule == "refuse":
        _refuse_duplicates(rows, again)
    for where in rows.places[again]:
        summary.count(f"time that occurs again, by --duplicates {rule}", where.removeprefix("row "))
    if rule in ("first", "last"):
        return rows.take(np.flatnonzero(~keys.duplicated(keep=rule).to_numpy()))
    groups = frame.groupby(keys.groupby(list(keys), sort=False).ngroup().to_numpy(), sort=False)
    merged = groups.sum(min_count=1) if rule == "sum" else groups.mean()
    rows = rows.take(np.flatnonzero(~again))
    return dataclasses.replace(rows, frame=merged.set_axis(rows.frame.index))


def _refuse_duplicates(rows, again):
    index = int(np.flatnonzero(again)[0])
    times = rows.frame.index
    whose = "" if rows.ids is None else f" of {rows.ids[index]!r}"
    words = "give --duplicates first, last, mean or sum"
    if rows.zone is None and (times != times.normalize()).any():
        words += ", or, if clocks went back then, --time-zone"
    if rows.ids is None:
        words += ", or, if rows belong to several series, --id-column"
    raise UserError(
        f"{rows.name}: {rows.places[index]}: the time{whose} {times[index]} occurs twice "
        f"({counted(int(again.sum()), 'such row')}); {words}"
    )
