"""The baseline: an n-gram model with interpolated modified Kneser-Ney smoothing.

Chen and Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling", Computer Speech & Language 13(4),
1999, section 3: the probability of a token is that of the longest context, discounted, plus the rest for the next
shorter one; shorter contexts count the different tokens before an n-gram instead of its occurrences.
"""

import numpy as np

from ..common.text import START_ID

# Largest order tried for each unit.
MAX_ORDER = {"characters": 9, "subwords": 5, "words": 5}
# Tokens that are counted, from the start of the text, which bounds the memory.
MAX_TOKENS = 10_000_000


class NGrams:
    """Counts of all n-grams up to an order.

    Args:
        ids: int (tokens,), documents that begin with a start; an n-gram does not reach across one.
        order: largest length of an n-gram.
        vocabulary_size: number of tokens, with the special ones.
    """

    def __init__(self, ids, order, vocabulary_size):
        ids = np.asarray(ids[:MAX_TOKENS], "int64")
        self.order, self.vocabulary_size = order, vocabulary_size
        # Of each length the n-grams, sorted, as context * vocabulary_size + token, where a context is an index in the
        # list of those that are shorter by one.
        self.keys, counts, suffixes = [], [], []
        before = np.zeros(len(ids), "int64")
        shorter = None
        for length in range(1, order + 1):
            positions = np.flatnonzero(_exists(before, ids, length))
            keys, first, index, count = np.unique(
                before[positions] * vocabulary_size + ids[positions],
                return_index=True, return_inverse=True, return_counts=True,
            )  # fmt: skip
            found = np.full(len(ids), -1)
            found[positions] = index
            self.keys.append(keys)
            counts.append(count)
            suffixes.append(None if shorter is None else shorter[positions[first]])
            shorter, before = found, _shifted(found)
        self._occurrences = [self._level(length, counts[length]) for length in range(order)]
        self._continuations = [
            self._level(length, self._preceding(length, counts[length], suffixes[length + 1]))
            for length in range(order - 1)
        ]

    def _preceding(self, length, counts, suffixes):
        """Return how many different tokens precede each n-gram; the occurrences of those that begin a document."""
        preceding = np.bincount(suffixes, minlength=len(counts))
        return np.where(preceding == 0, counts, preceding)

    def _level(self, length, counts):
        """Return discounted counts of the n-grams, totals of their contexts, and what is left for shorter contexts."""
        keys = self.keys[length]
        counts = counts.copy()
        if length == 0:
            counts[keys == START_ID] = 0
        discount = _discounts(counts)[np.minimum(counts, 3)]
        contexts = keys // self.vocabulary_size
        size = 1 if length == 0 else len(self.keys[length - 1])
        totals = np.bincount(contexts, counts, size)
        return counts - discount, totals, np.bincount(contexts, discount, size)

    def probabilities(self, ids):
        """Return the probability of each token by the models of every order.

        Args:
            ids: int (tokens,), documents that begin with a start.

        Returns:
            float64 (order, predictions); those of starts are left out.
        """
        ids = np.asarray(ids, "int64")
        # Neither padding nor a start is ever next.
        lower = np.full(len(ids), 1 / (self.vocabulary_size - 2))
        context, rows = np.zeros(len(ids), "int64"), []
        for length, keys in enumerate(self.keys):
            exists = _exists(context, ids, length + 1)
            wanted = np.where(exists, context * self.vocabulary_size + ids, -1)
            index = np.searchsorted(keys, wanted)
            found = np.where(np.append(keys, -2)[index] == wanted, index, -1)
            rows.append(_interpolated(self._occurrences[length], context, found, lower))
            if length < self.order - 1:
                lower = _interpolated(self._continuations[length], context, found, lower)
            context = _shifted(found)
        return np.array(rows)[:, ids != START_ID]


def _exists(context, ids, length):
    """Return where n-grams of a length end: behind a known context, and not at a start, except a start itself."""
    return (context >= 0) & ((ids != START_ID) | (length == 1))


def _shifted(found):
    """Return the n-gram before each token, -1 for none."""
    return np.concatenate([[-1], found[:-1]])


def _interpolated(level, context, found, lower):
    discounted, totals, left = level
    total = np.where(context >= 0, np.append(totals, 0)[context], 0)
    own = np.where(found >= 0, np.append(discounted, 0)[found], 0)
    # Where the context was never seen, the shorter one decides.
    return np.where(total > 0, (own + np.append(left, 0)[context] * lower) / np.maximum(total, 1), lower)


def _discounts(counts):
    """Return what is subtracted from counts of 0, 1, 2 and more (Chen and Goodman, equation 26)."""
    n = np.bincount(np.minimum(counts, 5), minlength=6)
    if not n[1:5].all():
        # Too few n-grams to estimate it.
        return np.array([0, 0.5, 0.75, 0.9])
    y = n[1] / (n[1] + 2 * n[2])
    return np.clip([0, *(k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3))], 0, [0, 1, 2, 3])
