"""Settings of the forecaster, each with its unit and the reason for its value."""

import dataclasses
from dataclasses import dataclass
from typing import Literal

from ..common.cli import UserError
from ..common.series.options import SeriesOptions
from ..common.settings import require, require_counts, require_fractions, require_proper_fractions, require_training


@dataclass(frozen=True)
class Config(SeriesOptions):
    """Settings of the data, the windows, the network and its training.

    On ETTh1 (7 hourly series of 14,400 rows) with --horizon 96 and --window-length 720 these settings train in a few
    minutes on 2 CPU cores; README.md has the results.
    """

    data: str = "sample"
    """The series: `sample` (generated, offline), a file (CSV, Excel, Parquet, JSON, packed or not), or `tfds:NAME`."""
    calendar: tuple[Literal["day", "week", "year"], ...] = ()
    """Position of a row in the day, the week or the year, as further covariates: for seasons that are longer than the
    window, such as the year."""

    test_fraction: float = 0.2
    """Fraction of the rows, the last ones, held out for `evaluate`; 0 trains on all."""
    validation_fraction: float = 0.2
    """Fraction of the rows, those before the test rows, for the learning rate and early stopping."""
    horizon: int | None = None
    """Rows to forecast; a season if not given."""
    window_length: int | None = None
    """Rows that a forecast is made from; if not given, 14 seasons, but at most a third of the training rows."""

    model: Literal["segments", "encoder_decoder", "lstm"] = "segments"
    """The network: a GRU over segments (SegRNN, Lin et al. 2023), an encoder and a decoder LSTM (Sutskever et al.
    2014), or the textbook LSTM with a dense layer."""
    normalization: Literal["last", "mean", "standard", "none"] = "last"
    """What is removed from each window and restored in its forecast: the last value (Lin et al. 2023), the mean, mean
    and standard deviation (Kim et al. 2022), or nothing. Without it a network that learned last year's level forecasts
    last year's."""
    quantiles: tuple[float, ...] = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
    """Probabilities of the quantiles to forecast; must contain 0.5, the point forecast. Without any (`--quantiles`
    alone) the mean is forecast, with the squared error as the loss."""
    segment_length: int | None = None
    """Rows in a segment; if not given, a season, or its largest divisor of at most 60 rows."""
    units: int = 128
    """Units of the recurrent layer."""
    dropout: float = 0.5
    """Dropout rate of the last layer's input."""

    linear: bool = True
    """Mix the network's point forecast with that of a linear model of the window (ridge regression), by the fraction
    that is best on the validation rows: at long horizons few networks beat a linear model."""

    learning_rate: float = 1e-3
    """Initial learning rate of Adam."""
    decay: float = 0.5
    """Factor of the learning rate when the validation loss no longer falls."""
    decay_patience: int = 1
    """Epochs without a better validation loss after which the learning rate decays."""
    batch_size: int = 64
    """Windows in a batch, each of all series."""
    stride: int = 1
    """Rows from one training window to the next; a larger stride shortens an epoch if there are many rows."""
    epochs: int = 40
    """Largest number of epochs."""
    patience: int = 5
    """Epochs without a better validation loss after which training stops."""
    seed: int = 0
    """Seed of the initial weights, the order of the windows and the dropout."""

    def __post_init__(self):
        super().__post_init__()
        for name in ("calendar", "quantiles"):
            # JSON returns lists; older runs have none.
            object.__setattr__(self, name, tuple(getattr(self, name) or ()))
        require_training(self)
        require_counts(self, "horizon window_length segment_length units stride decay_patience")
        require_fractions(self, "dropout")
        require_proper_fractions(self, "decay")
        require(self, "quantiles", lambda levels: not levels or 0.5 in levels, "0.5 among them")
        require(self, "quantiles", _increasing, "increasing numbers between 0 and 1")

    def train_rows(self, rows):
        """Return how many rows, the first ones, train."""
        test = rows - int(rows * self.test_fraction)
        return test - int(rows * self.validation_fraction)

    @property
    def linear_length(self):
        """Rows of the window that the linear model uses: the last 14 seasons."""
        return min(self.window_length, 14 * self.season)

    def with_defaults(self, season, train_rows):
        """Return a copy with values for the lengths that are None.

        Args:
            season: rows in a season of the series.
            train_rows: number of training rows.

        Raises:
            UserError: segments do not fill the window.
        """
        season = self.season or season
        horizon = self.horizon or season
        segment = self.segment_length or max(part for part in range(1, min(season, 60) + 1) if season % part == 0)
        window = self.window_length or max(segment, min(14 * season, train_rows // 3) // segment * segment)
        if self.model == "segments" and window % segment:
            raise UserError(f"--window-length {window}: expected a multiple of --segment-length {segment}")
        return dataclasses.replace(self, season=season, horizon=horizon, segment_length=segment, window_length=window)


def _increasing(levels):
    return all(low < high for low, high in zip((0, *levels), (*levels, 1), strict=True))
