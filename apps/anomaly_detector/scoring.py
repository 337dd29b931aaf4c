"""Score rows one after the other, with the state carried: the same for a table, a stream and the exported model."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

# Largest error, in predicted spreads: what is farther off is no more anomalous.
LARGEST = 30.0
# Rows that can be scored at once: memory grows with their square.
MOST_STEPS = 2048


@dataclass(frozen=True)
class Errors:
    """The distribution of the errors of a network on normal rows.

    Attributes:
        mean: float32 (errors,).
        precision: inverse of their covariance, float32 (errors, errors).
    """

    mean: np.ndarray
    precision: np.ndarray

    def to_json(self):
        """Return plain values."""
        return {"mean": self.mean.tolist(), "precision": self.precision.tolist()}

    @classmethod
    def of_json(cls, values):
        """Return the errors that `to_json` described."""
        return cls(*(np.array(values[name], "float32") for name in ("mean", "precision")))

    @classmethod
    def unknown(cls, size):
        """Return independent errors of variance 1."""
        return cls(np.zeros(size, "float32"), np.eye(size, dtype="float32"))


class Scorer(keras.Model):
    """Score the rows of recordings, given the state after the rows before them.

    The errors e of a row, of all sensors and all forecasts of it or of its reconstruction, in predicted spreads, count
    as a sample of a multivariate Student's t distribution with as many degrees of freedom as errors:

        score = 1/2 log(1 + (e - mean)' precision (e - mean) / errors)

    which is its negative logarithm up to constants, for each error. With two networks the score is their mean. The
    smoothed score is an exponential moving average.

    Args:
        networks: a `model.Networks`.
        loc, scale: float (sensors,), of the standardization.
        errors: {"forecaster", "reconstructor"}: `Errors`, of the networks that there are.
        smoothing: rows after which a weight has halved.

    Call arguments:
        inputs: list of readings (batch, time, sensors), NaN where missing, and the tensors of the state, which
            `initial_state` returns first.

    Returns:
        List of the scores and the smoothed scores, (batch, time) each, the parts of the sensors in the score, (batch,
        time, sensors), the errors of each network, (batch, time, errors), and the tensors of the new state.
    """

    def __init__(self, networks, loc, scale, errors, smoothing):
        super().__init__()
        self.networks, self.sensors = networks, networks.settings["sensors"]
        self.loc, self.scale = (np.asarray(each, "float32") for each in (loc, scale))
        self.errors = errors
        self.decay = 0.5 ** (1 / smoothing) if smoothing else 0.0
        # The recurrent layers are compiled anyway.
        self.supports_jit = keras.backend.backend() != "tensorflow"

    @property
    def parts(self):
        """Names of the networks that there are."""
        return [name for name in ("forecaster", "reconstructor") if getattr(self.networks, name) is not None]

    @property
    def warm_up(self):
        """Rows at the beginning of a recording that are not scored."""
        rows = [0]
        if self.networks.forecaster is not None:
            rows.append(self.networks.forecaster.horizon)
        if self.networks.reconstructor is not None:
            rows.append(self.networks.window_length - 1)
        return max(rows)

    @property
    def state_shapes(self):
        """Shapes of the tensors of the state, without the batch."""
        shapes = [(1,), (self.sensors,), (1,)]
        if (forecaster := self.networks.forecaster) is not None:
            shapes += [(size,) for size in forecaster.state_sizes]
            shapes += [(forecaster.horizon, forecaster.horizon, self.sensors)] * 2
        if self.networks.reconstructor is not None:
            shapes.append((self.networks.window_length - 1, self.sensors))
        return shapes

    def initial_state(self, batch):
        """Return the state before the first row, a list of float32 arrays."""
        return [np.zeros((batch, *shape), "float32") for shape in self.state_shapes]

    def call(self, inputs):
        values, seen, last, smooth, *state = inputs
        rows, observed = self._filled((values - self.loc) / self.scale, last)
        time = ops.shape(rows)[1]
        number = seen + ops.cast(ops.arange(time), "float32")
        parts, errors, state_of = [], [], []
        if (forecaster := self.networks.forecaster) is not None:
            count = len(forecaster.state_sizes)
            found, own = self._forecast_errors(rows, state[:count], state[count : count + 2])
            state, state_of = state[count + 2 :], [*state_of, *own]
            errors.append(_masked(found, observed, forecaster.horizon))
            parts.append(self._parts("forecaster", errors[-1]))
        if self.networks.reconstructor is not None:
            found, window = self._reconstruction_errors(rows, state[0])
            state_of.append(window)
            errors.append(_masked(found, observed, 1))
            parts.append(self._parts("reconstructor", errors[-1]))
        ready = ops.cast(number >= self.warm_up, "float32")
        scores, contributions = _combined(parts, ready)
        smoothed = self._smoothed(scores, smooth)
        new = [seen + ops.cast(time, "float32"), rows[:, -1], smoothed[:, -1:], *state_of]
        return [scores, smoothed, contributions, *errors, *new]

    def _filled(self, rows, last):
        """Return rows with missing values replaced by the last ones, and which were not missing."""
        observed = ops.logical_not(ops.isnan(rows))
        time = ops.shape(rows)[1]
        # Row 0 is that before the first.
        origin = ops.where(observed, ops.cast(ops.arange(1, time + 1), "int32")[None, :, None], 0)
        latest = _largest_so_far(origin)
        known = ops.concatenate([last[:, None], ops.where(observed, rows, 0.0)], axis=1)
        return ops.take_along_axis(known, latest, axis=1), observed

    def _forecast_errors(self, rows, states, before):
        """Return the errors of the forecasts 1, 2, ... rows ahead, (batch, time, horizon * sensors)."""
        means, spreads, states = self.networks.forecaster(rows, states)
        means, spreads = (ops.concatenate(each, axis=1) for each in zip(before, (means, spreads), strict=True))
        horizon, time = self.networks.forecaster.horizon, ops.shape(rows)[1]
        found = []
        for ahead in range(1, horizon + 1):
            at = slice(horizon - ahead, horizon - ahead + time)
            # Before the first forecasts the spreads are 0.
            spread = ops.maximum(spreads[:, at, ahead - 1], 1e-6)
            found.append((rows - means[:, at, ahead - 1]) / spread)
        return ops.concatenate(found, axis=-1), [*states, means[:, -horizon:], spreads[:, -horizon:]]

    def _reconstruction_errors(self, rows, before):
        """Return the errors of the last row of the window that ends with each row, (batch, time, sensors)."""
        length, (batch, time) = self.networks.window_length, ops.shape(rows)[:2]
        known = ops.concatenate([before, rows], axis=1)
        at = ops.arange(time)[:, None] + ops.arange(length)[None]
        windows = ops.reshape(ops.take(known, at, axis=1), (batch * time, length, self.sensors))
        means, spreads = (each[:, -1] for each in self.networks.reconstructor(windows))
        found = (windows[:, -1] - means) / spreads
        return ops.reshape(found, (batch, time, self.sensors)), known[:, 1 - length :]

    def _parts(self, name, errors):
        """Return the score of a network, (batch, time), and the part of each sensor in it."""
        known = self.errors[name]
        centered = errors - known.mean
        each = centered * ops.matmul(centered, known.precision)
        score = 0.5 * ops.log1p(ops.maximum(ops.mean(each, axis=-1), 0.0))
        shape = (*ops.shape(each)[:2], -1, self.sensors)
        by_sensor = ops.maximum(ops.sum(ops.reshape(each, shape), axis=2), 0.0)
        total = ops.maximum(ops.sum(by_sensor, axis=-1, keepdims=True), 1e-6)
        return score, score[..., None] * by_sensor / total

    def _smoothed(self, scores, before):
        """Return the exponential moving average of scores, (batch, time), after the average `before`, (batch, 1)."""
        if not self.decay:
            return scores
        steps = ops.cast(ops.arange(ops.shape(scores)[1]), "float32")
        distance = steps[:, None] - steps[None]
        weights = ops.where(distance >= 0, (1 - self.decay) * self.decay ** ops.maximum(distance, 0.0), 0.0)
        return ops.matmul(scores, ops.transpose(weights)) + before * self.decay ** (steps + 1)


def _largest_so_far(values):
    """Return the largest value up to each step, int (batch, time, ...), of values of at least 0."""
    time = ops.shape(values)[1]
    for power in range(MOST_STEPS.bit_length()):
        earlier = ops.pad(values, [[0, 0], [2**power, 0], [0, 0]])[:, :time]
        values = ops.maximum(values, earlier)
    return values


def _masked(errors, observed, times):
    """Return errors, 0 for missing values, none larger than `LARGEST`."""
    observed = ops.tile(ops.cast(observed, "float32"), (1, 1, times))
    return ops.clip(errors, -LARGEST, LARGEST) * observed


def _combined(parts, ready):
    scores = sum(score for score, _ in parts) / len(parts) * ready
    return scores, sum(each for _, each in parts) / len(parts) * ready[..., None]
