"""What stands behind a network: points and gaps, the line that is mixed in, and quantiles in order."""

import math

import keras
from keras import ops


class Head(keras.layers.Layer):
    """The last layer: points, and the gaps to the quantiles around them.

    The gaps learn from what the network found for the points and do not steer it: where they did, the points were
    worse. And they are counted from points without dropout, whose errors are those that a forecast has.

    Args:
        shape: of the values that are forecast from each vector.
        outputs: forecasts of each value; 1 is a point alone.
        dropout: share of the input hidden in training.
    """

    def __init__(self, shape, outputs, dropout, **kwargs):
        super().__init__(**kwargs)
        self.shape, self.outputs = tuple(shape), outputs
        self.dropout = keras.layers.Dropout(dropout)
        self.points = keras.layers.Dense(math.prod(shape))
        self.gaps = keras.layers.Dense(math.prod(shape) * (outputs - 1), activation="softplus") if outputs > 1 else None

    def call(self, inputs, training=False):
        """(..., features) -> (..., *shape, 1 + outputs): the point, the center of the gaps, and these."""
        before = (*ops.shape(inputs)[:-1], *self.shape)
        points = center = self.points(self.dropout(inputs, training=training))
        inputs = ops.stop_gradient(inputs)
        if training:
            center = ops.stop_gradient(self.points(inputs))
        parts = [ops.reshape(part, (*before, 1)) for part in (points, center)]
        if self.gaps:
            parts.append(ops.reshape(self.gaps(inputs), (*before, self.outputs - 1)))
        return ops.concatenate(parts, axis=-1)


class Line(keras.layers.Layer):
    """Mixes points with those of a straight line over the end of the window; at first there is none of the line in it.

    Args:
        length: rows that the line looks at.
        horizon: rows that it forecasts.
    """

    def __init__(self, length, horizon, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.length, self.horizon = length, horizon

    def build(self, values_shape, points_shape):
        self.kernel = self.add_weight(shape=(self.length, self.horizon), initializer="zeros", name="kernel")
        self.share = self.add_weight(shape=(), initializer="ones", name="share")
        self.built = True

    def mix(self, kernel, share):
        """Sets the line and how much of the points is kept.

        Args:
            kernel: (length, horizon), from the values less their mean to what follows less that mean.
            share: of the points, from 0 to 1.
        """
        self.kernel.assign(kernel)
        self.share.assign(share)

    def call(self, values, points):
        """(batch, time, series) and (batch, horizon, series, 1) -> as the points."""
        read = values[:, -self.length :]
        mean = ops.mean(read, axis=1, keepdims=True)
        line = ops.einsum("bts,th->bhs", read - mean, self.kernel) + mean
        return self.share * points + (1 - self.share) * line[..., None]


class Bands(keras.layers.Layer):
    """Quantiles that cannot cross, from points and the gaps between each quantile and the next.

    Args:
        outputs: quantiles, the point among them.
        place: which of them is the point.
    """

    def __init__(self, outputs, place, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.outputs, self.place = outputs, place

    def build(self, *shapes):
        # By how much each quantile but the point is moved further out: from 1 when trained, see `calibrate`.
        self.widths = self.add_weight(shape=(self.outputs - 1,), initializer="ones", name="widths")
        self.built = True

    def call(self, points, center, gaps):
        """(..., 1), (..., 1), from where the other quantiles are counted, and (..., outputs - 1) -> (..., outputs)."""
        if self.outputs == 1:
            return points
        below = ops.flip(ops.cumsum(ops.flip(gaps[..., : self.place], axis=-1), axis=-1), axis=-1)
        offsets = ops.concatenate([below, ops.cumsum(gaps[..., self.place :], axis=-1)], axis=-1) * self.widths
        offsets = [offsets[..., number : number + 1] for number in range(self.outputs - 1)]
        lower, upper = offsets[: self.place][::-1], offsets[self.place :]
        lower = [center - part for part in _never_falling(lower)]
        upper = [center + part for part in _never_falling(upper)]
        return ops.concatenate([*lower[::-1], points, *upper], axis=-1)


def _never_falling(parts):
    """Each as it is, or as the one before where that is larger."""
    found = parts[:1]
    for part in parts[1:]:
        found.append(ops.maximum(found[-1], part))
    return found
