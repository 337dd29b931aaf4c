"""Read labelled messages: what is the text, what the label, and what does a label mean. Imports no framework."""

import hashlib
from collections import Counter
from dataclasses import dataclass

import numpy as np

from ..common import labelled
from ..common.cli import UserError
from ..common.labelled import FolderFormat, LabelledRows, fold_label, label_column, read_labelled, spellings
from ..common.tables import Summary
from ..common.words import counted, listed
from .labels import NEGATIVE_LABELS, POSITIVE_LABELS, choose_classes
from .mails import read_mail_file
from .sample_data.make_messages import make_messages

MAILS = FolderFormat(
    "mails", "subject and text of each mail, without HTML and attachments", read_mail_file, (".mbox", ".mbx")
)


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
    return labelled.text_column(name, "message")


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
    return _examples(_read_rows(config), config, saved)


def _read_rows(config):
    if config.data == "sample":
        rows = [(f"row {number}", label, text, None) for number, label, text in make_messages()]
        return LabelledRows.of(config.data, rows, Summary(config.data, "messages made by this app"))
    # Importing a builder is what makes TensorFlow Datasets know its name.
    if config.data == "tfds:sms_spam":
        from .sms_spam import sms_spam_dataset_builder  # noqa: F401
    label = label_column(config.label_column, (*POSITIVE_LABELS, *NEGATIVE_LABELS))
    text = text_column(config.text_column)
    return read_labelled(config.data, text, label, config.table, config.split, MAILS)


def _examples(rows, config, saved):
    source, summary = rows.source, rows.summary
    names = spellings(rows.labels, summary)
    if saved is None:
        class_names, classes = choose_classes(
            source, Counter(names[fold_label(each)] for each in rows.labels), config.positive_label
        )
    else:
        class_names, classes = (saved["negative_class"], saved["positive_class"]), saved["label_classes"]
    for where, label in zip(rows.wheres, rows.labels, strict=True):
        if fold_label(label) not in classes:
            raise UserError(f"{source}: {where}: label {label!r}, expected one of {listed(classes)}")
    numbers = np.array([classes[fold_label(label)] for label in rows.labels], "int32")
    digest = "\0".join(f"{class_names[number]}\t{text}" for number, text in zip(numbers, rows.texts, strict=True))
    counts = np.bincount(numbers, minlength=2)
    to_detect = counted(int(counts[1]), "message")
    summary.note(f"{to_detect} of the class to detect, {class_names[1]!r}, and {counts[0]:,} {class_names[0]!r}")
    for where, label, text in list(zip(rows.wheres, rows.labels, rows.texts, strict=True))[:2]:
        summary.example(where, label=label, text=text)
    return Examples(
        texts=rows.texts,
        labels=numbers,
        class_names=tuple(class_names),
        fingerprint=hashlib.sha256(digest.encode()).hexdigest(),
        splits=rows.splits,
        label_classes=classes,
        text_column=rows.text_column,
        summary=summary,
    )
