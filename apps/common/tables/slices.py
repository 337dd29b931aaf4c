"""Read a large table in slices, so that memory does not grow with the file."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from .blocks import read_blocks
from .columns import Column, TableFormat
from .reading import read_table, table_of, unpacked_suffix
from .table import Table

# Characters of a slice, about.
SLICE = 64 << 20
_JSON_LINES, _DELIMITED = (".jsonl", ".ndjson"), (".csv", ".tsv", ".tab", ".psv")


def read_slices(path: str | Path, form: TableFormat, columns: Sequence[Column], size: int = SLICE) -> Iterator[Table]:
    """Yield the `Table`s that a file consists of: delimited text and JSON lines in slices, all else at once.

    Args:
        path, form, columns: see `read_table`.
        size: characters of a slice, about; a slice has whole rows.
    """
    kind = unpacked_suffix(path)
    if kind not in (*_JSON_LINES, *_DELIMITED):
        yield read_table(path, form, columns)
        return
    blocks = read_blocks(path, form.encoding, size)
    decoded = replace(form, encoding="utf-8")
    # The lines up to the first row, repeated above each slice, and the number of lines before a slice.
    header, above = "", 0
    rest = next(blocks, "")
    for block in chain(blocks, [None]):
        end = len(rest) if block is None else _end_of_row(rest, kind in _JSON_LINES)
        if end or block is None:
            table = table_of(path, (header + rest[:end]).encode(), decoded, columns)
            table.rows = [row + above - header.count("\n") for row in table.rows]
            yield table
            if not above and table.header and kind in _DELIMITED and table.rows:
                # A row has the number of its last line.
                lines = 1 + sum(str(cell).count("\n") for cell in table.cells[0])
                header = "".join(rest.splitlines(keepends=True)[: table.rows[0] - lines])
            above += rest.count("\n", 0, end)
        rest = rest[end:] + (block or "")


def _end_of_row(text, json_lines):
    """Return the index behind the last line break that is not within quotes; 0 if there is none."""
    end = text.rfind("\n") + 1
    while not json_lines and end and text.count('"', 0, end) % 2:
        end = text.rfind("\n", 0, end - 1) + 1
    return end
