"""Settings of the sentiment classifier, each with its unit and the reason for its value."""

from dataclasses import dataclass
from typing import Literal

from ..common.options import Flat
from ..common.settings import require, require_counts, require_fractions, require_positive, require_training
from ..common.tables import TableFormat


@dataclass(frozen=True)
class Config:
    """Settings of the data, the tokens, the network and its training."""

    data: str = "sample"
    """Labelled documents: `sample` (generated, offline), a table (README.md lists the formats), a folder with a folder
    of texts for each class, a folder of tables called train and test, or `tfds:NAME`."""
    text_column: str | None = None
    """Column or field of the text, or its number without a header; found by common names if not given."""
    label_column: str | None = None
    """Column or field of the class, or its number without a header; found by common names if not given."""
    ordered: bool = False
    """The classes have an order, as stars have: training, and two metrics, count how far off an answer is. The order is
    that of the numbers in the labels, or of known words such as negative, neutral, positive."""
    label_order: tuple[str, ...] = ()
    """All labels in their order, lowest first, if --ordered cannot know it."""
    table: Flat[TableFormat] = TableFormat()
    split: str = "train"
    """Split of a TensorFlow Datasets set to read."""

    test_fraction: float = 0.2
    """Fraction of the rows held out for `evaluate`; 0 trains on all."""
    validation_fraction: float = 0.1
    """Fraction of the rows for early stopping and calibration; the model does not learn from them."""

    unit: Literal["subwords", "words", "characters"] | None = None
    """Unit of reading; subwords, or that of --start-from, if not given. A subword of film reviews has 4 characters."""
    vocabulary_size: int = 10_000
    """Largest number of subwords or words, the most frequent first; characters are not limited. With --start-from it
    is that of the run."""
    min_count: int = 2
    """How often a word must occur; others are unknown. Of characters and subwords all are known."""
    max_tokens: int = 8192
    """Tokens read of a document in training, from its start. Other verbs read all."""
    gradient_tokens: int = 512
    """Tokens of a document through which gradients flow: its last ones. The state is carried to them from the
    beginning, which bounds the memory of training (as Howard and Ruder 2018, section 3.3)."""

    start_from: str | None = None
    """Run directory of a language model, whose embedding and recurrent layers the new network is put on, or of a
    sentiment classifier, all of whose layers but the output are continued with."""
    unfreeze_epochs: float = 0.0
    """With --start-from: epochs after which the next lower of the copied layers begins to learn (gradual unfreezing,
    Howard and Ruder 2018, section 3.3); new layers learn from the start. 0 trains all from the start (Dai and Le
    2015)."""
    layer_decay: float = 1.0
    """With --start-from: a copied layer learns at the rate of the one above divided by this (discriminative
    fine-tuning, Howard and Ruder 2018, section 3.2, where it is 2.6)."""

    cell: Literal["lstm", "gru"] = "lstm"
    """Recurrent layer."""
    embedding_dim: int | None = None
    """Size of a token's vector; 128, or that of --start-from, if not given."""
    units: int = 128
    """Units of each recurrent layer, in each direction."""
    num_layers: int | None = None
    """Number of bidirectional layers; 2, or 1 on top of a language model, if not given."""
    skip_connections: bool = False
    """Connect every recurrent layer with input and output (`layers.DeepRNN`; Graves 2013), for deep stacks. It runs
    Keras' loop, which is slower."""
    attention_units: int = 128
    """Units of the layer that scores each step for attention."""
    dense_units: int = 128
    """Units of the layer between attention and output."""

    dropout: float = 0.4
    """Dropout rate of the token vectors, of each recurrent layer's inputs, and of the dense layer's."""
    token_dropout: float = 0.1
    """Fraction of the tokens that are left out in training, so that no single word decides."""
    label_smoothing: float = 0.05
    """Label smoothing: some labels are wrong."""
    class_weight: Literal["none", "balanced"] = "none"
    """`balanced` gives rows of rare classes more weight, so that all classes count the same."""

    learning_rate: float = 2e-3
    """Largest learning rate of Adam, reached after a tenth of the training; it then falls to 0 along a cosine."""
    clip_norm: float = 1.0
    """Largest norm of a step's gradient (Pascanu 2013)."""
    batch_size: int = 32
    """Documents in a batch."""
    epochs: int | None = None
    """Largest number of epochs; 5, or 3 with --start-from, if not given."""
    epoch_rows: int = 3000
    """Documents of an epoch at least: fewer rows are read several times in one."""
    patience: int = 3
    """Epochs without a better validation accuracy after which training stops."""
    seed: int = 0
    """Seed of the split, the initial weights, the order of the rows and the dropout."""

    @property
    def most_epochs(self):
        """Largest number of epochs."""
        return self.epochs or (3 if self.start_from else 5)

    def __post_init__(self):
        # JSON returns lists.
        object.__setattr__(self, "label_order", tuple(self.label_order))
        require_training(self)
        counts = (
            "min_count epoch_rows max_tokens gradient_tokens embedding_dim units num_layers attention_units dense_units"
        )
        require_counts(self, counts)
        require_counts(self, "vocabulary_size", least=8)
        require_fractions(self, "dropout token_dropout label_smoothing")
        require_positive(self, "clip_norm layer_decay")
        require(self, "unfreeze_epochs", lambda value: 0 <= value < 1000, "a number from 0 up")
