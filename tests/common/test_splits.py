"""A share is held out, and groups stay whole."""

import numpy as np

from apps.common.splits import hold_out


def test_groups_stay_whole_and_every_row_is_somewhere():
    rows, groups = np.arange(10, 50), np.repeat(np.arange(25), 2)
    kept, held = hold_out(rows, groups, 0.25, seed=0)
    assert sorted([*kept, *held]) == rows.tolist() and len(held) == 10
    assert not set(groups[kept]) & set(groups[held])
    assert not np.array_equal(held, hold_out(rows, groups, 0.25, seed=1)[1])


def test_nothing_is_held_out_of_nothing_or_of_one_group():
    rows = np.arange(4)
    for groups, fraction in ((np.arange(4), 0), (np.zeros(4, int), 0.5)):
        kept, held = hold_out(rows, groups, fraction, seed=0)
        assert kept.tolist() == rows.tolist() and not len(held)
