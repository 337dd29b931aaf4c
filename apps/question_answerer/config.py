"""Settings of the question answerer, each with its unit and the reason for its value."""

from dataclasses import dataclass
from typing import Literal

from ..common.options import Flat
from ..common.settings import require_counts, require_fractions, require_positive, require_training
from ..common.tables import TableFormat


@dataclass(frozen=True)
class Config:
    """Settings of the data, the network and its training."""

    data: tuple[str, ...] = ("sample",)
    """Stories with questions: `sample` (generated, offline), or files or folders of them, in bAbI's format or tables
    with a column for the story, the question and the answer (README.md lists the formats)."""
    tasks: tuple[str, ...] = ()
    """Tasks to learn, by name or, of files such as qa3_three-facts_train.txt, by number; all if not given."""
    story_column: str | None = None
    """Column or field of the story, or its number without a header; found by common names if not given."""
    question_column: str | None = None
    """Column or field of the question."""
    answer_column: str | None = None
    """Column or field of the answer."""
    table: Flat[TableFormat] = TableFormat()
    sample_questions: int = 1000
    """Training questions of each of the sample's ten tasks; there are 500 more for testing."""

    test_fraction: float = 0.2
    """Fraction of the stories held out for `evaluate`, if the data names no test stories; 0 trains on all."""
    validation_fraction: float = 0.1
    """Fraction of the stories for early stopping; the network does not learn from them."""

    model: Literal["lstm", "gru", "dnc"] = "dnc"
    """Recurrent network that reads the story: a DNC has an external memory with slots, in which we can look."""
    max_sentences: int | None = None
    """Read only this many sentences of a story, its last ones. Without it, a story that is longer than the memory is an
    error."""
    max_words: int = 16
    """Words read of a sentence, its first ones. bAbI's longest have 12."""
    min_count: int = 1
    """How often a word must occur in training; others are unknown."""

    embedding_dim: int = 64
    """Size of the vector of a word, and of a sentence."""
    units: int | None = None
    """Units of the recurrent layer, or of the DNC's controller and output; 128, or 64 of a DNC, if not given."""
    thinking_steps: int = 4
    """Steps after the story, in which the network has the question alone: each can read what the one before found."""
    memory_slots: int = 20
    """Slots of the DNC's memory, and the most sentences of a story that it takes. Time and memory grow with the
    square."""
    slot_size: int = 32
    """Size of a slot."""
    read_heads: int = 2
    """Read heads; there is one write head."""
    controller: Literal["dense", "lstm"] = "dense"
    """The DNC's controller. An LSTM remembers by itself, and can do without the external memory."""
    dropout: float = 0.05
    """Dropout rate of the inputs of the recurrent layer, and of its output."""

    learning_rate: float = 2e-3
    """Largest learning rate of Adam, reached after a twentieth of the training; it then falls along a cosine."""
    clip_norm: float = 5.0
    """Largest norm of a step's gradient (Pascanu 2013)."""
    batch_size: int = 32
    """Questions in a batch. The time of the DNC's step grows with it, so larger ones only mean fewer steps."""
    epochs: int = 30
    """Largest number of epochs."""
    patience: int = 30
    """Epochs without a better validation accuracy after which training stops. Networks with a memory learn in leaps,
    long after they seem to have stopped."""
    seed: int = 0
    """Seed of the split, the initial weights, the order of the questions and the dropout."""

    def __post_init__(self):
        # JSON returns lists.
        object.__setattr__(self, "data", tuple(self.data))
        object.__setattr__(self, "tasks", tuple(self.tasks))
        require_training(self)
        counts = "sample_questions max_sentences min_count embedding_dim units thinking_steps slot_size read_heads"
        require_counts(self, counts)
        require_counts(self, "memory_slots max_words", least=2)
        require_fractions(self, "dropout")
        require_positive(self, "clip_norm")

    @property
    def chosen_units(self):
        """Units of the network."""
        return self.units or (64 if self.model == "dnc" else 128)

    @property
    def most_sentences(self):
        """Largest number of sentences of a story that the network takes; None for any number."""
        if self.model != "dnc":
            return self.max_sentences
        return self.memory_slots if self.max_sentences is None else min(self.max_sentences, self.memory_slots)
