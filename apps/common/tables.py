"""Read rows of text files, each with its number for error messages."""

import codecs
import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

from .cli import UserError


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: name that the user gave; None looks for one of `known`.
        known: common lower-case names, the most likely first.
        option: option that names the column.
        optional: whether it may be absent.
    """

    name: str | None
    known: tuple[str, ...]
    option: str
    optional: bool = False

    def find(self, where, names):
        """Return its index in `names`, None if it is optional and absent; `where` names the file for the message."""
        folded = [name if self.name else name.casefold() for name in names]
        for name in [self.name] if self.name else self.known:
            if name in folded:
                return folded.index(name)
        if self.optional:
            return None
        missing = f"no column {self.name!r}" if self.name else f"no column of a known name; give it with {self.option}"
        raise UserError(f"{where}: {missing}; the columns are {', '.join(map(repr, names)) or 'none'}")


def read_text(path, encoding="utf-8"):
    """Return the content of a text file without a byte order mark."""
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: this is a folder, expected a file")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    return decode(path, content, encoding)


def decode(name, content, encoding="utf-8"):
    """Decode bytes; the error for an invalid byte names its row."""
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise UserError(f"--encoding {encoding}: no such encoding; utf-8 and latin-1 are common") from None
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{name}: row {row}: byte 0x{content[error.start]:02x} is not {codecs.lookup(encoding).name}; "
            "save the file as UTF-8, or name its encoding, for example --encoding latin-1"
        ) from None


def lines(text):
    """Yield (row, line) of every line that is not blank, rows counted from 1."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.removesuffix("\r")


def read_csv(path, text, columns):
    """Yield (row, values of `columns`) of every record below the header; `row` is the record's last line."""
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
    """Yield (row, values of the fields `columns`) of every line, each a JSON object."""
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
    """Return the values of `columns` in a dict, None for an optional one that is absent."""
    names = list(record)
    positions = [column.find(where, names) for column in columns]
    return [None if position is None else record[names[position]] for position in positions]
