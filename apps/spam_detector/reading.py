"""Read labelled messages: what is the text, what the label, and what does a label mean. Imports no framework."""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..common import tfds_sets
from ..common.cli import UserError
from ..common.tables import SPLITS, Column, Summary, decode, fold, read_lines, stored_bytes, table_of, unused
from ..common.words import counted, listed
from .labels import MAX_LABELS, NEGATIVE_LABELS, POSITIVE_LABELS, choose_classes, fold_label, spellings
from .mails import read_mails
from .sample_data.make_messages import make_messages

TEXT_COLUMNS = (
    *("text", "message", "messages", "sms", "sms text", "message text", "message body", "message content", "sentence"),
    *("content", "contents", "body", "email", "email text", "mail", "review", "review text", "tweet", "comment"),
    *("comment text", "document", "sms message", "email body", "text message", "v2"),
)
LABEL_COLUMNS = (
    *("label", "labels", "class", "category", "target", "sentiment", "type", "spam", "is spam", "spam ham", "ham spam"),
    *("email type", "message type", "label text", "label name", "classification", "tag", "isspam", "result", "y", "v1"),
)
SPLIT_COLUMN = Column("split", None, ("split", "subset", "partition"), "")


@dataclass(frozen=True)
class Examples:
    """Labelled messages.

    Attributes:
        texts: list of strings.
        labels: int32 (rows,), 1 for the class to detect.
        class_names: (name of class 0, name of class 1); a class of several labels is called `first/second`.
        fingerprint: SHA-256 of the rows; the same data gives the same split.
        splits: list of `train`, `validation` or `test`; None if the data names no splits.
        label_classes: {label without case and outer blanks: its class}.
        text_column: name, or number without a header, of the column of the texts; None if there are no columns.
        summary: `Summary` of what was read.
    """

    texts: list[str]
    labels: np.ndarray
    class_names: tuple[str, str]
    fingerprint: str
    splits: list[str] | None = None
    label_classes: dict[str, int] | None = None
    text_column: str | None = None
    summary: Summary | None = None

    def __len__(self):
        return len(self.texts)

    def take(self, rows):
        """Return the rows of an index array."""
        texts = [self.texts[row] for row in rows]
        splits = self.splits and [self.splits[row] for row in rows]
        return Examples(
            texts, self.labels[rows], self.class_names, self.fingerprint, splits, self.label_classes, self.text_column
        )


def text_column(name=None):
    """Return the `Column` of the messages."""
    return Column("message", name, TEXT_COLUMNS, "--text-column")


def read_examples(config, saved=None):
    """Read and check the labelled messages of `config.data`.

    Args:
        config: a `Config`.
        saved: config.json of a trained run, which knows what its labels mean; None takes that from the data.

    Returns:
        `Examples`.

    Raises:
        UserError: names the file, the row and what to do.
    """
    source = config.data
    if source == "sample":
        summary = Summary(source, "messages made by this app")
        rows, column = [(f"row {number}", label, text, None) for number, label, text in make_messages()], None
    elif source.startswith("tfds:"):
        rows, column, summary = _read_tfds(source.removeprefix("tfds:"), config.split)
    elif Path(source).is_dir():
        summary, column = Summary(source, "a folder of mails"), None
        summary.use("label", "the folder's name")
        summary.use("text", "subject and text of each mail, without HTML and attachments")
        rows = list(read_mails(source))
    else:
        rows, column, summary = _read_file(source, config)
    return _examples(source, _checked(source, rows, summary), config, saved, column, summary)


def _examples(source, rows, config, saved, column, summary):
    wheres, labels, texts, splits = zip(*rows, strict=True)
    names = spellings(labels, summary)
    if saved is None:
        class_names, classes = choose_classes(
            source, Counter(names[fold_label(each)] for each in labels), config.positive_label
        )
    else:
        class_names, classes = (saved["negative_class"], saved["positive_class"]), saved["label_classes"]
    for where, label in zip(wheres, labels, strict=True):
        if fold_label(label) not in classes:
            raise UserError(f"{source}: {where}: label {label!r}, expected one of {listed(classes)}")
    numbers = np.array([classes[fold_label(label)] for label in labels], "int32")
    digest = "\0".join(f"{class_names[number]}\t{text}" for number, text in zip(numbers, texts, strict=True))
    counts = np.bincount(numbers, minlength=2)
    to_detect = counted(int(counts[1]), "message")
    summary.note(f"{to_detect} of the class to detect, {class_names[1]!r}, and {counts[0]:,} {class_names[0]!r}")
    for where, label, text in list(zip(wheres, labels, texts, strict=True))[:2]:
        summary.example(where, label=label, text=text)
    return Examples(
        texts=list(texts),
        labels=numbers,
        class_names=tuple(class_names),
        fingerprint=hashlib.sha256(digest.encode()).hexdigest(),
        splits=_splits(splits, summary),
        label_classes=classes,
        text_column=column,
        summary=summary,
    )


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


def _checked(source, rows, summary):
    kept = []
    for where, label, text, split in rows:
        if not text.strip():
            summary.count("no text, left out", where)
        elif not label.strip():
            summary.count("no label, left out", where)
        elif "\0" in text:
            raise UserError(f"{source}: {where}: the message has a NUL byte; is this a text file?")
        elif re.search("[\ud800-\udfff]", text):
            raise UserError(f"{source}: {where}: the message has half of a surrogate pair; correct its escapes")
        else:
            kept.append((where, label, text, split))
    if not kept:
        raise UserError(f"{source}: no messages; expected rows of a label and a text")
    return kept


def _read_file(source, config):
    """Return rows (where, label, text, split), the column of the text, and a `Summary`."""
    content = stored_bytes(source)
    if content.startswith(b"__label__"):
        return _read_fasttext(source, content, config)
    label = Column("label", config.label_column, LABEL_COLUMNS, "--label-column", (*POSITIVE_LABELS, *NEGATIVE_LABELS))
    text = text_column(config.text_column)
    table = table_of(source, content, config.table, (label, text))
    if not table.cells:
        raise UserError(f"{source}: no messages; expected rows of a label and a text")
    if len(table.names) == 1 and table.kind.startswith("text"):
        raise UserError(f"{source}: row {table.rows[0]}: one field, expected a label and a text; for a separator other "
                        "than a tab or a comma give --separator")  # fmt: skip
    label_index, text_index = _find_columns(table, label, text)
    table.require_last(text_index, "message")
    _require_texts(table, text_index)
    summary = Summary(source, f"{table.kind}, {counted(len(table), 'row')}")
    summary.use("text", table.origin(text_index))
    summary.use("label", table.origin(label_index))
    split_index = SPLIT_COLUMN.index(table.names) if table.header else None
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


def _read_fasttext(source, content, config):
    text = decode(source, content, config.table.encoding).text
    summary = Summary(source, "text as for fastText, a label and a text a line")
    rows = []
    for number, line in enumerate(read_lines(text), 1):
        if line.strip():
            label, _, message = line.partition(" ")
            rows.append((f"row {number}", label.removeprefix("__label__"), message, None))
    return rows, None, summary


def _read_tfds(name, split):
    # Importing a builder is what makes TensorFlow Datasets know its name.
    from .sms_spam import sms_spam_dataset_builder  # noqa: F401

    builder = tfds_sets.open_set(name, split)
    text, label = _text_and_label(name, builder.info.features)
    summary = Summary(f"tfds:{name}", f"split {split!r} of TensorFlow Datasets")
    summary.use("text", f"field {text!r}")
    summary.use("label", f"field {label!r}")
    rows = [
        (
            f"row {number}",
            builder.info.features[label].int2str(int(row[label])),
            row[text].decode("utf-8", "replace"),
            None,
        )
        for number, row in enumerate(tfds_sets.rows(builder, split), 1)
    ]
    return rows, None, summary


def _text_and_label(name, features):
    kinds = {field: type(feature).__name__ for field, feature in features.items()}
    texts = [field for field, kind in kinds.items() if kind == "Text"]
    labels = [field for field, kind in kinds.items() if kind == "ClassLabel"]
    if not texts or not labels:
        found = ", ".join(f"{field} ({kind})" for field, kind in kinds.items())
        raise UserError(f"tfds:{name}: not text classification: expected a Text and a ClassLabel, found {found}")
    return texts[0], labels[0]
