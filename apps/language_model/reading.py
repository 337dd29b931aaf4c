"""Read text: from files, folders, columns of tables; block by block, so that memory does not grow with it.

Imports no framework.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..common import tfds_sets
from ..common.cli import UserError
from ..common.tables import Column, Summary, is_table_name, unused
from ..common.tables.blocks import lines_of, read_blocks
from ..common.tables.slices import read_slices
from ..common.words import counted
from .sample_data.make_text import make_text

TEXT_COLUMNS = (
    *("text", "content", "body", "document", "sentence", "review", "message", "article", "story", "post", "comment"),
    *("tweet", "title", "prompt", "completion", "output"),
)
# Endings of the files of a folder that are read.
TEXT_FILES = (".txt", ".text", ".md", ".txt.gz", ".txt.bz2", ".txt.xz")
# Documents from which on `--split-by auto` holds out whole ones.
MANY_DOCUMENTS = 100


@dataclass(frozen=True)
class Block:
    """A part of a document.

    Attributes:
        where: names file and row.
        text: string.
        starts, ends: whether it is the first, and the last, of its document.
    """

    where: str
    text: str
    starts: bool
    ends: bool


@dataclass(frozen=True)
class Corpus:
    """A text of one or more documents, which can be read again and again.

    Attributes:
        name: of its source.
        blocks: function that returns an iterator of `Block`s.
        characters, documents: their numbers.
        fingerprint: SHA-256 of the text and of where documents begin.
        text_column: name, or number without a header, of the column of the texts; None if there are no columns.
        summary: `Summary` of what was read.
    """

    name: str
    blocks: Callable[[], Iterator[Block]]
    characters: int
    documents: int
    fingerprint: str
    text_column: str | None
    summary: Summary


def text_column(name=None):
    """Return the `Column` of the texts."""
    return Column("text", name, TEXT_COLUMNS, "--text-column")


def read_corpus(config, sources=None):
    """Read and check the text of `config.data`, once, without keeping it.

    Args:
        config: a `Config`.
        sources: what to read instead of `config.data`.

    Returns:
        A `Corpus`.

    Raises:
        UserError: names the file, the row and what to do.
    """
    sources = sources or config.data
    name = " ".join(sources)
    readers, summary = [], Summary(name, "text")
    kinds = [_reader(source, config, summary) for source in sources]
    for kind, _, reader in kinds:
        readers += reader
        summary.kind = kind if len(kinds) == 1 else f"text of {len(kinds)} sources"
    columns = {column for _, column, _ in kinds if column}
    digest, characters, documents, different = hashlib.sha256(), 0, 0, set()

    def blocks():
        return (block for reader in readers for block in _whole(reader))

    for block in blocks():
        digest.update(b"\0" * block.starts + block.text.encode("utf-8", "surrogatepass"))
        characters, documents = characters + len(block.text), documents + block.starts
        different |= set(block.text)
        if block.starts:
            summary.example(Path(block.where).name, text=block.text[:500])
    if characters < 2:
        raise UserError(f"{name}: {counted(characters, 'character')}; expected a text to learn from")
    summary.note(f"{counted(documents, 'document')}, {counted(characters, 'character')}")
    unusual = sorted(character for character in different if not character.isascii())
    shown = f", not of ASCII {''.join(unusual[:40])}{'...' * (len(unusual) > 40)}" if unusual else ", all of ASCII"
    summary.note(f"{len(different)} different characters{shown}")
    by_documents = is_split_by_documents(documents, config)
    summary.note(f"held out: {'whole documents' if by_documents else 'the end of the text, and stretches of the rest'}")
    column = columns.pop() if len(columns) == 1 else None
    return Corpus(name, blocks, characters, documents, digest.hexdigest(), column, summary)


def is_split_by_documents(documents, config):
    """Return whether whole documents are held out of this many, and not the end of the text."""
    return config.split_by == "documents" or (config.split_by == "auto" and documents >= MANY_DOCUMENTS)


def _reader(source, config, summary):
    """Return the kind of a source, its column of texts, and functions that yield (where, blocks) of documents."""
    if source == "sample":
        return "text made by this app", None, [lambda: [("sample", [make_text()])]]
    if source.startswith("tfds:"):
        return _tfds(source.removeprefix("tfds:"), config.split, summary)
    if Path(source).is_dir():
        files = sorted(path for path in Path(source).rglob("*") if path.name.lower().endswith(TEXT_FILES))
        if not files:
            raise UserError(
                f"{source}: no text file in this folder; expected files that end in {', '.join(TEXT_FILES)}"
            )
        readers = [partial(_text_documents, str(path), config) for path in files]
        return f"a folder of {counted(len(files), 'text file')}", None, readers
    if is_table_name(source):
        return _table(source, config, summary)
    kind = "text file" if config.documents == "files" else "text file with a document a line"
    return kind, None, [partial(_text_documents, source, config)]


def _text_documents(path, config):
    blocks = read_blocks(path, config.table.encoding)
    if config.documents == "files":
        yield path, blocks
    else:
        for row, line in enumerate(lines_of(blocks), 1):
            if line.strip():
                yield f"{path}: row {row}", [line]


def _whole(reader):
    """Yield the blocks of documents; documents without text are left out."""
    for where, texts in reader():
        starts, before = True, ""
        for text in texts:
            if before.strip() or not starts:
                yield Block(where, before, starts, False)
                starts, before = False, ""
            before += text
        if before.strip() or not starts:
            yield Block(where, before, starts, True)


def _tfds(name, split, summary):
    builder = tfds_sets.open_set(name, split)
    fields = {field: type(feature).__name__ for field, feature in builder.info.features.items()}
    texts = [field for field, kind in fields.items() if kind == "Text"]
    if not texts:
        found = ", ".join(f"{field} ({kind})" for field, kind in fields.items())
        raise UserError(f"tfds:{name}: no field of text, found {found}")
    summary.use("text", f"field {texts[0]!r}")

    def documents():
        for row, example in enumerate(tfds_sets.rows(builder, split), 1):
            yield f"tfds:{name}: row {row}", [example[texts[0]].decode("utf-8", "replace")]

    return f"split {split!r} of TensorFlow Datasets", None, [documents]


def _table(path, config, summary):
    column = text_column(config.text_column)

    def slices():
        return read_slices(path, config.table, [column])

    first = next(slices())
    if not first.cells:
        raise UserError(f"{path}: no rows; expected a text in each")
    index = first.find(column) if len(first.names) > 1 or config.text_column else 0
    first.require_last(index, "text")
    summary.use("text", first.origin(index))
    for note in (*first.notes, unused(first, {index})):
        if note:
            summary.note(note)

    def documents():
        for table in slices():
            for row, text in zip(table.rows, table.texts(index), strict=True):
                yield f"{path}: row {row}", [text]

    return first.kind, first.names[index], [documents]
