"""Options of the verbs of a trained model."""

import math
from dataclasses import dataclass

from ..common.settings import require, require_counts


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn."""

    length: int = 500
    """Tokens to generate at most."""
    temperature: float = 0.8
    """Divides the logits: below 1 the text is more usual, above 1 more varied; 0 takes the most likely token."""
    top_k: int = 0
    """Draws from the most likely tokens only, this many; 0 for all."""
    top_p: float = 1.0
    """Draws from the fewest tokens whose probabilities sum to this (Holtzman et al. 2020); 1 for all."""
    seed: int = 0
    """Seed of the draws; the same seed gives the same text."""
    stop: str = ""
    """Text that ends the generation; it is not printed."""

    def __post_init__(self):
        require_counts(self, "length")
        require_counts(self, "top_k", least=0)
        require(self, "temperature", lambda value: 0 <= value < math.inf, "a number from 0 up")
        require(self, "top_p", lambda value: 0 < value <= 1, "a number above 0, at most 1")
        require(self, "seed", lambda value: 0 <= value < 2**31, "a whole number from 0 up to 2147483647")


@dataclass(frozen=True)
class Limits:
    """What the exported model accepts, so that a request cannot take minutes."""

    max_length: int = 1000
    """Largest number of tokens that a request may ask for."""
    max_prompt: int = 10_000
    """Largest number of characters of a text."""
    words: int = 5
    """Number of words that `complete` returns."""

    def __post_init__(self):
        require_counts(self, "max_length max_prompt")
        require(self, "words", lambda value: 1 <= value <= 50, "a whole number from 1 to 50")
