"""Settings of the anomaly detector, each with its unit and the reason for its value."""

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from ..common.series.options import SeriesOptions
from ..common.settings import require, require_counts, require_fractions, require_positive, require_proper_fractions


@dataclass(frozen=True)
class Config(SeriesOptions):
    """Settings of the data, the networks, the score and the training."""

    # A sensor that was constant may not stay so.
    keeps_constant: ClassVar[bool] = True

    data: tuple[str, ...] = ("sample",)
    """Readings: `sample` (generated, offline), tables, folders of tables, or `tfds:NAME`. Each table is a recording of
    its own, of the same sensors."""
    label_column: str | None = None
    """Column that says which rows are anomalous, used by `evaluate` only, never for training; found by common names,
    such as anomaly or label, if not given."""
    windows: str | None = None
    """File with labelled windows in place of a label column: JSON as of the Numenta Anomaly Benchmark,
    {"file": [["from", "to"], ...]}, or a table with columns start, end, and file if there are several."""
    normal: tuple[str, ...] = ()
    """Tables of normal operation to train on; all of --data is then to be judged."""
    train_fraction: float = 0.5
    """Fraction of the rows of each recording, the first ones, to learn from."""
    train_until: str | None = None
    """Time up to which rows are learned from, in place of --train-fraction."""
    validation_fraction: float = 0.25
    """Fraction of the rows to learn from, the last ones, for early stopping, the errors' covariance and the
    threshold."""

    model: Literal["both", "forecaster", "reconstructor"] = "both"
    """What a row is compared with: forecasts of it (Malhotra et al. 2015), its reconstruction by an encoder-decoder
    (Malhotra et al. 2016), or the mean of both scores."""
    cell: Literal["lstm", "gru"] = "lstm"
    """Recurrent layer."""
    units: int = 64
    """Units of each recurrent layer."""
    num_layers: int = 1
    """Recurrent layers of the forecaster."""
    horizon: int = 3
    """Rows ahead that the forecaster predicts; each row is compared with as many forecasts."""
    window_length: int = 24
    """Rows that the encoder-decoder reads and reconstructs."""
    code_units: int = 16
    """Units of the encoder-decoder: few, so that it can repeat only what is usual."""
    chunk_length: int = 96
    """Rows of a training example; gradients reach back as far."""
    dropout: float = 0.1
    """Dropout rate of the inputs of the recurrent layers."""

    error_smoothing: float = 1.0
    """Rows after which the weight of a row's errors in the smoothed errors has halved; 0 does not smooth. More rows
    show weaker lasting faults."""
    smoothing: float = 2.0
    """Rows after which the weight of a row's score in the smoothed score has halved; 0 does not smooth. More rows give
    fewer false alarms, and later ones."""
    false_alarms: float = 0.1
    """False alarms a day that are accepted, or, if rows have no times, in 1,000 rows. The threshold follows from the
    scores of normal rows by extreme value theory (Siffer et al. 2017)."""

    learning_rate: float = 2e-3
    """Initial learning rate of Adam; it falls to 0 along a cosine."""
    clip_norm: float = 1.0
    """Largest norm of a step's gradient (Pascanu 2013)."""
    batch_size: int = 32
    """Training examples in a batch."""
    stride: int = 4
    """Rows from one training example to the next."""
    epochs: int = 30
    """Largest number of epochs."""
    patience: int = 5
    """Epochs without a better validation loss after which training stops."""
    seed: int = 0
    """Seed of the initial weights, the order of the examples and the dropout."""

    def __post_init__(self):
        super().__post_init__()
        for name in ("data", "normal"):
            # JSON returns lists.
            object.__setattr__(self, name, tuple(getattr(self, name)))
        require_counts(self, "units num_layers horizon code_units stride batch_size epochs patience")
        require_counts(self, "chunk_length window_length", least=2)
        require_fractions(self, "dropout")
        require_proper_fractions(self, "validation_fraction")
        require_positive(self, "learning_rate clip_norm false_alarms")
        require(self, "train_fraction", lambda value: 0 < value <= 1, "a number above 0, at most 1")
        for name in ("error_smoothing", "smoothing"):
            require(self, name, lambda value: 0 <= value < math.inf, "a number from 0 up")
        require(self, "seed", lambda value: 0 <= value < 2**31, "a whole number from 0 up to 2147483647")
        require(
            self,
            "chunk_length",
            lambda value: value > max(self.horizon, self.window_length),
            "more than --horizon and --window-length",
        )

    def train_rows(self, rows):
        """Return how many rows of a recording, the first ones, are learned from."""
        return rows if self.normal else int(rows * self.train_fraction)
