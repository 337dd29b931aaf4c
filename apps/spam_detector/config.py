"""Every setting of the spam detector, with its unit and the reason for its value."""

from dataclasses import dataclass

from ..common.cli import UserError


@dataclass(frozen=True)
class Config:
    """What is read, how it is cut into tokens, the network and its training."""

    data: str = "sample"
    """The labelled messages: `sample` (made here, offline), a file (UCI layout, .csv, .jsonl), or `tfds:NAME`."""
    text_column: str | None = None
    """Column or field that holds the message; found by its name if not given."""
    label_column: str | None = None
    """Column or field that holds the label; found by its name if not given."""
    positive_label: str | None = None
    """Label of the messages to detect; `spam` and its like if there is one, else the rarer label."""
    encoding: str = "utf-8"
    """Character encoding of the file."""
    split: str = "train"
    """Split of a TensorFlow Datasets set to read."""

    test_fraction: float = 0.2
    """Share of the rows kept for `evaluate`; 0 trains on all of them."""
    validation_fraction: float = 0.1
    """Share of the rows that stop the training and set thresholds; the model never learns from them."""

    max_tokens: int = 128
    """Tokens read of a message, from its start. A text message of 160 characters has about 40."""
    max_characters: int = 2000
    """Characters read of a message, from its start, before it is cut into tokens."""
    max_features: int = 32
    """Features kept of a token: itself, its shape, and n-grams, short ones first. A word of 8 letters has 32."""
    vocabulary_size: int = 40_000
    """Most features kept, the commonest first. Four fifths of the SMS Spam Collection have about 26,000."""
    min_count: int = 2
    """Messages a feature must be in to be kept; one seen once says nothing of another message."""

    embedding_dim: int = 64
    """Size of a feature's and a token's vector."""
    units: int = 64
    """Units of the LSTM, in each direction."""
    dense_units: int = 64
    """Units of the layer between the LSTM and the answer."""
    feature_dropout: float = 0.5
    """Share of a token's features hidden in training, so that no single one can be learned by heart."""
    dropout: float = 0.3
    """Share of the token vector's and the dense layer's inputs hidden in training."""

    label_smoothing: float = 0.05
    """Share of doubt in each label; labels are sometimes wrong, and a network that is sure of them reads the
    validation loss off its one worst message."""
    learning_rate: float = 1e-3
    """Adam's largest step, reached after a tenth of the training; it then falls to nothing along a cosine. Twice as
    much made the outcome depend more on the seed."""
    batch_size: int = 32
    """Messages in a batch."""
    epochs: int = 12
    """Passes over the training rows, at the most."""
    kept_from: float = 0.75
    """Share of the epochs before which no weights are kept and patience does not count: while the steps are large, a
    good loss on a few hundred validation rows is luck. 0 lets every epoch stand."""
    patience: int = 4
    """Epochs without a better validation loss after which training stops."""
    seed: int = 0
    """Of the split, the first weights, the order of the rows and the dropout."""

    def __post_init__(self):
        counts = ("max_tokens", "max_characters", "max_features", "vocabulary_size", "min_count")
        counts += ("embedding_dim", "units", "dense_units", "batch_size", "epochs", "patience")
        for name in counts:
            self._require(name, getattr(self, name) >= 1, "a whole number from 1 up")
        for name in ("test_fraction", "feature_dropout", "dropout", "label_smoothing", "kept_from"):
            self._require(name, 0 <= getattr(self, name) < 1, "a number from 0 up to, but not including, 1")
        self._require("validation_fraction", 0 < self.validation_fraction < 1, "a number between 0 and 1")
        self._require("test_fraction", self.test_fraction + self.validation_fraction < 1, "room for training rows")
        self._require("learning_rate", self.learning_rate > 0, "a number above 0")
        self._require("seed", 0 <= self.seed < 2**31, "a whole number from 0 up to 2147483647")

    def _require(self, name, holds, expected):
        if not holds:
            raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: expected {expected}")
