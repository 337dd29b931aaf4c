"""Files that are written completely or not at all: under a temporary name, renamed at the end."""

import contextlib
import csv
import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .cli import UserError


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, with the same suffix, and rename it to `path` at the end.

    Works for a file. Works for a folder if `path` is a folder or does not exist.
    """
    path = Path(path)
    try:
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=path.parent) as folder:
            part = Path(folder) / path.name
            yield part
            if part.is_file():
                with part.open("rb") as written:
                    os.fsync(written.fileno())
            elif path.exists():
                os.replace(path, Path(folder) / "before")
            os.replace(part, path)
    except OSError as error:
        # Name the requested file, not the temporary one; a failed write names none.
        number = error.errno or _errno_in(str(error))
        raise OSError(number, os.strerror(number), str(path)) if number else error from error


def _errno_in(text):
    # h5py puts the number into its message and does not set errno.
    found = re.search(r"errno = (\d+)", text)
    return int(found[1]) if found else None


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as JSON."""
    with replacing(path) as part:
        part.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read a JSON file of a run.

    Raises:
        UserError: the file is damaged.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not a complete JSON file ({error}); train into a new run directory") from None


def write_csv(path: str | Path, rows: Sequence[dict]) -> None:
    """Write dicts that have the same keys as rows of a CSV file."""
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_csv(path: str | Path) -> list[dict[str, float]]:
    """Read rows of numbers that `write_csv` wrote; an empty list if there is no such file."""
    if not Path(path).exists():
        return []
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return [{key: int(value) if value.isdigit() else float(value) for key, value in row.items()} for row in rows]
