"""Every setting of the translator, with its unit and the reason for its value."""

from dataclasses import dataclass
from typing import Literal

from ..common.cli import UserError


@dataclass(frozen=True)
class Config:
    """What is read, how it is cut into subwords, the network and its training.

    On Multi30k (29,000 image descriptions, German and English) these settings train in under an hour on 2 CPU cores;
    what comes out stands in the README.
    """

    data: tuple[str, ...] = ("sample",)
    """The sentence pairs: `sample` (made here, offline), one file with a tab between the two sentences of a line, two
    files with a sentence a line (source, target; `.gz` or plain), or `tfds:NAME`."""
    validation_data: tuple[str, ...] = ()
    """Pairs that steer the training, in a form like --data; a share of the --data if not given."""
    reverse: bool = False
    """Translate the other way: the second sentence of each pair into the first."""
    encoding: str = "utf-8"
    """Character encoding of the files."""
    split: str = "train"
    """Split of a TensorFlow Datasets set to read."""

    test_fraction: float = 0.1
    """Share of the pairs kept for `evaluate`; 0 trains on all of them."""
    validation_fraction: float = 0.05
    """Share of the pairs that steer the training; not used with --validation-data."""
    max_length_ratio: float = 9.0
    """Pairs with one side more than this many times as long as the other, in characters, are dropped: they are hardly
    translations."""

    vocabulary_size: int = 5000
    """Most subwords of each language. More make sentences shorter and the last layer slower; with these a sentence of
    Multi30k has about 15."""
    max_tokens: int = 100
    """Subwords in the longest sentence that is learned from and translated. The longest of Multi30k has 57."""

    family: Literal["gru", "lstm"] = "gru"
    """Recurrent layer of encoder and decoder."""
    attention: Literal["additive", "multiplicative", "none"] = "additive"
    """How the decoder looks at the source: scores by a small network (Bahdanau 2015), by a product (Luong 2015), or not
    at all: the whole sentence in one vector (Sutskever 2014), to compare."""
    embedding_dim: int = 256
    """Size of a subword's vector."""
    units: int = 256
    """Units of every recurrent layer; the encoder has as many in each direction."""
    encoder_layers: int = 1
    """Bidirectional layers of the encoder."""
    tied_embeddings: bool = True
    """The decoder's input and output share their vectors (Press and Wolf 2017); the option parts them."""
    dropout: float = 0.3
    """Share of subword vectors, encoder outputs and contexts hidden in training."""
    output_dropout: float = 0.4
    """Share of the last layer's input hidden in training."""

    label_smoothing: float = 0.1
    """Probability that the loss spreads over all subwords (Szegedy 2016), which keeps the beam search from being too
    sure."""
    learning_rate: float = 2e-3
    """Adam's first step size."""
    decay: float = 0.5
    """Factor of the learning rate when the validation loss no longer falls."""
    decay_patience: int = 1
    """Epochs without a better validation loss after which the rate decays."""
    decay_threshold: float = 0.02
    """Nats by which the validation loss must fall to be better, for the decay. Averaged weights get a little better
    all the time; waiting for them to stop wastes epochs."""
    clip_norm: float = 1.0
    """Largest norm of a step's gradient (Pascanu 2013)."""
    average_epochs: float = 1.0
    """Epochs over which the kept weights are averaged, exponentially (Polyak and Juditsky 1992)."""
    batch_size: int = 64
    """Pairs in a batch."""
    epochs: int = 14
    """Passes over the training pairs, at the most."""
    patience: int = 4
    """Epochs without a better validation loss after which training stops."""
    seed: int = 0
    """Of the split, the first weights, the order of the pairs and the dropout."""

    def __post_init__(self):
        counts = "max_tokens embedding_dim units encoder_layers batch_size epochs patience decay_patience".split()
        for name in counts:
            self._require(name, getattr(self, name) >= 1, "a whole number from 1 up")
        for name in ("test_fraction", "dropout", "output_dropout", "label_smoothing", "decay_threshold"):
            self._require(name, 0 <= getattr(self, name) < 1, "a number from 0 up to, but not including, 1")
        for name in ("validation_fraction", "decay"):
            self._require(name, 0 < getattr(self, name) < 1, "a number between 0 and 1")
        for name in ("learning_rate", "clip_norm", "average_epochs"):
            self._require(name, getattr(self, name) > 0, "a number above 0")
        self._require("test_fraction", self.test_fraction + self.validation_fraction < 1, "room for training pairs")
        self._require("max_length_ratio", self.max_length_ratio >= 1, "a number from 1 up")
        self._require("vocabulary_size", self.vocabulary_size >= 8, "a whole number from 8 up")
        self._require("seed", 0 <= self.seed < 2**31, "a whole number from 0 up to 2147483647")
        # As a list is what JSON gives back.
        object.__setattr__(self, "data", tuple(self.data))
        object.__setattr__(self, "validation_data", tuple(self.validation_data))

    def _require(self, name, holds, expected):
        if not holds:
            raise UserError(f"--{name.replace('_', '-')} {getattr(self, name)}: expected {expected}")
