"""Settings of the speech recognizer, each with its unit and the reason for its value."""

from dataclasses import dataclass

from ..common.cli import UserError
from ..common.options import Flat
from ..common.settings import require, require_fractions, require_proper_fractions
from ..common.tables.columns import TableFormat
from .patterns import compile_pattern


@dataclass(frozen=True)
class Config:
    """Settings of the data."""

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
    seed: int = 0
    """Seed of the split."""

    def __post_init__(self):
        require(self, "rate", lambda value: 4000 <= value <= 48000, "samples a second, from 4000 to 48000")
        require_fractions(self, "test_fraction")
        require_proper_fractions(self, "validation_fraction")
        fits = self.test_fraction + self.validation_fraction < 1
        require(self, "test_fraction", lambda value: fits, "less than 1 together with --validation-fraction")
        require(self, "seed", lambda value: 0 <= value < 2**31, "a whole number from 0 up to 2147483647")
        if self.pattern is not None:
            compile_pattern(self.pattern)
            columns = [name for name in ("file_column", "text_column") if getattr(self, name) is not None]
            if columns:
                option = f"--{columns[0].replace('_', '-')}"
                raise UserError(f"--pattern reads the names of files, {option} a table; give one of them")
