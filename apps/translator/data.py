"""From the user's sentence pairs to batches of subword numbers."""

import gzip
import hashlib
import unicodedata
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..common import runs, tables, tfds_sets
from ..common.buckets import bucketed
from ..common.cli import UserError
from ..common.splits import hold_out
from ..common.text import END_ID, START_ID, Subwords
from .sample_data.make_pairs import make_pairs

# Sentences of a few characters can well be many times as long in another language.
SHORT = 20


@dataclass(frozen=True)
class Pairs:
    """Sentences and their translations.

    Attributes:
        sources, targets: as many of each.
    """

    sources: list[str]
    targets: list[str]

    def __len__(self):
        return len(self.sources)

    def take(self, rows):
        return Pairs([self.sources[row] for row in rows], [self.targets[row] for row in rows])

    @property
    def fingerprint(self):
        """SHA-256 of the pairs; the same data gives the same split."""
        rows = zip(self.sources, self.targets, strict=True)
        return hashlib.sha256("\0".join(f"{a}\t{b}" for a, b in rows).encode()).hexdigest()


def read_pairs(config, data=None, keep_all=False):
    """Reads and checks the sentence pairs that `data` names, `config.data` if absent.

    Pairs that can hardly be translations of one another are dropped, and counted in one printed line.

    Args:
        keep_all: drop none; to measure on a set that others measure on.

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
        absurd = not keep_all and long > max(SHORT, config.max_length_ratio * short)
        (dropped if absurd else kept).append((source, target))
    if dropped:
        print(f"{name}: dropped {len(dropped)} of {len(kept) + len(dropped)} pairs: one side over "
              f"{config.max_length_ratio:g} times as long as the other, for example {dropped[0]!r:.100}")  # fmt: skip
    if not kept:
        raise UserError(f"{name}: no sentence pairs in it; expected lines of a sentence, a tab and its translation")
    sources, targets = zip(*kept, strict=True)
    return Pairs(list(targets), list(sources)) if config.reverse else Pairs(list(sources), list(targets))


def _check(name, number, source, target):
    for side, text in (("first", source), ("second", target)):
        if not text.strip():
            raise UserError(f"{name}: row {number}: the {side} side is empty; delete the pair")
        if "\0" in text:
            raise UserError(f"{name}: row {number}: the {side} side has a NUL byte; this may not be a text file")


def read_file(path, encoding="utf-8"):
    """A text file, unpacked if it is gzip's."""
    path = Path(path)
    if path.suffix != ".gz" or not path.is_file():
        return tables.read_text(path, encoding)
    try:
        return tables.decode(path, gzip.decompress(path.read_bytes()), encoding)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: not a whole gzip file ({error}); fetch it again, or unpack it yourself") from None


def _read_tab_separated(path, encoding):
    for number, line in tables.lines(read_file(path, encoding)):
        # A third field says, in some collections, who wrote the sentences.
        source, *target = line.split("\t")[:2]
        if not target:
            raise UserError(
                f"{path}: row {number}: no tab, expected a sentence, a tab and its translation; for two files of a "
                "sentence a line give both, as --data SOURCE TARGET"
            )
        yield number, (source, target[0])


def _read_parallel(source, target, encoding):
    sides = [read_file(path, encoding).removesuffix("\n").split("\n") for path in (source, target)]
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
    """Int (pairs,): pairs that share a sentence, but for case and spacing, on either side, have the same number."""
    sides = [np.unique([_folded(text) for text in side], return_inverse=True)[1] for side in
             (pairs.sources, pairs.targets)]  # fmt: skip
    sources, targets = sides[0], sides[1] + sides[0].max() + 1
    size = targets.max() + 1
    links = coo_array((np.ones(len(pairs), "int8"), (sources, targets)), shape=(size, size))
    return connected_components(links, directed=False)[1][sources]


def _folded(text):
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def split_pairs(pairs, config, validation=None):
    """Cuts the pairs into train, validation and test; pairs that share a sentence stay together.

    Args:
        validation: pairs read from elsewhere, which then are the validation pairs.

    Returns:
        Dict of Pairs; `test` is empty with `test_fraction` 0.
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
                f"{len(np.unique(groups))} share no sentence, leave none for {name}; give more"
            )
    return {name: splits[name] for name in ("train", "validation", "test")}


def fit_subwords(pairs, config):
    """The subwords of both sides of the training pairs: (source, target) `Subwords`."""
    try:
        return tuple(Subwords.fit(side, config.vocabulary_size) for side in (pairs.sources, pairs.targets))
    except ValueError as error:
        raise UserError(
            f"--vocabulary-size {config.vocabulary_size}: too few for the characters of the training pairs ({error})"
        ) from None


def load_subwords(run_dir):
    """The subwords of a run: (source, target) `Subwords`."""
    path = Path(run_dir) / "vocabulary.json"
    pieces = runs.read_json(path)
    if not isinstance(pieces, dict) or not (pieces.get("source") and pieces.get("target")):
        raise UserError(f"{path}: not the subwords of two languages; train into a new run directory")
    return tuple(Subwords(pieces[side]) for side in ("source", "target"))


def encode_ended(subwords, texts):
    """Strings (texts,) -> ragged int32 (texts, time), each closed by the end."""
    numbers = subwords.encode(texts)
    return tf.concat([numbers, tf.fill([numbers.nrows(), 1], END_ID)], axis=1)


def encode_all(subwords, texts):
    """As `encode_ended`, for a list of any number of texts."""
    parts = [encode_ended(subwords, tf.constant(texts[at : at + 1024], tf.string)) for at in range(0, len(texts), 1024)]
    return tf.concat(parts, axis=0)


def make_dataset(pairs, subwords, config, epochs=None, share=None):
    """Batches of pairs of about the same length; pairs of more than `max_tokens` are left out.

    Args:
        subwords: (source, target).
        epochs: the epochs to run through; if absent, the pairs come once as they stand.
        share: `devices.Placement.share`, to train on whole batches.

    Returns:
        A tf.data.Dataset of ((source, given), target, weights): int32 (batch, time) twice, where `given` is the target
        one step later with the start before it; int32 (batch, time); float32 (batch, time), 0 on padding. Its
        cardinality is the number of batches over all epochs, as many in each.
    """
    sources, targets = (encode_all(*side) for side in zip(subwords, (pairs.sources, pairs.targets), strict=True))
    lengths = np.maximum(sources.row_lengths(), targets.row_lengths())
    fits = lengths <= config.max_tokens + 1
    if not fits.any():
        raise UserError(f"--max-tokens {config.max_tokens}: all {len(pairs)} pairs are longer; give more")
    if not fits.all():
        print(f"left out {np.sum(~fits)} of {len(pairs)} pairs: longer than --max-tokens {config.max_tokens} subwords")
    parts = tuple(tf.ragged.boolean_mask(side, fits) for side in (sources, targets))
    dataset = bucketed(parts, lengths[fits], padded_lengths(config), config.batch_size, config.seed, epochs)
    dataset = dataset.map(_shifted, tf.data.AUTOTUNE)
    if share:
        dataset = share(dataset, int(fits.sum()), epochs)
    return dataset.prefetch(tf.data.AUTOTUNE)


def padded_lengths(config):
    """The few lengths that sentences, with their end, are padded to."""
    lengths = [8]
    while lengths[-1] < config.max_tokens + 1:
        lengths.append(lengths[-1] + (4 if lengths[-1] < 32 else lengths[-1] // 4))
    return lengths


def _shifted(source, target):
    given = tf.pad(target[:, :-1], [[0, 0], [1, 0]], constant_values=START_ID)
    return (source, given), target, tf.cast(tf.not_equal(target, 0), tf.float32)
