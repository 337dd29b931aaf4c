"""A dictionary learned from the pairs alone, to translate word for word: what any network must beat.

IBM model 1: Brown et al., "The Mathematics of Statistical Machine Translation: Parameter Estimation", Computational
Linguistics 19(2), 1993, section 4.
"""

import numpy as np

from ..common.text import split_tokens

MOST_PAIRS = 100_000

_MARKS_WITHOUT_SPACE_BEFORE = set(".,;:!?)]}%…»”")


class Dictionary:
    """Each source word's likeliest target word, by IBM model 1; a word never seen translates to itself.

    Args:
        pairs: training `Pairs`; of very many the first `MOST_PAIRS`, which hold every common word.
        iterations: rounds of expectation and maximisation.
    """

    def __init__(self, pairs, iterations=8):
        sources, source_words = _numbered(pairs.sources[:MOST_PAIRS])
        # A null word explains what has no counterpart, so that it need not be explained by a rare word.
        sources = [np.append(row, len(source_words)) for row in sources]
        targets, target_words = _numbered(pairs.targets[:MOST_PAIRS])
        rows = np.concatenate([np.tile(s, len(t)) for s, t in zip(sources, targets, strict=True)])
        columns = np.concatenate([np.repeat(t, len(s)) for s, t in zip(sources, targets, strict=True)])
        # The places in a pair where a target word stands, each with all of its pair's source words.
        sizes = np.repeat([len(s) for s in sources], [len(t) for t in targets])
        places = np.repeat(np.arange(len(sizes)), sizes)
        couples, couple = np.unique(rows * len(target_words) + columns, return_inverse=True)
        source_of, target_of = np.divmod(couples, len(target_words))
        translation = np.ones(len(couples))
        for _ in range(iterations):
            expected = translation[couple]
            expected /= np.bincount(places, expected)[places]
            counts = np.bincount(couple, expected)
            translation = counts / np.bincount(source_of, counts)[source_of]
        order = np.lexsort((translation, source_of))
        last = np.append(source_of[order][1:] != source_of[order][:-1], True)
        best = zip(source_of[order][last], target_of[order][last], strict=True)
        self.words = {source_words[s]: target_words[t] for s, t in best if s < len(source_words)}

    def __call__(self, texts):
        """List of strings, a translation each."""
        return [_joined([self.words.get(word, word) for word in row]) for row in _words(texts)]


def _words(texts):
    rows = []
    for at in range(0, len(texts), 1024):
        part = split_tokens(texts[at : at + 1024], max_tokens=1000, max_characters=10_000)
        rows += [[word.decode() for word in row] for row in part.to_list()]
    return rows


def _numbered(texts):
    rows = _words(texts)
    words, numbers = np.unique([word for row in rows for word in row], return_inverse=True)
    return np.split(numbers, np.cumsum([len(row) for row in rows])[:-1]), words.tolist()


def _joined(words):
    text = ""
    for word in words:
        text += word if word in _MARKS_WITHOUT_SPACE_BEFORE or not text else f" {word}"
    return text
