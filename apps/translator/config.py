"""Settings of the translator, each with its unit and the reason for its value."""

from dataclasses import dataclass
from typing import Literal

from ..common.options import Flat
from ..common.settings import (
    require,
    require_counts,
    require_fractions,
    require_positive,
    require_proper_fractions,
    require_training,
)
from ..common.tables import TableFormat


@dataclass(frozen=True)
class Config:
    """Settings of the data, the subwords, the network and its training.

    On Multi30k (29,000 image descriptions, German and English) they train in under an hour on 2 CPU cores; README.md
    has the results.
    """

    data: tuple[str, ...] = ("sample",)
    """Sentence pairs: `sample` (generated, offline), a table with a pair in each row, a translation memory (TMX), two
    files with a sentence a line (source, target), or `tfds:NAME`."""
    validation_data: tuple[str, ...] = ()
    """Pairs for early stopping and the learning rate, in a form like --data; a fraction of --data if not given."""
    reverse: bool = False
    """Translate the second sentence of each pair into the first."""
    source_column: str | None = None
    """Column of the sentences, or its number without a header; in a translation memory their language. The first that
    holds sentences if not given."""
    target_column: str | None = None
    """Column, or language, of the translations; the second that holds sentences if not given."""
    table: Flat[TableFormat] = TableFormat()
    split: str = "train"
    """Split of a TensorFlow Datasets set to read."""

    test_fraction: float = 0.1
    """Fraction of the pairs held out for `evaluate`; 0 trains on all."""
    validation_fraction: float = 0.05
    """Fraction of the pairs for early stopping and the learning rate; not used with --validation-data."""
    max_length_ratio: float = 9.0
    """Largest ratio of the lengths of a pair's sentences, in characters. Other pairs are dropped: they are hardly
    translations."""

    vocabulary_size: int = 5000
    """Largest number of subwords of each language. More subwords make sentences shorter and the last layer slower; with
    5000 a sentence of Multi30k has about 15."""
    max_tokens: int = 100
    """Largest number of subwords of a sentence, in training and translation. The longest of Multi30k has 57."""

    family: Literal["gru", "lstm"] = "gru"
    """Recurrent layer of encoder and decoder."""
    attention: Literal["additive", "multiplicative", "none"] = "additive"
    """Attention of the decoder: scores by a small network (Bahdanau 2015), by a product (Luong 2015), or, to compare,
    none: the sentence as one vector (Sutskever 2014)."""
    embedding_dim: int = 256
    """Size of a subword's vector."""
    units: int = 256
    """Units of every recurrent layer, in each direction of the encoder."""
    encoder_layers: int = 1
    """Number of bidirectional layers of the encoder."""
    tied_embeddings: bool = True
    """Whether the decoder's input and output share their vectors (Press and Wolf 2017)."""
    dropout: float = 0.3
    """Dropout rate of the subword vectors, the encoder outputs and the contexts."""
    output_dropout: float = 0.4
    """Dropout rate of the last layer's inputs."""

    label_smoothing: float = 0.1
    """Probability that the loss distributes over all subwords (Szegedy 2016), so that the beam search is not
    overconfident."""
    learning_rate: float = 2e-3
    """Initial learning rate of Adam."""
    decay: float = 0.5
    """Factor of the learning rate when the validation loss no longer falls."""
    decay_patience: int = 1
    """Epochs without a better validation loss after which the learning rate decays."""
    decay_threshold: float = 0.02
    """Nats by which the validation loss must fall to count as better for the decay. Averaged weights improve a little
    in every epoch; waiting for them to stop wastes epochs."""
    clip_norm: float = 1.0
    """Largest norm of a step's gradient (Pascanu 2013)."""
    average_epochs: float = 1.0
    """Time constant, in epochs, of the exponential average of the weights (Polyak and Juditsky 1992)."""
    batch_size: int = 64
    """Pairs in a batch."""
    epochs: int = 14
    """Largest number of epochs."""
    patience: int = 4
    """Epochs without a better validation loss after which training stops."""
    seed: int = 0
    """Seed of the split, the initial weights, the order of the pairs and the dropout."""

    def __post_init__(self):
        require_training(self)
        require_counts(self, "max_tokens embedding_dim units encoder_layers decay_patience")
        require_counts(self, "vocabulary_size", least=8)
        require_fractions(self, "dropout output_dropout label_smoothing decay_threshold")
        require_proper_fractions(self, "decay")
        require_positive(self, "clip_norm average_epochs")
        require(self, "max_length_ratio", lambda value: value >= 1, "a number from 1 up")
        # JSON returns lists.
        object.__setattr__(self, "data", tuple(self.data))
        object.__setattr__(self, "validation_data", tuple(self.validation_data))
