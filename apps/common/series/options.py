"""Options of an app that reads series; imports nothing slow, for `--help`."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from ..options import Flat
from ..settings import require, require_counts
from ..tables import TableFormat


@dataclass(frozen=True)
class SeriesOptions:
    """What the columns of a table of series mean, and how gaps are filled; a base of an app's `Config`."""

    # Whether a series that is constant in the training rows is kept.
    keeps_constant: ClassVar[bool] = False

    table: Flat[TableFormat] = TableFormat()
    time_column: tuple[str, ...] = ()
    """Column of the times, or several: date and clock, or year, month, day, hour; found by names if not given."""
    time_format: str | None = None
    """Format of the times, as for Python's strptime, or `unix` for seconds since 1970 (or milliseconds, ...), or
    `excel` for its days; found by the content if not given."""
    time_zone: str | None = None
    """Time zone of times that are written without one, if its clocks change, for instance Europe/Berlin."""
    id_column: tuple[str, ...] = ()
    """Column that names the series, or several, if a row has the value of one series (long format)."""
    series: tuple[str, ...] = ()
    """Columns of the series; if not given, all that hold numbers and have no other meaning."""
    known: tuple[str, ...] = ()
    """Columns whose values are known in advance, such as holidays or prices; rows to forecast must have them."""
    leave_out: tuple[str, ...] = ()
    """Columns, or series of a long table, that are not used."""
    frequency: str | None = None
    """Step between rows, by pandas' name, for instance 15min, h, D or MS; or `row`, which numbers the rows and ignores
    times; inferred if not given."""
    duplicates: Literal["refuse", "first", "last", "mean", "sum"] = "refuse"
    """What to do with rows of the same time, and of the same series."""
    resample: str | None = None
    """Step to which irregular times are brought, by pandas' name."""
    aggregate: Literal["mean", "sum", "last", "min", "max"] = "mean"
    """What --resample makes of the rows of a step. The sum of a step without rows is 0; otherwise it is missing."""
    season: int | None = None
    """Rows in a season, for the seasonal baselines and MASE; if not given, a day, a week or a year, by the step."""
    fill: Literal["season", "last"] = "season"
    """What replaces a missing value: the value one season before, or the last value. Both use only the past, so that a
    backtest does not see the future; filled values are neither learned nor scored."""
    max_gap: int = 100
    """Rows in the longest gap that is filled."""
    missing: tuple[str, ...] = ()
    """Marks of missing values beside empty cells, NA, NaN, ?, - and the like; for instance -9999."""
    decimal: str | None = None
    """Decimal mark, a point if not given; points and blanks between thousands are then no problem either."""
    non_negative: bool = False
    """Forecast no number below 0, for counts and amounts: points and intervals are cut there."""
    split: str = "train"
    """Split of a TensorFlow Datasets set to read."""

    def __post_init__(self):
        for name in "time_column id_column series known leave_out missing".split():
            # JSON returns lists; older runs have one name, or none.
            value = getattr(self, name) or ()
            object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))
        require_counts(self, "season max_gap")
        require(self, "decimal", lambda mark: mark in (None, ".", ","), "a point or a comma")
        require(self, "known", lambda names: not set(names) & set(self.series), "none of the --series")
        require(self, "resample", lambda step: not (step and self.frequency), "no --frequency with it")
