"""Settings of the speech recogniser, each with its unit and the reason for its value."""

from dataclasses import dataclass
from typing import Literal

from ..common.cli import UserError
from ..common.options import Flat
from ..common.settings import require, require_counts, require_fractions, require_positive, require_training
from ..common.tables.columns import TableFormat
from .patterns import compile_pattern


@dataclass(frozen=True)
class Config:
    """Settings of the data, the network and its training."""

    data: str = "sample"
    """Recordings: `sample` (generated, offline), a folder of recordings with their transcripts, a table that names
    both, or `tfds:NAME`. README.md lists the layouts."""
    file_column: str | None = None
    """Column or field of the recording, or its number without a header; found by common names if not given."""
    text_column: str | None = None
    """Column or field of the transcript; found by common names if not given."""
    speaker_column: str | None = None
    """Column or field of the speaker; found by common names if not given."""
    pattern: str | None = None
    """Form of the names of the files, if these hold the transcripts, such as `{text}_{speaker}_{n}.wav`. `{split}`,
    and `/` between folders, are allowed."""
    table: Flat[TableFormat] = TableFormat()
    lowercase: bool = True
    """Convert transcripts to lower case."""
    keep_punctuation: bool = False
    """Keep punctuation; by default only apostrophes remain, since the others are not spoken."""
    rate: int = 16000
    """Samples a second to which recordings are converted; 8000 for telephone calls."""

    test_fraction: float = 0.15
    """Fraction of the recordings held out for `evaluate`, if the data names no test split; 0 trains on all."""
    validation_fraction: float = 0.1
    """Fraction of the recordings for early stopping, if the data names no validation split."""

    max_seconds: float = 20.0
    """Longest recording to learn from, in seconds; the verbs cut longer ones where it is silent."""

    utterances: Literal["auto", "sentences", "words"] = "auto"
    """What a recording holds. The features of `words` are relative to the loudest part, since the mean over a single
    word is much of what was said, and their frequencies, ends and noise are varied more in training; `auto` takes that
    if nine of ten transcripts are single words."""
    unit: Literal["characters", "subwords"] = "characters"
    """Unit of writing. Subwords need hours of sound."""
    vocabulary_size: int = 256
    """Largest number of subwords; characters are not limited."""
    language_model: str | None = None
    """Run directory of a language model of the same tokens, which decides between what sounds alike. Its weight is set
    on the validation recordings."""
    start_from: str | None = None
    """Run directory of a recogniser of the same settings, whose weights and characters are continued with."""

    streaming: bool = False
    """Transcribe while someone speaks: no output depends on what is said later. It makes more errors."""
    cell: Literal["gru", "lstm"] = "gru"
    """Recurrent layer."""
    units: int = 128
    """Units of each recurrent layer, in each direction."""
    num_layers: int = 3
    """Number of recurrent layers, bidirectional unless --streaming."""
    filters: int = 64
    """Mel filters from 60 Hz to half the rate."""
    channels: int = 32
    """Channels of the two convolutions."""
    dropout: float = 0.2
    """Dropout rate of the inputs of the recurrent layers and of the output layer."""
    spec_augment: bool = True
    """Hide some frequencies and some moments of each recording in training (Park et al. 2019)."""
    speed_change: float = 0.1
    """Largest change of the speed of a recording in training, as a fraction (Ko et al. 2015)."""
    noise: bool = True
    """Change the level of recordings in training, and add noise to half of them, or to most single words."""

    learning_rate: float = 1e-3
    """Largest learning rate of Adam, reached after a tenth of the training; it then falls to 0 along a cosine."""
    clip_norm: float = 1.0
    """Largest norm of a step's gradient (Pascanu 2013)."""
    batch_size: int = 16
    """Recordings in a batch."""
    epochs: int = 30
    """Largest number of epochs."""
    patience: int = 6
    """Epochs without a better validation loss after which training stops."""
    seed: int = 0
    """Seed of the split, the initial weights, the order of the recordings, their changes and the dropout."""

    def __post_init__(self):
        require(self, "rate", lambda value: 4000 <= value <= 48000, "samples a second, from 4000 to 48000")
        require_training(self)
        require_counts(self, "units num_layers channels")
        require_counts(self, "filters vocabulary_size", least=8)
        require_fractions(self, "dropout speed_change")
        require_positive(self, "clip_norm")
        require(self, "max_seconds", lambda value: 1 <= value <= 600, "seconds, from 1 to 600")
        if self.pattern is not None:
            compile_pattern(self.pattern)
            columns = [name for name in ("file_column", "text_column") if getattr(self, name) is not None]
            if columns:
                option = f"--{columns[0].replace('_', '-')}"
                raise UserError(f"--pattern reads the names of files, {option} a table; give one of them")
