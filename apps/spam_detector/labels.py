"""What labels mean: which are the same, and which are the class to detect."""

from ..common.cli import UserError
from ..common.labelled import fold_label
from ..common.words import counted, listed

POSITIVE_LABELS = ("spam", "junk", "phishing", "smishing", "scam", "fraud", "positive", "true", "yes", "1")
NEGATIVE_LABELS = (
    "ham",
    "legit",
    "legitimate",
    "not spam",
    "no spam",
    "nonspam",
    "normal",
    "negative",
    "false",
    "no",
    "0",
)
# A label column has fewer different values than rows.
MAX_LABELS = 20


def choose_classes(source, counts, positive_labels):
    """Choose the class to detect.

    Args:
        source: name of the data, for messages.
        counts: Counter of labels.
        positive_labels: labels to detect; if empty, a word for spam, else the rarer of two labels.

    Returns:
        (name of class 0, name of class 1), and {label as `fold_label` returns it: its class}.

    Raises:
        UserError: not two classes, or no message of a label.
    """
    some = ", ".join(f"{label!r} ({count})" for label, count in counts.most_common(5)) + ", ..." * (len(counts) > 5)
    if len(counts) > MAX_LABELS and len(counts) > sum(counts.values()) / 2:
        raise UserError(
            f"{source}: {len(counts)} different labels in {sum(counts.values())} rows: {some}; that column is no "
            "label: name another with --label-column"
        )
    known = [label for label in counts if fold_label(label) in POSITIVE_LABELS]
    positive = list(dict.fromkeys(_label_like(source, name, counts) for name in positive_labels))
    if not positive:
        if len(counts) != 2:
            advice = "keep the messages of two classes"
            if len(counts) > 2:
                examples = " ".join(known) or counts.most_common()[-1][0]
                advice = f"name those to detect, for example --positive-label {examples}"
            raise UserError(f"{source}: found {counted(len(counts), 'label')}, expected 2: {some}; {advice}")
        positive = known if len(known) == 1 else [counts.most_common()[-1][0]]
    negative = [label for label in counts if label not in positive]
    if not negative:
        raise UserError(f"{source}: --positive-label names all labels: {some}; leave one out")
    classes = {fold_label(label): 0 for label in negative} | {fold_label(label): 1 for label in positive}
    return ("/".join(negative), "/".join(positive)), classes


def _label_like(source, name, counts):
    found = [label for label in counts if fold_label(label) == fold_label(name)]
    if not found:
        raise UserError(f"{source}: no message has --positive-label {name!r}; the labels are {listed(counts)}")
    return found[0]
