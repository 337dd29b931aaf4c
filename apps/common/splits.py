"""Hold out a random fraction of the examples, near-duplicates together."""

import re
import unicodedata
import warnings
from collections.abc import Mapping, Sequence, Sized
from typing import Any

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold


def cluster_key(text: str) -> str:
    """Return a text without case, punctuation and spacing, with every digit a 0: the same for near-duplicates."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", re.sub(r"\d", "0", folded)).split())


def clusters(texts: Sequence[str]) -> np.ndarray:
    """Return int (rows,), the same for near-duplicates."""
    keys = [cluster_key(text) for text in texts]
    ids = {key: index for index, key in enumerate(dict.fromkeys(keys))}
    return np.array([ids[key] for key in keys])


def split_labelled(examples: Any, config: Any, rare: bool = False) -> dict[str, np.ndarray]:
    """Split into train, validation and test: near-duplicates together, classes in the same proportions.

    What the data itself names as test or validation rows is that.

    Args:
        examples: has `texts`, `labels`, and `splits`, names or None.
        config: has `test_fraction`, `validation_fraction` and `seed`.
        rare: whether a class may have too few rows for every split.

    Returns:
        {name: int (rows,)}; `test` is empty if `test_fraction` is 0.
    """
    groups = clusters(examples.texts)
    named = np.array(examples.splits or ["train"] * len(groups))
    splits = {name: np.flatnonzero(named == name) for name in ("train", "validation", "test")}
    rest, fraction = splits["train"], config.validation_fraction
    if not len(splits["test"]):
        rest, splits["test"] = hold_out(rest, groups, config.test_fraction, config.seed, examples.labels, rare)
        fraction /= 1 - config.test_fraction
    if not len(splits["validation"]):
        rest, splits["validation"] = hold_out(rest, groups, fraction, config.seed, examples.labels, rare)
    splits["train"] = rest
    return splits


def unlike_asked(parts: Mapping[str, Sized], config: Any) -> str | None:
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


def hold_out(
    rows: np.ndarray,
    groups: np.ndarray,
    fraction: float,
    seed: int,
    labels: np.ndarray | None = None,
    rare: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Split examples in two, with every group in one of the parts.

    Args:
        rows: int (rows,), indices of the examples to split.
        groups: int (examples,), the same for examples that must stay together.
        fraction: fraction of the groups to hold out, from 0 up to, but not including, 1.
        seed: of the choice.
        labels: int (examples,), classes that both parts have in the same proportions; None for any proportions.
        rare: whether a class may have too few rows for both parts; all of it then remains. If not, more is held out.

    Returns:
        The rows that remain and those held out; none are held out if the fraction is 0, or if there are too few
        groups, or rows of a class, to split.
    """
    if fraction == 0 or len(np.unique(groups[rows])) < 2:
        return rows, rows[:0]
    if labels is None:
        splitter = GroupShuffleSplit(1, test_size=fraction, random_state=seed)
        rest, held = next(splitter.split(rows, None, groups[rows]))
        return rows[rest], rows[held]
    counts = np.bincount(labels[rows], minlength=2)
    most = min(len(np.unique(groups[rows])), counts.max() if rare else counts.min())
    folds = min(max(2, round(1 / fraction)), most)
    if folds < 2:
        return rows, rows[:0]
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        rest, held = next(splitter.split(rows, labels[rows], groups[rows]))
    is_lost = np.isin(labels[rows[held]], np.setdiff1d(labels[rows[held]], labels[rows[rest]]))
    return np.sort(np.concatenate([rows[rest], rows[held[is_lost]]])), rows[held[~is_lost]]
