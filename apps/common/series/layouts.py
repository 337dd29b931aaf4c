"""Bring tables of other layouts into the one with a row for each time: dates as columns, other rows, long tables."""

import dataclasses
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..cli import UserError
from ..tables import Summary, Table
from ..tables.columns import fold
from ..tables.table import as_text
from ..words import listed
from .numbers import parse_numbers
from .options import SeriesOptions
from .row_checks import place
from .rows import Rows
from .time_forms import MONTHS, take_apart

_HOUR_NAME = re.compile(r"(?:h|he|hr|hour)?[ _]?(\d{1,2})|\d{1,2}:\d\d(:\d\d)?", re.IGNORECASE)


def unfolded(table: Table, config: SeriesOptions, summary: Summary) -> tuple[Table, SeriesOptions]:
    """Return a table with a row for each time, and its config.

    Tables with columns for times, months or hours are turned; in the new one, rows may have other ids.
    """
    if config.time_column:
        return table, config
    names = [fold(name) for name in table.names]
    months = [index for index, name in enumerate(table.names) if name.casefold().rstrip(".")[:3] in MONTHS
              and re.fullmatch(r"[^\W\d_]{3,10}\.?", name)]  # fmt: skip
    if len(months) == 12 and (years := [index for index in range(len(names)) if _is_year(table, index)]):
        return _melted(table, years[0], months, config, summary, "months"), config
    hours = [index for index, name in enumerate(table.names) if _HOUR_NAME.fullmatch(name)]
    if len(hours) in (24, 25, 48, 96) and table.header and (days := _dated(table, hours)):
        return _melted(table, days[0], hours, config, summary, "hours"), config
    dates = _dated_names(table)
    if len(dates) >= 3 and len(dates) > 0.5 * len(names) and not _dated(table, dates):
        return _turned(table, dates, config, summary, "times"), dataclasses.replace(config, id_column=())
    numbered = _numbered_names(table)
    ids = [index for index in range(len(names)) if index not in numbered and _is_text(table, index)]
    is_named = bool(ids) and len(set(table.texts(ids[0]))) == len(table)
    if len(numbered) >= 20 and is_named and not _dated(table, numbered):
        turned = _turned(table, numbered, config, summary, "numbered steps")
        return turned, dataclasses.replace(config, id_column=())
    return table, config


def _is_year(table, index):
    cells = table.texts(index)
    return len(set(cells)) == len(cells) and all(re.fullmatch(r"(1[5-9]|2[01])\d\d", cell) for cell in cells if cell)


def _is_text(table, index):
    return parse_numbers(table.column(index)[:50]).numbers == 0


def _dated(table, others):
    """Return the columns, without `others`, that hold dates."""
    sample = table.cells[:20]
    found = []
    for index in range(len(table.names)):
        cells = [as_text(row[index]).strip() for row in sample]
        if index not in others and cells and all(take_apart(cells)):
            found.append(index)
    return found


def _date_name(name):
    """Return the text of a time in the name of a column."""
    return re.sub(r"\s*\[YR\d{4}\]$", "", name).removeprefix("X").strip()


def _dated_names(table):
    names = [_date_name(name) for name in table.names]
    years = {index for index, name in enumerate(names) if re.fullmatch(r"(1[5-9]|2[01])\d\d", name)}
    return [index for index, fields in enumerate(take_apart(names)) if fields or index in years]


def _numbered_names(table):
    """Return the columns that are called by a letter and successive numbers."""
    found = [re.fullmatch(r"(\D{1,3})(\d+)", name) for name in table.names]
    letters = [match and match[1] for match in found]
    usual = max(set(letters), key=letters.count)
    if usual is None or letters.count(usual) < 0.5 * len(letters):
        return []
    columns = [index for index, letter in enumerate(letters) if letter == usual]
    numbers = [int(found[index][2]) for index in columns]
    if (np.diff(numbers) == 1).all():
        return columns if not _is_text(table, columns[0]) else columns[1:]
    return []


def _melted(table, time, columns, config, summary, words):
    """Return a table with a row for each cell of `columns`, whose time is that of its row and its column."""
    ids = [table.names.index(name) for name in config.id_column if name in table.names]
    others = [name for index, name in enumerate(table.names) if index not in {time, *columns, *ids}]
    span = f"{table.names[columns[0]]!r} to {table.names[columns[-1]]!r}"
    unused = f"; not used: {listed(others)}" if others else ""
    summary.note(f"{len(columns)} columns of {words}, {span}, put one below the other{unused}")
    names = ["time", *(table.names[index] for index in ids), "value"]
    turned = Table(table.name, table.kind, names, True, [], [])
    labels = [_hour_label(table.names, columns, index) if words == "hours" else table.names[index] for index in columns]
    for number, row in enumerate(table.cells):
        for index, label in zip(columns, labels, strict=True):
            turned.rows.append(f"{place(table, number)}, column {table.names[index]!r}")
            written = f"{as_text(row[time]).strip()} {label}"
            turned.cells.append([written, *(row[each] for each in ids), row[index]])
    return turned


def _hour_label(names, columns, index):
    """Return the clock time of a column that is called by its hour."""
    number = _HOUR_NAME.fullmatch(names[index])[1]
    if number is None:
        return names[index]
    step = 24 * 60 // max(24, len(columns) // 24 * 24)
    first = int(_HOUR_NAME.fullmatch(names[columns[0]])[1])
    minutes = (int(number) - first) * step
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _turned(table, columns, config, summary, words):
    """Return a table with a row for each of `columns`, and a column for each row."""
    others = [index for index in range(len(table.names)) if index not in columns]
    ids = _names_of_rows(table, others, config)
    names = _joined(table, ids) if ids else [""] * len(table)
    names = [name or f"row {row}" for name, row in zip(names, table.rows, strict=True)]
    unused = [table.names[index] for index in others if index not in ids]
    span = f"{table.names[columns[0]]!r} to {table.names[columns[-1]]!r}"
    called = listed(table.names[index] for index in ids) or "its number"
    rest = f"; not used: {listed(unused)}" if unused else ""
    summary.note(f"{len(columns)} columns are {words}, {span}: each row is a series, called by {called}{rest}")
    labels = [_date_name(table.names[index]) for index in columns]
    if words != "times":
        labels = [re.sub(r"\D", "", label) for label in labels]
    rows = [f"column {table.names[index]!r}" for index in columns]
    cells = [[label, *(row[index] for row in table.cells)] for label, index in zip(labels, columns, strict=True)]
    return Table(table.name, table.kind, ["time", *names], True, rows, cells)


def _names_of_rows(table, others, config):
    """Return the columns whose cells name the rows: the first that is enough, or as many as are needed."""
    if config.id_column:
        return [index for index in others if table.names[index] in config.id_column]
    texts = [index for index in others if _is_text(table, index) and len(set(table.texts(index))) > 1]
    for index in texts or others:
        cells = table.texts(index)
        if len(set(cells)) == len(cells) and all(cells):
            return [index]
    for count in range(2, len(texts) + 1):
        if len(set(_joined(table, texts[:count]))) == len(table):
            return texts[:count]
    if others and len(table) > 1:
        raise UserError(f"{table.name}: times are columns, but {listed(table.names[index] for index in others)} do not "
                        "tell the rows apart; name the columns that do with --id-column")  # fmt: skip
    return []


def _joined(table, ids):
    return [" ".join(filter(None, (as_text(row[index]).strip() for index in ids))) for row in table.cells]


def pivoted(rows: Rows, columns: Sequence[str], known: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turn rows of a long table into a column for each series.

    Args:
        rows: `Rows`.
        columns: names of those to forecast.
        known: names of those that are known in advance.

    Returns:
        (values, covariates), pandas.DataFrames.
    """
    numbers = rows.frame
    long = numbers.assign(**{"\0id": rows.ids})
    # With one value column a series has its id as its name; with several, id and column.
    parts = {column: long.pivot(columns="\0id", values=column) for column in columns}
    parts = [part if len(columns) == 1 else part.add_suffix(f" {column}") for column, part in parts.items()]
    values = pd.concat(parts, axis=1)[lambda frame: sorted(frame.columns)]
    by_time = numbers[known].groupby(level=0)
    if known and (differing := by_time.nunique() > 1).any(axis=None):
        column = differing.columns[differing.any()][0]
        time = differing.index[differing[column]][0]
        raise UserError(
            f"{rows.name}: column {column!r} differs between the series at {time}; --known needs columns that are the "
            "same for all"
        )
    return values, by_time.first() if known else pd.DataFrame(index=values.index)


def left_out(table: Table, names: Sequence[str]) -> list[str]:
    """Drop the columns that --leave-out names; return the names that are no columns."""
    indices = [table.names.index(name) for name in names if name in table.names]
    rest = [name for name in names if name not in table.names]
    table.drop(indices)
    return rest
