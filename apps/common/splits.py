"""Holding out a share of the examples, by chance."""

import numpy as np
from sklearn.model_selection import GroupShuffleSplit


def hold_out(rows, groups, fraction, seed):
    """Parts the examples so that those of a group stay together.

    Args:
        rows: int (rows,), which examples to part.
        groups: int (examples,), examples of the same number belong together.
        fraction: of the groups to hold out, from 0 up to, but not including, 1.
        seed: of the choice.

    Returns:
        The rows that are kept and those held out; none of the latter with a fraction of 0 or a single group.
    """
    if fraction == 0 or len(np.unique(groups[rows])) < 2:
        return rows, rows[:0]
    cut = GroupShuffleSplit(1, test_size=fraction, random_state=seed)
    kept, held = next(cut.split(rows, groups=groups[rows]))
    return rows[kept], rows[held]
