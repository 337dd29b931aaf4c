"""Read the list of clips of `predict --file`."""

import json
import sys
from pathlib import Path

from ..common.cli import UserError
from ..common.tables import is_table_name, read_lines, stored_bytes, table_of
from ..common.tables.contents import decode, require_text
from ..common.words import listed
from .cells import clip_of
from .clip_files import ClipFolder, looks_like_clip
from .columns import clip_column
from .layouts import table_of_document


def read_clip_list(file, config):
    """Read a text file with a clip a line, or a table or JSON file with a clip a row.

    Args:
        file: path of the file; `-` is standard input.
        config: the run's `Config`; has the column of the clips.

    Returns:
        List of paths, relative to the working directory or else to the folder of the file; None for blank lines.

    Raises:
        UserError: the file names no clips, or has no column of them.
    """
    if file == Path("-"):
        name, content, folder = "standard input", sys.stdin.buffer.read(), None
    else:
        name, content, folder = file, stored_bytes(file), file.parent
    names = _names(name, content, config, folder)
    if not any(names):
        raise UserError(f"{name}: no clips in it; expected one a line")
    find = _Finder(folder)
    return [find(each) if each else None for each in names]


def _names(name, content, config, folder):
    if content.lstrip()[:1] in (b"{", b"["):
        try:
            document = json.loads(decode(name, content, config.table.encoding).text)
        except ValueError:
            document = None
        if isinstance(document, list) and all(isinstance(each, str) for each in document):
            return [each.strip() for each in document]
        if document is not None:
            return _of_table(table_of_document(name, document), config, folder)
    elif not is_table_name(name) and not content.startswith((b"PAR1", b"ARROW1", b"PK", b"\xd0\xcf\x11\xe0")):
        require_text(name, content)
        lines = [line.strip() for line in read_lines(decode(name, content, config.table.encoding).text)]
        filled = [line for line in lines if line]
        if not filled or looks_like_clip(filled[-1]) or not any(mark in filled[0] for mark in "\t,;|"):
            return lines
    table = table_of(name, content, config.table, (clip_column(config),), header=False)
    return _of_table(table, config, folder)


def _of_table(table, config, folder):
    """Return the cells of the column of clips, which may be the only one, or the only one with names of files."""
    column = clip_column(config)
    index = column.index(table.names)
    if index is None and column.name is None:
        likely = [each for each in range(len(table.names)) if any(map(looks_like_clip, table.texts(each)))]
        index = 0 if len(table.names) == 1 else likely[0] if len(likely) == 1 else None
    if index is None:
        wanted = f"column {column.name!r}, as in the training" if column.name else "column of clips; call it clip"
        raise UserError(f"{table.name}: no {wanted}; the columns are {listed(table.names)}")
    return [clip_of(row[index]) for row in table.cells]


class _Finder:
    """Find the clips that a list names; the folder of the list is searched when one is not where its name says."""

    def __init__(self, folder):
        self.folder, self._index = folder, None

    def __call__(self, name):
        places = [Path(name)] if self.folder is None else [Path(name), self.folder / name]
        if found := next((path for path in places if path.exists()), None):
            return found
        if self.folder is None:
            return Path(name)
        self._index = self._index or ClipFolder(self.folder)
        return self._index.find(name) or Path(name)
