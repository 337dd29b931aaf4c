"""Rows of a user's text file, with the number of each row for the message when something is wrong with it."""

import codecs
import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

from .cli import UserError


@dataclass(frozen=True)
class Column:
    """A column to find in a header.

    Attributes:
        name: as the user gave it; None looks for one of `known`.
        known: lower-case names it often has, the likeliest first.
        option: the option by which the user can name it.
        optional: whether it may be absent.
    """

    name: str | None
    known: tuple[str, ...]
    option: str
    optional: bool = False

    def find(self, where, names):
        """Its position among `names`, None if it may be absent and is; `where` is the file, for the message."""
        folded = [name if self.name else name.casefold() for name in names]
        for name in [self.name] if self.name else self.known:
            if name in folded:
                return folded.index(name)
        if self.optional:
            return None
        missing = f"no column {self.name!r}" if self.name else f"no column of a known name; give it with {self.option}"
        raise UserError(f"{where}: {missing}; the columns are {', '.join(map(repr, names)) or 'none'}")


def read_text(path, encoding="utf-8"):
    """A whole text file; a byte order mark is dropped."""
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: this is a folder, expected a file")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    return decode(path, content, encoding)


def decode(name, content, encoding="utf-8"):
    """Bytes to text; a byte that does not fit is named with its row."""
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise UserError(f"--encoding {encoding}: no such encoding; utf-8 and latin-1 are common") from None
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{name}: row {row}: byte 0x{content[error.start]:02x} is not {codecs.lookup(encoding).name}; "
            "save the file as UTF-8, or name what it is, for example --encoding latin-1"
        ) from None


def lines(text):
    """(row, line) of every line that is not blank, rows counted from 1."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.removesuffix("\r")


def read_csv(path, text, columns):
    """(row, values of `columns`) of every record below the header; `row` is the record's last line."""
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        positions = [column.find(path, header) for column in columns]
        last = max(position for position in positions if position is not None)
        for record in reader:
            if not record:
                continue
            if len(record) <= last:
                found = "1 field" if len(record) == 1 else f"{len(record)} fields"
                raise UserError(f"{path}: row {reader.line_num}: {found}, expected {len(header)} as in the header")
            yield reader.line_num, [None if position is None else record[position] for position in positions]
    except csv.Error as error:
        raise UserError(f"{path}: row {reader.line_num}: not CSV ({error})") from None


def read_json_lines(path, text, columns):
    """(row, values of the fields `columns`) of every line, a JSON object each."""
    for number, line in lines(text):
        where = f"{path}: row {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{where}: not JSON ({error})") from None
        if not isinstance(record, dict):
            raise UserError(f"{where}: a JSON {type(record).__name__}, expected an object with fields")
        yield number, fields_of(where, record, columns)


def fields_of(where, record, columns):
    """The values of `columns` in a dict; None for one that may be absent and is."""
    names = list(record)
    positions = [column.find(where, names) for column in columns]
    return [None if position is None else record[names[position]] for position in positions]
