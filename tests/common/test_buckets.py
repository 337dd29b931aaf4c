"""Batches by length."""

import numpy as np
import tensorflow as tf

from apps.common.buckets import bucketed


def rows():
    lengths = np.array([1, 5, 3, 4, 2, 8, 7, 6, 4, 4])
    return tf.ragged.constant([[row + 1] * length for row, length in enumerate(lengths)], tf.int32), lengths


def batches(**options):
    sequences, lengths = rows()
    dataset = bucketed((sequences, tf.range(10)), lengths, [4, 8], 3, **options)
    return dataset, [tuple(part.numpy() for part in batch) for batch in dataset]


def test_every_row_comes_once_beside_its_own_padded_to_a_length():
    dataset, found = batches()
    assert int(dataset.cardinality()) == len(found) == 4
    assert sorted(np.concatenate([numbers for _, numbers in found]).tolist()) == list(range(10))
    _, lengths = rows()
    for sequences, numbers in found:
        assert sequences.shape[1] in (4, 8)
        for sequence, number in zip(sequences, numbers, strict=True):
            assert (sequence > 0).sum() == lengths[number]
            assert set(sequence.tolist()) <= {0, number + 1}


def test_order_hangs_on_seed_and_epoch_alone():
    def order(seed, epochs):
        return [numbers.tolist() for _, numbers in batches(seed=seed, epochs=epochs)[1]]

    whole = order(3, range(0, 3))
    assert len(whole) == 12
    assert order(3, range(1, 3)) == whole[4:]
    assert len({str(whole[at : at + 4]) for at in (0, 4, 8)}) == 3
    assert order(4, range(0, 3)) != whole
