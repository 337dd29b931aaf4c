"""Settings of the spam detector, each with its unit and the reason for its value."""

from dataclasses import dataclass

from ..common.options import Flat
from ..common.settings import require_counts, require_fractions, require_training
from ..common.tables import TableFormat


@dataclass(frozen=True)
class Config:
    """Settings of the data, the tokens, the network and its training."""

    data: str = "sample"
    """Labelled messages: `sample` (generated, offline), a table (README.md lists the formats), a folder with a folder
    of mails for each class, or `tfds:NAME`."""
    text_column: str | None = None
    """Column or field of the message, or its number without a header; found by common names if not given."""
    label_column: str | None = None
    """Column or field of the label, or its number without a header; found by common names if not given."""
    positive_label: tuple[str, ...] = ()
    """Labels of the class to detect, for example `smishing spam`; all others are the other class. If not given, there
    must be two labels, and `spam` or a word for it is detected, else the rarer one."""
    table: Flat[TableFormat] = TableFormat()
    split: str = "train"
    """Split of a TensorFlow Datasets set to read."""

    test_fraction: float = 0.2
    """Fraction of the rows held out for `evaluate`; 0 trains on all."""
    validation_fraction: float = 0.1
    """Fraction of the rows for early stopping and thresholds; the model does not learn from them."""

    max_tokens: int = 128
    """Tokens read of a message, from its start. A text message of 160 characters has about 40."""
    max_characters: int = 2000
    """Characters read of a message, from its start, before it is cut into tokens."""
    max_features: int = 32
    """Features of a token: itself, its shape, and n-grams, short ones first. A word of 8 letters has 32."""
    vocabulary_size: int = 40_000
    """Number of features at most, the most frequent first. Four fifths of the SMS Spam Collection have about 26,000."""
    min_count: int = 2
    """Number of messages that a feature must occur in; one that occurs once says nothing about other messages."""

    embedding_dim: int = 64
    """Size of a feature's and a token's vector."""
    units: int = 64
    """Units of the LSTM, in each direction."""
    dense_units: int = 64
    """Units of the layer between the LSTM and the output."""
    feature_dropout: float = 0.5
    """Fraction of a token's features dropped in training, so that no single one is memorized."""
    dropout: float = 0.3
    """Dropout rate of the token vectors and of the dense layer's inputs."""

    label_smoothing: float = 0.05
    """Label smoothing. Some labels are wrong, and the validation loss of a network that is certain depends on its one
    worst message."""
    learning_rate: float = 1e-3
    """Largest learning rate of Adam, reached after a tenth of the training; it then falls to 0 along a cosine. With
    twice as much the result depended more on the seed."""
    batch_size: int = 32
    """Messages in a batch."""
    epochs: int = 12
    """Largest number of epochs."""
    best_from: float = 0.75
    """Fraction of the epochs before which no weights are saved and `patience` does not count: while the steps are
    large, a good loss on a few hundred validation rows is chance. 0 considers every epoch."""
    patience: int = 4
    """Epochs without a better validation loss after which training stops."""
    seed: int = 0
    """Seed of the split, the initial weights, the order of the rows and the dropout."""

    def __post_init__(self):
        # JSON returns lists.
        object.__setattr__(self, "positive_label", tuple(self.positive_label))
        require_training(self)
        counts = "max_tokens max_characters max_features vocabulary_size min_count embedding_dim units dense_units"
        require_counts(self, counts)
        require_fractions(self, "feature_dropout dropout label_smoothing best_from")
