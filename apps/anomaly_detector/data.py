"""Split recordings by time, standardize them robustly, and make batches of their pieces."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import tensorflow as tf

from ..common.cli import UserError
from ..common.words import counted, listed


@dataclass(frozen=True)
class Parts:
    """Rows of a recording: to learn from, to validate on, and to judge.

    Attributes:
        train, validation, test: ranges of rows, in this order.
    """

    train: range
    validation: range
    test: range


def split_recordings(recordings, config):
    """Return the `Parts` of each recording.

    Raises:
        UserError: too few rows to learn from or to validate on.
    """
    found = [_parts(each, config) for each in recordings]
    for name, least in (("train", config.chunk_length), ("validation", config.chunk_length)):
        most = max(len(getattr(each, name)) for each in found)
        if most < least:
            raise UserError(
                f"{listed([each.name for each in recordings], 3)}: {counted(most, 'row')} for {name}, expected "
                f"{least} or more; give more rows, a larger --train-fraction, or a smaller --chunk-length and "
                "--window-length"
            )
    return found


def _parts(recording, config):
    count = len(recording)
    learned = config.train_rows(count)
    if config.train_until and not config.normal:
        try:
            until = pd.Timestamp(config.train_until).tz_localize(None)
        except ValueError:
            raise UserError(f"--train-until {config.train_until}: expected a time, such as 2026-01-31 14:00") from None
        learned = int(np.sum(recording.series.times <= until))
        if not learned > 0:
            first, last = recording.series.format_times(recording.series.times[[0, -1]])
            raise UserError(
                f"--train-until {config.train_until}: {recording.name} begins later, its times are {first} to {last}"
            )
    train = learned - int(learned * config.validation_fraction)
    return Parts(range(train), range(train, learned), range(learned, count))


@dataclass(frozen=True)
class Scaling:
    """Robust standardization by the training rows.

    Attributes:
        loc: median of each sensor, float64 (sensors,).
        scale: interquartile range of each, as of a normal distribution's standard deviation.
    """

    loc: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, values):
        """Compute median and interquartile range of float (rows, sensors).

        A sensor that hardly changes has a wider range as its scale, one that never does a hundredth of its value.
        """
        bottom, low, loc, high, top = np.quantile(values, [0.025, 0.25, 0.5, 0.75, 0.975], axis=0)
        # As of a normal distribution's standard deviation, each.
        inner, outer = (high - low) / 1.349, (top - bottom) / 3.92
        scale = np.where(inner > 0.05 * outer, inner, outer)
        scale = np.where(scale > 0, scale, values.std(axis=0))
        # Rounding makes the deviation of a constant not quite 0.
        constant = np.where(loc != 0, 0.01 * np.abs(loc), 1.0)
        return cls(loc, np.where(scale > 1e-9 * np.maximum(np.abs(loc), 1e-9), scale, constant))

    def scaled(self, values):
        """Return standardized values, float32."""
        return ((values - self.loc) / self.scale).astype("float32")

    def to_json(self):
        """Return plain values."""
        return {"loc": self.loc.tolist(), "scale": self.scale.tolist()}


def make_dataset(recordings, rows, scaling, config, epochs=None):
    """Make batches of pieces of recordings.

    Args:
        recordings: list of `Recording`s.
        rows: list of ranges of rows, one for each.
        scaling: `Scaling`.
        config: a `Config`.
        epochs: range of epochs. The order of each depends only on the seed and the epoch, so a resumed training sees
            the same batches. None gives the pieces once, without overlap.

    Returns:
        A tf.data.Dataset of float32 (batch, chunk_length, sensors) and zeros (batch, 1), with the same number of
        batches in every epoch; and the number of pieces.
    """
    length, pieces = config.chunk_length, []
    for recording, part in zip(recordings, rows, strict=True):
        values = scaling.scaled(recording.series.values[part.start : part.stop])
        stride = length if epochs is None else config.stride
        pieces += [values[at : at + length] for at in range(0, len(values) - length + 1, stride)]
    pieces = tf.constant(np.stack(pieces))
    count = len(pieces)

    def one_epoch(epoch):
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=[config.seed, epoch])
        return tf.data.Dataset.from_tensor_slices(order).batch(config.batch_size)

    if epochs is None:
        batches = tf.data.Dataset.from_tensor_slices(tf.range(count)).batch(config.batch_size)
    else:
        batches = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(one_epoch)
    steps = -(-count // config.batch_size) * (1 if epochs is None else len(epochs))
    batches = batches.apply(tf.data.experimental.assert_cardinality(steps))

    def gathered(order):
        return tf.gather(pieces, order), tf.zeros([tf.size(order), 1])

    return batches.map(gathered, tf.data.AUTOTUNE), count
