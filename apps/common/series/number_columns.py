"""Read the columns of a table that hold numbers, and leave out or refuse the others."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..cli import UserError
from ..tables import Summary, Table
from ..words import listed
from .columns import Roles, is_counter
from .numbers import Numbers, parse_numbers
from .options import SeriesOptions


def read_numbers(
    table: Table, roles: Roles, config: SeriesOptions, summary: Summary, keep: np.ndarray, places: np.ndarray, like: Any
) -> dict[str, np.ndarray]:
    """Return a dict of float64 columns, those to forecast and those that are known; the others are left out."""
    numbers, text, counters, empty = {}, [], [], []
    notes: dict[str, list[str]] = {}
    for index in (*roles.values, *roles.known):
        column = table.names[index]
        cells = [table.cells[row][index] for row in keep]
        found = parse_numbers(cells, config.decimal, config.missing)
        named = index in roles.known or column in config.series or like is not None
        if found.wrong and not found.numbers and not named and not found.comma and not found.mixed:
            text.append(column)
        elif not named and not found.wrong and not found.numbers:
            empty.append(column)
        elif not named and is_counter(column, found.values):
            counters.append(column)
        else:
            where = f"{table.name}: {{}}: column {column!r}"
            require_numbers(where, cells, places, found, config, may_be_negative=index in roles.known)
            judge_commas(table, column, found, config, summary, like)
            for note in found.notes:
                notes.setdefault(note, []).append(column)
            numbers[column] = found.values
    for note, columns in notes.items():
        summary.note(f"{'column' if len(columns) == 1 else 'columns'} {listed(columns)}: {note}")
    if text:
        summary.note(f"no numbers in {listed(text)}, left out")
    if empty:
        summary.note(f"no value in {listed(empty)}, left out")
    if counters:
        summary.note(f"{listed(counters)} only counts the rows, left out")
    if len(numbers) == len(roles.known):
        raise UserError(f"{table.name}: no column with numbers to forecast, only {listed(table.names)}")
    return numbers


def require_numbers(
    where: str, cells: Sequence, places: np.ndarray, found: Numbers, config: SeriesOptions, may_be_negative: bool
) -> None:
    """Refuse cells that are not numbers.

    Args:
        where: words with `{}` for the place of a cell.
        cells: of a column.
        places: of the cells.
        found: the `Numbers` of the cells.
        config: a `Config`.
        may_be_negative: whether --non-negative does not matter.
    """
    if found.comma is not None and config.decimal is None:
        index = next(index for index, cell in enumerate(cells) if str(cell).strip() == found.comma)
        raise UserError(f"{where.format(places[index])}: {found.comma!r} has a decimal comma; give --decimal ,")
    if found.wrong:
        index = found.wrong[0]
        comma = " with a decimal comma" if config.decimal == "," else ""
        raise UserError(
            f"{where.format(places[index])}: {cells[index]!r} is not a number{comma}; correct it, give --missing if it "
            "means no number, or leave the column out with --leave-out"
        )
    if np.isinf(found.values).any():
        index = int(np.flatnonzero(np.isinf(found.values))[0])
        raise UserError(f"{where.format(places[index])} is infinite; leave the cell empty if it is unknown")
    if config.non_negative and not may_be_negative and (found.values < 0).any():
        index = int(np.flatnonzero(found.values < 0)[0])
        raise UserError(
            f"{where.format(places[index])} is {found.values[index]:g}, although --non-negative says that no number is "
            "below 0"
        )


def judge_commas(table: Table, column: str, found: Numbers, config: SeriesOptions, summary: Summary, like: Any) -> None:
    """Refuse a column of numbers such as 1,234 in a file that suggests decimal commas; report the assumption elsewhere.

    In a file with commas between columns, and in other formats, they are marks between thousands.
    """
    if found.doubt is None or config.decimal is not None:
        return
    if table.kind.startswith("text") and "','" not in table.kind and like is None:
        raise UserError(
            f"{table.name}: column {column!r}: the comma in {found.doubt!r} can be a decimal comma or a mark between "
            "thousands; give --decimal , or --decimal ."
        )
    summary.note(
        f"column {column!r}: assumed that the comma in {found.doubt!r} is a mark between thousands; --decimal , reads "
        "it as a decimal comma"
    )
