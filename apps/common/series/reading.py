"""Read a table in any form that people have as series on a regular grid of times."""

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..cli import UserError
from ..tables import Summary, Table
from ..words import counted, listed
from . import layouts
from .columns import find_roles
from .gaps import common_span, fill_gaps
from .grid import regular_grid, season_length
from .irregular import find_frequency
from .number_times import ROW
from .rows import in_utc, merge_duplicates, read_rows, resample_rows, sort_rows
from .sources import open_table
from .zones import require_zone


@dataclasses.dataclass(frozen=True)
class Series:
    """Series on a regular grid of times.

    Attributes:
        names: of the series.
        times: pandas.DatetimeIndex (time,) without a zone, one `frequency` apart.
        values: float64 (time, series), with gaps filled.
        observed: bool (time, series), False where a gap was filled.
        known_names: of the covariates that are known in advance.
        known: float64 (time + future, covariates); may have rows after the last of the series.
        frequency: step, by pandas' name, for instance `h` or `MS`; `row` if rows are only numbered, and `times` are as
            many seconds.
        zone: time zone of the table, or None; with one, `times` are in UTC.
        summary: `Summary` of what was read.
        read_as: dict with what the columns meant, so that other tables are read alike.
    """

    names: list[str]
    times: pd.DatetimeIndex
    values: np.ndarray
    observed: np.ndarray
    known_names: list[str]
    known: np.ndarray
    frequency: str
    zone: str | None
    summary: Summary | None = None
    read_as: dict = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the contents; the same data gives the same windows."""
        digest = hashlib.sha256(repr((self.names, self.known_names, self.frequency, str(self.times[0]))).encode())
        for array in (self.values, self.observed, self.known):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def times_after(self, steps: int) -> pd.DatetimeIndex:
        """Return the times of `steps` rows after the last."""
        step = "s" if self.frequency == ROW else self.frequency
        return pd.date_range(self.times[-1], periods=steps + 1, freq=step)[1:]

    def format_times(self, times: pd.DatetimeIndex) -> list[str]:
        """Return times in ISO 8601, in the zone of the table, or the numbers of rows."""
        if self.frequency == ROW:
            return [str(number) for number in times.as_unit("s").asi8]
        if self.zone:
            times = times.tz_localize("UTC").tz_convert(self.zone)
        days = self.zone is None and (times == times.normalize()).all()
        return [time.date().isoformat() if days else time.isoformat(sep=" ") for time in times]

    def axis(self, times: pd.DatetimeIndex) -> Any:
        """Return times for a plot: numbers if rows are only numbered."""
        return times.as_unit("s").asi8 if self.frequency == ROW else times


def read_series(
    config: Any, data: str | Path | None = None, like: Any = None, opened: Callable[[str, Any], Table] = open_table
) -> Series:
    """Read and check a table.

    Args:
        config: `SeriesOptions` with `data`, and a method `train_rows` that returns how many of a number of rows train.
        data: the table; `config.data` if None.
        like: object with `names`, `frequency` and `read_as` of a trained model, which the series must have.
        opened: function that returns the `Table` of a source, given its name and `config`.

    Returns:
        `Series`.

    Raises:
        UserError: names the file, the row or the column, and what to do.
    """
    try:
        return _read(str(data or config.data), config, like, opened)
    except UserError as error:
        if like is not None and "--" in str(error):
            raise UserError(f"{error} (options of train; other tables are read as the training's was)") from None
        raise


def _read(name, config, like, opened):
    require_zone(config.time_zone)
    table = opened(name, config)
    summary = Summary(name, table.kind)
    for note in table.notes:
        summary.note(note)
    if not len(table):
        raise UserError(f"{name}: no rows; expected a header and a row for each time")
    unwanted = layouts.left_out(table, config.leave_out)
    table, config = layouts.unfolded(table, config, summary)
    unwanted = layouts.left_out(table, unwanted)
    read_as = dict(getattr(like, "read_as", None) or {})
    columns = config if like is None else _as_trained(table, config, read_as, like)
    roles = find_roles(table, columns)
    rows, numbered = read_rows(table, roles, columns, summary, read_as, like)
    known = [table.names[index] for index in roles.known]
    if config.id_column:
        read_as["values"] = [column for column in rows.frame if column not in known]
    places = list(rows.places[:2])
    rows = in_utc(sort_rows(rows, summary), config.time_zone)
    first = rows.take([index for place in places for index in np.flatnonzero(rows.places == place)])
    if config.resample and numbered:
        raise UserError(f"{name}: --resample {config.resample}: there are no times, rows are only numbered")
    rows = (resample_rows if config.resample else merge_duplicates)(rows, config, summary)
    values, covariates = _wide(rows, known)
    values = _wanted(name, values, unwanted, like)
    values, covariates, frequency = _on_grid(rows, values, covariates, config, numbered, summary, like)
    series = _filled(name, values, covariates, rows.zone, frequency, config, summary, like)
    _show(series, first, values)
    return dataclasses.replace(series, read_as=read_as)


def _as_trained(table, config, read_as, like):
    """Return a config that names the columns which the training used."""
    times, values = read_as.get("time"), read_as.get("values")
    if values is None and not config.id_column:
        values = like.names
    if absent := [column for column in values or () if column not in table.names]:
        _refuse_names(table.name, absent[0], [column for column in table.names if column not in (times or ())], like)
    if like.frequency == ROW and not times:
        config = dataclasses.replace(config, frequency=ROW)
    elif times and set(times) <= set(table.names):
        config = dataclasses.replace(config, time_column=tuple(times))
    return dataclasses.replace(config, series=tuple(values or ()))


def _refuse_names(name, absent, found, like):
    raise UserError(
        f"{name}: no series {absent!r}; the model was trained on {listed(like.names)}, this has {listed(found)}"
    )


def _wide(rows, known):
    """Return the columns to forecast and the known ones, with a column for each series."""
    columns = [column for column in rows.frame if column not in known]
    if rows.ids is None:
        return rows.frame[columns], rows.frame[known]
    return layouts.pivoted(rows, columns, known)


def _wanted(name, values, unwanted, like):
    """Return the series without those that --leave-out names, or those of the trained model."""
    if absent := [series for series in unwanted if series not in values]:
        raise UserError(f"{name}: --leave-out {absent[0]}: no such column or series; the series are {listed(values)}")
    values = values.drop(columns=unwanted)
    if like is None:
        return values
    if absent := [series for series in like.names if series not in values]:
        _refuse_names(name, absent[0], values.columns, like)
    return values[like.names]


def _on_grid(rows, values, covariates, config, numbered, summary, like):
    """Bring rows to a regular grid of times; return (values, covariates, step)."""
    places = pd.Series(rows.places, rows.frame.index)
    places = places[~places.index.duplicated()].sort_index()
    frequency = ROW if numbered else config.frequency
    if config.resample:
        frequency = pd.tseries.frequencies.to_offset(config.resample).freqstr
    elif frequency is None:
        frequency, moved, words = find_frequency(rows.name, places)
        if words:
            summary.note(words)
        places, values, covariates = (each.set_axis(moved) for each in (places, values, covariates))
    grid = regular_grid(rows.name, places, frequency)
    values, covariates = values.reindex(grid), covariates.reindex(grid)
    if like is not None and frequency != like.frequency:
        raise UserError(
            f"{rows.name}: a step of {frequency}, the model was trained with {like.frequency}; give data of the same "
            "step"
        )
    return values, covariates, frequency


def _filled(name, values, covariates, zone, frequency, config, summary, like):
    """Fill gaps, and leave out what all series do not have."""
    values = _with_numbers(name, values, config, summary, like)
    start, end = common_span(name, values, config.max_gap, summary, like)
    values, covariates = values.iloc[start:end], covariates.iloc[start:]
    observed = values.notna()
    season = config.season or season_length(frequency)
    filled = fill_gaps(name, values, season if config.fill == "season" else 1, config.max_gap)
    known = fill_gaps(name, covariates, 1, config.max_gap)
    if like is None and not config.keeps_constant:
        varies = np.ptp(filled[: config.train_rows(end - start)], axis=0) > 0
        _report_constant(name, values, filled, varies, config, summary)
        values, observed, filled = values.loc[:, varies], observed.loc[:, varies], filled[:, varies]
    if missing := int((~observed).to_numpy().sum()):
        seasonal = config.fill == "season" and season < len(values)
        rule = f"the value {counted(season, 'row')} before" if seasonal else "the last value before"
        summary.note(f"{missing:,} of {values.size:,} values missing: filled with {rule}, not scored")
    return Series(
        names=[str(column) for column in values],
        times=values.index,
        values=filled,
        observed=observed.to_numpy(),
        known_names=[str(column) for column in covariates],
        known=known,
        frequency=frequency,
        zone=zone,
        summary=summary,
    )


def _with_numbers(name, values, config, summary, like):
    """Return the series that have numbers."""
    empty = [column for column in values if values[column].isna().all()]
    if not empty:
        return values
    if like is not None or set(empty) & set(config.series) or len(empty) == values.shape[1]:
        raise UserError(f"{name}: series {empty[0]!r} has no numbers")
    summary.note(f"{listed(empty)} {'holds' if len(empty) == 1 else 'hold'} no value, left out")
    return values.drop(columns=empty)


def _report_constant(name, values, filled, varies, config, summary):
    constant = [column for column, differs in zip(values, varies, strict=True) if not differs]
    if not constant:
        return
    first = f"{constant[0]!r} is {filled[0, list(values).index(constant[0])]:g}"
    if len(constant) == values.shape[1] or set(constant) & set(config.series):
        raise UserError(
            f"{name}: series {first} in all training rows, so there is nothing to learn; give more rows, or others"
        )
    summary.note(f"constant in the training rows, left out: {listed(constant)}; {first}")


def _show(series, first, values):
    """Add the step, the times, the series and two rows to the summary."""
    summary = series.summary
    begin, end = series.format_times(series.times[[0, -1]])
    step = "1 row" if series.frequency == ROW else series.frequency
    summary.use("step", f"{step}, {counted(len(series), 'row')} from {begin} to {end}")
    summary.use("series", f"{len(series.names)}: {listed(series.names)}")
    if series.known_names:
        summary.use("known in advance", listed(series.known_names))
    times = series.format_times(first.frame.index)
    for index, (place, time) in enumerate(zip(first.places, times, strict=True)):
        numbers = first.frame.iloc[index]
        shown = {column: _shown(value) for column, value in list(numbers.items())[:4]}
        who = {} if first.ids is None else {"series": first.ids[index]}
        more = {"and": f"{len(numbers) - 4} more"} if len(numbers) > 4 else {}
        summary.example(place, **{"time": time, **who, **shown, **more})


def _shown(value):
    if np.isnan(value):
        return "missing"
    return int(value) if value.is_integer() else float(f"{value:.7g}")
