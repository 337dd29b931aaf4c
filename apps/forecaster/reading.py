"""Read a table with a time column as series on a regular grid of times."""

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..common import tables, tfds_sets
from ..common.cli import UserError
from .grid import fill_gaps, infer_frequency, regular_grid, season_length
from .sample_data.make_series import make_series
from .times import parse_times

TIME_NAMES = "time date datetime timestamp date_time ds day hour week month quarter year period".split()


@dataclass(frozen=True)
class Series:
    """Series on a regular grid of times.

    Attributes:
        names: of the series.
        times: pandas.DatetimeIndex (time,) without a zone, one `frequency` apart.
        values: float64 (time, series), with gaps filled.
        observed: bool (time, series), False where a gap was filled.
        known_names: of the covariates that are known in advance.
        known: float64 (time + future, covariates); may have rows after the last of the series.
        frequency: step, by pandas' name, for instance `h` or `MS`.
        zone: time zone of the table, or None; with one, `times` are in UTC.
        summary: the above in one line, with the number of filled values.
    """

    names: list[str]
    times: pd.DatetimeIndex
    values: np.ndarray
    observed: np.ndarray
    known_names: list[str]
    known: np.ndarray
    frequency: str
    zone: str | None
    summary: str = ""

    def __len__(self):
        return len(self.times)

    @property
    def fingerprint(self):
        """SHA-256 of the contents; the same data gives the same windows."""
        digest = hashlib.sha256(repr((self.names, self.known_names, self.frequency, str(self.times[0]))).encode())
        for array in (self.values, self.observed, self.known):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def times_after(self, steps):
        """Return the times of `steps` rows after the last."""
        return pd.date_range(self.times[-1], periods=steps + 1, freq=self.frequency)[1:]

    def format_times(self, times):
        """Return times in ISO 8601, in the zone of the table."""
        if self.zone:
            times = times.tz_localize("UTC").tz_convert(self.zone)
        days = self.zone is None and (times == times.normalize()).all()
        return [time.date().isoformat() if days else time.isoformat(sep=" ") for time in times]


def read_series(config, data=None, like=None):
    """Read and check a table.

    Args:
        config: a `Config`: the meaning of the columns, and how gaps are filled.
        data: the table; `config.data` if None.
        like: object with the `names` and the `frequency` that the series must have, those of a trained model.

    Returns:
        `Series`.

    Raises:
        UserError: names the file, the row or the column, and what to do.
    """
    name = str(data or config.data)
    frame = _read_frame(name, config)
    if frame.empty:
        raise UserError(f"{name}: no rows; expected a header and a row for each time")
    time_column = frame.columns[
        tables.Column(config.time_column, tuple(TIME_NAMES), "--time-column").find(name, list(frame.columns))
    ]
    for column in filter(None, (config.id_column, *config.known, *config.series)):
        if column not in frame.columns:
            raise UserError(f"{name}: no column {column!r}; the columns are {', '.join(map(repr, frame.columns))}")
    known = list(config.known)
    taken = {time_column, config.id_column, *known}
    columns = list(config.series) or [column for column in frame.columns if column not in taken]
    if not columns:
        raise UserError(f"{name}: no column with a series, only {', '.join(map(repr, frame.columns))}")
    times, zone = parse_times(name, frame[time_column], config)
    numbers = _parse_numbers(name, frame[[*columns, *known]], config.decimal)
    numbers.index = times
    if config.id_column:
        values, covariates, rows = _pivot(name, frame[config.id_column], numbers, columns, known)
    else:
        values, covariates, rows = numbers[columns], numbers[known], pd.Series(frame.index, times)
        _require_order(name, times, frame.index)
    if like:
        values = _select(name, values, like)
    frequency = config.frequency or infer_frequency(name, rows)
    if like and frequency != like.frequency:
        raise UserError(
            f"{name}: a step of {frequency}, the model was trained with {like.frequency}; give data of the same step"
        )
    grid = regular_grid(name, rows, frequency)
    return _on_grid(name, values.reindex(grid), covariates.reindex(grid), zone, frequency, config)


def _on_grid(name, values, covariates, zone, frequency, config):
    observed = values.notna()
    if (empty := ~observed.any()).any():
        raise UserError(f"{name}: series {empty.index[empty][0]!r} has no numbers; leave it out with --series")
    end = int(np.flatnonzero(observed.any(axis=1))[-1]) + 1
    values, observed = values.iloc[:end], observed.iloc[:end]
    season = config.season or season_length(frequency)
    filled = fill_gaps(name, values, season if config.fill == "season" else 1, config.max_gap)
    known = fill_gaps(name, covariates, 1, config.max_gap)
    text = f"{name}: {end} rows, a step of {frequency}, from {values.index[0]} to {values.index[-1]}"
    text += f"{' UTC' if zone else ''}, {values.shape[1]} series"
    if missing := int((~observed).to_numpy().sum()):
        rule = f"the value {season} rows before" if config.fill == "season" else "the last value before"
        text += f"; {missing} of {values.size} values missing: filled with {rule}, not scored"
    return Series(
        names=[str(column) for column in values],
        times=values.index,
        values=filled,
        observed=observed.to_numpy(),
        known_names=[str(column) for column in covariates],
        known=known,
        frequency=frequency,
        zone=zone,
        summary=text,
    )


def _read_frame(name, config):
    """Return a table whose index is the row in the file; the values of a CSV file are text."""
    if name == "sample":
        frame = make_series(holidays="holiday" in config.known)
        return frame.set_axis(range(2, len(frame) + 2))
    if name.startswith("tfds:"):
        return _read_tfds(name.removeprefix("tfds:"), config.split)
    path = Path(name)
    if path.suffix in (".parquet", ".pq"):
        if not path.is_file():
            raise UserError(f"{path}: {'this is a folder, expected a file' if path.is_dir() else 'no such file'}")
        try:
            frame = pd.read_parquet(path)
        except (ValueError, OSError) as error:
            raise UserError(f"{path}: not a Parquet file ({str(error).splitlines()[0][:120]})") from None
        if isinstance(frame.index, pd.DatetimeIndex):
            frame = frame.reset_index(names=frame.index.name or "time")
        return frame.set_axis(range(1, len(frame) + 1))
    return _read_csv(path, tables.read_text(path, config.encoding), config.separator)


def _read_csv(path, text, separator):
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    records, rows = [], []
    try:
        header = [field.strip() for field in next(reader, [])]
        for record in reader:
            if not any(record):
                continue
            if len(record) != len(header):
                raise UserError(
                    f"{path}: row {reader.line_num}: {len(record)} fields, expected {len(header)} as in the header"
                )
            records.append(record)
            rows.append(reader.line_num)
    except csv.Error as error:
        raise UserError(f"{path}: row {reader.line_num}: not CSV ({error})") from None
    if len(header) == 1 and (other := next((mark for mark in ";\t|" if mark in header[0]), None)):
        raise UserError(f"{path}: only one column, {header[0]!r}; give --separator {other!r}")
    if twice := [column for index, column in enumerate(header) if column in header[:index]]:
        raise UserError(f"{path}: two columns are called {twice[0]!r}; rename one")
    return pd.DataFrame(records, index=rows, columns=header, dtype="object")


def _read_tfds(name, split):
    builder = tfds_sets.open_set(name, split)
    shapes = {field: getattr(kind, "shape", None) for field, kind in builder.info.features.items()}
    if wrong := [field for field, shape in shapes.items() if shape != ()]:
        raise UserError(
            f"tfds:{name}: not a table of times and numbers: the field {wrong[0]!r} has the shape {shapes[wrong[0]]}"
        )
    frame = pd.DataFrame(list(tfds_sets.rows(builder, split)))
    for column in frame:
        if frame[column].map(type).eq(bytes).any():
            frame[column] = frame[column].str.decode("utf-8", errors="replace")
    return frame.set_axis(range(1, len(frame) + 1))


def _parse_numbers(name, frame, decimal):
    """Return float64 columns; empty cells, and common words for them, are NaN."""
    numbers = {}
    for column in frame:
        cells = frame[column]
        if cells.dtype == "object" or pd.api.types.is_string_dtype(cells.dtype):
            text = cells.astype(str).str.strip()
            gaps = cells.isna() | text.str.lower().isin(["", "nan", "na", "n/a", "null", "none"])
            text = text.str.replace(decimal, ".", regex=False) if decimal != "." else text
            parsed = pd.to_numeric(text.mask(gaps), errors="coerce")
            if (wrong := parsed.isna() & ~gaps).any():
                row = cells.index[wrong][0]
                raise UserError(
                    f"{name}: row {row}: column {column!r}: {cells[row]!r} is not a number; correct it, or name the "
                    "columns to forecast with --series"
                )
        else:
            try:
                parsed = cells.astype("float64")
            except (TypeError, ValueError):
                raise UserError(f"{name}: column {column!r} has {cells.dtype}, not numbers; name the columns to "
                                "forecast with --series") from None  # fmt: skip
        parsed = parsed.astype("float64")
        if np.isinf(parsed).any():
            row = parsed.index[np.isinf(parsed)][0]
            raise UserError(f"{name}: row {row}: column {column!r} is infinite; leave the cell empty if it is unknown")
        numbers[column] = parsed.to_numpy()
    return pd.DataFrame(numbers)


def _pivot(name, ids, numbers, columns, known):
    """Turn a long table into one with a column for each series: (values, covariates, row of each time)."""
    ids = ids.astype(str)
    for identity in ids.unique():
        here = (ids == identity).to_numpy()
        _require_order(name, numbers.index[here], ids.index[here], f" of {identity!r}")
    long = numbers.assign(**{"\0id": ids.to_numpy()})
    # With one value column a series has its id as its name; with several, id and column.
    parts = {column: long.pivot(columns="\0id", values=column) for column in columns}
    parts = [part if len(columns) == 1 else part.add_suffix(f" {column}") for column, part in parts.items()]
    values = pd.concat(parts, axis=1)[lambda frame: sorted(frame.columns)]
    by_time = numbers[known].groupby(level=0)
    if known and (differing := by_time.nunique() > 1).any(axis=None):
        column = differing.columns[differing.any()][0]
        time = differing.index[differing[column]][0]
        raise UserError(f"{name}: column {column!r} differs between the series at {time}; --known needs columns that "
                        "are the same for all")  # fmt: skip
    rows = pd.Series(ids.index, numbers.index).groupby(level=0).first()
    return values, by_time.first() if known else pd.DataFrame(index=values.index), rows


def _require_order(name, times, rows, whose=""):
    steps = np.diff(times.to_numpy())
    if (steps <= np.timedelta64(0)).any():
        index = int(np.flatnonzero(steps <= np.timedelta64(0))[0])
        if steps[index] == np.timedelta64(0):
            raise UserError(
                f"{name}: row {rows[index + 1]}: the time{whose} {times[index]} occurs twice; delete one of the "
                "rows, or, if clocks went back then, give --time-zone"
            )
        raise UserError(
            f"{name}: row {rows[index + 1]}: {times[index + 1]}{whose} comes after {times[index]}; sort the rows by "
            "time"
        )


def _select(name, values, like):
    if missing := [column for column in like.names if column not in values]:
        raise UserError(
            f"{name}: no series {missing[0]!r}; the model was trained on {', '.join(map(repr, like.names))}, this has "
            f"{', '.join(map(repr, values.columns))}"
        )
    return values[like.names]
