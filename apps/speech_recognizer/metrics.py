"""Word and character error rates, with intervals."""

from dataclasses import dataclass

import jiwer
import numpy as np

# Resamples of the bootstrap.
RESAMPLES = 1000


@dataclass(frozen=True)
class Errors:
    """Errors against references.

    Attributes:
        substitutions, deletions, insertions: their numbers.
        length: words or characters of the references.
    """

    substitutions: int
    deletions: int
    insertions: int
    length: int

    @property
    def errors(self):
        """Number of all."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self):
        """Errors for each word or character of the references, from 0 up."""
        return self.errors / max(1, self.length)


@dataclass(frozen=True)
class Counts:
    """Errors of words and characters, in all and by recording.

    Attributes:
        words, characters: `Errors`.
        word_rows: list of `Errors`, one for each recording.
    """

    words: Errors
    characters: Errors
    word_rows: list


def count_errors(references, answers):
    """Count the errors of transcripts, after the alignment with the fewest.

    Args:
        references: list of strings.
        answers: list of strings.

    Returns:
        `Counts`.
    """
    rows = [_errors(one, other) for one, other in zip(references, answers, strict=True)]
    characters = [_errors(one, other, by_character=True) for one, other in zip(references, answers, strict=True)]
    return Counts(_sum(rows), _sum(characters), rows)


def _errors(reference, answer, by_character=False):
    # jiwer refuses empty references.
    if not reference.strip():
        count = len(answer.replace(" ", "")) if by_character else len(answer.split())
        return Errors(0, 0, count, 0)
    found = (jiwer.process_characters if by_character else jiwer.process_words)(reference, answer)
    length = found.hits + found.substitutions + found.deletions
    return Errors(found.substitutions, found.deletions, found.insertions, length)


def _sum(rows):
    return Errors(*(sum(getattr(row, name) for row in rows) for name in Errors.__annotations__))


def interval(rows, seed=0):
    """Return the 95 % interval of the error rate, by bootstrap over recordings (Bisani and Ney, ICASSP 2004).

    Args:
        rows: list of `Errors`.
        seed: of the resamples.

    Returns:
        (low, high).
    """
    errors, lengths = np.array([row.errors for row in rows]), np.array([row.length for row in rows])
    drawn = np.random.default_rng(seed).integers(0, len(rows), (RESAMPLES, len(rows)))
    rates = errors[drawn].sum(axis=1) / np.maximum(1, lengths[drawn].sum(axis=1))
    return tuple(float(each) for each in np.quantile(rates, [0.025, 0.975]))
