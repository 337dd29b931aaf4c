"""Encode text as ids of characters, words or subwords, with TensorFlow's own operations, so that a SavedModel can."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from .files import read_json
from .text import SPACE, SPECIAL_PIECES, UNKNOWN_ID, Subwords

NUM_SPECIAL = len(SPECIAL_PIECES)
# What decoding writes for a piece that is not in the vocabulary.
UNKNOWN = "\ufffd"
# Stands for a line break, which `Subwords` would take for a space.
LINE_BREAK = "⏎"
# A word or a number, with the space before it, or any other character. Joined, the pieces are the text.
_WORD = r"( ?[\p{L}\p{M}]+(?:['\x{2019}][\p{L}\p{M}]+)*| ?\p{N}+|(?s:.))"
_SEPARATOR = "\x1f"
# Characters of the beginning of a text from which subwords are chosen, which bounds time and memory.
MAX_FITTED = 20_000_000
# Lines that are encoded at once.
_LINES = 10_000


class Vocabulary(tf.Module):
    """The pieces of text that a model knows, most frequent first; their ids count from 4.

    Ids 0 to 3 are padding, unknown, start and end of a document.

    Args:
        unit: `characters`, `words` or `subwords`. A word has the space before it, so that joined words are the text.
            Subwords are those of `Subwords`, with line breaks.
        pieces: strings.

    Attributes:
        size: number of pieces, with the four special ones.
        texts: list of what each id adds to a text.
    """

    def __init__(self, unit: str, pieces: Sequence[str]):
        super().__init__()
        self.unit, self.pieces = unit, list(pieces)
        self.size = NUM_SPECIAL + len(self.pieces)
        ids = range(NUM_SPECIAL, self.size)
        if unit == "characters":
            self._table = _table([ord(piece) for piece in self.pieces], ids, tf.int64)
        elif unit == "words":
            self._table = _table(self.pieces, ids, tf.string)
        else:
            self._subwords = Subwords(self.pieces)
        self.texts = ["", UNKNOWN, "", "", *(piece.replace(SPACE, " ") for piece in self.pieces)]
        self._texts = tf.constant(self.texts)

    def encode(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Return the ids of texts, string (batch,), as ragged int32 (batch, time)."""
        if self.unit == "characters":
            codes = tf.strings.unicode_decode(texts, "UTF-8")
            return codes.with_flat_values(self._table.lookup(tf.cast(codes.flat_values, tf.int64)))
        if self.unit == "words":
            words = split_words(texts)
            return words.with_flat_values(self._table.lookup(words.flat_values))
        return self._subwords.encode(_with_line_breaks(texts))

    def split(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Return the pieces of texts, ragged string (batch, time), one for each id of `encode`, known or not."""
        if self.unit == "characters":
            return tf.strings.unicode_split(texts, "UTF-8")
        return split_words(texts) if self.unit == "words" else self._subwords.split(_with_line_breaks(texts))

    def decode(self, ids: tf.Tensor) -> tf.Tensor:
        """Return the texts, string (batch,), of int (batch, time); special ids other than unknown add nothing."""
        texts = tf.strings.reduce_join(tf.gather(self._texts, ids), axis=-1)
        return tf.strings.regex_replace(texts, f" ?{LINE_BREAK} ?", "\n") if self.unit == "subwords" else texts

    @classmethod
    def fit(cls, unit: str, texts: Iterable[str], max_size: int, min_count: int = 1) -> "Vocabulary":
        """Choose the pieces from texts, which must be training texts.

        Args:
            unit: `characters`, `words` or `subwords`.
            texts: iterable of strings.
            max_size: largest number of words or subwords; characters are not limited.
            min_count: how often a word must occur.

        Raises:
            ValueError: the texts have more different characters than `max_size` allows for subwords.
        """
        if unit == "subwords":
            return cls._fit_subwords(_beginning(texts), max_size)
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(text if unit == "characters" else _words(text))
        if unit == "characters":
            max_size, min_count = None, 1
        common = sorted((-count, piece) for piece, count in counts.items() if count >= min_count)
        return cls(unit, [piece for _, piece in common[:max_size]])

    @classmethod
    def _fit_subwords(cls, lines, max_size):
        # They come in the order of the merges, in which single characters, which are frequent, are last.
        pieces = cls("subwords", Subwords.fit(lines, max_size).pieces)
        counts = np.zeros(pieces.size, "int64")
        for start in range(0, len(lines), _LINES):
            ids = pieces.encode(tf.constant(lines[start : start + _LINES])).flat_values.numpy()
            counts += np.bincount(ids, minlength=pieces.size)
        order = np.argsort(-counts[NUM_SPECIAL:], kind="stable")
        return cls("subwords", [pieces.pieces[index] for index in order])


def load_vocabulary(run_dir: str | Path) -> Vocabulary:
    """Return the `Vocabulary` of the run of a language model."""
    saved = read_json(Path(run_dir) / "vocabulary.json")
    return Vocabulary(saved["unit"], saved["pieces"])


def split_words(texts: tf.Tensor) -> tf.RaggedTensor:
    """Split texts, string (batch,), into ragged words, numbers and other characters, (batch, words)."""
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace", replace_control_characters=False)
    marked = tf.strings.regex_replace(tf.strings.regex_replace(texts, _SEPARATOR, " "), _WORD, rf"\1{_SEPARATOR}")
    words = tf.strings.split(marked, _SEPARATOR)
    return tf.ragged.boolean_mask(words, tf.not_equal(words, ""))


def _with_line_breaks(texts):
    return tf.strings.regex_replace(texts, r"\r?\n", f" {LINE_BREAK} ")


def _words(text):
    return (word.decode() for word in split_words([text]).flat_values.numpy())


def _beginning(texts):
    lines, total = [], 0
    for text in texts:
        lines += [line for line in text.replace("\n", f" {LINE_BREAK}\n").split("\n") if line.strip()]
        total += len(text)
        if total >= MAX_FITTED:
            break
    return lines


def _table(keys, ids, dtype):
    initial = tf.lookup.KeyValueTensorInitializer(tf.constant(keys, dtype), tf.constant(list(ids), tf.int32))
    return tf.lookup.StaticHashTable(initial, UNKNOWN_ID)
