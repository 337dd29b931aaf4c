"""Read a table: find out what a file is, where its header is, and what its columns are called."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from ..cli import UserError
from ..words import counted, listed
from . import contents, delimited, structured
from .columns import Column, TableFormat, fold
from .table import Table, as_text

SUFFIXES = [f".{ending}" for ending in (
    "csv tsv tab psv jsonl ndjson json parquet pq feather arrow xlsx xls xlsm xlsb ods").split()]  # fmt: skip
PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".zip")
# A cell that is no name of a column: a number, a date or a time.
_VALUE = re.compile(
    r"\s*([-+]?[\d.,]*\d[\d.,]*([eE][-+]?\d+)?\s*%?"
    r"|\d{4}-\d\d?-\d\d?([ T].*)?|\d\d?[./-]\d\d?[./-]\d\d(\d\d)?( .*)?|\d\d?:\d\d(:\d\d)?)\s*"
)
_TIME = re.compile(r"\d{4}[-/.]\d\d?([-/.]\d\d?)?([ T]\d\d?:.*)?|\d\d?[-/.]\d\d?[-/.]\d\d(\d\d)?([ T]\d\d?:.*)?")
# Lines above the header of some loggers and reports.
MAX_PREAMBLE = 60


def is_table_name(path: str | Path) -> bool:
    """Return whether the name of a file says that it is a table, packed or not."""
    return unpacked_suffix(path) in SUFFIXES


def unpacked_suffix(path: str | Path) -> str:
    """Return the last suffix of the name of a file, in small letters and without that of its packing: `.csv`."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in PACKED_SUFFIXES:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def read_table(
    path: str | Path, form: TableFormat = TableFormat(), columns: Sequence[Column] = (), header: bool = True
) -> Table:
    """Read a file of rows.

    Args:
        path: of the file; `ARCHIVE.zip/NAME` for one of several in an archive.
        form: a `TableFormat`.
        columns: the `Column`s that the caller looks for; their names tell a header from data.
        header: whether the first row is a header where nothing else tells; False for tab-separated text always.

    Returns:
        A `Table`.

    Raises:
        UserError: names the file, the row, what was found and what to do.
    """
    return table_of(path, contents.stored_bytes(path), form, columns, header)


def table_of(
    name: str | Path,
    content: bytes,
    form: TableFormat = TableFormat(),
    columns: Sequence[Column] = (),
    header: bool = True,
) -> Table:
    """Read a table from bytes; see `read_table`."""
    if content.startswith((b"PAR1", b"ARROW1")):
        return _named(name, *structured.read_arrow(name, content))
    if structured.is_excel(content):
        kind, records = structured.read_excel(name, content, form.sheet)
        return _with_header(name, kind, records, form, columns, header, [])
    contents.require_text(name, content)
    decoded = contents.decode(name, content, form.encoding)
    start = decoded.text.lstrip()[:2]
    suffixes = {suffix.lower() for suffix in Path(name).suffixes}
    lines = bool(suffixes & {".jsonl", ".ndjson"})
    if lines or start[:1] == "{" or (start[:1] == "[" and ".json" in suffixes):
        table = _named(name, *structured.read_json(name, decoded.text, lines))
    else:
        dialect, records = delimited.read_records(name, decoded.text, form.separator, is_table_name(name))
        kind = "text"
        if any(len(record) > 1 for _, record in records):
            kind = f"text with {delimited.NAMES.get(dialect.separator, dialect.separator)} between columns"
        header = header and kind != "text" and dialect.separator != "\t"
        table = _with_header(name, kind, records, form, columns, header, list(decoded.notes), dialect.separator)
        if dialect.separator == "\t" and dialect.quotes == "doubled":
            table.notes.append("the quotes around texts, as Excel writes them, were taken off")
    if decoded.encoding != "utf-8":
        table.kind += f", {decoded.encoding}"
    return table


def _named(name, kind, names, rows, cells):
    """Return the table of a format whose columns have names."""
    table = Table(str(name), kind, [str(each) for each in names], True, rows, cells)
    _name_unnamed(table)
    return table


def _with_header(name, kind, records, form, columns, default, notes, separator=","):
    """Return the table of records, of which one may be the header."""
    records, skipped = _without_preamble(records, columns)
    if skipped:
        notes.append(f"left out {counted(len(skipped), 'line')} above the table, the first: {listed([skipped[0]])}")
    if not records:
        return Table(str(name), kind, [], True, [], [], notes)
    has_header = form.header and _is_header(records, columns, default)
    width = len(records[0][1]) if has_header else _usual_width(records)
    names = [as_text(cell).strip() for cell in records[0][1]] if has_header else [str(n + 1) for n in range(width)]
    records, remarks = _without_remarks(records, width)
    if remarks:
        notes.append(f"left out {counted(len(remarks), 'line')} below the table, the first: {listed(remarks[:1])}")
    table = Table(str(name), kind, names, has_header, [], [], notes)
    repeated = [row for row, record in records[1:] if has_header and record == records[0][1]]
    if repeated:
        notes.append(f"the header is repeated, left out: {counted(len(repeated), 'row')}, the first {repeated[0]}")
    for row, record in records[has_header:]:
        if repeated and record == records[0][1]:
            continue
        record = _fitted(table, row, record, width, form.lenient, separator)
        table.rows.append(row)
        table.cells.append(record)
    if table.joined:
        notes.append(f"{counted(len(table.joined), 'row')} with surplus fields, added to the last column (--lenient)")
    if has_header:
        _name_unnamed(table)
    return table


def _without_remarks(records, width):
    """Return records without the shorter lines after a blank line at the end, and those lines as text.

    Sources and legends are often written there.
    """
    end = len(records)
    while end > 1 and len(records[end - 1][1]) < width:
        end -= 1
    starts = [index for index in range(max(1, end), len(records)) if records[index][0] > records[index - 1][0] + 1]
    if not starts or width < 2 or any(_VALUE.fullmatch(as_text(record[0])) for _, record in records[starts[0] :]):
        return records, []
    return records[: starts[0]], [" ".join(map(as_text, record)) for _, record in records[starts[0] :]]


def _fitted(table, row, record, width, lenient, separator):
    """Return a record of `width` fields."""
    while len(record) > width and record[-1] in ("", None):
        record = record[:-1]
    if len(record) > width and lenient:
        table.joined.append(row)
        joined = separator.join(map(as_text, record[width - 1 :]))
        record = [*record[: width - 1], joined]
    if len(record) != width:
        advice = "put texts with the separator in quotes, or, if the text is the last column, give --lenient"
        if len(record) < width:
            advice = "complete the row, or delete it"
        elif width == 1:
            advice = "for columns with another character between them give --separator"
        like = "as in the header" if table.header else "as in most rows"
        raise UserError(
            f"{table.name}: row {row}: {counted(len(record), 'field')}, expected {width} {like}: "
            f"{listed(record, 4)}; {advice}"
        )
    return record


def _usual_width(records):
    widths = [len(record) for _, record in records]
    return max(sorted(set(widths), reverse=True), key=widths.count)


def _filled(record):
    return [cell for cell in record if as_text(cell).strip()]


def _without_preamble(records, columns):
    """Return records without the lines above the table, and those lines as text."""
    skipped, records = _comments(records, columns)
    count = _preamble_length(records, columns)
    skipped, records = skipped + records[:count], records[count:]
    return records, [" ".join(map(as_text, _filled(record))) for _, record in skipped]


def _comments(records, columns):
    """Return the comments at the top, and the other records; a header may be in a comment, as NumPy writes it."""
    count = next((n for n, (_, record) in enumerate(records) if not as_text(record[0]).startswith("#")), len(records))
    comments, rest = records[:count], records[count:]
    if not comments or not rest or _is_header(rest, columns, False):
        return comments, rest
    found = []
    for index, (row, record) in enumerate(comments):
        names = [as_text(cell).strip() for cell in record]
        names = names[1:] if names[0] == "#" else [names[0].lstrip("# "), *names[1:]]
        if len(names) == len(rest[0][1]) > 1 and _is_header([(row, names), *rest], columns, False):
            found.append((index, names))
    if found:
        index, names = next((each for each in found if _names_a_column(each[1], columns)), found[-1])
        row, _ = comments[index]
        return comments[:index] + comments[index + 1 :], [(row, names), *rest]
    # Texts may begin so, too.
    return ([], records) if len(comments[-1][1]) == _usual_width(rest) > 1 else (comments, rest)


def _preamble_length(records, columns):
    """Return the number of records above the table: the title of a report, the description of a logger."""
    usual = _usual_width(records) if records else 1
    for count, (_, record) in enumerate(records[:MAX_PREAMBLE]):
        if usual == 1 or _names_a_column(record, columns):
            return count
        if len(record) == usual and not _is_title(record):
            is_plain = all(_is_title(each) for _, each in records[:count])
            return count if is_plain or _is_header(records[count:], columns, False) else 0
    return 0


def _is_title(record):
    """Return whether only the first cell, or none, has something in it."""
    return not _filled(record[1:])


def _names_a_column(record, columns):
    names = [as_text(cell) for cell in record]
    return any(column.is_among(names) for column in columns)


def _is_header(records, columns, default):
    """Return whether the first record is the header."""
    names = [as_text(cell).strip() for cell in records[0][1]]
    rest = [record for record in records[1:1000] if record[1] != records[0][1]]
    if _names_a_column(names, columns):
        return True
    if any(fold(name) in column.values for column in columns for name in names):
        return False
    if len(set(map(fold, names))) < len(names) and "" not in names:
        return False
    texts = [name for name in names if not _VALUE.fullmatch(name)]
    if not texts or (len(texts) < len(names) and not _has_dates_as_names(names)):
        return False
    below = [
        [as_text(record[index]).strip() for _, record in rest if index < len(record)] for index in range(len(names))
    ]
    over_values = [any(cells) and all(not cell or _VALUE.fullmatch(cell) for cell in cells) for cells in below]
    if len(texts) == len(names) and 2 * sum(over_values) >= len(names):
        return True
    for index, name in enumerate(names):
        if name and any(index < len(record) and as_text(record[index]).strip() == name for _, record in rest):
            return False
    if any(len(name) > 60 or re.search(r"[.!?]$", name) for name in names):
        return False
    if default:
        return True
    return any(over_values)


def _has_dates_as_names(names):
    """Return whether columns are named by increasing years or dates, as in tables with a column for each time."""
    dates = [name for name in names if re.fullmatch(r"(1[5-9]|2[01])\d\d(-\d\d?(-\d\d?)?|Q[1-4])?", name)
             or _TIME.fullmatch(name)]  # fmt: skip
    return len(dates) >= 3 and len(names) - len(dates) < len(dates) and not _VALUE.fullmatch(names[0])


def _name_unnamed(table):
    """Drop columns without a name that hold nothing, or count the rows; name the others."""
    dropped = []
    for index, name in enumerate(table.names):
        if name and not re.fullmatch(r"Unnamed: \d+(_level_\d+)?", name):
            continue
        cells = table.texts(index)
        if not any(cells):
            dropped.append(index)
        elif index == 0 and _counts(cells):
            dropped.append(index)
            table.notes.append("left out the first column, which has no name and counts the rows")
        elif index == 0 and all(_TIME.match(cell) for cell in cells):
            table.names[index] = "time" if "time" not in table.names else "column 1"
            table.notes.append(f"the first column has no name and holds times: called {table.names[index]!r}")
        else:
            table.names[index] = f"column {index + 1}"
            filled = counted(sum(map(bool, cells)), "row has", "rows have")
            table.notes.append(f"column {index + 1} has no name; {filled} something in it")
    table.drop(dropped)


def _counts(cells):
    """Return whether cells count the rows, from any number, also after rows were removed."""
    if not all(re.fullmatch(r"\d{1,9}", cell) for cell in cells):
        return False
    numbers = list(map(int, cells))
    are_years = all(1500 <= number <= 2200 for number in numbers)
    return len(numbers) > 1 and not are_years and all(low < high for low, high in pairwise(numbers))
