"""Window arithmetic, on the series 0, 1, 2, ..., in which a value is its row."""

import itertools

import numpy as np
import pytest

from apps.common.series.windows import cut_windows, window_dataset, window_origins

SERIES = np.arange(20)


def test_windows_read_rows_before_the_origin_and_forecast_the_next():
    cut = cut_windows(SERIES, np.array([3, 10]), 3, 2)
    np.testing.assert_array_equal(cut, [[0, 1, 2, 3, 4], [7, 8, 9, 10, 11]])


@pytest.mark.parametrize("start, stop, first, last", [(0, 20, 5, 17), (12, 20, 12, 17), (3, 10, 5, 7)])
def test_origins_forecast_only_rows_of_their_part_and_may_read_rows_before(start, stop, first, last):
    found = window_origins(start, stop, window_length=5, horizon=3)
    np.testing.assert_array_equal(found, np.arange(first, last + 1))
    cut = cut_windows(SERIES, found, 5, 3)
    assert cut.min() >= 0 and cut[:, 5:].min() >= start and cut[:, 5:].max() == stop - 1


def test_part_as_long_as_a_window_has_one_and_a_shorter_one_none():
    assert len(window_origins(0, 8, 5, 3)) == 1
    assert len(window_origins(0, 7, 5, 3)) == 0
    assert len(window_origins(10, 12, 5, 3)) == 0


def test_stride_skips_windows():
    np.testing.assert_array_equal(window_origins(0, 20, 5, 3, stride=4), [5, 9, 13, 17])


def test_windows_of_several_series_have_their_columns():
    both = np.stack([SERIES, 100 + SERIES], axis=1)
    np.testing.assert_array_equal(cut_windows(both, np.array([2]), 1, 1), [[[1, 101], [2, 102]]])


def epochs_of(dataset):
    return [batch[0].numpy()[:, 2].tolist() for batch in dataset]


def test_dataset_has_every_window_and_a_smaller_last_batch():
    dataset = window_dataset((SERIES, SERIES * 2.0), window_origins(0, 20, 2, 1), 2, 1, batch_size=4)
    batches = list(dataset)
    assert int(dataset.cardinality()) == len(batches) == 5
    assert [len(first) for first, _ in batches] == [4, 4, 4, 4, 2]
    np.testing.assert_array_equal(np.concatenate([first[:, 2] for first, _ in batches]), np.arange(2, 20))
    np.testing.assert_array_equal(batches[0][1][0], [0, 2, 4])


def test_each_epoch_has_its_order_and_a_resumed_training_the_same():
    def run(epochs, seed=1):
        dataset = window_dataset((SERIES,), window_origins(0, 20, 2, 1), 2, 1, 4, seed, epochs)
        found = epochs_of(dataset)
        assert int(dataset.cardinality()) == len(found) == 5 * len(epochs)
        return [[*itertools.chain(*found[start : start + 5])] for start in range(0, len(found), 5)]

    whole = run(range(0, 3))
    assert all(sorted(order) == list(range(2, 20)) for order in whole)
    assert whole[0] != whole[1] != whole[2]
    assert run(range(2, 3)) == whole[2:]
    assert run(range(0, 1), seed=2) != whole[:1]
