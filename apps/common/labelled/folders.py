"""Read folders that have a folder of texts for each class."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..cli import UserError
from ..tables import SPLITS, Summary, fold
from ..words import counted, listed

# Folders of texts without labels: `unsup` is that of the Large Movie Review Dataset.
UNLABELLED = ("unsup", "unlabelled", "unlabeled", "unsupervised")


@dataclass(frozen=True)
class FolderFormat:
    """What the files of a folder are.

    Attributes:
        texts: what they hold, in the plural, for messages.
        shown: what is read of one, for the summary.
        read: function of a path that yields (where, text).
        boxes: endings of files that hold all texts of a class.
    """

    texts: str
    shown: str
    read: Callable
    boxes: tuple[str, ...] = ()


def read_folders(folder: str | Path, form: FolderFormat, summary: Summary) -> list[tuple]:
    """Read a folder that has a folder, or a file with many texts, for each class.

    Above the classes there may be folders called train and test. Files beside the folders are not read, nor are
    folders of unlabelled texts.

    Args:
        folder: path.
        form: a `FolderFormat`.
        summary: `Summary` that gets a note of what is not read.

    Returns:
        List of (path, class, text, split or None).

    Raises:
        UserError: there are no such folders.
    """
    folder, rows, others = Path(folder), [], []
    inner = [path for path in _visible(folder) if path.is_dir()]
    if inner and all(fold(path.name) in SPLITS for path in inner):
        parts = [(SPLITS[fold(path.name)], path) for path in inner]
        others += [path.name for path in _visible(folder) if not path.is_dir()]
    else:
        parts = [(None, folder)]
    for split, part in parts:
        for path in _visible(part):
            if path.is_dir() and fold(path.name) not in UNLABELLED:
                files = sorted(each for each in path.rglob("*") if each.is_file() and not _is_hidden(each, path))
                label = path.name
            elif path.suffix.lower() in form.boxes:
                files, label = [path], path.stem
            else:
                others.append(path.relative_to(folder).as_posix())
                continue
            rows += [(where, label, text, split) for file in files for where, text in form.read(file)]
    if not rows:
        raise UserError(f"{folder}: no folders of {form.texts} in it; expected a folder of {form.texts} for each class")
    if others:
        summary.note(f"not read: {counted(len(others), 'file or folder', 'files or folders')}, {listed(others, 3)}")
    return rows


def decoded(content: bytes) -> str:
    """Return bytes as text: UTF-8, else as Windows or Latin-1."""
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            pass
    return content.decode("latin-1")


def _visible(folder):
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _is_hidden(path, base):
    return any(part.startswith(".") for part in path.relative_to(base).parts)
