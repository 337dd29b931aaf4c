"""The last layers: points and gaps between quantiles, the mixture with a linear model, and ordered quantiles."""

import math

import keras
from keras import ops


class Head(keras.layers.Layer):
    """Dense layers for points and for the gaps between quantiles.

    The gaps learn from the features of the points but do not change them: when they did, the points were worse. They
    are measured from points without dropout, which have the errors of a forecast.

    Args:
        shape: shape of the values to forecast from each feature vector.
        outputs: number of quantiles; 1 for a point only.
        dropout: dropout rate of the input.
    """

    def __init__(self, shape, outputs, dropout, **kwargs):
        super().__init__(**kwargs)
        self.shape, self.outputs = tuple(shape), outputs
        self.dropout = keras.layers.Dropout(dropout)
        self.points = keras.layers.Dense(math.prod(shape))
        self.gaps = keras.layers.Dense(math.prod(shape) * (outputs - 1), activation="softplus") if outputs > 1 else None

    def call(self, inputs, training=False):
        """Map (..., features) to (..., *shape, 1 + outputs): the point, the center of the gaps, and the gaps."""
        leading = (*ops.shape(inputs)[:-1], *self.shape)
        points = center = self.points(self.dropout(inputs, training=training))
        inputs = ops.stop_gradient(inputs)
        if training:
            center = ops.stop_gradient(self.points(inputs))
        parts = [ops.reshape(part, (*leading, 1)) for part in (points, center)]
        if self.gaps:
            parts.append(ops.reshape(self.gaps(inputs), (*leading, self.outputs - 1)))
        return ops.concatenate(parts, axis=-1)


class Mixture(keras.layers.Layer):
    """Mix points with those of a linear model of the last rows of the window; before `set`, return the points.

    Args:
        length: rows that the linear model uses.
        horizon: rows that it forecasts.
    """

    def __init__(self, length, horizon, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.length, self.horizon = length, horizon

    def build(self, values_shape, points_shape):
        self.kernel = self.add_weight(shape=(self.length, self.horizon), initializer="zeros", name="kernel")
        self.network_fraction = self.add_weight(shape=(), initializer="ones", name="network_fraction")
        self.built = True

    def set(self, kernel, network_fraction):
        """Set the linear model and the fraction of the points that are mixed with it.

        Args:
            kernel: (length, horizon), from the values minus their mean to the next values minus the same mean.
            network_fraction: from 0 to 1.
        """
        self.kernel.assign(kernel)
        self.network_fraction.assign(network_fraction)

    def call(self, values, points):
        """Mix points, (batch, horizon, series, 1), for windows (batch, time, series)."""
        last = values[:, -self.length :]
        mean = ops.mean(last, axis=1, keepdims=True)
        linear = ops.einsum("bts,th->bhs", last - mean, self.kernel) + mean
        return self.network_fraction * points + (1 - self.network_fraction) * linear[..., None]


class OrderedQuantiles(keras.layers.Layer):
    """Compute quantiles that cannot cross from the point and the gaps between neighbors.

    Args:
        outputs: number of quantiles, including the point.
        point: index of the point among them.
    """

    def __init__(self, outputs, point, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.outputs, self.point = outputs, point

    def build(self, *shapes):
        # Factors of the distances from the point; 1 in training, see `calibration.scale_intervals`.
        self.scale = self.add_weight(shape=(self.outputs - 1,), initializer="ones", name="scale")
        self.built = True

    def call(self, points, center, gaps):
        """Return quantiles (..., outputs), increasing.

        Args:
            points: (..., 1).
            center: (..., 1), from which the other quantiles are measured.
            gaps: (..., outputs - 1), not negative.
        """
        if self.outputs == 1:
            return points
        below = ops.flip(ops.cumsum(ops.flip(gaps[..., : self.point], axis=-1), axis=-1), axis=-1)
        offsets = ops.concatenate([below, ops.cumsum(gaps[..., self.point :], axis=-1)], axis=-1) * self.scale
        offsets = [offsets[..., index : index + 1] for index in range(self.outputs - 1)]
        lower, upper = offsets[: self.point][::-1], offsets[self.point :]
        lower = [center - offset for offset in _running_maximum(lower)]
        upper = [center + offset for offset in _running_maximum(upper)]
        return ops.concatenate([*lower[::-1], points, *upper], axis=-1)


def _running_maximum(tensors):
    found = tensors[:1]
    for tensor in tensors[1:]:
        found.append(ops.maximum(found[-1], tensor))
    return found
