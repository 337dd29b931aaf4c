"""Read what is to be predicted: the lines of a file or of standard input, or a column of a table."""

import sys
from dataclasses import replace
from pathlib import Path

from ..cli import UserError
from . import contents, structured
from .columns import Column, TableFormat
from .reading import is_table_name, table_of
from .summary import Summary


def read_questions(file: str | Path | None, column: Column, form: TableFormat = TableFormat()) -> list[str]:
    """Return the texts of a file; blank lines and empty cells are kept, as empty texts.

    A table is read by its column; what is no table is read line by line. Prints to standard error how a table was read.

    Args:
        file: path; None or `-` is standard input.
        column: the `Column` that training read.
        form: a `TableFormat`.

    Raises:
        UserError: there is nothing in it, or it is a table without the column.
    """
    if file is None or file == Path("-"):
        file, content = "standard input", sys.stdin.buffer.read()
    else:
        content = contents.stored_bytes(file)
    if _is_table(file, content, form):
        return _read_column(file, content, column, form)
    contents.require_text(file, content)
    lines = contents.read_lines(contents.decode(file, content, form.encoding).text)
    if not any(line.strip() for line in lines):
        raise UserError(f"{file}: nothing in it; expected a {column.role} a line")
    return lines


def _is_table(file, content, form):
    if is_table_name(file) or content.startswith((b"PAR1", b"ARROW1")) or structured.is_excel(content):
        return True
    lines = [line for line in content[:100_000].split(b"\n")[:200] if line.strip()]
    return len(lines) > 1 and all(b"\t" in line for line in lines) and not content.startswith(b"\xff\xfe")


def _read_column(file, content, column, form):
    table = table_of(file, content, form, [column])
    if table.header and (column.name or "").isdigit():
        # Training read a table without a header.
        column = replace(column, name=None)
    if not table.header and column.name is None:
        raise UserError(f"{file}: a table without a header; expected one with a column for the {column.role}")
    index = table.find(column)
    table.require_last(index, column.role)
    texts = table.texts(index)
    summary = Summary(file, f"{table.kind}, {len(table)} rows")
    summary.use(column.role, table.origin(index))
    for note in table.notes:
        summary.note(note)
    summary.print(sys.stderr)
    if not texts:
        raise UserError(f"{file}: no rows; expected a {column.role} in each")
    return texts
