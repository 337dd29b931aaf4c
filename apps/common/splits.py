"""Hold out a random fraction of the examples."""

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold


def unlike_asked(parts, config):
    """Say how rows are split, if that is far from what was asked for, as with few rows; None if it is not.

    Args:
        parts: {"train", "validation", "test": rows}.
        config: has `validation_fraction` and `test_fraction`.
    """
    asked = {"validation": config.validation_fraction, "test": config.test_fraction}
    asked["train"] = 1 - sum(asked.values())
    total = sum(map(len, parts.values()))
    found = {name: len(parts[name]) / total for name in ("train", "validation", "test")}
    if all(abs(found[name] - fraction) < 0.05 for name, fraction in asked.items()):
        return None
    figures = [" / ".join(f"{100 * each[name]:.0f}" for name in found) for each in (found, asked)]
    return f"split {figures[0]} %, not {figures[1]}: there are few rows, and some must stay together"


def hold_out(rows, groups, fraction, seed, labels=None):
    """Split examples in two, with every group in one of the parts.

    Args:
        rows: int (rows,), indices of the examples to split.
        groups: int (examples,), the same for examples that must stay together.
        fraction: fraction of the groups to hold out, from 0 up to, but not including, 1.
        seed: of the choice.
        labels: int (examples,), classes that both parts have in the same proportions; None for any proportions.

    Returns:
        The rows that remain and those held out; none are held out if the fraction is 0, or if there are too few
        groups, or rows of a class, to split.
    """
    if fraction == 0 or len(np.unique(groups[rows])) < 2:
        return rows, rows[:0]
    if labels is None:
        splitter = GroupShuffleSplit(1, test_size=fraction, random_state=seed)
    else:
        folds = min(max(2, round(1 / fraction)), np.bincount(labels[rows], minlength=2).min())
        if folds < 2:
            return rows, rows[:0]
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    rest, held = next(splitter.split(rows, None if labels is None else labels[rows], groups[rows]))
    return rows[rest], rows[held]
