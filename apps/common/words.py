"""Put numbers, names and texts into messages."""


def counted(count, noun, plural=None):
    """Return a number with its noun: `1 row`, `2 rows`, `5,572 rows`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def listed(names, most=10):
    """Return at most ten names in quotes, and how many more there are."""
    names = list(names)
    some = ", ".join(repr(name) if isinstance(name, str) else str(name) for name in names[:most])
    return f"{some} and {len(names) - most} more" if len(names) > most else some


def shorten(text, length=60):
    """Return a text on one line, in quotes, cut after `length` characters."""
    text = repr(" ".join(str(text).split()))
    return text if len(text) <= length + 2 else f"{text[:length]}…{text[-1]}"
