"""Every setting of the forecaster, with its unit and the reason for its value."""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from ..common.cli import UserError


@dataclass(frozen=True)
class Config:
    """What is read, what is forecast from what, the network and its training.

    On ETTh1 (7 hourly series of 14,400 rows) with --horizon 96 and --window-length 720 these settings train in a few
    minutes on 2 CPU cores; what comes out stands in the README.
    """

    data: str = "sample"
    """The series: `sample` (made here, offline), a file (.csv, or .parquet), or `tfds:NAME`."""
    time_column: str | None = None
    """Column with the times; looked for by its usual names if not given."""
    time_format: str | None = None
    """How times are written, as Python's strptime has it, or `unix` for seconds since 1970; ISO 8601 if not given."""
    time_zone: str | None = None
    """Zone of times that are written without one, if its clocks change, for instance Europe/Berlin."""
    id_column: str | None = None
    """Column that names the series, where a row has the value of one series (the long form)."""
    series: tuple[str, ...] = ()
    """Columns to forecast; every column that is nothing else if not given."""
    known: tuple[str, ...] = ()
    """Columns whose values are known ahead, such as holidays or prices; the rows to forecast must have them."""
    calendar: tuple[Literal["day", "week", "year"], ...] = ()
    """Where in the day, the week or the year a row is, as further covariates: for what the window is too short to
    show, such as the season of the year."""
    frequency: str | None = None
    """Step between rows by pandas' name, for instance 15min, h, D or MS; found out if not given."""
    season: int | None = None
    """Rows in a season, of the seasonal baseline and the scaled error; a day, a week or a year by the step if not
    given."""
    fill: Literal["season", "last"] = "season"
    """What stands in for a missing value: the value a season before, or the last one. Both look back alone, so that
    no backtest sees ahead; filled values are neither learned nor scored."""
    max_gap: int = 100
    """Rows in the longest gap that is filled."""
    separator: str = ","
    """What stands between the columns of a .csv file."""
    decimal: str = "."
    """The decimal mark of a .csv file."""
    encoding: str = "utf-8"
    """Character encoding of a .csv file."""
    split: str = "train"
    """Split of a TensorFlow Datasets set to read."""

    test_fraction: float = 0.2
    """Share of the rows, the last ones, kept for `evaluate`; 0 trains on all of them."""
    validation_fraction: float = 0.2
    """Share of the rows, those before, that steer the training."""
    horizon: int | None = None
    """Rows to forecast; a season if not given."""
    window_length: int | None = None
    """Rows that a forecast looks at; if not given, 14 seasons, or as many as a third of the training rows holds."""

    model: Literal["segments", "encoder_decoder", "lstm"] = "segments"
    """The network: a GRU over segments (SegRNN, Lin 2023), an LSTM that reads and one that writes (Sutskever 2014), or
    the textbook's one LSTM with a dense layer."""
    normalization: Literal["last", "mean", "standard", "none"] = "last"
    """What is taken off each window, and added to its forecast: the last value (Lin 2023), the mean, mean and standard
    deviation (Kim 2022), or nothing. Without it a network that learned last year's level forecasts last year's."""
    quantiles: tuple[float, ...] = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
    """Probabilities with which the truth stays below the forecasts; with 0.5, which is the point forecast. Without any
    (`--quantiles` alone) the mean is forecast, by the squared error."""
    segment_length: int | None = None
    """Rows in a segment; if not given, a season, or the largest part of it that has at most 60 rows."""
    units: int = 128
    """Units of the recurrent layer."""
    dropout: float = 0.5
    """Share of the last layer's input hidden in training."""

    line: bool = True
    """Mix the network's point forecast with a straight line's over the window (ridge regression in closed form), by the
    share that is best on the validation rows: far ahead little beats a line. The option keeps the network alone."""

    learning_rate: float = 1e-3
    """Adam's first step size."""
    decay: float = 0.5
    """Factor of the learning rate when the validation loss no longer falls."""
    decay_patience: int = 1
    """Epochs without a better validation loss after which the rate decays."""
    batch_size: int = 64
    """Windows in a batch, each with all series."""
    stride: int = 1
    """Rows from one training window to the next; more make an epoch shorter where rows are many."""
    epochs: int = 40
    """Passes over the training windows, at the most."""
    patience: int = 5
    """Epochs without a better validation loss after which training stops."""
    seed: int = 0
    """Of the first weights, the order of the windows and the dropout."""

    def __post_init__(self):
        for name in ("series", "known", "calendar", "quantiles"):
            # As a list is what JSON gives back.
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for name in ("season", "horizon", "window_length", "segment_length", "max_gap", "units", "batch_size", "epochs",
                     "patience", "stride", "decay_patience"):  # fmt: skip
            self._require(name, getattr(self, name) is None or getattr(self, name) >= 1, "a whole number from 1 up")
        for name in ("test_fraction", "dropout"):
            self._require(name, 0 <= getattr(self, name) < 1, "a number from 0 up to, but not including, 1")
        self._require("validation_fraction", 0 < self.validation_fraction < 1, "a number between 0 and 1")
        self._require("test_fraction", self.test_fraction + self.validation_fraction < 1, "room for training rows")
        self._require("learning_rate", self.learning_rate > 0, "a number above 0")
        self._require("decay", 0 < self.decay < 1, "a number between 0 and 1")
        self._require("quantiles", not self.quantiles or 0.5 in self.quantiles, "0.5 among them")
        rising = all(low < high for low, high in zip((0, *self.quantiles), (*self.quantiles, 1), strict=True))
        self._require("quantiles", rising, "rising numbers between 0 and 1")
        self._require("separator", len(self.separator) == 1, "one character")
        self._require("decimal", len(self.decimal) == 1, "one character")
        self._require("seed", 0 <= self.seed < 2**31, "a whole number from 0 up to 2147483647")
        twice = set(self.series) & set(self.known)
        self._require("known", not twice, "none of the --series")

    def _require(self, name, holds, expected):
        if not holds:
            raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: expected {expected}")

    @property
    def line_length(self):
        """Rows that a straight line looks at: of the window, the last 14 seasons."""
        return min(self.window_length, 14 * self.season)

    def for_rows(self, season, rows):
        """With what was left open settled for series of this season and so many training rows."""
        season = self.season or season
        horizon = self.horizon or season
        segment = self.segment_length or max(part for part in range(1, min(season, 60) + 1) if season % part == 0)
        window = self.window_length or max(segment, min(14 * season, rows // 3) // segment * segment)
        settled = dataclasses.replace(
            self, season=season, horizon=horizon, segment_length=segment, window_length=window
        )
        if self.model == "segments" and window % segment:
            raise UserError(f"--window-length {window}: expected a multiple of --segment-length {segment}")
        return settled
