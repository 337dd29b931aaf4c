"""The baseline: translation word for word with a dictionary that is learned from the pairs.

IBM model 1: Brown et al., "The Mathematics of Statistical Machine Translation: Parameter Estimation", Computational
Linguistics 19(2), 1993, section 4.
"""

import numpy as np

from ..common.text import split_tokens

MAX_PAIRS = 100_000

_MARKS_WITHOUT_SPACE_BEFORE = set(".,;:!?)]}%…»”")


class Dictionary:
    """Map each source word to its most likely target word by IBM model 1, and an unknown word to itself.

    Args:
        pairs: training `Pairs`; only the first `MAX_PAIRS` are used, which have every common word.
        iterations: number of expectation-maximization iterations.
    """

    def __init__(self, pairs, iterations=8):
        sources, source_words = _as_ids(pairs.sources[:MAX_PAIRS])
        # The null word explains target words without a counterpart, which rare words would otherwise explain.
        sources = [np.append(row, len(source_words)) for row in sources]
        targets, target_words = _as_ids(pairs.targets[:MAX_PAIRS])
        rows = np.concatenate([np.tile(s, len(t)) for s, t in zip(sources, targets, strict=True)])
        columns = np.concatenate([np.repeat(t, len(s)) for s, t in zip(sources, targets, strict=True)])
        # `rows` and `columns` pair each occurrence of a target word with all source words of its sentence.
        sizes = np.repeat([len(s) for s in sources], [len(t) for t in targets])
        occurrences = np.repeat(np.arange(len(sizes)), sizes)
        entries, entry = np.unique(rows * len(target_words) + columns, return_inverse=True)
        source_of, target_of = np.divmod(entries, len(target_words))
        probabilities = np.ones(len(entries))
        for _ in range(iterations):
            expected = probabilities[entry]
            expected /= np.bincount(occurrences, expected)[occurrences]
            counts = np.bincount(entry, expected)
            probabilities = counts / np.bincount(source_of, counts)[source_of]
        order = np.lexsort((probabilities, source_of))
        last = np.append(source_of[order][1:] != source_of[order][:-1], True)
        best = zip(source_of[order][last], target_of[order][last], strict=True)
        self.words = {source_words[s]: target_words[t] for s, t in best if s < len(source_words)}

    def __call__(self, texts):
        """Return a list of the translations of a list of strings."""
        return [_join([self.words.get(word, word) for word in row]) for row in _words(texts)]


def _words(texts):
    rows = []
    for at in range(0, len(texts), 1024):
        part = split_tokens(texts[at : at + 1024], max_tokens=1000, max_characters=10_000)
        rows += [[word.decode() for word in row] for row in part.to_list()]
    return rows


def _as_ids(texts):
    rows = _words(texts)
    words, ids = np.unique([word for row in rows for word in row], return_inverse=True)
    return np.split(ids, np.cumsum([len(row) for row in rows])[:-1]), words.tolist()


def _join(words):
    text = ""
    for word in words:
        text += word if word in _MARKS_WITHOUT_SPACE_BEFORE or not text else f" {word}"
    return text
