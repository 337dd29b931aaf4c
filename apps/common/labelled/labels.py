"""Which labels are the same."""

import re
from collections import Counter
from collections.abc import Sequence

from ..tables import Summary
from ..words import listed

_WHOLE = re.compile(r"([+-]?\d+)\.0+")


def fold_label(label: str) -> str:
    """Return a label without case and outer blanks; of a whole number also without `.0`."""
    label = label.strip().casefold()
    whole = _WHOLE.fullmatch(label)
    return whole[1] if whole else label


def spellings(labels: Sequence[str], summary: Summary) -> dict[str, str]:
    """Return {label as `fold_label` returns it: its most common spelling}; note in `summary` which labels are one."""
    spellings: dict[str, list[tuple[str, int]]] = {}
    for label, count in Counter(label.strip() for label in labels).most_common():
        spellings.setdefault(fold_label(label), []).append((label, count))
    for found in spellings.values():
        if len(found) > 1:
            others = listed(label for label, _ in found[1:])
            summary.note(f"{others} taken as {found[0][0]!r}: the same but for case and blanks")
    return {key: found[0][0] for key, found in spellings.items()}
