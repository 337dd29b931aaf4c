"""Read recordings of sensors, and which of their rows are labelled anomalous; imports pandas, but no framework."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd

from ..common.cli import UserError
from ..common.series import reading
from ..common.series.columns import find_roles, read_times
from ..common.series.number_times import ROW
from ..common.series.reading import Series
from ..common.series.sources import open_table, table_of_frame
from ..common.tables import Column, TableFormat, is_table_name, read_table
from ..common.tables.columns import fold
from ..common.tables.table import as_text
from ..common.words import counted, listed
from .sample_data.make_readings import make_readings

LABEL_COLUMNS = (
    *("anomaly", "is anomaly", "anomalies", "anomalous", "outlier", "is outlier", "attack", "normal attack", "fault"),
    *("failure", "label", "labels", "is attack", "anomaly label", "ground truth"),
)
# Columns derived from the labels, which are no sensors.
_ABOUT_LABELS = ("changepoint", "change point", "att flag")
_NORMAL_WORDS = ("", "0", "0.0", "normal", "no", "false", "ok", "benign", "none", "healthy", "nominal", "nan")


@dataclasses.dataclass(frozen=True)
class Recording:
    """Readings of a machine without interruption.

    Attributes:
        name: of the file.
        series: `Series`; each of its series is a sensor.
        labels: bool (rows,), True for anomalous rows; None if nothing is labelled.
        windows: list of (first row, last row) of labelled windows; None without --windows.
    """

    name: str
    series: Series
    labels: np.ndarray | None = None
    windows: list | None = None

    def __len__(self):
        return len(self.series)


def read_recordings(config, sources=None, like=None):
    """Read and check recordings.

    Args:
        config: a `Config`.
        sources: names of tables and folders; `config.data` if None.
        like: object with `names`, `frequency` and `read_as` of a trained detector, whose sensors they must have.

    Returns:
        List of `Recording`s of the same sensors.

    Raises:
        UserError: names the file, the row or the column, and what to do.
    """
    files = [file for source in sources or config.data for file in _files(source)]
    windows = read_windows(config.windows) if config.windows else None
    recordings = []
    for file in files:
        recordings.append(_read(file, config, windows, like))
        # The others are read as the first.
        like = like or _Like(recordings[0].series)
    if windows is not None and not any(_spans_of(each.name, windows) is not None for each in recordings):
        raise UserError(
            f"{config.windows}: no window of {listed([Path(each.name).name for each in recordings], 3)}; it has "
            f"some of {listed(windows, 3)}"
        )
    return recordings


def read_normal(config, like=None):
    """Read what a detector learns from: the recordings of --normal, which have no windows, or of --data."""
    if config.normal:
        return read_recordings(dataclasses.replace(config, windows=None), config.normal, like)
    return read_recordings(config, like=like)


@dataclasses.dataclass(frozen=True)
class _Like:
    series: Series

    @property
    def names(self):
        return self.series.names

    @property
    def frequency(self):
        return self.series.frequency

    @property
    def read_as(self):
        return self.series.read_as


def _files(source):
    path = Path(source)
    if not path.is_dir():
        return [source]
    files = sorted(each for each in path.rglob("*") if each.is_file() and is_table_name(each))
    if not files:
        raise UserError(f"{source}: no table in this folder; expected files such as pump1.csv")
    return [str(each) for each in files]


def _read(name, config, windows, like):
    if name == "sample":
        table = table_of_frame(name, "sensors of a pump, generated", make_readings())
    else:
        table = open_table(name, config)
    label = _Label.of(table, config)
    # The label is read along as a column that is known, and is no sensor.
    known = config.known if label.name is None else (*config.known, label.name)
    columns = dataclasses.replace(config, known=known)
    series = reading.read_series(columns, name, like, lambda name, config: table)
    labels = rows = None
    if label.name is not None:
        labels = series.known[: len(series), -1] > 0.5
        series = dataclasses.replace(series, known_names=series.known_names[:-1], known=series.known[:, :-1])
    if windows is not None:
        rows = _rows_of(name, _times_of(table, series, columns), windows, config)
        labels = np.zeros(len(series), bool)
        for first, last in rows:
            labels[first : last + 1] = True
    _note(series, labels, label, config)
    return Recording(name, series, labels, rows)


@dataclasses.dataclass(frozen=True)
class _Label:
    """The column of labels of a table.

    Attributes:
        name: of the column; None if there is none.
        marks: cells that say anomalous.
        about: names of columns derived from the labels, which are not read.
    """

    name: str | None
    marks: list
    about: list

    @classmethod
    def of(cls, table, config):
        """Find it, and replace its cells by zeros and ones; remove columns derived from it."""
        column = Column("label", config.label_column, LABEL_COLUMNS, "--label-column")
        is_named = config.label_column is not None
        index = table.find(column) if is_named else column.index(table.names if table.header else [])
        about = [place for place, name in enumerate(table.names) if fold(name) in _ABOUT_LABELS and place != index]
        name, marks = None, []
        if index is not None:
            name = table.names[index]
            values, marks = _as_numbers([as_text(cell).strip() for cell in table.column(index)])
            for row, value in zip(table.cells, values, strict=True):
                row[index] = value
        found = cls(name, marks, [table.names[place] for place in about])
        table.drop(about)
        return found


def _as_numbers(cells):
    """Return 1 for cells that say anomalous, else 0, and the different marks for anomalous rows."""
    folded = [cell.casefold() for cell in cells]
    if set(folded) - {""} == {"-1", "1"}:
        # As scikit-learn's detectors answer.
        return [float(cell == "-1") for cell in folded], ["-1"]
    marks = dict.fromkeys(cell for cell, each in zip(cells, folded, strict=True) if each not in _NORMAL_WORDS)
    return [float(cell not in _NORMAL_WORDS) for cell in folded], list(marks)


def _note(series, labels, label, config):
    summary = series.summary
    summary.roles.pop("known in advance", None)
    if series.known_names:
        summary.use("known in advance", listed(series.known_names))
    if config.windows:
        summary.use("label", f"windows of {config.windows}, for evaluation only")
    elif label.name is not None:
        marks = listed(label.marks, 5) or "none"
        summary.use("label", f"column {label.name!r}, for evaluation only; anomalous: {marks}")
    if label.about:
        summary.note(f"not read, derived from the labels: {listed(label.about)}")
    if labels is not None:
        summary.note(f"{int(labels.sum()):,} of {counted(len(labels), 'row')} labelled anomalous")


def read_windows(path):
    """Read labelled windows.

    Returns:
        {name of a file: list of (from, to), pandas.Timestamps}; the name is "" if the file names none.

    Raises:
        UserError: it is neither such JSON nor such a table.
    """
    if Path(path).suffix.lower() == ".json":
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: cannot be read as JSON ({error})") from None
        if isinstance(content, list):
            content = {"": content}
        return {name: [_span(path, name, pair) for pair in pairs] for name, pairs in content.items()}
    table = read_table(path, TableFormat(), [Column("start", None, ("start", "from", "begin"), "")])
    start = table.find(Column("start", None, ("start", "from", "begin", "start time"), "--windows"))
    end = table.find(Column("end", None, ("end", "to", "until", "end time", "stop"), "--windows"))
    file = Column("file", None, ("file", "name", "recording", "file name"), "").index(table.names)
    found = {}
    for row in table.cells:
        name = "" if file is None else as_text(row[file])
        found.setdefault(name, []).append(_span(path, name, (row[start], row[end])))
    return found


def _span(path, name, pair):
    try:
        first, last = (pd.Timestamp(as_text(each)) for each in pair)
    except (ValueError, TypeError):
        raise UserError(f"{path}: {name}: {pair!r}, expected a window of two times") from None
    if first > last:
        raise UserError(f"{path}: {name}: the window from {first} ends before it begins, at {last}")
    return first.tz_localize(None), last.tz_localize(None)


def _spans_of(name, windows):
    """Return the windows of a file; None if it is not named."""
    path = Path(name).as_posix()
    keys = [key for key in windows if key == "" or path == key or path.endswith(f"/{key}")]
    return sorted(span for key in keys for span in windows[key]) if keys else None


def _times_of(table, series, columns):
    """Return the times of the rows of a series, those of the table if rows are only numbered."""
    if series.frequency != ROW:
        return series.times
    columns = dataclasses.replace(columns, frequency=None)
    roles = find_roles(table, columns)
    found = read_times(table, roles, columns, {}).values if roles.time else []
    if len(found) != len(series):
        raise UserError(f"{table.name}: --windows needs a time in each row; found {len(found)} for {len(series)} rows")
    return pd.DatetimeIndex(found)


def _rows_of(name, times, windows, config):
    """Return the windows of a recording as (first row, last row), in their order."""
    found = []
    for first, last in _spans_of(name, windows) or ():
        rows = np.flatnonzero((times >= first) & (times <= last))
        if not len(rows):
            raise UserError(f"{config.windows}: the window from {first} to {last} has no row of {name}")
        if found and rows[0] <= found[-1][1]:
            raise UserError(f"{config.windows}: two windows of {name} overlap at {times[rows[0]]}; join them")
        found.append((int(rows[0]), int(rows[-1])))
    return found
