"""Read rows of JSON, Parquet, Arrow and Excel files."""

import io
import json
from pathlib import Path

from ..cli import UserError
from ..words import listed
from .columns import SPLITS
from .contents import is_office
from .delimited import plain_lines

# Keys of an object that holds the rows beside other things.
WRAPPERS = ("data", "rows", "records", "examples", "items", "results")


def read_json(name: str | Path, text: str, lines: bool = False) -> tuple:
    """Read a JSON document or JSON lines.

    Args:
        name: of the file, for messages.
        text: of the file.
        lines: whether it can only be JSON lines; otherwise its content decides.

    Returns:
        Words for the layout, column names, row numbers, rows of plain values, and the word for a row.

    Raises:
        UserError: it is neither, or it holds no rows of fields.
    """
    if lines:
        return _from_objects("JSON lines", _json_lines(name, text))
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        if len(plain_lines(text)) > 1 and text.lstrip()[:1] == "{" and not isinstance(error, RecursionError):
            return _from_objects("JSON lines", _json_lines(name, text))
        raise UserError(f"{name}: row {getattr(error, 'lineno', 1)}: not JSON ({error})") from None
    if isinstance(document, dict) and len(plain_lines(text)) == 1 and not _is_table(document):
        return _from_objects("JSON lines", [(1, document)])
    return _from_document(name, document)


def _json_lines(name, text):
    for row, line in plain_lines(text):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{name}: row {row}: not JSON ({error})") from None
        if not isinstance(record, dict):
            raise UserError(f"{name}: row {row}: a JSON {type(record).__name__}, expected an object with fields")
        yield row, record


def _is_table(document):
    values = list(document.values())
    return bool(values) and (
        _is_prometheus(document)
        or any(isinstance(document.get(key), list) for key in WRAPPERS)
        or all(_holds_objects(value) for value in values)
        or all(isinstance(value, list) and not any(isinstance(each, dict) for each in value) for value in values)
        or all(isinstance(value, dict) for value in values)
    )


def _from_document(name, document):
    if isinstance(document, dict):
        if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
            # pandas' orient="split".
            rows = [dict(zip(document["columns"], row, strict=False)) for row in document["data"]]
            return _from_objects("a JSON table", enumerate(rows, 1))
        if _is_prometheus(document):
            return _from_prometheus(document["data"]["result"])
        values = list(document.values())
        found = [key for key in document if _holds_objects(document[key])]
        if len(found) > 1 and all(key.lower() in SPLITS for key in found):
            rows = [{**row, "split": key} for key in found for row in document[key]]
            return _from_objects(f"JSON lists of the keys {listed(found)}", enumerate(rows, 1))
        named = [key for key in WRAPPERS if key in found] or found
        if len(named) > 1 and named[0] not in WRAPPERS:
            raise UserError(f"{name}: JSON with {len(named)} lists, of the keys {listed(named)}; keep one")
        if named:
            kind = f"a JSON list, of the key {named[0]!r}"
            return _from_objects(kind, enumerate(document[named[0]], 1), name)
        if values and all(isinstance(value, list) for value in values) and len({len(value) for value in values}) == 1:
            rows = [dict(zip(document, row, strict=True)) for row in zip(*values, strict=True)]
            return _from_objects("a JSON object of columns", enumerate(rows, 1))
        if values and all(isinstance(value, dict) for value in values):
            # pandas' own orient: {column: {row: value}}.
            keys = dict.fromkeys(key for value in values for key in value)
            if all(len(value) == len(keys) for value in values):
                rows = [{column: document[column][key] for column in document} for key in keys]
                return _from_objects("a JSON object of columns", enumerate(rows, 1))
        raise UserError(
            f"{name}: a JSON object with the keys {listed(document)}, expected a list of objects with fields, or such "
            "objects a line"
        )
    if not isinstance(document, list):
        raise UserError(f"{name}: a JSON {type(document).__name__}, expected a list of objects with fields")
    if document and all(isinstance(row, list) for row in document):
        head, *rows = document
        objects = [dict(zip(map(str, head), row, strict=False)) for row in rows]
        return _from_objects("a JSON list of lists, of which the first is the header", enumerate(objects, 2))
    return _from_objects("a JSON list", enumerate(document, 1), name)


def _is_prometheus(document):
    data = document.get("data")
    results = data.get("result") if isinstance(data, dict) else None
    return _holds_objects(results) and all(
        isinstance(each.get("values"), list) and "metric" in each for each in results
    )


def _from_prometheus(results):
    """Return the rows of a range query: the labels of each series, a time in seconds since 1970, and a value."""
    rows = [{**each["metric"], "time": time, "value": value} for each in results for time, value in each["values"]]
    return _from_objects("JSON of Prometheus", enumerate(rows, 1))


def _holds_objects(value):
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _from_objects(kind, numbered, name=None):
    numbers, objects = [], []
    for number, record in numbered:
        if not isinstance(record, dict):
            raise UserError(f"{name}: entry {number}: a JSON {type(record).__name__}, expected an object with fields")
        numbers.append(number)
        objects.append(flatten(record))
    names = list(dict.fromkeys(key for record in objects for key in record))
    return kind, names, numbers, [[record.get(key) for key in names] for record in objects]


def flatten(record: dict) -> dict:
    """Return a dict whose values that are dicts are replaced by their own, as `outer.inner`."""
    flat: dict = {}
    for key, value in record.items():
        if isinstance(value, dict) and value:
            flat |= {f"{key}.{inner}": each for inner, each in value.items()}
        else:
            flat[key] = value
    return flat


def read_arrow(name: str | Path, content: bytes) -> tuple:
    """Read a Parquet or Arrow (Feather) file; see `read_json` for what is returned.

    A class label of Hugging Face's datasets, saved as its index, becomes its name.
    """
    # Slow to import.
    import pyarrow
    from pyarrow import feather, parquet

    kind = "Parquet" if content.startswith(b"PAR1") else "Arrow"
    try:
        table = (parquet if kind == "Parquet" else feather).read_table(io.BytesIO(content))
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise UserError(f"{name}: not a complete {kind} file ({str(error).splitlines()[0][:120]})") from None
    features = _features(table.schema.metadata or {})
    index = _index_columns(table.schema.metadata or {})
    columns = {}
    for column in [*index, *(each for each in table.column_names if each not in index)]:
        values = table.column(column).to_pylist()
        labels = features.get(column, {}).get("names") if isinstance(features.get(column), dict) else None
        if labels:
            values = [
                labels[value] if isinstance(value, int) and 0 <= value < len(labels) else value for value in values
            ]
        columns["" if column.startswith("__index_level_") else column] = values
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    found = _from_objects(f"a {kind} file", enumerate(rows, 1))
    return found if rows else (found[0], list(columns), [], [])


def _features(metadata):
    try:
        return json.loads(metadata[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}


def _index_columns(metadata):
    """Return the columns that were the index of a pandas table."""
    try:
        found = json.loads(metadata[b"pandas"])["index_columns"]
    except (KeyError, ValueError, TypeError):
        return []
    return [column for column in found if isinstance(column, str)]


def is_excel(content: bytes) -> bool:
    """Return whether bytes are a file of Excel or an OpenDocument table, old or new."""
    return content.startswith(b"\xd0\xcf\x11\xe0") or (content.startswith(b"PK\x03\x04") and is_office(content))


def read_excel(name: str | Path, content: bytes, sheet: str | None = None) -> tuple[str, list]:
    """Read a sheet of an Excel or OpenDocument file.

    Returns:
        Words for the sheet, and a list of (row, cells); blank rows are left out.
    """
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise UserError(f"{name}: not a complete Excel file ({error}); save it as CSV") from None
    names = book.sheet_names
    if sheet is not None and sheet not in names:
        raise UserError(f"{name}: no --sheet {sheet!r}; the sheets are {listed(names)}")
    for chosen in [sheet] if sheet is not None else names:
        rows = book.get_sheet_by_name(chosen).to_python(skip_empty_area=False)
        records = [(row, cells) for row, cells in enumerate(rows, 1) if any(cell not in ("", None) for cell in cells)]
        if records or sheet is not None:
            of = f" of {len(names)}" if len(names) > 1 else ""
            return f"an Excel file, sheet {chosen!r}{of}", [
                (row, [_plain(cell) for cell in cells]) for row, cells in records
            ]
    return "an Excel file", []


def _plain(cell):
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell
