"""A table of cells as the file has them, text or plain values, with the number of each row."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..cli import UserError
from ..words import listed
from .columns import Column


@dataclass
class Table:
    """A table that was read from a file.

    Attributes:
        name: of the file, for messages.
        kind: what it was read as, in a few words.
        names: of the columns; their numbers as text if there is no header.
        header: whether the names are from the file.
        rows: number of each row in the file, counted from 1, for messages.
        cells: list of rows, each a list of strings or plain values; None, or "", where there is none.
        notes: what was assumed or changed, strings.
        joined: rows to whose last column surplus fields were added.
    """

    name: str
    kind: str
    names: list[str]
    header: bool
    rows: list[int]
    cells: list[list]
    notes: list[str] = field(default_factory=list)
    joined: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.cells)

    def column(self, index: int) -> list:
        """Return the cells of a column."""
        return [row[index] for row in self.cells]

    def texts(self, index: int) -> list[str]:
        """Return the cells of a column as text: "" for none, whole numbers without a point."""
        return [as_text(row[index]) for row in self.cells]

    def find(self, column: Column) -> int:
        """Return the index of a `Column`.

        Raises:
            UserError: it is not there, or twice.
        """
        advice = (
            "; if these are data and no header, give --no-header" if self.header and self.kind[:4] == "text" else ""
        )
        return column.find(self.name, self.names, advice)

    def origin(self, index: int) -> str:
        """Return words for a column: `column 'text'`, or `column 2` without a header."""
        return f"column {self.names[index]!r}" if self.header else f"column {index + 1}"

    def drop(self, indices: Iterable[int]) -> None:
        """Remove columns."""
        if not indices:
            return
        keep = [index for index in range(len(self.names)) if index not in set(indices)]
        self.names = [self.names[index] for index in keep]
        self.cells = [[row[index] for index in keep] for row in self.cells]

    def require_unique_names(self) -> None:
        """Raise `UserError` if two columns have the same name."""
        twice = [name for index, name in enumerate(self.names) if name in self.names[:index]]
        if twice:
            raise UserError(f"{self.name}: two columns are called {listed(twice[:1])}; rename one")

    def require_last(self, index: int, role: str) -> None:
        """Raise `UserError` if fields were joined to another column than `index`."""
        if self.joined and index != len(self.names) - 1:
            raise UserError(
                f"{self.name}: row {self.joined[0]}: too many fields, and --lenient helps only if the {role} is the "
                "last column; put texts with the separator in quotes"
            )


def as_text(value: Any) -> str:
    """Return a cell as text."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, float) and value != value:
        return ""
    return value if isinstance(value, str) else str(value)
