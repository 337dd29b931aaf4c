"""Put numbers, names and texts into messages."""

from collections.abc import Iterable


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: `1 row`, `2 rows`, `5,572 rows`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def listed(names: Iterable, most: int = 10) -> str:
    """Return at most ten names in quotes, and how many more there are."""
    names = list(names)
    some = ", ".join(repr(name) if isinstance(name, str) else str(name) for name in names[:most])
    return f"{some} and {len(names) - most} more" if len(names) > most else some


def shorten(text: str, length: int = 60) -> str:
    """Return a text on one line, in quotes, cut after `length` characters."""
    text = repr(" ".join(str(text).split()))
    return text if len(text) <= length + 2 else f"{text[:length]}…{text[-1]}"
