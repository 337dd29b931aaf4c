"""Split labelled messages, and make batches of token features.

Near-duplicates, texts that differ only in digits, case, punctuation or spacing, are kept in the same split: a copy in
the test rows would only measure memorization.
"""

from collections import Counter

import keras
import numpy as np
import tensorflow as tf

from ..common.buckets import bucketed
from ..common.cli import UserError
from ..common.splits import split_labelled
from ..common.text import split_tokens

NGRAM_WIDTHS = (2, 3, 4, 5)


def split_examples(examples, config):
    """Split into train, validation and test: near-duplicates together, classes in the same proportions.

    What the data itself names as test or validation rows is that.

    Returns:
        Dict of Examples; `test` is empty if `test_fraction` is 0.

    Raises:
        UserError: a split lacks a class.
    """
    splits = split_labelled(examples, config)
    for name, rows in splits.items():
        if len(np.unique(examples.labels[rows])) < 2 and not (name == "test" and config.test_fraction == 0):
            counts = np.bincount(examples.labels, minlength=2)
            raise UserError(
                f"{config.data}: too few messages to split: {counts[0]} {examples.class_names[0]!r} and "
                f"{counts[1]} {examples.class_names[1]!r} leave the {name} rows without a class; give more of both"
            )
    return {name: examples.take(rows) for name, rows in splits.items()}


class Encoder(tf.Module):
    """Encode texts as the ids of each token's features, int32 (batch, tokens, features), 0 for padding."""

    def __init__(self, vocabulary, config):
        super().__init__()
        self.config = config
        self.lookup = keras.layers.StringLookup(vocabulary=vocabulary, mask_token="")

    @classmethod
    def fit(cls, texts, config):
        """Choose the features that occur in most of the texts, which must be training texts."""
        counts = Counter()
        for start in range(0, len(texts), 256):
            tokens, features = _describe(tf.constant(texts[start : start + 256]), config)
            for message in tokens.with_flat_values(features).merge_dims(1, 2).to_list():
                counts.update(set(message))
        common = sorted((-count, feature) for feature, count in counts.items() if count >= config.min_count)
        return cls([feature.decode() for _, feature in common[: config.vocabulary_size]], config)

    @property
    def vocabulary(self):
        """Known features, without padding (0) and unknown (1)."""
        return self.lookup.get_vocabulary(include_special_tokens=False)

    def ragged(self, texts):
        """Encode texts without padding: ragged int32 (batch, tokens, features)."""
        tokens, features = _describe(texts, self.config)
        ids = self.lookup(features).to_tensor(0, shape=[None, self.config.max_features])
        return tokens.with_flat_values(tf.cast(ids, tf.int32))

    def __call__(self, texts):
        ids = self.ragged(texts)
        # A recurrent layer needs a step, even for an empty batch.
        shape = tf.maximum(ids.bounding_shape(), [0, 1, self.config.max_features])
        return tf.ensure_shape(ids.to_tensor(0, shape=shape), [None, None, self.config.max_features])


def subword_features(tokens, widths):
    """Describe each token by its parts, so that an unseen word resembles words with the same parts.

    After fastText (Bojanowski et al., "Enriching Word Vectors with Subword Information", TACL 2017, section 3.2), with
    the shape of the token added.

    Args:
        tokens: string (tokens,) of `split_tokens`.
        widths: lengths of the character n-grams.

    Returns:
        Ragged string (tokens, features): `=` and the lower-cased token; `#` and its shape, with X for a
        capital, x for small letters, 0 for each digit; then the n-grams of the lower-cased token between
        two spaces, in the order of `widths`.
    """
    lower = tf.strings.lower(tokens, encoding="utf-8")
    shape = tf.strings.regex_replace(tokens, r"[\p{Ll}\p{Lt}\p{Lm}\p{Lo}\p{M}]+", "x")
    shape = tf.strings.regex_replace(shape, r"\p{Lu}", "X")
    shape = tf.strings.regex_replace(shape, "XX+", "XX")
    shape = tf.strings.regex_replace(shape, r"\p{N}", "0")
    whole = tf.stack([tf.strings.join(["=", lower]), tf.strings.join(["#", shape])], axis=1)
    characters = tf.strings.unicode_split(tf.strings.join([" ", lower, " "]), "UTF-8")
    ngrams = tf.strings.ngrams(characters, tuple(widths), separator="")
    return tf.concat([tf.RaggedTensor.from_tensor(whole), ngrams], axis=1)


def _describe(texts, config):
    tokens = split_tokens(texts, config.max_tokens, config.max_characters)
    return tokens, subword_features(tokens.flat_values, NGRAM_WIDTHS)[:, : config.max_features]


def make_dataset(examples, encoder, config, epochs=None):
    """Make batches of messages of similar length, padded to powers of two so that few shapes are compiled.

    Args:
        examples: `Examples`.
        encoder: `Encoder`.
        config: a `Config`.
        epochs: range of epochs. The order of each depends only on the seed and the epoch, so a resumed training sees
            the same batches. None gives the rows once, in their order.

    Returns:
        A tf.data.Dataset of int32 (batch, tokens, features) and float32 (batch, 1), with the same number of batches in
        every epoch.
    """
    count = len(examples)
    features = tf.concat([encoder.ragged(examples.texts[at : at + 1024]) for at in range(0, count, 1024)], axis=0)
    labels = tf.constant(examples.labels[:, None], tf.float32)
    edges = [16]
    while edges[-1] < config.max_tokens:
        edges.append(2 * edges[-1])
    return bucketed((features, labels), features.row_lengths(), edges, config.batch_size, config.seed, epochs)
