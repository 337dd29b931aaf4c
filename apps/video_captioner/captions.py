"""Take clips, captions and splits out of files of captions, in the layouts that people have."""

import dataclasses
import json
from dataclasses import dataclass

from ..common.cli import UserError
from ..common.tables import Table, open_text, read_lines, read_table, stored_bytes
from ..common.tables.contents import decode
from ..common.tables.table import as_text
from ..common.words import listed
from .cells import captions_of, clip_of, parts_of
from .clip_files import looks_like_clip
from .columns import caption_column, clip_column, find_columns, listed_origins
from .languages import caption_columns, choose_language, language_of
from .layouts import KEY, split_of, table_of_document, table_of_json_lines, table_of_lines, table_of_pair


@dataclass(frozen=True)
class Row:
    """Captions of a clip, from one place of a file.

    Attributes:
        where: the place, for messages.
        clip: its name as the file has it.
        captions: list of what the file has for captions: strings, or values that are none.
        split: `train`, `validation` or `test`; None if the file names none.
        part: (start, end) of the part of the clip that they describe; None for the whole clip.
    """

    where: str
    clip: str
    captions: list
    split: str | None = None
    part: tuple[str, str] | None = None


def read_rows(source, config, folder, summary):
    """Read the rows of a file of captions.

    Args:
        source: a `Source`.
        config: a `Config`; has the names of the columns, the language and the form of tables.
        folder: the `ClipFolder`, whose names tell clips from captions.
        summary: a `Summary`, which receives what was read and left out.

    Returns:
        List of `Row`s.

    Raises:
        UserError: names the file, the row and what to do.
    """
    table = read_captions_table(source, config, folder)
    columns = find_columns(table, config, folder)
    summary.kind = table.kind
    is_key = table.names[columns.clip] == KEY
    summary.use("clip", "the keys of the object" if is_key else table.origin(columns.clip))
    summary.use("captions", listed_origins(table, columns.captions))
    for note in table.notes + columns.notes:
        summary.note(note)
    if columns.split is not None:
        summary.use("split", table.origin(columns.split))
    place = "entry" if table.kind.startswith("a JSON") else "row"
    language = spoken_language(table, columns, config, summary)
    rows = []
    for number, cells in zip(table.rows, table.cells, strict=True):
        where = number if isinstance(number, str) else f"{place} {number}"
        if language is not None and language_of(as_text(cells[columns.language])) != language:
            summary.count(f"not in {language}, left out", where)
            continue
        if cells[columns.clip] is None:
            # A record of something else, such as a picture.
            summary.count("no clip, left out", where)
            continue
        rows += rows_of(table, columns, where, cells, source.split)
    return rows


def read_captions_table(source, config, folder):
    """Return the `Table` of a file of captions, in whatever layout."""
    if source.beside is not None:
        return table_of_files(source, folder, config)
    if source.clips is not None:
        texts, names = (read_lines(open_text(path, config.table.encoding).text) for path in (source.path, source.clips))
        if not any(name.strip() and text.startswith(name.strip()) for name, text in zip(names, texts, strict=False)):
            return table_of_pair(source.path, source.clips, texts, names)
    content = stored_bytes(source.path)
    if content.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \r\n\t")[:1] in (b"{", b"["):
        text = decode(source.path, content, config.table.encoding).text
        # What is neither is refused by `read_table`, which says why.
        if (table := _json_table(source.path, text)) is not None:
            return table
    known = (clip_column(config), caption_column(config))
    try:
        table = read_table(source.path, config.table, known)
        if known[0].index(table.names) is not None:
            return table
        if table.header and any(looks_like_clip(name) or folder.holds(name) for name in table.names):
            # The first row names a clip, so it is no header.
            table = read_table(source.path, dataclasses.replace(config.table, header=False), known)
    except UserError as error:
        return _lines(source, config, folder, error)
    lines = _lines(source, config, folder) if config.table.separator is None else None
    return lines or _with_first_row_as_header(table, folder)


def _with_first_row_as_header(table, folder):
    """Return a table without a header whose first row names no clip, but the others do, with that row as header."""
    for index in range(len(table.names) if not table.header and len(table) > 1 else 0):
        first, *rest = table.texts(index)
        if not looks_like_clip(first) and not folder.holds(first) and 2 * sum(map(folder.holds, rest)) > len(rest):
            names = [as_text(cell).strip() for cell in table.cells[0]]
            return Table(table.name, table.kind, names, True, table.rows[1:], table.cells[1:], table.notes)
    return table


def _caption_of_json(path, text, config):
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error}); correct it, or name a file of captions with --captions") from None
    index = caption_column(config).index(list(record)) if isinstance(record, dict) else None
    return None if index is None else list(record.values())[index]


def _json_table(path, text):
    """Return the `Table` of a JSON document or of JSON lines; None if a text is neither."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return table_of_json_lines(path, _filled(text))
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return table_of_json_lines(path, _filled(text))
    return table_of_document(path, document)


def _filled(text):
    """Return (row, line) of the lines that are not blank."""
    return [(row, line) for row, line in enumerate(read_lines(text), 1) if line.strip()]


def _lines(source, config, folder, error=None):
    """Return the `Table` of lines `clip caption`; if it is none, raise `error`, or return None if that is None."""
    try:
        text = open_text(source.path, config.table.encoding).text
    except UserError:
        text = ""
    table = table_of_lines(source.path, _filled(text), folder.holds)
    if table is None and error is not None:
        raise error
    return table


def table_of_files(source, folder, config):
    """Return the `Table` of a file of captions beside each clip, with a caption a line."""
    rows, cells = [], []
    for clip, path in source.beside.items():
        text = open_text(path, config.table.encoding).text
        if path.suffix.lower() == ".json":
            captions = _caption_of_json(path, text, config)
        else:
            captions = [line for line in read_lines(text) if line.strip()]
        rows.append(folder.name_of(path))
        cells.append([folder.name_of(clip), captions])
    endings = listed(dict.fromkeys(path.suffix for path in source.beside.values()))
    kind = f"a file of captions ({endings}) beside each clip"
    return Table(str(source.path), kind, ["clip", "caption"], True, rows, cells)


def spoken_language(table, columns, config, summary):
    """Return the language whose rows are read; None for all rows."""
    if columns.language is None:
        if config.language is not None and not caption_columns(table.names):
            raise UserError(f"--language {config.language}: {table.name} names no language; omit the option")
        return None
    found = {language_of(cell) for cell in table.texts(columns.language) if cell.strip()}
    chosen = choose_language(found, config.language, table.name)
    summary.use("language", f"{table.origin(columns.language)}: {chosen}")
    return chosen


def rows_of(table, columns, where, cells, split):
    """Return the `Row`s of a row of a table: one, or one for each part of a clip."""
    captions = [each for index in columns.captions for each in captions_of(cells[index])]
    clip = clip_of(cells[columns.clip])
    if not clip and not any(as_text(cell).strip() for cell in cells):
        return []
    if not clip:
        raise UserError(
            f"{table.name}: {where}: no clip is named; write its file name into every row, also where cells were merged"
        )
    if columns.split is not None and (named := as_text(cells[columns.split]).strip()):
        split = split_of(named)
        if split is None:
            raise UserError(f"{table.name}: {where}: split {named!r}, expected train, validation or test")
    parts = parts_of(cells, columns)
    if len(parts) > 1 and len(captions) > 1:
        if len(parts) != len(captions):
            raise UserError(
                f"{table.name}: {where}: {len(captions)} captions of {clip!r}, but times of {len(parts)} parts"
            )
        return [Row(where, clip, [caption], split, part) for caption, part in zip(captions, parts, strict=True)]
    # Of several judgements where one caption belongs, the first.
    return [Row(where, clip, captions, split, parts[0] if parts else None)]
