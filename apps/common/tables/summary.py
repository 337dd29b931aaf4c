"""Show what was read: the kind of file, two rows as understood, and what was left out, changed or assumed."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from ..words import counted, listed, shorten
from .table import Table


class Summary:
    """What was read of a data source.

    Args:
        name: of the file, folder or set.
        kind: what it was read as, in a few words.
    """

    def __init__(self, name: str | Path, kind: str):
        self.name, self.kind = str(name), kind
        self.roles: dict[str, str] = {}
        self.examples: list[tuple] = []
        self.notes: list[str] = []
        self._counts: dict[str, list] = {}

    def use(self, role: str, origin: str) -> None:
        """Say where a value comes from, such as `column 'v2'`."""
        self.roles[role] = origin

    def example(self, where: str, /, **values: Any) -> None:
        """Add a row as understood; only the first two are kept."""
        if len(self.examples) < 2:
            self.examples.append((where, values))

    def note(self, text: str) -> None:
        """Add a line about something assumed or changed."""
        if text not in self.notes:
            self.notes.append(text)

    def count(self, what: str, where: Any) -> None:
        """Count something left out or changed, for example `empty text, left out`, with the row where it was."""
        self._counts.setdefault(what, []).append(where)

    def lines(self) -> list[str]:
        """Return the lines to show."""
        found = [f"{self.name}: {self.kind}"]
        found += [f"  {role}: {origin}" for role, origin in self.roles.items()]
        for where, values in self.examples:
            found.append(f"  {where}: " + ", ".join(f"{role} {_shown(value)}" for role, value in values.items()))
        for what, places in self._counts.items():
            more = "" if len(places) <= 3 else ", ..."
            found.append(f"  {counted(len(places), 'row')}: {what} ({', '.join(map(str, places[:3]))}{more})")
        return found + [f"  {note}" for note in self.notes]

    def print(self, file: TextIO | None = None) -> None:
        """Print the lines, on standard output if no file is given."""
        print("\n".join(self.lines()), file=file or sys.stdout, flush=True)


def _shown(value):
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(shorten(each, 30) for each in value[:3])}{', ...' * (len(value) > 3)}]"
    return shorten(value) if isinstance(value, str) else str(value)


def unused(table: Table, used: Iterable[int]) -> str | None:
    """Return a note that names the columns of a table that were not read; None if all were."""
    others = [name for index, name in enumerate(table.names) if index not in used]
    return f"not read: {listed(others)}" if others else None
