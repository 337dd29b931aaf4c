"""Read labelled messages, split them, and make batches of token features.

Near-duplicates, texts that differ only in digits, case, punctuation or spacing, are kept in the same split: a copy in
the test rows would only measure memorization.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ..common import tables, tfds_sets
from ..common.buckets import bucketed
from ..common.cli import UserError
from ..common.splits import hold_out
from ..common.text import split_tokens
from .sample_data.make_messages import make_messages

TEXT_COLUMNS = ("text", "message", "sms", "sentence", "content", "body", "email", "v2")
LABEL_COLUMNS = ("label", "class", "category", "target", "type", "spam", "is_spam", "v1")
POSITIVE_LABELS = ("spam", "junk", "phishing", "smishing", "scam", "positive", "true", "yes", "1")
NGRAM_WIDTHS = (2, 3, 4, 5)


@dataclass(frozen=True)
class Examples:
    """Labelled messages.

    Attributes:
        texts: list of strings.
        labels: int32 (rows,), 1 for the class to detect.
        class_names: (name of class 0, name of class 1) as in the data.
        fingerprint: SHA-256 of the rows; the same data gives the same split.
    """

    texts: list[str]
    labels: np.ndarray
    class_names: tuple[str, str]
    fingerprint: str

    def __len__(self):
        return len(self.texts)

    def take(self, rows):
        """Return the rows of an index array."""
        texts = [self.texts[row] for row in rows]
        return Examples(texts, self.labels[rows], self.class_names, self.fingerprint)


def read_examples(config, class_names=None):
    """Read and check the labelled messages of `config.data`.

    Args:
        config: a `Config`.
        class_names: the labels that may occur, those of a trained model; None takes them from the data.

    Raises:
        UserError: names the file, the row and what to do.
    """
    source = config.data
    if source == "sample":
        rows = make_messages()
    elif source.startswith("tfds:"):
        rows = _read_tfds(source.removeprefix("tfds:"), config.split)
    else:
        rows = _read_file(Path(source), config)
    numbers, labels, texts = zip(*_checked(source, rows), strict=True)
    names = class_names or _class_names(source, labels, config.positive_label)
    for number, label in zip(numbers, labels, strict=True):
        if label not in names:
            raise UserError(f"{source}: row {number}: label {label!r}, expected {names[0]!r} or {names[1]!r}")
    fingerprint = hashlib.sha256("\0".join(f"{a}\t{b}" for a, b in zip(labels, texts, strict=True)).encode())
    labels = np.array([label == names[1] for label in labels], "int32")
    return Examples(list(texts), labels, tuple(names), fingerprint.hexdigest())


def _checked(source, rows):
    rows = list(rows)
    if not rows:
        raise UserError(f"{source}: no messages; expected rows of a label and a text")
    for number, label, text in rows:
        if not label.strip():
            raise UserError(f"{source}: row {number}: the label is empty")
        if not text.strip():
            raise UserError(f"{source}: row {number}: the message is empty; delete the row")
        if "\0" in text:
            raise UserError(f"{source}: row {number}: the message has a NUL byte; is this a text file?")
        if re.search("[\ud800-\udfff]", text):
            raise UserError(f"{source}: row {number}: the message has half of a surrogate pair; correct its escapes")
    return [(number, label.strip(), text) for number, label, text in rows]


def _class_names(source, labels, positive_label):
    counts = Counter(labels)
    if len(counts) != 2:
        some = ", ".join(f"{label!r} ({count})" for label, count in counts.most_common(5))
        raise UserError(
            f"{source}: found {len(counts)} label{'s' * (len(counts) > 1)}, expected 2: {some}"
            f"{', ...' * (len(counts) > 5)}; keep the messages of two classes"
        )
    if positive_label is not None and positive_label not in counts:
        found = " and ".join(map(repr, sorted(counts)))
        raise UserError(f"{source}: no message has --positive-label {positive_label!r}; the labels are {found}")
    known = [label for label in counts if label.casefold() in POSITIVE_LABELS]
    positive = positive_label or (known[0] if len(known) == 1 else counts.most_common()[-1][0])
    negative = next(label for label in counts if label != positive)
    return negative, positive


def _read_file(path, config):
    text = tables.read_text(path, config.encoding)
    columns = (
        tables.Column(config.label_column, LABEL_COLUMNS, "--label-column"),
        tables.Column(config.text_column, TEXT_COLUMNS, "--text-column"),
    )
    if path.suffix == ".csv":
        rows = tables.read_csv(path, text, columns)
    elif path.suffix in (".jsonl", ".ndjson"):
        rows = tables.read_json_lines(path, text, columns)
    else:
        rows = _read_uci(path, text)
    for number, (label, message) in rows:
        if not isinstance(message, str):
            raise UserError(f"{path}: row {number}: the message is {message!r:.40}, expected a string")
        yield number, str(label), message


def _read_uci(path, text):
    for number, line in tables.lines(text):
        label, tab, message = line.partition("\t")
        if not tab:
            raise UserError(f"{path}: row {number}: one field, expected a label, a tab and the message")
        yield number, (label, message)


def _read_tfds(name, split):
    # Importing a builder is what makes TensorFlow Datasets know its name.
    from .sms_spam import sms_spam_dataset_builder  # noqa: F401

    builder = tfds_sets.open_set(name, split)
    text, label = _text_and_label(name, builder.info.features)
    for number, row in enumerate(tfds_sets.rows(builder, split), 1):
        yield number, builder.info.features[label].int2str(int(row[label])), row[text].decode("utf-8", "replace")


def _text_and_label(name, features):
    kinds = {field: type(feature).__name__ for field, feature in features.items()}
    texts = [field for field, kind in kinds.items() if kind == "Text"]
    labels = [field for field, kind in kinds.items() if kind == "ClassLabel"]
    if not texts or not labels:
        found = ", ".join(f"{field} ({kind})" for field, kind in kinds.items())
        raise UserError(f"tfds:{name}: not text classification: expected a Text and a ClassLabel, found {found}")
    return texts[0], labels[0]


def cluster_key(text):
    """Return a text without case, punctuation and spacing, with every digit a 0: the same for near-duplicates."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", re.sub(r"\d", "0", folded)).split())


def clusters(texts):
    """Return int (rows,), the same for near-duplicates."""
    keys = [cluster_key(text) for text in texts]
    ids = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    return np.array([ids[key] for key in keys])


def split_examples(examples, config):
    """Split into train, validation and test: near-duplicates together, classes in the same proportions.

    Returns:
        Dict of Examples; `test` is empty if `test_fraction` is 0.

    Raises:
        UserError: a split lacks a class.
    """
    groups = clusters(examples.texts)
    rest, test = hold_out(np.arange(len(groups)), groups, config.test_fraction, config.seed, examples.labels)
    fraction = config.validation_fraction / (1 - config.test_fraction)
    train, validation = hold_out(rest, groups, fraction, config.seed, examples.labels)
    splits = {"train": train, "validation": validation, "test": test}
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
