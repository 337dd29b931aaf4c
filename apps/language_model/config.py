"""Settings of the language model, each with its unit and the reason for its value."""

from dataclasses import dataclass
from typing import Literal

from ..common.options import Flat
from ..common.settings import require, require_counts, require_fractions, require_positive, require_training
from ..common.tables import TableFormat


@dataclass(frozen=True)
class Config:
    """Settings of the text, its units, the network and its training.

    On tiny_shakespeare (1.1 million characters) they train in 15 to 21 minutes on 2 CPU cores; README.md has the
    results.
    """

    data: tuple[str, ...] = ("sample",)
    """Text: `sample` (generated, offline), text files, folders of them, tables with a column of texts, or
    `tfds:NAME`."""
    text_column: str | None = None
    """Column of the texts of a table, or its number without a header; found by common names if not given."""
    table: Flat[TableFormat] = TableFormat()
    documents: Literal["files", "lines"] = "files"
    """What is a document of a text file: the whole file, or each line. A row of a table is always one."""
    split: str = "train"
    """Split of a TensorFlow Datasets set to read."""

    unit: Literal["characters", "subwords", "words"] = "characters"
    """Unit of prediction. Characters need no vocabulary and spell any word; of film reviews a subword has 4 of them."""
    vocabulary_size: int = 20_000
    """Largest number of subwords or words, the most frequent first; characters are not limited."""
    min_count: int = 2
    """How often a word must occur; others are unknown. Of characters and subwords all are known."""

    test_fraction: float = 0.1
    """Fraction of the text held out for `evaluate`; 0 trains on all."""
    validation_fraction: float = 0.03
    """Fraction of the text for early stopping and for the choices of `evaluate`."""
    split_by: Literal["auto", "position", "documents"] = "auto"
    """How text is held out: its end, or whole documents; auto takes documents if there are at least 100."""

    cell: Literal["lstm", "gru", "simple_rnn"] = "lstm"
    """Recurrent layer."""
    embedding_dim: int = 128
    """Size of a token's vector, and of the outputs that are compared with it."""
    units: int = 512
    """Units of each recurrent layer."""
    num_layers: int = 1
    """Number of recurrent layers."""
    normalization: bool = False
    """Layer normalization in the recurrent layers (Ba et al. 2016); LSTM and GRU only. It runs Keras' loop, which is
    slower."""
    zoneout: float = 0.0
    """Probability that a unit keeps its state in a step (Krueger et al. 2017). It runs Keras' loop, which is
    slower."""
    tied_embeddings: bool = True
    """Whether input and output share their vectors (Press and Wolf 2017)."""
    dropout: float = 0.2
    """Dropout rate of each recurrent layer's inputs, with one mask for all steps (Gal and Ghahramani 2016)."""
    recurrent_dropout: float = 0.0
    """Dropout rate of the previous hidden state, with one mask for all steps."""
    output_dropout: float = 0.3
    """Dropout rate of the last layer's outputs, with one mask for all steps."""
    embedding_dropout: float = 0.0
    """Fraction of the tokens whose vectors are 0 in a batch (Gal and Ghahramani 2016). Suits words."""
    sampled: int = 1024
    """Tokens from which the loss is estimated in training (Jean et al. 2015), if the vocabulary is more than four times
    as large."""

    batch_size: int = 64
    """Strands of text that are read side by side."""
    chunk_length: int = 128
    """Tokens between two steps of the optimizer: how far back gradients reach. The state is carried farther."""
    forget: float = 0.02
    """Probability that a chunk begins with zero states although its text continues, so that the model can also begin
    within a text (as in Melis, Dyer and Blunsom 2018)."""
    start_from: str | None = None
    """Run directory of a language model with the same unit and layers, whose weights training begins with."""
    learning_rate: float = 3e-3
    """Largest learning rate of Adam, reached after a twentieth of the training; it then falls to 0 along a cosine."""
    weight_decay: float = 1e-3
    """Decoupled weight decay (Loshchilov and Hutter 2019), multiplied by the learning rate."""
    clip_norm: float = 1.0
    """Largest norm of a step's gradient (Pascanu 2013)."""
    epochs: int = 25
    """Number of epochs."""
    epoch_tokens: int = 20_000_000
    """Tokens of an epoch at most: a longer text is read over several, because a training resumes at
    the end of an epoch."""
    patience: int = 5
    """Epochs without a better validation loss after which training stops."""
    seed: int = 0
    """Seed of the split, the initial weights, the order of the documents and the dropout."""

    def __post_init__(self):
        # JSON returns lists.
        object.__setattr__(self, "data", tuple(self.data))
        require_training(self)
        counts = "min_count embedding_dim units num_layers sampled chunk_length epoch_tokens"
        require_counts(self, counts)
        require_counts(self, "vocabulary_size", least=8)
        require_fractions(
            self, "zoneout dropout recurrent_dropout output_dropout embedding_dropout forget weight_decay"
        )
        require_positive(self, "clip_norm")
        if self.cell == "simple_rnn":
            require(self, "normalization", lambda value: not value, "no normalization with --cell simple_rnn")
