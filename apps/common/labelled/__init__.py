"""Read labelled texts: of tables, folders, fastText's files and TensorFlow Datasets. Imports no framework."""

from .folders import FolderFormat, decoded
from .labels import fold_label, spellings
from .rows import LabelledRows, label_column, read_labelled, text_column

__all__ = [
    "FolderFormat",
    "LabelledRows",
    "decoded",
    "fold_label",
    "label_column",
    "read_labelled",
    "spellings",
    "text_column",
]
