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


def test_classes_with_few_rows_remain_or_more_is_held_out():
    labels = np.repeat([0, 1, 2], [60, 37, 3])
    rows, groups = np.arange(100), np.arange(100)
    kept, held = hold_out(rows, groups, 0.1, 0, labels, rare=True)
    assert len(held) == 10 and set(labels[kept]) == {0, 1, 2}
    _, held = hold_out(rows, groups, 0.1, 0, labels)
    assert len(held) in (33, 34) and set(labels[held]) == {0, 1, 2}
    single = np.repeat([0, 1, 2], [60, 39, 1])
    for seed in range(5):
        kept, held = hold_out(rows, groups, 0.1, seed, single, rare=True)
        assert 99 in kept and len(kept) + len(held) == 100


def test_fewer_groups_than_parts_are_split():
    labels = np.repeat([0, 1], 10)
    kept, held = hold_out(np.arange(20), np.repeat([0, 1, 2, 3], 5), 0.1, 0, labels)
    assert len(held) == 5 and len(kept) == 15
