"""Split labelled documents, encode them, and make batches for training."""

import numpy as np
import tensorflow as tf

from ..common.buckets import bucketed, lengths_to_pad_to
from ..common.cli import UserError
from ..common.splits import split_labelled
from ..common.text import SPACE
from ..common.vocabularies import Vocabulary
from ..common.words import counted, listed

_HTML_BREAK = r"(?i)<\s*/?\s*(?:br|p)\s*/?\s*>"
# Scripts without spaces between words: each piece is a word.
_UNSPACED = r"^[ \x{2581}]?[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}].*"


def split_examples(examples, config):
    """Split into train, validation and test: near-duplicates together, classes in the same proportions.

    What the data itself names as test or validation rows is that. A class with few rows may be in training only.

    Returns:
        Dict of Examples; `test` is empty if `test_fraction` is 0.

    Raises:
        UserError: a split is empty, or a class has no row to learn from.
    """
    splits = split_labelled(examples, config, rare=True)
    for name, rows in splits.items():
        if not len(rows) and not (name == "test" and config.test_fraction == 0):
            raise UserError(
                f"{config.data}: too few documents to split: {counted(len(examples), 'row')} of "
                f"{counted(len(examples.class_names), 'class', 'classes')} leave no {name} rows; give more"
            )
    learned = set(examples.labels[splits["train"]].tolist())
    lost = [name for index, name in enumerate(examples.class_names) if index not in learned]
    if lost:
        raise UserError(f"{config.data}: no training rows of {listed(lost)}; add some, or leave these classes out")
    return {name: examples.take(rows) for name, rows in splits.items()}


class Encoder(tf.Module):
    """Encode texts as the ids of their tokens.

    Line breaks of HTML and runs of blanks become one space.

    Args:
        vocabulary: a `Vocabulary`.
    """

    def __init__(self, vocabulary):
        super().__init__()
        self.vocabulary = vocabulary

    @classmethod
    def fit(cls, texts, config):
        """Choose the vocabulary from training texts."""
        cleaned = (text.decode() for text in cls.clean(tf.constant(texts)).numpy())
        try:
            vocabulary = Vocabulary.fit(config.unit or "subwords", cleaned, config.vocabulary_size, config.min_count)
        except ValueError as error:
            raise UserError(
                f"{config.data}: cannot choose subwords ({error}); give another --vocabulary-size, or --unit words"
            ) from None
        return cls(vocabulary)

    @staticmethod
    def clean(texts):
        """Return texts, string (batch,), without line breaks of HTML and runs of blanks."""
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
        texts = tf.strings.regex_replace(texts, _HTML_BREAK, " ")
        return tf.strings.strip(tf.strings.regex_replace(texts, r"[\s\p{Z}]+", " "))

    def __call__(self, texts):
        """Return the ids of texts, string (batch,), as ragged int32 (batch, time)."""
        return self.vocabulary.encode(self.clean(texts))

    def rows(self, texts):
        """Return the ids of a list of texts, a list of int32 (time,)."""
        found = []
        for at in range(0, len(texts), 1024):
            ids = self(tf.constant(texts[at : at + 1024], tf.string))
            found += np.split(ids.flat_values.numpy(), ids.row_splits.numpy()[1:-1])
        return found

    def words(self, texts):
        """Split texts into words, and map each token to its word.

        A word ends at a space; in scripts without spaces each token is one.

        Args:
            texts: string (batch,).

        Returns:
            Ragged string (batch, words), and ragged int32 (batch, time), the index of the word of each token that
            `__call__` returns.
        """
        pieces = self.vocabulary.split(self.clean(texts))
        flat = pieces.flat_values
        is_space = tf.concat([[False], (flat == " ") | (flat == SPACE)], axis=0)[: tf.size(flat)]
        starts = tf.strings.regex_full_match(flat, rf"^[ {SPACE}].*")
        starts |= tf.strings.regex_full_match(flat, _UNSPACED) & ~is_space
        # The first token of a text begins a word, too.
        first = tf.gather(pieces.row_starts(), tf.where(pieces.row_lengths() > 0))
        starts = tf.tensor_scatter_nd_update(tf.cast(starts, tf.int32), first, tf.ones_like(first[:, 0], tf.int32))
        number = tf.cumsum(starts) - 1
        rows = pieces.value_rowids()
        words = tf.strings.unsorted_segment_join(flat, number, tf.reduce_max(tf.concat([number, [-1]], 0)) + 1)
        words = tf.strings.strip(tf.strings.regex_replace(words, SPACE, " "))
        of_rows = tf.math.unsorted_segment_sum(starts, rows, pieces.nrows())
        words = tf.RaggedTensor.from_row_lengths(words, of_rows)
        before = tf.cumsum(of_rows, exclusive=True)
        return words, pieces.with_flat_values(number - tf.gather(before, rows))


def class_weights(labels, classes, kind):
    """Return the weight of the rows of each class, float32 (classes,)."""
    counts = np.bincount(labels, minlength=classes)
    if kind == "none":
        return np.ones(classes, "float32")
    return (len(labels) / (classes * np.maximum(counts, 1))).astype("float32")


def passes(rows, config):
    """Return how often an epoch reads the rows."""
    return -(-config.epoch_rows // rows)


def make_dataset(ids, labels, weights, config, epochs=None):
    """Make batches of documents of similar length, padded to few lengths, each of which is compiled.

    Padding is before the tokens, so that the last tokens of all documents of a batch are read together, with gradients.

    Args:
        ids: list of int32 (time,), tokens of the documents.
        labels: int (rows,), indices of their classes.
        weights: float32 (classes,), of the loss of their rows.
        config: a `Config`.
        epochs: range of epochs. The order of each depends only on the seed and the epoch, so a resumed training sees
            the same batches. None gives the rows once, in their order.

    Returns:
        A tf.data.Dataset of inputs, see `DocumentClassifier`, float32 (batch, classes) and float32 (batch,), with the
        same number of batches in every epoch.
    """
    ids = [each[: config.max_tokens][::-1] for each in ids]
    longest = max(max(map(len, ids)), 1)
    tokens = tf.RaggedTensor.from_row_lengths(np.concatenate(ids), [len(each) for each in ids])
    targets = tf.one_hot(labels, len(weights))
    parts = tokens, targets, tf.gather(weights, labels)
    if epochs is not None:
        epochs = range(*(passes(len(ids), config) * epoch for epoch in (epochs.start, epochs.stop)))
    batches = bucketed(
        parts, tokens.row_lengths(), lengths_to_pad_to(longest, 64), config.batch_size, config.seed, epochs
    )
    size = config.gradient_tokens
    is_cut = longest > size

    def inputs(reversed_ids, targets, weights):
        last = tf.reverse(reversed_ids[:, :size], [1])
        found = {"tokens": tf.ensure_shape(last, [None, None])}
        if is_cut:
            before = tf.reverse(reversed_ids[:, size:], [1])
            # A recurrent layer needs a step.
            found["before"] = tf.pad(before, [[0, 0], [tf.cast(tf.shape(before)[1] == 0, tf.int32), 0]])
        return found, targets, weights

    return batches.map(inputs, tf.data.AUTOTUNE)
