"""Read labelled documents: what is the text, what the class. Imports no framework."""

import hashlib
from collections import Counter
from dataclasses import dataclass

import numpy as np

from ..common import labelled
from ..common.cli import UserError
from ..common.labelled import FolderFormat, LabelledRows, decoded, fold_label, label_column, read_labelled, spellings
from ..common.tables import Summary, stored_bytes
from ..common.words import counted, listed
from .labels import choose_classes, class_counts
from .sample_data.make_reviews import make_reviews


@dataclass(frozen=True)
class Examples:
    """Labelled documents.

    Attributes:
        texts: list of strings.
        labels: int32 (rows,), index of the class.
        class_names: names of the classes, in their order.
        fingerprint: SHA-256 of the rows; the same data gives the same split.
        splits: list of `train`, `validation` or `test`; None if the data names no splits.
        text_column: name, or number without a header, of the column of the texts; None if there are no columns.
        summary: `Summary` of what was read.
    """

    texts: list[str]
    labels: np.ndarray
    class_names: tuple[str, ...]
    fingerprint: str
    splits: list[str] | None = None
    text_column: str | None = None
    summary: Summary | None = None

    def __len__(self):
        return len(self.texts)

    def take(self, rows):
        """Return the rows of an index array."""
        texts = [self.texts[row] for row in rows]
        splits = self.splits and [self.splits[row] for row in rows]
        return Examples(texts, self.labels[rows], self.class_names, self.fingerprint, splits, self.text_column)


def text_column(name=None):
    """Return the `Column` of the texts."""
    return labelled.text_column(name, "document")


def read_document(path):
    """Yield (where, text) of a text file, packed or not."""
    yield str(path), decoded(stored_bytes(path)).replace("\0", " ")


DOCUMENTS = FolderFormat("texts", "each file", read_document)


def read_examples(config, saved=None):
    """Read and check the labelled documents of `config.data`.

    Args:
        config: a `Config`.
        saved: config.json of a trained run, which knows the classes; None takes them from the data.

    Returns:
        `Examples`.

    Raises:
        UserError: names the file, the row and what to do.
    """
    rows = _read_rows(config)
    source, summary = rows.source, rows.summary
    names = spellings(rows.labels, summary)
    folded = [fold_label(label) for label in rows.labels]
    if saved is None:
        counts = Counter(names[label] for label in folded)
        class_names = choose_classes(source, counts, config.ordered, config.label_order)
    else:
        class_names = saved["class_names"]
    indices = {fold_label(name): index for index, name in enumerate(class_names)}
    for where, label in zip(rows.wheres, folded, strict=True):
        if label not in indices:
            raise UserError(f"{source}: {where}: class {names[label]!r}, expected one of {listed(class_names)}")
    labels = np.array([indices[label] for label in folded], "int32")
    summary.note(f"{counted(len(class_names), 'class', 'classes')}: {class_counts(labels, class_names)}")
    if config.ordered:
        summary.note(f"in their order: {', '.join(class_names)}")
    for where, label, text in list(zip(rows.wheres, labels, rows.texts, strict=True))[:2]:
        summary.example(where, label=class_names[label], text=text)
    digest = "\0".join(f"{class_names[label]}\t{text}" for label, text in zip(labels, rows.texts, strict=True))
    return Examples(
        texts=rows.texts,
        labels=labels,
        class_names=tuple(class_names),
        fingerprint=hashlib.sha256(digest.encode()).hexdigest(),
        splits=rows.splits,
        text_column=rows.text_column,
        summary=summary,
    )


def _read_rows(config):
    if config.data == "sample":
        rows = [(f"row {number}", label, text, None) for number, label, text, _ in make_reviews()]
        return LabelledRows.of(config.data, rows, Summary(config.data, "reviews made by this app"))
    text, label = text_column(config.text_column), label_column(config.label_column)
    return read_labelled(config.data, text, label, config.table, config.split, DOCUMENTS)
