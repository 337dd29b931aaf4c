"""Name the columns of a table: by an option, or by common names. Imports nothing slow, for `--help`."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass

from ..cli import UserError
from ..words import listed


@dataclass(frozen=True)
class TableFormat:
    """How a file of rows is read; found by its content if not given."""

    separator: str | None = None
    """Character between columns, for example `;` or `\\t`."""
    header: bool = True
    """The first row is data, and columns are named by their numbers; by default that is found by the content."""
    lenient: bool = False
    """Add fields that a row has too many to its last column, if that is the text."""
    sheet: str | None = None
    """Sheet of an Excel file; the first that is not empty if not given."""
    encoding: str = "utf-8"
    """Character encoding of text files without a byte order mark."""

    def __post_init__(self):
        if self.separator is not None:
            separator = codecs.decode(self.separator, "unicode_escape") if "\\" in self.separator else self.separator
            object.__setattr__(self, "separator", separator)
            if len(separator) != 1 or separator in '"\r\n':
                raise UserError(rf"--separator {self.separator!r}: expected one character, such as ; or \t")


@dataclass(frozen=True)
class Column:
    """A column that an app looks for.

    Attributes:
        role: what it means, for messages.
        name: name, or number without a header, that the user gave; None looks for one of `known`.
        known: common names, the most likely first.
        option: option that names the column.
        values: common values, folded: a row with one of them is data.
    """

    role: str
    name: str | None
    known: tuple[str, ...]
    option: str
    values: tuple[str, ...] = ()

    def index(self, names: Sequence[str]) -> int | None:
        """Return its index in a list of names; None if it is not there."""
        if self.name is not None:
            if self.name in names:
                return names.index(self.name)
            folded = [fold(name) for name in names]
            return folded.index(fold(self.name)) if fold(self.name) in folded else None
        folded = [fold(name) for name in names]
        return next((folded.index(name) for name in self.known if name in folded), None)

    def is_among(self, names: Sequence[str]) -> bool:
        """Return whether a row of cells has its name, and so is a header."""
        if (self.name or "").isdigit():
            return False
        index = self.index(names)
        return index is not None and (self.name is not None or fold(names[index]) not in self.values)

    def find(self, where: str, names: Sequence[str], advice: str = "") -> int:
        """Return its index in a list of names.

        Args:
            where: names the file for messages.
            names: of the columns.
            advice: end of the message.

        Raises:
            UserError: it is not there, or twice.
        """
        index = self.index(names)
        if index is None:
            raise UserError(f"{where}: {self.absent()}; the columns are {listed(names) or 'none'}{advice}")
        if names.count(names[index]) > 1:
            raise UserError(f"{where}: two columns are called {names[index]!r}; rename one")
        return index

    def absent(self) -> str:
        """Return words that say that it is not there."""
        if self.name is not None:
            return f"no column {self.name!r} ({self.option})"
        return f"no column for the {self.role} found; name it with {self.option}"


def fold(name: str) -> str:
    """Return a name without case, and with one blank for every run of other marks."""
    return " ".join("".join(mark if mark.isalnum() else " " for mark in str(name).casefold()).split())


# Names of splits in people's columns and folders, folded.
SPLITS = {
    name: split
    for split, names in {
        "train": "train training tr",
        "validation": "validation val valid validate dev development",
        "test": "test testing te eval evaluation",
    }.items()
    for name in names.split()
}
