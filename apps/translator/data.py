"""Read pairs of sentences, split them, and make batches of subword ids.

Pairs that share a sentence are kept in the same split: a copy in the test pairs would only measure memorization.
"""

import hashlib
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..common import tables, tfds_sets
from ..common.buckets import bucketed
from ..common.cli import UserError
from ..common.files import read_json
from ..common.splits import hold_out
from ..common.text import END_ID, START_ID, Subwords
from .sample_data.make_pairs import make_pairs
from .text_files import read_text

# Up to this many characters, a sentence may be many times as long in another language.
SHORT = 20


@dataclass(frozen=True)
class Pairs:
    """Sentences and their translations.

    Attributes:
        sources, targets: lists of strings of the same length.
    """

    sources: list[str]
    targets: list[str]

    def __len__(self):
        return len(self.sources)

    def take(self, rows):
        """Return the pairs of an index array."""
        return Pairs([self.sources[row] for row in rows], [self.targets[row] for row in rows])

    @property
    def fingerprint(self):
        """SHA-256 of the pairs; the same data gives the same split."""
        rows = zip(self.sources, self.targets, strict=True)
        return hashlib.sha256("\0".join(f"{a}\t{b}" for a, b in rows).encode()).hexdigest()


def read_pairs(config, data=None, keep_all=False):
    """Read and check pairs of sentences.

    Drops pairs that are hardly translations of each other, and prints how many.

    Args:
        config: a `Config`.
        data: names of files or of a set, as in `Config`; None for `config.data`.
        keep_all: whether to drop none, for figures that are comparable with others'.

    Returns:
        `Pairs`.

    Raises:
        UserError: names the file, the row and what to do.
    """
    data = tuple(data or config.data)
    name = " ".join(data)
    if data == ("sample",):
        rows = enumerate(make_pairs(), 1)
    elif len(data) == 1 and data[0].startswith("tfds:"):
        rows = _read_tfds(data[0].removeprefix("tfds:"), config.split)
    elif len(data) == 1:
        rows = _read_tab_separated(Path(data[0]), config.encoding)
    elif len(data) == 2:
        rows = _read_parallel(*map(Path, data), config.encoding)
    else:
        raise UserError(f"--data {name}: {len(data)} names, expected one file, or a source and a target file")
    kept, dropped = [], []
    for number, (source, target) in rows:
        _check(name, number, source, target)
        short, long = sorted((len(source), len(target)))
        unequal = not keep_all and long > max(SHORT, config.max_length_ratio * short)
        (dropped if unequal else kept).append((source, target))
    if dropped:
        print(
            f"{name}: dropped {len(dropped)} of {len(kept) + len(dropped)} pairs: one sentence is over "
            f"{config.max_length_ratio:g} times as long as the other, for example {dropped[0]!r:.100}"
        )
    if not kept:
        raise UserError(f"{name}: no pairs of sentences; expected lines of a sentence, a tab and its translation")
    sources, targets = zip(*kept, strict=True)
    return Pairs(list(targets), list(sources)) if config.reverse else Pairs(list(sources), list(targets))


def _check(name, number, source, target):
    for side, text in (("first", source), ("second", target)):
        if not text.strip():
            raise UserError(f"{name}: row {number}: the {side} sentence is empty; delete the pair")
        if "\0" in text:
            raise UserError(f"{name}: row {number}: the {side} sentence has a NUL byte; is this a text file?")


def _read_tab_separated(path, encoding):
    for number, line in tables.lines(read_text(path, encoding)):
        # In some collections a third field names the authors.
        source, *target = line.split("\t")[:2]
        if not target:
            raise UserError(
                f"{path}: row {number}: no tab, expected a sentence, a tab and its translation; for two files of a "
                "sentence a line give both, as --data SOURCE TARGET"
            )
        yield number, (source, target[0])


def _read_parallel(source, target, encoding):
    sides = [read_text(path, encoding).removesuffix("\n").split("\n") for path in (source, target)]
    if len(sides[0]) != len(sides[1]):
        raise UserError(
            f"{source} has {len(sides[0])} lines and {target} has {len(sides[1])}; line N of one must be the "
            "translation of line N of the other"
        )
    yield from enumerate(zip(*([line.removesuffix("\r") for line in side] for side in sides), strict=True), 1)


def _read_tfds(name, split):
    builder = tfds_sets.open_set(name, split)
    languages = list(getattr(builder.info.features, "languages", ()))
    if len(languages) != 2:
        found = ", ".join(f"{field} ({type(kind).__name__})" for field, kind in builder.info.features.items())
        raise UserError(f"tfds:{name}: not pairs of sentences: expected a Translation of two languages, found {found}")
    source, target = builder.info.supervised_keys or languages
    for number, row in enumerate(tfds_sets.rows(builder, split), 1):
        yield number, tuple(row[language].decode("utf-8", "replace") for language in (source, target))


def clusters(pairs):
    """Return int (pairs,), the same for pairs that share a source or target sentence, ignoring case and spacing."""
    sources, targets = (
        np.unique([_folded(text) for text in side], return_inverse=True)[1] for side in (pairs.sources, pairs.targets)
    )
    targets = targets + sources.max() + 1
    size = targets.max() + 1
    links = coo_array((np.ones(len(pairs), "int8"), (sources, targets)), shape=(size, size))
    return connected_components(links, directed=False)[1][sources]


def _folded(text):
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def split_pairs(pairs, config, validation=None):
    """Split into train, validation and test: pairs that share a sentence together.

    Args:
        pairs: `Pairs`.
        config: a `Config`.
        validation: other `Pairs` for validation; None takes a fraction of `pairs`.

    Returns:
        Dict of Pairs; `test` is empty if `test_fraction` is 0.

    Raises:
        UserError: a split is empty.
    """
    groups = clusters(pairs)
    rest, test = hold_out(np.arange(len(pairs)), groups, config.test_fraction, config.seed)
    splits = {"test": pairs.take(test)}
    if validation is None:
        rest, held = hold_out(rest, groups, config.validation_fraction / (1 - config.test_fraction), config.seed)
        validation = pairs.take(held)
    splits |= {"train": pairs.take(rest), "validation": validation}
    for name, part in splits.items():
        if not len(part) and not (name == "test" and config.test_fraction == 0):
            raise UserError(
                f"{' '.join(config.data)}: too few pairs to split: {len(pairs)}, of which "
                f"{len(np.unique(groups))} share no sentence, leave the {name} pairs empty; give more"
            )
    return {name: splits[name] for name in ("train", "validation", "test")}


def fit_subwords(pairs, config):
    """Choose the subwords of both languages.

    Args:
        pairs: training `Pairs`.
        config: a `Config`.

    Returns:
        (source, target) `Subwords`.

    Raises:
        UserError: the sentences have more different characters than the vocabulary allows.
    """
    try:
        return tuple(Subwords.fit(side, config.vocabulary_size) for side in (pairs.sources, pairs.targets))
    except ValueError as error:
        raise UserError(
            f"--vocabulary-size {config.vocabulary_size}: too few for the characters of the training pairs ({error})"
        ) from None


def load_subwords(run_dir):
    """Read the subwords of a run.

    Returns:
        (source, target) `Subwords`.

    Raises:
        UserError: the file is damaged.
    """
    path = Path(run_dir) / "vocabulary.json"
    pieces = read_json(path)
    if not isinstance(pieces, dict) or not (pieces.get("source") and pieces.get("target")):
        raise UserError(f"{path}: not the subwords of two languages; train into a new run directory")
    return tuple(Subwords(pieces[side]) for side in ("source", "target"))


def encode_texts(subwords, texts):
    """Return the ids of texts, each followed by the end.

    Args:
        subwords: `Subwords`.
        texts: string tensor (texts,).

    Returns:
        Ragged int32 (texts, time).
    """
    ids = subwords.encode(texts)
    return tf.concat([ids, tf.fill([ids.nrows(), 1], END_ID)], axis=1)


def encode_list(subwords, texts, batch_size=1024):
    """Return the same as `encode_texts` for a list of strings, of any length, which is encoded in batches."""
    starts = range(0, len(texts), batch_size)
    parts = [encode_texts(subwords, tf.constant(texts[at : at + batch_size], tf.string)) for at in starts]
    return tf.concat(parts, axis=0)


@dataclass(frozen=True)
class EncodedPairs:
    """Pairs as ids of subwords, see `encode_pairs`.

    Attributes:
        sources, targets: ragged int32 (pairs, time), each row with the end.
    """

    sources: tf.RaggedTensor
    targets: tf.RaggedTensor

    def __len__(self):
        return int(self.sources.nrows())


def encode_pairs(pairs, subwords, config):
    """Encode the pairs that have at most `max_tokens` subwords on both sides; print how many have more.

    Args:
        pairs: `Pairs`.
        subwords: (source, target) `Subwords`.
        config: a `Config`.

    Returns:
        `EncodedPairs`.

    Raises:
        UserError: all pairs have more.
    """
    sources, targets = (encode_list(*side) for side in zip(subwords, (pairs.sources, pairs.targets), strict=True))
    fits = np.maximum(sources.row_lengths(), targets.row_lengths()) <= config.max_tokens + 1
    if not fits.any():
        raise UserError(f"--max-tokens {config.max_tokens}: all {len(pairs)} pairs are longer; give more")
    if not fits.all():
        print(f"left out {np.sum(~fits)} of {len(pairs)} pairs: longer than --max-tokens {config.max_tokens} subwords")
    return EncodedPairs(tf.ragged.boolean_mask(sources, fits), tf.ragged.boolean_mask(targets, fits))


def make_dataset(encoded, config, epochs=None):
    """Make batches of pairs of similar length.

    Args:
        encoded: `EncodedPairs`.
        config: a `Config`.
        epochs: range of epochs. The order of each depends only on the seed and the epoch, so a resumed training sees
            the same batches. None gives the pairs once, in their order.

    Returns:
        A tf.data.Dataset of ((source, decoder_inputs), target, weights): int32 (batch, time) twice, where
        `decoder_inputs` is the target one step later, after the start; int32 (batch, time); float32 (batch, time), 0 on
        padding. Every epoch has the same number of batches.
    """
    lengths = np.maximum(encoded.sources.row_lengths(), encoded.targets.row_lengths())
    parts = encoded.sources, encoded.targets
    dataset = bucketed(parts, lengths, padded_lengths(config), config.batch_size, config.seed, epochs)
    return dataset.map(_add_decoder_inputs, tf.data.AUTOTUNE)


def padded_lengths(config):
    """Return the few lengths to which sentences, with their end, are padded."""
    lengths = [8]
    while lengths[-1] < config.max_tokens + 1:
        lengths.append(lengths[-1] + (4 if lengths[-1] < 32 else lengths[-1] // 4))
    return lengths


def shift_right(targets):
    """Return the decoder's inputs for int (batch, time): the start, then all but the last id."""
    return tf.pad(targets, [[0, 0], [1, 0]], constant_values=START_ID)[:, :-1]


def _add_decoder_inputs(source, target):
    return (source, shift_right(target)), target, tf.cast(tf.not_equal(target, 0), tf.float32)
