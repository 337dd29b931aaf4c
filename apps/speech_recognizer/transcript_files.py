"""Read the rows of a file of transcripts: a table, or lines of a recording and its transcript."""

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path

from ..common.cli import UserError
from ..common.tables import SPLITS, Table, decode, fold, read_lines, stored_bytes, table_of
from ..common.tables.structured import flatten, is_excel
from ..common.tables.table import as_text
from ..common.words import listed
from .columns import Columns, find_columns, split_of, wanted
from .sound_files import SUFFIXES

# A line of CMU Sphinx or sclite: a transcript, and the recording in parentheses.
_SPHINX = re.compile(r"(?:<s>)?\s*(.*?)\s*(?:</s>)?\s*\(([^\s()]+)\)\s*")


@dataclass(frozen=True)
class Row:
    """A recording with its transcript, from one place of a file.

    Attributes:
        where: the place, for messages.
        file: name as the data has it.
        text: transcript as the data has it.
        speaker, split: strings; None if not named.
        base: folder that the name may be relative to.
        content: bytes of the sound file, if the data holds it.
    """

    where: str
    file: str
    text: str
    speaker: str | None = None
    split: str | None = None
    base: Path | None = None
    content: bytes | None = None


@dataclass(frozen=True)
class Source:
    """A file of transcripts that was read.

    Attributes:
        path: of the file.
        table: a `Table`.
        columns: its `Columns`.
        split: that its name or folder names; None if it names none.
    """

    path: Path
    table: Table
    columns: Columns
    split: str | None = None


def read_source(path, folder, config, split=None):
    """Read a file of transcripts.

    Args:
        path: of the file.
        folder: the `SoundFolder`, whose names tell recordings from transcripts.
        config: a `Config`.
        split: of all its rows, if it names none.

    Returns:
        A `Source`.

    Raises:
        UserError: names the file, the row and what to do.
    """
    content = stored_bytes(path)
    table = _table_of_lines(path, content, folder, config)
    if table is None:
        table = _table_of_object(path, content, config)
    if table is None:
        columns = wanted(config)
        table = table_of(path, content, config.table, columns)
        unknown = not any(column.index(table.names) is not None for column in columns)
        if table.header and any(
            name.lower().endswith(SUFFIXES) or (unknown and folder.holds(name)) for name in table.names
        ):
            # The first row names a recording, so it is no header.
            table = table_of(path, content, dataclasses.replace(config.table, header=False), columns)
    if not table.cells:
        raise UserError(f"{path}: no rows in it; expected rows with a recording and its transcript")
    return Source(Path(path), table, find_columns(table, config, folder), split)


def rows_of(source, summary, where=""):
    """Return the `Row`s of a `Source`.

    Args:
        source: a `Source`.
        summary: a `Summary`, which receives where the values come from.
        where: name of the file, if several are read.

    Raises:
        UserError: a split is unknown, or rows describe parts of recordings.
    """
    table, columns = source.table, source.columns
    _require_whole(table, columns)
    splits = _splits(source, summary)
    summary.use("recording", "the sounds in the table" if columns.file is None else table.origin(columns.file))
    summary.use("transcript", table.origin(columns.text))
    if columns.speaker is not None:
        summary.use("speaker", table.origin(columns.speaker))
    for note in table.notes:
        summary.note(f"{where}: {note}" if where else note)
    rows = []
    for number, cells, split in zip(table.rows, table.cells, splits, strict=True):
        place = f"{where} row {number}" if where else f"row {number}"
        if not any(as_text(cell).strip() for cell in cells if not isinstance(cell, bytes)):
            continue
        value = cells[columns.text]
        if isinstance(value, dict | list | bytes | bool):
            raise UserError(f"{table.name}: row {number}: the transcript is {value!r:.60}, expected a text")
        speaker = as_text(cells[columns.speaker]).strip() if columns.speaker is not None else ""
        name = as_text(cells[columns.file]) if columns.file is not None else f"{number}.wav"
        content = cells[columns.content] if columns.content is not None else None
        rows.append(Row(place, name, as_text(value), speaker or None, split, source.path.parent, content))
    return rows


def _require_whole(table, columns):
    """Raise `UserError` if rows describe parts of recordings, by the times at which they start."""
    if columns.start is None or columns.file is None:
        return
    starts, names = table.texts(columns.start), table.texts(columns.file)
    if len(set(names)) == len(names):
        return
    for row, start in zip(table.rows, starts, strict=True):
        if start.strip() and not re.fullmatch(r"[0.:,]*", start.strip()):
            raise UserError(
                f"{table.name}: row {row}: {table.origin(columns.start)} is {start}, so rows describe parts of "
                "recordings; expected a file for each row: cut the recordings, for example with ffmpeg -ss -to"
            )


def _splits(source, summary):
    """Return the split of each row: as its column says, else as the name of the file says, else None."""
    table, index = source.table, source.columns.split
    if index is None:
        return [source.split] * len(table)
    names = [text.strip() for text in table.texts(index)]
    found = [SPLITS.get(fold(name)) or split_of(name) for name in names]
    if not any(found):
        if any(names):
            summary.note(f"{table.origin(index)} is not used: it has {listed(sorted(set(names)))}, expected train, "
                         "validation or test")  # fmt: skip
        return [source.split] * len(table)
    for row, name, split in zip(table.rows, names, found, strict=True):
        if name and split is None:
            raise UserError(f"{table.name}: row {row}: split {name!r}, expected train, validation or test")
    summary.use("split", table.origin(index))
    return found


def _table_of_object(path, content, config):
    """Return the `Table` of a JSON object {recording: transcript}, or {recording: fields}; None if it is another file.

    The key of an object of fields names the recording only if no field does.
    """
    if content.lstrip()[:1] != b"{":
        return None
    try:
        document = json.loads(decode(path, content, config.table.encoding).text)
    except (ValueError, RecursionError):
        return None
    values = list(document.values())
    if len(values) > 1 and all(isinstance(value, str) for value in values):
        keys = any(key.lower().endswith(SUFFIXES) for key in document)
        records = [{"key": key, "text": value} for key, value in document.items()] if keys else []
    elif values and all(isinstance(value, dict) for value in values):
        text = wanted(config)[1]
        found = [text.index(list(value)) is not None for value in values]
        records = [{**flatten(value), "key": key} for key, value in document.items()] if all(found) else []
    else:
        return None
    names = list(dict.fromkeys(name for record in records for name in record))
    cells = [[record.get(name) for name in names] for record in records]
    kind = "a JSON object of recordings"
    return Table(str(path), kind, names, True, list(range(1, len(cells) + 1)), cells) if records else None


def _table_of_lines(path, content, folder, config):
    """Return the `Table` of lines without a header; None if the file is another one.

    Quotes mean nothing in them, unlike in a CSV file.
    """
    named = [name for name in (config.file_column, config.text_column) if name is not None]
    if content.startswith((b"PAR1", b"ARROW1")) or is_excel(content) or not all(name.isdigit() for name in named):
        return None
    try:
        text = decode(path, content, config.table.encoding).text
    except UserError:
        return None
    lines = [(row, line) for row, line in enumerate(read_lines(text), 1) if line.strip()]
    if not lines or lines[0][1].lstrip()[:1] in "{[" or "\0" in text:
        return None
    for kind, cut in _FORMS.items():
        if config.table.separator is not None and not kind.endswith(repr(config.table.separator)):
            continue
        cells = [cut(line) for _, line in lines]
        width = max(set(map(len, cells)), key=list(map(len, cells)).count)
        whole = [(row, cell) for (row, _), cell in zip(lines, cells, strict=True) if len(cell) == width]
        # A list of files has no transcripts.
        if 2 * sum(any(cell[1:]) for _, cell in whole) < len(whole):
            continue
        if width > 1 and len(whole) >= 0.9 * len(lines) and _names_sounds([cell for _, cell in whole], folder):
            _require_fields(path, lines, cells, width)
            names = [str(number + 1) for number in range(width)]
            return Table(str(path), kind, names, False, [row for row, _ in whole], [cell for _, cell in whole])
    return None


def _require_fields(path, lines, cells, width):
    for (row, line), cell in zip(lines, cells, strict=True):
        if len(cell) != width:
            raise UserError(
                f"{path}: row {row}: {line.strip()!r:.60}, expected {width} fields as in most rows; complete the row, "
                "or delete it"
            )


def _names_sounds(cells, folder):
    """Return whether rows, the first included, name sound files in one of their first three columns."""
    sample = cells[:: max(1, len(cells) // 200)]
    for index in range(min(3, len(cells[0]))):
        names = [cell[index].strip() for cell in sample]
        held = sum(map(folder.holds, names))
        likely = sum(name.lower().endswith(SUFFIXES) for name in names)
        if not held and not likely:
            continue
        first = cells[0][index].strip()
        is_name = folder.holds(first) or first.lower().endswith(SUFFIXES) or re.search(r"\d", first)
        # Perhaps only a part of the recordings was downloaded, whose names have numbers.
        numbered = sum(bool(re.search(r"\d", name)) and not re.search(r"\s", name) for name in names)
        if is_name and max(held, likely, numbered) > 0.8 * len(names):
            return True
    return False


def _blank(line):
    first, _, rest = line.strip().partition(" ") if " " in line.strip() else line.strip().partition("\t")
    return [first.rstrip(":"), rest.strip()]


def _colon(line):
    first, mark, rest = line.strip().partition(":")
    return [first, rest.strip()] if mark else [line]


def _sphinx(line):
    found = _SPHINX.fullmatch(line)
    return [found[2], found[1]] if found else [line]


_FORMS = {
    "lines with '|'": lambda line: [cell.strip() for cell in line.split("|")],
    "lines with '\\t'": lambda line: [cell.strip() for cell in line.split("\t")],
    "lines of a transcript and (recording)": _sphinx,
    "lines of a recording and a transcript": _blank,
    "lines with ':'": _colon,
}
