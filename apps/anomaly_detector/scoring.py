"""Score rows one after the other, with the state carried: the same for a table, a stream and the exported model."""

import math
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

# Largest error, in predicted spreads: what is farther off is no more anomalous.
LARGEST = 30.0
# What lies outside the range so far by this part of it is as anomalous as `LARGEST` in all sensors; less counts less.
OUTSIDE = 0.05
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


@dataclass(frozen=True)
class Normal:
    """What normal rows are like.

    Attributes:
        low, high: range of their readings, float (sensors,).
        errors: {network: `Errors`}, of the networks that were measured.
    """

    low: np.ndarray
    high: np.ndarray
    errors: dict

    @classmethod
    def of(cls, values, errors):
        """Find the range of float (rows, sensors), without the farthest thousandth on each side."""
        return cls(*np.quantile(values, [0.001, 0.999], axis=0), errors)

    def to_json(self):
        """Return plain values."""
        errors = {name: each.to_json() for name, each in self.errors.items()}
        return {"low": self.low.tolist(), "high": self.high.tolist(), "errors": errors}

    @classmethod
    def of_json(cls, values):
        """Return what `to_json` described."""
        errors = {name: Errors.of_json(each) for name, each in values["errors"].items()}
        return cls(np.array(values["low"]), np.array(values["high"]), errors)


class Scorer(keras.Model):
    """Score the rows of recordings, given the state after the rows before them.

    The errors of a row, of all sensors and all forecasts of it or of its reconstruction, in predicted spreads, are
    smoothed by an exponential moving average: the errors of a lasting fault add up, noise cancels out (the multivariate
    control chart of Lowry et al., Technometrics 34(1), 1992). The average e counts as a sample of a multivariate
    Student's t distribution with as many degrees of freedom as errors:

        1/2 log(1 + (e - mean)' precision (e - mean) / errors)

    which is its negative logarithm up to constants, for each error. With two networks it is their mean, and it is
    smoothed again. To it is added how far the readings lie outside the range of all rows before, those of the training
    included, 0 to 1 for each sensor, the mean of which weighs as the largest error, as in the detector that Numenta
    published with its benchmark.

    Args:
        networks: a `model.Networks`.
        loc, scale: float (sensors,), of the standardization.
        normal: `Normal`.
        error_smoothing, smoothing: rows after which the weight of an error, and of a score, has halved.

    Call arguments:
        inputs: list of readings (batch, time, sensors), NaN where missing, and the tensors of the state, which
            `initial_state` returns first.

    Returns:
        List of the scores, (batch, time), the parts of the sensors in the score, (batch, time, sensors), the smoothed
        errors of each network, (batch, time, errors), and the tensors of the new state.
    """

    def __init__(self, networks, loc, scale, normal, error_smoothing, smoothing):
        super().__init__()
        self.networks, self.sensors = networks, networks.settings["sensors"]
        self.loc, self.scale = (np.asarray(each, "float32") for each in (loc, scale))
        self.low, self.high = (((each - loc) / scale).astype("float32") for each in (normal.low, normal.high))
        sizes = {"reconstructor": self.sensors}
        if networks.forecaster is not None:
            sizes["forecaster"] = networks.forecaster.horizon * self.sensors
        self.errors = {name: normal.errors.get(name) or Errors.unknown(size) for name, size in sizes.items()}
        self.error_decay, self.decay = (0.5 ** (1 / each) if each else 0.0 for each in (error_smoothing, smoothing))
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
        shapes = [(1,), (self.sensors,), (2 * self.sensors,), (self.sensors,)]
        shapes += [(len(self.errors[name].mean),) for name in self.parts]
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
        values, seen, last, beyond, before, *state = inputs
        rows, observed = self._filled((values - self.loc) / self.scale, last)
        smooth, state = dict(zip(self.parts, state, strict=False)), state[len(self.parts) :]
        time = ops.shape(rows)[1]
        ready = ops.cast(seen + ops.cast(ops.arange(time), "float32") >= self.warm_up, "float32")[..., None]
        found, new = self._errors(rows, state)
        errors = [
            _smoothed(_masked(found[name], observed) * ready, smooth[name], self.error_decay) for name in self.parts
        ]
        parts = sum(self._parts(name, each) for name, each in zip(self.parts, errors, strict=True)) / len(self.parts)
        parts = _smoothed(parts * ready, before, self.decay)
        outside, beyond = self._outside(rows, beyond)
        seen, last = seen + ops.cast(time, "float32"), [each[:, -1] for each in (rows, parts, *errors)]
        parts = parts + outside * ready
        return [ops.sum(parts, axis=-1), parts, *errors, seen, last[0], beyond, *last[1:], *new]

    def _errors(self, rows, state):
        """Return {network: errors (batch, time, errors)}, and the networks' new states."""
        found, new = {}, []
        if (forecaster := self.networks.forecaster) is not None:
            count = len(forecaster.state_sizes)
            found["forecaster"], new = self._forecast_errors(rows, state[:count], state[count : count + 2])
            state = state[count + 2 :]
        if self.networks.reconstructor is not None:
            found["reconstructor"], window = self._reconstruction_errors(rows, state[0])
            new = [*new, window]
        return found, new

    def _outside(self, rows, beyond):
        """Return how far rows lie outside the range so far, (batch, time, sensors), and how far it reaches after them.

        Args:
            rows: standardized readings.
            beyond: how far the rows before lay above and below the range of normal readings, (batch, 2 * sensors).
        """
        new = ops.maximum(ops.concatenate([rows - self.high, self.low - rows], axis=-1), 0.0)
        reached = _largest_so_far(ops.concatenate([beyond[:, None], new], axis=1))
        before = reached[:, :-1]
        width = np.maximum(self.high - self.low, 1e-6) + before[..., : self.sensors] + before[..., self.sensors :]
        farther = ops.maximum(new - before, 0.0)
        farther = farther[..., : self.sensors] + farther[..., self.sensors :]
        part = ops.minimum(farther / (OUTSIDE * width), 1.0)
        return 0.5 * math.log1p(LARGEST**2) / self.sensors * part, reached[:, -1]

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
        """Return the parts of the sensors in the score of a network, (batch, time, sensors)."""
        known = self.errors[name]
        centered = errors - known.mean
        each = centered * ops.matmul(centered, known.precision)
        score = 0.5 * ops.log1p(ops.maximum(ops.mean(each, axis=-1), 0.0))
        shape = (*ops.shape(each)[:2], -1, self.sensors)
        by_sensor = ops.maximum(ops.sum(ops.reshape(each, shape), axis=2), 0.0)
        total = ops.maximum(ops.sum(by_sensor, axis=-1, keepdims=True), 1e-6)
        return score[..., None] * by_sensor / total


def _smoothed(values, before, decay):
    """Return the exponential moving average of values (batch, time, ...) after the average `before`."""
    if not decay:
        return values
    steps = ops.cast(ops.arange(ops.shape(values)[1]), "float32")
    distance = steps[:, None] - steps[None]
    weights = ops.where(distance >= 0, (1 - decay) * decay ** ops.maximum(distance, 0.0), 0.0)
    return ops.matmul(weights, values) + before[:, None] * (decay ** (steps + 1))[:, None]


def _largest_so_far(values):
    """Return the largest value up to each step, int (batch, time, ...), of values of at least 0."""
    time = ops.shape(values)[1]
    for power in range(MOST_STEPS.bit_length()):
        earlier = ops.pad(values, [[0, 0], [2**power, 0], [0, 0]])[:, :time]
        values = ops.maximum(values, earlier)
    return values


def _masked(errors, observed):
    """Return errors, 0 for missing values, none larger than `LARGEST`."""
    observed = ops.tile(ops.cast(observed, "float32"), (1, 1, errors.shape[-1] // observed.shape[-1]))
    return ops.clip(errors, -LARGEST, LARGEST) * observed
