"""The classes of labels, and their order."""

import re
from collections import Counter

from ..common.cli import UserError
from ..common.labelled import fold_label
from ..common.words import counted, listed

MAX_CLASSES = 100
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
# What a number is of: `4/5`, `4 out of 5`.
_OF = re.compile(r"\s*(?:/|out of|of)\s*\d+\b.*")
_NUMBER_WORDS = "zero one two three four five six seven eight nine ten".split()
_STARS = re.compile(r"[\u2605\u2606\u2b50\ufe0f\s]+")
# Ordinal scales, lowest first. The words of one rank are synonyms.
_SCALES = (
    (
        ("very negative", "extremely negative", "strongly negative"),
        ("negative", "neg"),
        ("slightly negative", "somewhat negative"),
        ("neutral", "mixed", "neu"),
        ("slightly positive", "somewhat positive"),
        ("positive", "pos"),
        ("very positive", "extremely positive", "strongly positive"),
    ),
    (("very bad", "terrible", "awful", "horrible"), ("bad", "poor"), ("ok", "okay", "average", "fair"), ("good",),
     ("very good", "great"), ("excellent", "outstanding", "perfect")),
    (("none",), ("very low",), ("low", "minor", "mild"), ("medium", "moderate"), ("high", "major", "severe"),
     ("very high", "critical")),
    (("strongly disagree",), ("disagree",), ("neutral", "undecided"), ("agree",), ("strongly agree",)),
    (("never",), ("rarely", "seldom"), ("sometimes",), ("often",), ("always",)),
    (("no", "false"), ("maybe",), ("yes", "true")),
)  # fmt: skip


def choose_classes(source, names, ordered, given):
    """Choose the classes and their order.

    Args:
        source: name of the data, for messages.
        names: Counter of the labels.
        ordered: whether the classes have an order.
        given: labels in their order, from the user; empty for none.

    Returns:
        List of the names of the classes: in their order, or sorted.

    Raises:
        UserError: fewer than two classes, more than `MAX_CLASSES`, or an order that is not known.
    """
    some = ", ".join(f"{name!r} ({count})" for name, count in names.most_common(5)) + ", ..." * (len(names) > 5)
    if len(names) < 2:
        raise UserError(f"{source}: found one class, {some}, expected 2 to {MAX_CLASSES}; add rows of another")
    if len(names) > MAX_CLASSES:
        raise UserError(
            f"{source}: {len(names)} different labels in {counted(sum(names.values()), 'row')}: {some}, expected at "
            f"most {MAX_CLASSES}; if that column is no label, name another with --label-column"
        )
    if given:
        return _as_given(source, names, given)
    numbers = {name: _number(name) for name in names}
    if None not in numbers.values() and len(set(numbers.values())) == len(names):
        return sorted(names, key=numbers.get)
    for scale in _SCALES:
        ranks = {word: rank for rank, words in enumerate(scale) for word in words}
        found = {name: ranks.get(re.sub(r"[\W_]+", " ", fold_label(name))) for name in names}
        if None not in found.values() and len(set(found.values())) == len(names):
            return sorted(names, key=found.get)
    if not ordered:
        return sorted(names, key=fold_label)
    raise UserError(
        f"{source}: --ordered: the order of the labels {listed(names)} is not known; give all of them, lowest first, "
        "with --label-order"
    )


def _as_given(source, names, given):
    known = {fold_label(name): name for name in names}
    order = list(dict.fromkeys(fold_label(name) for name in given))
    missing = [name for key, name in known.items() if key not in order]
    surplus = [name for name in given if fold_label(name) not in known]
    if missing or surplus:
        found = f"lacks {listed(missing)}" if missing else f"has {listed(surplus)}, which no row has"
        raise UserError(f"{source}: --label-order {found}; the labels are {listed(names)}")
    return [known[key] for key in order]


def _number(label):
    """Return the only number in a label, such as 4 of `4 stars`, `4/5` or `four`; None if there is none, or several."""
    if label.strip() and _STARS.fullmatch(label):
        return float(sum(label.count(star) for star in "\u2605\u2b50"))
    found = _NUMBER.findall(_OF.sub("", label))
    if not found:
        found = [str(_NUMBER_WORDS.index(word)) for word in fold_label(label).split() if word in _NUMBER_WORDS]
    return float(found[0].replace(",", ".")) if len(found) == 1 else None


def class_counts(labels, classes):
    """Return words for how many rows each class has, the most frequent first."""
    counts = Counter(classes[label] for label in labels)
    some = ", ".join(f"{count:,} {name!r}" for name, count in counts.most_common(10))
    return f"{some} and {len(counts) - 10} more classes" if len(counts) > 10 else some
