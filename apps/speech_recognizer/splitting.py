"""Split recordings into train, validation and test: as the data says, else by speaker, else at random."""

import numpy as np

from ..common.cli import UserError
from ..common.splits import hold_out, unlike_asked


def split_recordings(recordings, config):
    """Split recordings into train, validation and test.

    What the data names as a split is that; a split that it does not name is held out of the training recordings. If
    speakers are known, none is on two sides of a split made here; recordings without a speaker each count as one.

    Args:
        recordings: `Recordings`.
        config: has `test_fraction`, `validation_fraction` and `seed`.

    Returns:
        Dict of `Recordings`; `test` is empty if `test_fraction` is 0 and the data names no test recordings.

    Raises:
        UserError: a split would be empty.
    """
    named = np.array([split or "train" for split in recordings.splits])
    parts = {name: np.flatnonzero(named == name) for name in ("train", "validation", "test")}
    groups, by_speaker = _groups(recordings, parts)
    rest, fraction = parts["train"], config.validation_fraction
    if not len(parts["test"]):
        rest, parts["test"] = hold_out(rest, groups, config.test_fraction, config.seed)
        fraction /= 1 - config.test_fraction
    if not len(parts["validation"]):
        rest, parts["validation"] = hold_out(rest, groups, fraction, config.seed)
    parts["train"] = rest
    _require_all(recordings, parts, config, by_speaker)
    if not any(recordings.splits) and (unlike := unlike_asked(parts, config)):
        _note(recordings, unlike)
    return {name: recordings.take(rows) for name, rows in parts.items()}


def _groups(recordings, parts):
    """Return int (recordings,), the same for those that stay together, and whether these are speakers."""
    alone = np.arange(len(recordings))
    if not any(recordings.speakers):
        return alone, False
    ids = {}
    groups = np.array([
        ids.setdefault(speaker if speaker is not None else ("row", row), len(ids))
        for row, speaker in enumerate(recordings.speakers)
    ])  # fmt: skip
    # Three sides need three speakers; fewer are split by recording.
    needed = 1 + sum(not len(parts[name]) for name in ("validation", "test"))
    if len(np.unique(groups[parts["train"]])) < needed:
        _note(recordings, "too few speakers for each split to have its own, so recordings are split at random")
        return alone, False
    return groups, True


def _note(recordings, text):
    if recordings.summary is not None:
        recordings.summary.note(text)


def _require_all(recordings, parts, config, by_speaker):
    for name, rows in parts.items():
        if len(rows) or (name == "test" and config.test_fraction == 0):
            continue
        what = "recordings or speakers" if by_speaker else "recordings"
        raise UserError(
            f"{config.data}: too few {what} to split: {len(recordings)} leave none for {name}; give more, or name the "
            "split of every recording in a column `split`"
        )
