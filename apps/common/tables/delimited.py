"""Read text with a separator between its columns: CSV, TSV and their relatives."""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cli import UserError
from .contents import read_lines

SEPARATORS = ("\t", ";", "|", ",")
NAMES = {"\t": "tab", ";": "';'", "|": "'|'", ",": "','", " ": "blank"}
# Records that decide about separator and quotes.
SAMPLE = 500
# Python's own limit is 131,072 characters, which a book in a cell exceeds.
csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True)
class Dialect:
    """How the fields of a record are written.

    Attributes:
        separator: character between fields; a blank stands for any number of them.
        quotes: how fields with separators are written: `doubled` (RFC 4180), `escaped` (with backslashes), `after
            blanks` (blanks before the quotes), `none` (quotes are part of the text).
    """

    separator: str
    quotes: str

    def reader(self, text: str) -> Any:
        """Return a csv.reader, whose `line_num` is the last line of a record."""
        arguments: dict[str, Any] = {"delimiter": self.separator, "strict": True}
        if self.quotes == "none":
            arguments |= {"quoting": csv.QUOTE_NONE}
        if self.quotes == "escaped":
            arguments |= {"escapechar": "\\", "doublequote": False}
        if self.quotes == "after blanks" or self.separator == " ":
            arguments |= {"skipinitialspace": True}
        return csv.reader(io.StringIO(text, newline=""), **arguments)


def read_records(
    name: str | Path, text: str, separator: str | None = None, is_table: bool = True
) -> tuple[Dialect, list[tuple[int, list[str]]]]:
    """Split text into records.

    Args:
        name: of the file, for messages.
        text: of the file.
        separator: character; found if None.
        is_table: whether there must be columns. Otherwise rows in which no character occurs regularly are whole lines.

    Returns:
        The `Dialect`, and a list of (row, fields); blank lines are left out. `row` is the last line of a record.

    Raises:
        UserError: the quotes of a record are not closed or are followed by something.
    """
    if "\n" not in text:
        text = text.replace("\r", "\n")
    if separator is None and (named := re.match(r"sep=(.)\r?\n", text)):
        # Excel's own way to name it.
        separator, text = named[1], "\n" + text[named.end() :]
    if separator is None:
        separator = find_separator(text, 0.0 if is_table else 0.6)
    if separator is None:
        return Dialect("", "none"), [(row, [line]) for row, line in plain_lines(text)]
    dialect = Dialect(separator, "none")
    if '"' in text:
        dialect = find_tab_quotes(text) if separator == "\t" else find_quotes(text, separator)
    return dialect, list(_records(name, dialect, text))


def _records(name, dialect, text):
    reader = dialect.reader(text)
    try:
        for record in reader:
            if dialect.separator == " ":
                record = [field for field in record if field]
            if any(field.strip() for field in record):
                yield reader.line_num, record
    except csv.Error as error:
        raise UserError(
            f"{name}: row {reader.line_num}: not CSV ({error}); write a quote within quotes twice, or remove it"
        ) from None


def find_separator(text: str, least: float = 0.0) -> str | None:
    """Return the separator that divides most of the first records into the same number of fields.

    Args:
        text: of a file.
        least: fraction of the records; with fewer the result is None.
    """
    best, most = None if least else ",", least
    for separator in SEPARATORS:
        counts = _field_counts(text, separator)
        several = [count for count in counts if count > 1]
        if not several:
            continue
        usual = max(set(several), key=several.count)
        # The first row counts as much as all others: a header has every column.
        agreement = several.count(usual) / len(counts) + 0.5 * (counts[0] > 1)
        # Each of these is less likely to occur by chance, in texts or numbers, than the next.
        if agreement > most + 0.05:
            best, most = separator, agreement
    return " " if not most and _is_aligned(text) else best


def _is_aligned(text):
    """Return whether a text has columns with blanks between them, as many in each row and mostly numbers."""
    rows = [line.split() for line in _head(text).split("\n") if line.strip() and not line.startswith("#")]
    fields = [field for row in rows for field in row]
    numbers = sum(re.fullmatch(r"[-+\d.:/TZ]*\d[-+\d.:/TZ]*([eE][-+]?\d+)?", field) is not None for field in fields)
    return len(rows) > 2 and len({len(row) for row in rows}) == 1 < len(rows[0]) and numbers > len(fields) / 2


def _field_counts(text, separator):
    head = _head(text)
    for quotes in ("doubled", "none"):
        if quotes == "doubled" and '"' not in head:
            continue
        counts = []
        try:
            for record in Dialect(separator, quotes).reader(head):
                if any(field.strip() for field in record):
                    counts.append(len(record))
        except csv.Error:
            if quotes == "doubled":
                continue
        if counts:
            return counts
    return [1]


def _head(text):
    """Return the first lines of a text without the comments at its top."""
    lines = text.split("\n", SAMPLE)[:SAMPLE]
    first = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("#")), 0)
    return "\n".join(lines[first:])


def find_quotes(text: str, separator: str) -> Dialect:
    """Return the `Dialect` of quotes with which the text can be read and rows have the most equal numbers of fields."""
    best = Dialect(separator, "doubled")
    found = _regularity(best, text)
    if found == 1:
        return best
    others = ["escaped"] * ('\\"' in text) + ["after blanks"] * bool(re.search(rf"{re.escape(separator)} +\"", text))
    for quotes in others:
        other = Dialect(separator, quotes)
        if (regularity := _regularity(other, text)) > found:
            best, found = other, regularity
    return best


def _regularity(dialect, text):
    """Return the fraction of records with as many fields as the first; 0 if the text cannot be read so."""
    try:
        counts = [len(record) for record in dialect.reader(text) if any(record)]
    except csv.Error:
        return 0.0
    return counts.count(counts[0]) / len(counts) if counts else 0.0


def find_tab_quotes(text: str) -> Dialect:
    """Return the `Dialect` of tab-separated text: quotes are taken off only if the whole file is written so.

    Excel writes a cell with a tab, a line end, a comma or a quote in quotes, and quotes in it twice. In the SMS Spam
    Collection texts just begin with a quote. So every quote of the file must be one that a program would have written.
    """
    dialect = Dialect("\t", "doubled")
    try:
        records = [record for record in dialect.reader(text) if record]
    except csv.Error:
        return Dialect("\t", "none")
    if len({len(record) for record in records}) > 1:
        return Dialect("\t", "none")
    found = text.count('"')
    fields = [field for record in records for field in record]
    rules = (
        lambda field: re.search('[\t\r\n"]', field),
        lambda field: re.search('[\t\r\n",]', field),
        lambda field: True,
        lambda field: field and not re.fullmatch(r"[-+.\deE]+", field),
    )
    for is_quoted in rules:
        if found == sum(2 + 2 * field.count('"') for field in fields if is_quoted(field)):
            return dialect
    return dialect if _has_quoted_columns(records, text) else Dialect("\t", "none")


def _has_quoted_columns(records, text):
    """Return whether quotes are around all cells of some columns, below the header, and else only where needed."""
    raw = [record for record in Dialect("\t", "none").reader(text) if record]
    if len(raw) != len(records) or len(records) < 2:
        return False
    for written, values in zip(zip(*raw, strict=True), zip(*records, strict=True), strict=True):
        quoted = [each != value for each, value in zip(written, values, strict=True)]
        needed = [bool(re.search('[\t",]', value)) for value in values]
        if not all(quoted[1:]) and quoted != needed:
            return False
    return True


def plain_lines(text: str) -> list[tuple[int, str]]:
    """Return (row, line) of the lines that are not blank."""
    return [(row, line) for row, line in enumerate(read_lines(text), 1) if line.strip()]
