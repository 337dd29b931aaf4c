"""Clipping that is the same however a gradient comes; under MirroredStrategy see tests/apps/test_devices.py."""

import numpy as np
import tensorflow as tf

from apps.common.training.optimizers import Adam


def test_rows_of_an_embedding_that_come_several_times_are_summed_before_they_are_clipped():
    entries = tf.IndexedSlices(tf.constant([[3.0], [1.0], [-3.0]]), tf.constant([0, 1, 0]), tf.constant([3, 1]))
    other = tf.constant([0.0, 1.0])
    found = Adam(global_clipnorm=1.0)._clip_gradients([entries, other])
    norm = np.sqrt(0 + 1 + 1)
    np.testing.assert_allclose(found[0], [[0], [1 / norm], [0]], rtol=1e-6)
    np.testing.assert_allclose(found[1], [0, 1 / norm], rtol=1e-6)


def test_without_clipping_gradients_stay_as_they_are():
    given = [tf.constant([3.0, 4.0])]
    assert Adam()._clip_gradients(given) is given
