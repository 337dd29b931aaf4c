"""Split pairs of sentences, and make batches of subword ids.

Pairs that share a sentence are kept in the same split: a copy in the test pairs would only measure memorization.
"""

import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..common.buckets import bucketed
from ..common.cli import UserError
from ..common.files import read_json
from ..common.splits import hold_out
from ..common.text import END_ID, START_ID, Subwords


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
