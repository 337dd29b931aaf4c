"""Read rows of a label and a text."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .. import tfds_sets
from ..cli import UserError
from ..tables import (
    SPLITS,
    Column,
    Summary,
    TableFormat,
    decode,
    fold,
    is_table_name,
    read_lines,
    stored_bytes,
    table_of,
    unused,
)
from ..words import counted, listed
from .folders import FolderFormat, read_folders
from .labels import fold_label

TEXT_COLUMNS = (
    *("text", "message", "messages", "sms", "sms text", "message text", "message body", "message content", "sentence"),
    *("content", "contents", "body", "email", "email text", "mail", "review", "review text", "review body", "tweet"),
    *("comment", "comment text", "document", "sms message", "email body", "text message", "reviewtext", "reviews text"),
    *("tweet text", "original tweet", "originaltweet", "phrase", "feedback", "description", "headline", "v2"),
)
LABEL_COLUMNS = (
    *("label", "labels", "class", "category", "target", "sentiment", "type", "spam", "is spam", "spam ham", "ham spam"),
    *("email type", "message type", "label text", "label name", "classification", "tag", "isspam", "result", "y", "v1"),
    *("polarity", "airline sentiment", "emotion", "feeling", "stars", "star", "star rating", "rating", "overall"),
    *("score", "reviews rating", "review rating", "grade"),
)
# Most different labels of a column without a header.
MAX_LABELS = 20
_SPLIT = Column("split", None, ("split", "subset", "partition"), "")


@dataclass(frozen=True)
class LabelledRows:
    """Rows with a label and a text, neither of which is blank.

    Attributes:
        source: of the rows, for messages.
        wheres: list of names of the rows, for messages.
        labels, texts: lists of strings.
        splits: list of `train`, `validation` or `test`; None if the data names no splits.
        text_column: name, or number without a header, of the column of the texts; None if there are no columns.
        summary: `Summary` of what was read.
    """

    source: str
    wheres: list[str]
    labels: list[str]
    texts: list[str]
    splits: list[str] | None
    text_column: str | None
    summary: Summary

    @classmethod
    def of(
        cls, source: str, rows: Iterable[tuple], summary: Summary, role: str = "text", column: str | None = None
    ) -> "LabelledRows":
        """Check rows.

        Args:
            source: of the rows.
            rows: iterable of (where, label, text, split or None).
            summary: gets what is left out.
            role: what a text is called in messages.
            column: name of the column of the texts.

        Raises:
            UserError: there are no rows, or a text is no text.
        """
        kept = list(_checked(source, rows, summary, role))
        if not kept:
            raise UserError(f"{source}: no {role}s; expected rows of a label and a text")
        wheres, labels, texts, splits = map(list, zip(*kept, strict=True))
        return cls(source, wheres, labels, texts, _splits(splits, summary), column, summary)


def text_column(name: str | None = None, role: str = "text") -> Column:
    """Return the `Column` of the texts."""
    return Column(role, name, TEXT_COLUMNS, "--text-column")


def label_column(name: str | None = None, values: tuple[str, ...] = ()) -> Column:
    """Return the `Column` of the labels, some of which are known."""
    return Column("label", name, LABEL_COLUMNS, "--label-column", values)


def read_labelled(
    source: str, text: Column, label: Column, table: TableFormat, split: str, folder: FolderFormat
) -> LabelledRows:
    """Read rows of a label and a text.

    Args:
        source: a table, a text file as for fastText, a folder with a folder of texts for each class, a folder of
            tables named train, validation or test, or `tfds:NAME`.
        text, label: `Column`s.
        table: a `TableFormat`.
        split: to read of a TensorFlow Datasets set.
        folder: a `FolderFormat`.

    Returns:
        `LabelledRows`.

    Raises:
        UserError: names the file, the row and what to do.
    """
    if source.startswith("tfds:"):
        rows, column, summary = _read_tfds(source.removeprefix("tfds:"), split, text, label)
    elif Path(source).is_dir():
        rows, column, summary = _read_folder(Path(source), text, label, table, folder)
    else:
        rows, column, summary = _read_file(source, text, label, table)
    return LabelledRows.of(source, rows, summary, text.role, column)


def _checked(source, rows, summary, role):
    for where, label, text, split in rows:
        if not text.strip():
            summary.count("no text, left out", where)
        elif not label.strip():
            summary.count("no label, left out", where)
        elif "\0" in text:
            raise UserError(f"{source}: {where}: the {role} has a NUL byte; is this a text file?")
        elif re.search("[\ud800-\udfff]", text):
            raise UserError(f"{source}: {where}: the {role} has half of a surrogate pair; correct its escapes")
        else:
            yield where, label, text, split


def _splits(splits, summary):
    """Return the splits that the data names; None if it names none."""
    if not any(splits):
        return None
    unknown = sorted({str(split) for split in splits if fold(split or "") not in SPLITS})
    if unknown:
        summary.note(
            f"the column of the splits is not used: it has {listed(unknown)}, expected train, validation or test"
        )
        return None
    found = [SPLITS[fold(split)] for split in splits]
    counts = ", ".join(f"{count} {name}" for name, count in Counter(found).items())
    summary.note(f"split as the data says: {counts}")
    return found


def _read_folder(path, text, label, form, folder):
    tables = {each: SPLITS.get(fold(each.name.partition(".")[0])) for each in sorted(path.iterdir())}
    tables = {each: split for each, split in tables.items() if split and each.is_file() and is_table_name(each)}
    if not tables:
        summary = Summary(path, f"a folder of {folder.texts}")
        summary.use("label", "the folder's name")
        summary.use("text", folder.shown)
        return read_folders(path, folder, summary), None, summary
    summary, rows, columns = Summary(path, f"a folder of tables, {listed(each.name for each in tables)}"), [], set()
    for each, split in tables.items():
        found, column, part = _read_file(str(each), text, label, form)
        columns.add(column)
        rows += [(f"{each.name}: {where}", *rest, split) for where, *rest, _ in found]
        for role, origin in part.roles.items():
            summary.use(role, origin)
        for note in part.notes:
            summary.note(f"{each.name}: {note}")
    return rows, columns.pop() if len(columns) == 1 else None, summary


def _read_file(source, text, label, form):
    """Return rows (where, label, text, split), the column of the text, and a `Summary`."""
    content = stored_bytes(source)
    if content.startswith(b"__label__"):
        return _read_fasttext(source, content, form)
    table = table_of(source, content, form, (label, text))
    if not table.cells:
        raise UserError(f"{source}: no {text.role}s; expected rows of a label and a text")
    if len(table.names) == 1 and table.kind.startswith("text"):
        raise UserError(f"{source}: row {table.rows[0]}: one field, expected a label and a text; for a separator other "
                        "than a tab or a comma give --separator")  # fmt: skip
    label_index, text_index = _find_columns(table, label, text)
    table.require_last(text_index, text.role)
    _require_texts(table, text_index)
    summary = Summary(source, f"{table.kind}, {counted(len(table), 'row')}")
    summary.use("text", table.origin(text_index))
    summary.use("label", table.origin(label_index))
    split_index = _SPLIT.index(table.names) if table.header else None
    for note in (*table.notes, unused(table, {text_index, label_index, split_index})):
        if note:
            summary.note(note)
    splits = [None] * len(table) if split_index is None else table.texts(split_index)
    rows = zip(table.rows, table.texts(label_index), table.texts(text_index), splits, strict=True)
    return [(f"row {row}", *rest) for row, *rest in rows], table.names[text_index], summary


def _find_columns(table, label, text):
    if table.header or (label.name and text.name):
        return table.find(label), table.find(text)
    # Without a header the content tells: texts differ, labels repeat.
    columns = range(len(table.names))
    kinds = [len(set(map(fold_label, table.texts(index)))) for index in columns]
    lengths = [sum(map(len, table.texts(index))) for index in columns]
    text_index = table.find(text) if text.name else None
    if label.name:
        label_index = table.find(label)
    elif len(table.names) == 2 and text_index is None:
        label_index = int(kinds[1] < kinds[0])
    else:
        longest = max(columns, key=lengths.__getitem__) if text_index is None else text_index
        likely = [index for index in columns if index != longest and 1 < kinds[index] <= MAX_LABELS]
        if not likely:
            raise UserError(
                f"{table.name}: {len(table.names)} columns without a header, none of which is clearly the label; name "
                "them by number, for example --label-column 1 --text-column 2"
            )
        label_index = min(likely, key=kinds.__getitem__)
    if text_index is None:
        text_index = max((index for index in columns if index != label_index), key=lengths.__getitem__)
    table.notes.append("no header: columns found by their content, and named by their numbers")
    return label_index, text_index


def _require_texts(table, index):
    cells = [(row, cell) for row, cell in zip(table.rows, table.column(index), strict=True) if cell not in ("", None)]
    others = [(row, cell) for row, cell in cells if not isinstance(cell, str)]
    if len(others) > len(cells) / 2 or any(isinstance(cell, (list, dict)) for _, cell in others):
        row, cell = others[0]
        raise UserError(
            f"{table.name}: row {row}: {table.origin(index)} holds {cell!r:.40}, expected a string; name the column of "
            "the texts with --text-column"
        )


def _read_fasttext(source, content, form):
    text = decode(source, content, form.encoding).text
    summary = Summary(source, "text as for fastText, a label and a text a line")
    rows = []
    for number, line in enumerate(read_lines(text), 1):
        if line.strip():
            label, _, message = line.partition(" ")
            if message.startswith("__label__"):
                second = message.partition(" ")[0]
                raise UserError(
                    f"{source}: row {number}: two labels, {label} and {second}, expected one; leave one out"
                )
            rows.append((f"row {number}", label.removeprefix("__label__"), message, None))
    return rows, None, summary


def _read_tfds(name, split, text, label):
    builder = tfds_sets.open_set(name, split)
    features = builder.info.features
    kinds = {field: type(feature).__name__ for field, feature in features.items()}
    text_field = text.name or next((field for field, kind in kinds.items() if kind == "Text"), None)
    label_field = label.name or next((field for field, kind in kinds.items() if kind == "ClassLabel"), None)
    if text_field not in kinds or label_field not in kinds:
        found = ", ".join(f"{field} ({kind})" for field, kind in kinds.items())
        raise UserError(
            f"tfds:{name}: not text classification: expected a Text and a ClassLabel, found {found}; other fields can "
            "be named with --text-column and --label-column"
        )
    summary = Summary(f"tfds:{name}", f"split {split!r} of TensorFlow Datasets")
    summary.use("text", f"field {text_field!r}")
    summary.use("label", f"field {label_field!r}")
    named = getattr(features[label_field], "int2str", None)
    rows = []
    for number, row in enumerate(tfds_sets.rows(builder, split), 1):
        value = row[label_field]
        value = named(int(value)) if named else value.decode() if isinstance(value, bytes) else str(value)
        rows.append((f"row {number}", value, row[text_field].decode("utf-8", "replace"), None))
    return rows, None, summary
