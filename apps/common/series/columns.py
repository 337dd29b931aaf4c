"""Find out which columns of a table hold times, names of series, series, and values that are known in advance."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import numpy as np

from ..cli import UserError
from ..tables import Column, Table
from ..tables.columns import fold
from ..tables.table import as_text
from ..words import listed
from .number_times import ROW, Times, parse_clocks, parse_parts, row_times
from .options import SeriesOptions
from .times import parse_times

TIME_NAMES = tuple(
    "time,date,datetime,timestamp,date time,ds,day,hour,week,month,quarter,year,period,time stamp,date and time,utc,"
    "zeit,zeitpunkt,zeitstempel,datum,fecha,mtu,yyyymmdd".split(",")
)
_TIME_WORDS = set("time date datetime timestamp zeit zeitstempel datum fecha utc".split())
# Names of columns whose numbers are years, or days of Excel, also if they are in no order.
_YEAR_WORDS = set("year date datum day fecha period jahr".split())
CLOCK_NAMES = set(
    "time,hour,hr,hrs,hh,clock,time of day,hour of day,hour ending,he,zeit,uhrzeit,stunde,hora,heure,ora".split(",")
)
_PARTS = {
    "year": "year,yr,yyyy,yy,jahr,año,ano,annee", "month": "month,mo,mon,mm,mnth,monat,mes,mois",
    "day": "day,dy,dd,dom,day of month,tag,dia,jour", "hour": "hour,hr,hh,hrs,stunde,hora,heure",
    "minute": "minute,min,mn,minutes", "second": "second,sec,ss,seconds", "quarter": "quarter,qtr,q",
    "week": "week,week no,week of year,weekofyear,iso week,kw",
    "dayofyear": "doy,day of year,dayofyear,jday,yday,julian day",
}  # fmt: skip
PARTS = {name: part for part, names in _PARTS.items() for name in names.split(",")}
# Numbers of the parts of a day, from 1.
_PERIODS = {"settlement period", "trading period", "period", "interval", "half hour"}
_COUNTERS = set("no,nr,id,index,idx,row,rowid,row id,row number,rownames,instant,record,rn,sno,s no,sl no,n".split(","))
# Cells that tell what a column is.
SAMPLE = 300


@dataclass
class Roles:
    """The meaning of the columns of a table.

    Attributes:
        time: indices of the columns of the time, in order; none if rows are only numbered.
        ids: indices of the columns that name the series of a row.
        known: indices of the columns that are known in advance.
        values: indices of the columns to forecast.
        found: how the time was found, for the summary.
        left_out: indices of columns of times that cannot be used.
    """

    time: list[int]
    ids: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    values: list[int] = field(default_factory=list)
    found: str = ""
    left_out: list[int] = field(default_factory=list)


def wanted_columns(config: SeriesOptions) -> list[Column]:
    """Return the `Column`s that tell a header from the rows below it."""
    times = config.time_column or (None,)
    return [
        *(Column("time", name, TIME_NAMES, "--time-column") for name in times),
        Column("year", None, ("yyyy", "yy", "yr"), "--time-column"),
        *(Column("series of a row", name, (), "--id-column") for name in config.id_column),
    ]


def find_roles(table: Table, config: SeriesOptions) -> Roles:
    """Return the `Roles` of the columns of a table.

    Raises:
        UserError: a column that an option names is not there; no column is left for the series.
    """
    table.require_unique_names()
    by_option = {
        option: [table.find(Column("values", name, (), option)) for name in names]
        for option, names in (("--id-column", config.id_column), ("--known", config.known), ("--series", config.series))
    }
    ids, known, values = by_option.values()
    roles = find_time(table, config, {*ids, *known, *values})
    taken = {*roles.time, *roles.left_out, *ids, *known}
    roles.ids, roles.known = ids, known
    roles.values = values or [index for index in range(len(table.names)) if index not in taken]
    if twice := taken.intersection(values):
        raise UserError(f"{table.name}: column {table.names[min(twice)]!r} has another meaning, not that of a --series")
    if not roles.values:
        raise UserError(f"{table.name}: no column with a series, only {listed(table.names)}")
    return roles


def find_time(table: Table, config: SeriesOptions, taken: Collection[int] = ()) -> Roles:
    """Return `Roles` with the columns of the time, found by option, by name, or by content."""
    if config.time_column:
        return Roles([table.find(Column("time", name, (), "--time-column")) for name in config.time_column])
    if config.frequency == ROW:
        return Roles([], found="--frequency row")
    free = [index for index in range(len(table.names)) if index not in taken]
    names = {index: fold(table.names[index]) for index in free}
    kinds = {index: _kind(table, index) for index in free}
    named = sorted((index for index in free if names[index] in TIME_NAMES), key=lambda i: TIME_NAMES.index(names[i]))
    named += [index for index in free if index not in named and _TIME_WORDS & set(names[index].split())]
    dated = [index for index in named if kinds[index] == "date"]
    by_content = [index for index in free if kinds[index] == "date"]
    if not dated and not by_content and (parts := _parts(table, names)):
        return Roles(parts)
    counted = [index for index in named if kinds[index] in ("digits", "epoch") or (
        kinds[index] == "number" and (_YEAR_WORDS & set(names[index].split()) or _grows(table, index)))]  # fmt: skip
    found = ""
    if not dated and not (dated := by_content or counted):
        dated = [
            index for index in free if kinds[index] == "digits" or (kinds[index] == "epoch" and _grows(table, index))
        ]
    if dated:
        found = "" if dated[0] in named else ", found by its content"
        time = _with_clock(table, dated[0], names, kinds)
        others = [index for index in named if kinds[index] == "epoch" and index not in time]
        return Roles(time, found=found, left_out=others)
    if wrong := [index for index in named if kinds[index] in ("text", "clock") and names[index] in TIME_NAMES]:
        # A column that should hold times and does not is a mistake.
        return Roles(wrong[:1])
    return _find_count(
        table, config, [index for index in free if names[index] in {*TIME_NAMES, "t", "step", "tick", "timestep"}]
    )


def _find_count(table, config, named):
    """Return `Roles` with a column that numbers the rows of each series; without, if there is none."""
    ids = [table.names.index(name) for name in config.id_column if name in table.names]
    for index in named:
        keys = [(*(row[each] for each in ids), as_text(row[index])) for row in table.cells]
        if len(set(keys)) == len(keys) and (ids or _grows(table, index)):
            whole = all(re.fullmatch(r"-?\d+", key[-1].strip()) for key in keys)
            return Roles([index]) if whole else Roles([], left_out=[index], found="no column of dates")
        if fold(table.names[index]) in {"t", "step", "tick", "time", "timestep"} and not ids:
            _require_one_series(table, index)
    return Roles([], found="no column of times")


def _require_one_series(table, index):
    """Raise `UserError` if a column numbers the rows of several series, which another one names."""
    for other, name in enumerate(table.names):
        cells = table.texts(other)
        pairs = set(zip(table.texts(index), cells, strict=True))
        if other != index and len(pairs) == len(cells) and 1 < len(set(cells)) <= len(cells) / 2:
            raise UserError(
                f"{table.name}: column {table.names[index]!r} begins again for each {name!r}: a long table; give "
                f"--id-column {name}"
            )


def _kind(table, index):
    """Return what a column holds.

    `date`; numbers that can be times: `digits` (20240131), `epoch` (seconds since 1970), `number` (years, Excel's
    days); `small`, other numbers; `clock`; `text`.
    """
    cells = [cell for cell in (row[index] for row in table.cells[: SAMPLE + 5]) if as_text(cell).strip()][:SAMPLE]
    texts = [as_text(cell).strip() for cell in cells]
    numeric = sum(re.fullmatch(r"-?\d+(\.\d*)?", text) is not None for text in texts)
    if 2 * numeric > len(texts):
        times = _try(texts)
        if times is None:
            return "date"
        if times.counts or np.isnat(times.values).mean() > 0.5:
            return "small"
        return "digits" if times.form.startswith("yyyymmdd") else "epoch" if "1970" in times.form else "number"
    times = _try(cells)
    if times is None or (len(cells) and np.isnat(times.values).mean() < 0.5):
        return "date"
    is_clock = any(":" in text for text in texts) and np.isnan(parse_clocks(cells)).mean() < 0.5
    return "clock" if is_clock else "text"


def _try(cells):
    """Return the `Times` of cells; None if they can be read in two ways."""
    try:
        return parse_times(cells, like={"form": None})
    except UserError:
        return None


def _grows(table, index):
    """Return whether numbers only grow, or only shrink, as times do."""
    numbers = np.array([float(as_text(row[index]) or "nan") for row in table.cells[:SAMPLE]])
    steps = np.diff(numbers)
    return len(steps) > 1 and ((steps > 0).all() or (steps < 0).all())


def parts_of(names: Iterable[str]) -> list[str | None]:
    """Return the part of a time that each name means, such as `year`; None for other names."""
    found = []
    for name in names:
        part = PARTS.get(name)
        # The second MM of NOAA's buoys is the minute.
        found.append("minute" if name == "mm" and "month" in found else part)
    return found


def _parts(table, names):
    """Return the columns of year, month, day, ..., if a year and one more of them have a column."""
    found = {}
    for index, part in zip(names, parts_of(names.values()), strict=True):
        found.setdefault(part, index)
    found.pop(None, None)
    if "year" in found and {"month", "quarter", "week", "dayofyear"} & set(found):
        if "month" not in found:
            found.pop("day", None)
        for finer in ("quarter", "week", "dayofyear") if "month" in found else ():
            found.pop(finer, None)
        return [found[part] for part in _PARTS if part in found]
    return None


def _with_clock(table, date, names, kinds):
    """Return a column of dates, and that of the clock if each day has several rows."""
    cells = [as_text(row[date]).strip() for row in table.cells]
    if len(set(cells)) == len(cells):
        return [date]
    for index, name in names.items():
        if index == date or (name not in CLOCK_NAMES and kinds[index] != "clock" and name not in _PERIODS):
            continue
        clocks = parse_clocks([row[index] for row in table.cells], name in _PERIODS)
        if np.isnan(clocks).mean() < 0.1:
            minute = [other for other in names if PARTS.get(names[other]) == "minute" and PARTS.get(name) == "hour"]
            return [date, index, *minute]
    return [date]


def read_times(table: Table, roles: Roles, config: SeriesOptions, like: dict | None = None) -> Times:
    """Return the `Times` of a table, of one column or several.

    Args:
        table: a `Table`.
        roles: its `Roles`.
        config: a `Config`.
        like: see `parse_times`.
    """
    indices = roles.time
    if not indices:
        return row_times(len(table))
    columns = [table.column(index) for index in indices]
    try:
        if len(columns) == 1:
            return parse_times(columns[0], config.time_format, like)
        parts = parts_of(fold(table.names[index]) for index in indices)
        if config.time_format:
            return parse_times(_joined(columns), config.time_format, like)
        if "year" in parts and None not in parts and len(set(parts)) == len(parts):
            return parse_parts(dict(zip(parts, columns, strict=True)))  # type: ignore[arg-type]
        return _date_and_clock(columns, fold(table.names[indices[1]]) in _PERIODS, like)
    except UserError as error:
        names = " and ".join(repr(table.names[index]) for index in indices)
        raise error if str(error).startswith("--") else UserError(f"{table.name}: column {names}: {error}") from None


def _joined(columns):
    return [" ".join(as_text(cell).strip() for cell in row) for row in zip(*columns, strict=True)]


def _date_and_clock(columns, periods, like):
    days, clocks = parse_times(columns[0], like=like), parse_clocks(columns[1], periods)
    if np.isnat(days.values).mean() > 0.5 or np.isnan(clocks).mean() > 0.5 or len(columns) > 3:
        return parse_times(_joined(columns), like=like)
    if len(columns) == 3:
        clocks = clocks + 60e6 * np.array([float(as_text(cell) or "nan") for cell in columns[2]])
    values = days.values.astype("datetime64[D]").astype("datetime64[us]")
    missing = np.isnan(clocks)
    values = values + np.where(missing, 0, clocks).astype("int64").astype("timedelta64[us]")
    values[missing] = np.datetime64("NaT")
    return Times(values, f"{days.form}, and a clock", None, days.day_first, days.notes)


def is_counter(name: str, values: np.ndarray) -> bool:
    """Return whether a column only counts the rows."""
    return fold(name) in _COUNTERS and len(values) > 2 and (np.diff(values) == 1).all()
