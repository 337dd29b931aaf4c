"""Window arithmetic, on the series 0, 1, 2, ... where a value is its row."""

import itertools

import numpy as np
import pytest

from apps.common.windows import origins, window_dataset, windows

SERIES = np.arange(20)


def test_windows_look_at_what_is_before_and_forecast_what_follows():
    cut = windows(SERIES, np.array([3, 10]), 3, 2)
    np.testing.assert_array_equal(cut, [[0, 1, 2, 3, 4], [7, 8, 9, 10, 11]])


@pytest.mark.parametrize("start, stop, first, last", [(0, 20, 5, 17), (12, 20, 12, 17), (3, 10, 5, 7)])
def test_origins_forecast_within_their_part_and_look_back_before_it(start, stop, first, last):
    places = origins(start, stop, window_length=5, horizon=3)
    np.testing.assert_array_equal(places, np.arange(first, last + 1))
    cut = windows(SERIES, places, 5, 3)
    assert cut.min() >= 0 and cut[:, 5:].min() >= start and cut[:, 5:].max() == stop - 1


def test_a_part_of_just_one_window_has_one_and_a_shorter_one_none():
    assert len(origins(0, 8, 5, 3)) == 1
    assert len(origins(0, 7, 5, 3)) == 0
    assert len(origins(10, 12, 5, 3)) == 0


def test_stride_leaves_windows_out():
    np.testing.assert_array_equal(origins(0, 20, 5, 3, stride=4), [5, 9, 13, 17])


def test_windows_of_many_series_keep_them_apart():
    both = np.stack([SERIES, 100 + SERIES], axis=1)
    np.testing.assert_array_equal(windows(both, np.array([2]), 1, 1), [[[1, 101], [2, 102]]])


def epochs_of(dataset):
    return [batch[0].numpy()[:, 2].tolist() for batch in dataset]


def test_dataset_gives_every_window_and_the_last_batch_is_what_is_left():
    dataset = window_dataset((SERIES, SERIES * 2.0), origins(0, 20, 2, 1), 2, 1, batch_size=4)
    batches = list(dataset)
    assert int(dataset.cardinality()) == len(batches) == 5
    assert [len(first) for first, _ in batches] == [4, 4, 4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([first[:, 2] for first, _ in batches]), np.arange(2, 20))
    np.testing.assert_array_equal(batches[0][1][0], [0, 2, 4])


def test_epochs_have_orders_of_their_own_which_a_resumed_training_finds_again():
    def run(epochs, seed=1):
        dataset = window_dataset((SERIES,), origins(0, 20, 2, 1), 2, 1, 4, seed, epochs)
        found = epochs_of(dataset)
        assert int(dataset.cardinality()) == len(found) == 5 * len(epochs)
        return [[*itertools.chain(*found[start : start + 5])] for start in range(0, len(found), 5)]

    whole = run(range(0, 3))
    assert all(sorted(order) == list(range(2, 20)) for order in whole)
    assert whole[0] != whole[1] != whole[2]
    assert run(range(2, 3)) == whole[2:]
    assert run(range(0, 1), seed=2) != whole[:1]
