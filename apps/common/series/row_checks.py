"""Rows that are not data, or that cannot be read: units, sums, rows without a time, rows of several series."""

import itertools
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..cli import UserError
from ..tables import Summary, Table
from ..tables.table import as_text
from ..words import listed, shorten
from .columns import Roles
from .numbers import parse_numbers

# Rows of units below a header, and of sums or remarks at the end.
MAX_UNIT_ROWS, MAX_FOOTERS = 3, 5
_FOOTER = re.compile(
    r"\W*(grand total|sub-?total|total|sum|summe|gesamt|mean|average|avg|median|min|max|minimum|maximum|std|count|"
    r"source|quelle|note|notes|data from|last updated|copyright|end of)\b.*", re.IGNORECASE
)  # fmt: skip


def place(table: Table, index: int) -> str:
    """Return words for a row of a table: its number in the file, or what it was there."""
    where = table.rows[index]
    return where if isinstance(where, str) else f"row {where}"


def other_rows(table: Table, times: np.ndarray, roles: Roles, summary: Summary) -> np.ndarray:
    """Find rows that are not data: units below the header, sums and remarks at the end.

    Args:
        table: a `Table`.
        times: datetime64 (rows,), NaT where a row has no time.
        roles: its `Roles`.
        summary: where they are counted.

    Returns:
        Bool (rows,), False for these rows.
    """
    keep = np.ones(len(table), bool)
    columns = {*roles.values, *roles.known}

    def drop(row, what):
        keep[row] = False
        summary.count(f"{what}, left out", place(table, row).removeprefix("row "))

    for row in np.flatnonzero(np.isnat(times)):
        cells = [as_text(cell).strip() for cell in table.cells[row]]
        filled = [cell for cell in cells if cell]
        numbers = parse_numbers([cells[index] for index in columns]).numbers
        if row < MAX_UNIT_ROWS and not numbers and not keep[:row].any():
            drop(row, "units or descriptions")
            summary.note(f"{place(table, row)} is below the header and holds no time: {listed(filled, 4)}")
        elif row >= len(table) - MAX_FOOTERS and _is_remark(filled, numbers):
            drop(row, f"no data at the end, {shorten(filled[0], 40)}")
    return keep


def _is_remark(filled, numbers):
    """Return whether the cells of a row that are not empty hold a sum or a remark."""
    only_text = len(filled) == 1 and not numbers and not re.match(r"\d", filled[0])
    return only_text or _FOOTER.fullmatch(filled[0]) is not None


def series_of_rows(table: Table, ids: Sequence[int], keep: np.ndarray) -> np.ndarray | None:
    """Return the name of the series of each row, an array of texts; None without columns for it."""
    if not ids:
        return None
    parts = [[as_text(table.cells[row][index]).strip() for index in ids] for row in keep]
    for row, cells in zip(keep, parts, strict=True):
        if not all(cells):
            column = table.names[ids[cells.index("")]]
            raise UserError(
                f"{table.name}: {place(table, row)}: column {column!r} is empty, expected the name of a series"
            )
    return np.array([" ".join(cells) for cells in parts], "object")


def require_wide(table: Table, times: np.ndarray, roles: Roles, keep: np.ndarray) -> None:
    """Raise `UserError` if the table is probably long, with a row for each time and series."""
    repeated = pd.Series(times).duplicated(keep=False)
    if roles.ids or not roles.time or repeated.mean() < 0.3:
        return
    columns = [index for index in range(len(table.names)) if index not in roles.time]
    cells = {index: [as_text(table.cells[row][index]).strip() for row in keep] for index in columns}
    likely = [index for index in columns if _may_name_series(cells[index])]
    likely.sort(key=lambda index: parse_numbers(cells[index][:50]).numbers > 0)
    for count in (1, 2, 3):
        for chosen in itertools.combinations(likely[:8], count):
            keys = pd.DataFrame({"time": times, **{str(index): cells[index] for index in chosen}})
            if not keys.duplicated().any():
                row = int(np.flatnonzero(pd.Series(times).duplicated())[0])
                names = " ".join(_quoted(table.names[index]) for index in chosen)
                raise UserError(
                    f"{table.name}: {place(table, keep[row])}: the time {pd.Timestamp(times[row])} occurs again, for "
                    f"another series: a long table; give --id-column {names}"
                )


def _may_name_series(cells):
    unique = set(cells)
    whole = all(re.fullmatch(r"\d{1,9}", cell) for cell in unique)
    text = parse_numbers(list(unique)[:50]).numbers == 0
    return "" not in unique and 1 < len(unique) <= len(cells) / 2 and (text or whole)


def _quoted(name):
    return f'"{name}"' if re.search(r"\W", name) else name


def refuse_times(table: Table, times: np.ndarray, roles: Roles, keep: np.ndarray, time_format: str | None) -> None:
    """Raise `UserError` for the first row without a time."""
    wrong = np.flatnonzero(np.isnat(times))
    if not len(wrong):
        return
    row = keep[wrong[0]]
    names = " and ".join(repr(table.names[index]) for index in roles.time)
    cells = [as_text(table.cells[row][index]) for index in roles.time]
    if not any(cells):
        raise UserError(f"{table.name}: {place(table, row)}: column {names} is empty, expected a time; delete the row")
    expected = {"unix": "seconds since 1970", "excel": "a number of days"}.get(
        time_format or "", f"the format {time_format}"
    )
    if time_format is None:
        expected = "a time"
        good = np.flatnonzero(~np.isnat(times))
        if len(good):
            example = [as_text(table.cells[keep[good[0]]][index]) for index in roles.time]
            expected = f"a time such as {listed(example)} in {place(table, keep[good[0]])}"
        expected += "; correct it, or give --time-format, such as %d.%m.%Y, or --frequency row to number the rows"
    raise UserError(f"{table.name}: {place(table, row)}: column {names}: {listed(cells)} is not {expected}")
