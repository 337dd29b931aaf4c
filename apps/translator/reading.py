"""Read pairs of sentences: a table, two parallel files, a translation memory. Imports no framework."""

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path

from ..common import tfds_sets
from ..common.cli import UserError
from ..common.tables import Column, Summary, fold, is_table_name, open_text, read_lines, stored_bytes, table_of, unused
from ..common.words import counted
from .sample_data.make_pairs import make_pairs
from .tmx import is_tmx, read_tmx

# Up to this many characters, a sentence may be many times as long in another language.
SHORT = 20
SOURCE_COLUMNS = ("source", "src", "source text", "source sentence", "source language", "input", "input text", "from")
TARGET_COLUMNS = ("target", "tgt", "target text", "target sentence", "target language", "translation", "output", "to")
# Words in the header of a table that names its languages.
LANGUAGES = set(
    "english german french spanish italian portuguese dutch russian ukrainian polish czech turkish arabic hebrew hindi "
    "bengali urdu tamil chinese japanese korean vietnamese thai indonesian swedish danish norwegian finnish greek "
    "hungarian romanian bulgarian deutsch englisch francais español en de fr es it pt nl ru uk pl cs tr ar he hi bn zh "
    "ja ko vi th id sv da no fi el hu ro bg eng deu ger fra spa ita por rus jpn cmn kor".split()
)
# No sentence: a number, an address, a licence and an author.
_NO_TEXT = re.compile(
    r"\s*([-+]?[\d.,]*\d[\d.,]*([eE][-+]?\d+)?|https?://\S*|[\w-]+(\.[\w-]+)*\.[a-z]{2,}(/\S*)?)?\s*|CC-?BY.*"
)
_CODE = re.compile(r"[a-z]{2,3}([-_][A-Za-z]{2,4})?")


@dataclass(frozen=True)
class Pairs:
    """Sentences and their translations.

    Attributes:
        sources, targets: lists of strings of the same length.
        source_column: name of the column of the sources; None if there are no columns with names.
        summary: `Summary` of what was read.
    """

    sources: list[str]
    targets: list[str]
    source_column: str | None = None
    summary: Summary | None = field(default=None, compare=False)

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


def source_column(name=None):
    """Return the `Column` of the sentences to translate."""
    return Column("sentence", name, SOURCE_COLUMNS, "--source-column")


def read_pairs(config, data=None, keep_all=False):
    """Read and check pairs of sentences.

    Leaves out pairs with an empty side, and pairs that are hardly translations of each other.

    Args:
        config: a `Config`.
        data: names of files or of a set, as in `Config`; None for `config.data`.
        keep_all: whether to keep pairs of very unequal lengths, for figures that are comparable with others'.

    Returns:
        `Pairs`.

    Raises:
        UserError: names the file, the row and what to do.
    """
    data = tuple(data or config.data)
    name = " ".join(data)
    rows, columns, summary = _read(data, name, config)
    kept = _checked(name, rows, summary, None if keep_all else config.max_length_ratio)
    sources, targets = zip(*[pair for _, pair in kept], strict=True)
    if config.reverse:
        sources, targets, columns = targets, sources, columns[::-1]
        summary.note("reversed: the second is translated into the first (--reverse)")
    for (where, _), source, target in list(zip(kept, sources, targets, strict=True))[:2]:
        summary.example(where, source=source, target=target)
    return Pairs(list(sources), list(targets), columns[0], summary)


def _read(data, name, config):
    """Return [(where, (source, target))], the names of both columns, and a `Summary`."""
    if data == ("sample",):
        summary = Summary(name, "English and German sentences made by this app")
        return [(f"row {number}", pair) for number, pair in enumerate(make_pairs(), 1)], (None, None), summary
    if len(data) == 1 and data[0].startswith("tfds:"):
        return _read_tfds(data[0].removeprefix("tfds:"), config.split)
    if len(data) == 1:
        return _read_file(data[0], config)
    if len(data) == 2:
        return _read_parallel(*data, config)
    raise UserError(f"--data {name}: {len(data)} names, expected one file, or a source and a target file")


def _checked(name, rows, summary, max_length_ratio):
    kept = []
    for where, (source, target) in rows:
        if "\0" in source + target:
            raise UserError(f"{name}: {where}: a sentence has a NUL byte; is this a text file?")
        if not source.strip() or not target.strip():
            summary.count("one sentence or both are empty, left out", where)
            continue
        short, long = sorted((len(source), len(target)))
        if max_length_ratio and long > max(SHORT, max_length_ratio * short):
            summary.count(
                f"one sentence is over {max_length_ratio:g} times as long as the other, left out (--max-length-ratio)",
                where,
            )
            continue
        kept.append((where, (source, target)))
    if not kept:
        raise UserError(f"{name}: no pairs of sentences; expected lines of a sentence, a tab and its translation")
    return kept


def _read_file(name, config):
    if Path(name).is_dir():
        raise UserError(f"{name}: this is a folder; name a file of pairs, or a source and a target file in it")
    content = stored_bytes(name)
    if is_tmx(content):
        units, source, target = read_tmx(name, content, config.source_column, config.target_column)
        summary = Summary(name, f"a translation memory (TMX), {counted(len(units), 'unit')}")
        summary.use("source", f"language {source!r}")
        summary.use("target", f"language {target!r}")
        return [(f"unit {number}", pair) for number, *pair in units], (None, None), summary
    source = source_column(config.source_column)
    target = Column("translation", config.target_column, TARGET_COLUMNS, "--target-column")
    table = table_of(name, content, config.table, (source, target))
    _take_header(table, config.table.header)
    indices = _find_columns(table, source, target)
    table.require_last(max(indices), "translation")
    summary = Summary(name, f"{table.kind}, {counted(len(table), 'row')}")
    summary.use("source", table.origin(indices[0]))
    summary.use("target", table.origin(indices[1]))
    for note in (*table.notes, unused(table, set(indices))):
        if note:
            summary.note(note)
    pairs = zip(*(table.texts(index) for index in indices), strict=True)
    rows = [(f"row {row}", pair) for row, pair in zip(table.rows, pairs, strict=True)]
    return rows, tuple(table.names[index] for index in indices), summary


def _take_header(table, allowed):
    """Take the first row of a table without a header as one if its cells name languages."""
    if table.header or not table.cells or not allowed:
        return
    names = [str(cell).strip() for cell in table.cells[0]]
    words = [fold(name).split() for name in names]
    repeated = any(name in table.texts(index)[1:] for index, name in enumerate(names))
    if not repeated and sum(bool(set(each) & LANGUAGES) and len(each) <= 3 for each in words) >= 2:
        table.names, table.header = names, True
        table.rows, table.cells = table.rows[1:], table.cells[1:]


def _find_columns(table, source, target):
    if not table.cells:
        raise UserError(f"{table.name}: no pairs of sentences; expected lines of a sentence, a tab and its translation")
    found = {}
    for side in (source, target):
        if side.name:
            found[side] = table.find(side)
    if not found and table.header and None not in (indices := [side.index(table.names) for side in (source, target)]):
        return indices
    likely = [
        index for index in range(len(table.names)) if index not in found.values() and _holds_sentences(table, index)
    ]
    missing = [side for side in (source, target) if side not in found]
    if len(likely) < len(missing):
        raise UserError(
            f"{table.name}: row {table.rows[0]}: {counted(len(table.names), 'column')}, of which {len(likely)} hold "
            "sentences; expected a sentence, a tab and its translation in each row, or columns named by "
            "--source-column and --target-column; for two files of a sentence a line give both, as --data SOURCE TARGET"
        )
    found |= dict(zip(missing, likely, strict=False))
    return [found[source], found[target]]


def _holds_sentences(table, index):
    if any(isinstance(cell, (list, dict)) for cell in table.column(index)):
        return False
    cells = table.texts(index)[:2000]
    if sum(bool(_NO_TEXT.fullmatch(cell)) for cell in cells) > 0.5 * len(cells):
        return False
    kinds = set(cells)
    if all(map(_CODE.fullmatch, kinds)) and len(kinds) <= max(1, 0.1 * len(cells)):
        return False
    # Names of corpora or authors, levels, topics.
    return len(cells) < 100 or len(kinds) > 0.02 * len(cells)


def _read_parallel(source, target, config):
    sides, summary = [], Summary(f"{source} {target}", "line N of one translates line N of the other")
    for name in (source, target):
        if is_table_name(name):
            raise UserError(f"{name}: a table; expected one table of pairs, or two files of a sentence a line")
        text = open_text(name, config.table.encoding)
        sides.append(read_lines(text.text))
        for note in text.notes:
            summary.note(f"{name} {note}")
    if len(sides[0]) != len(sides[1]):
        raise UserError(
            f"{source} has {len(sides[0])} lines and {target} has {len(sides[1])}; line N of one must be the "
            "translation of line N of the other"
        )
    summary.kind += f", {counted(len(sides[0]), 'line')}"
    return [(f"row {row}", pair) for row, pair in enumerate(zip(*sides, strict=True), 1)], (None, None), summary


def _read_tfds(name, split):
    builder = tfds_sets.open_set(name, split)
    languages = list(getattr(builder.info.features, "languages", ()))
    if len(languages) != 2:
        found = ", ".join(f"{field} ({type(kind).__name__})" for field, kind in builder.info.features.items())
        raise UserError(f"tfds:{name}: not pairs of sentences: expected a Translation of two languages, found {found}")
    source, target = builder.info.supervised_keys or languages
    summary = Summary(f"tfds:{name}", f"split {split!r} of TensorFlow Datasets")
    summary.use("source", f"language {source!r}")
    summary.use("target", f"language {target!r}")
    rows = [
        (f"row {number}", tuple(row[language].decode("utf-8", "replace") for language in (source, target)))
        for number, row in enumerate(tfds_sets.rows(builder, split), 1)
    ]
    return rows, (None, None), summary
