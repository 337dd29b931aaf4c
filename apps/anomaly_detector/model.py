"""The networks: forecasts of each row from those before it, and the reconstruction of the last rows from a short code.

Malhotra et al., "Long Short Term Memory Networks for Anomaly Detection in Time Series", ESANN 2015 (forecasts of
several rows); Malhotra et al., "LSTM-based Encoder-Decoder for Multi-sensor Anomaly Detection", ICML workshop 2016
(reconstruction).
"""

import keras
from keras import ops

import layers

from ..common import models

# A copy of the app under another name registers its classes under that name.
registered = keras.saving.register_keras_serializable(__package__.rpartition(".")[2])

CELLS = {"lstm": layers.LSTM, "gru": layers.GRU}
# Largest input, in robust standard deviations: what is far out must not saturate the states.
LIMIT = 8.0
# Degrees of freedom of the errors' distribution: few, so that some anomalies in the training rows hardly matter.
FREEDOM = 4.0
# Smallest predicted spread, in robust standard deviations of a sensor.
MIN_SPREAD = 0.02


@registered
class Forecaster(keras.Model):
    """Forecast the next rows from each row and the state.

    Args:
        sensors: number of sensors.
        cell, units, num_layers, horizon, dropout: as in `Config`.

    Call arguments:
        rows: standardized readings, (batch, time, sensors).
        states: list of (batch, units), see `state_sizes`; None for zeros.

    Returns:
        Means and spreads of the rows 1, 2, ... `horizon` after each, (batch, time, horizon, sensors) each, and the list
        of new states.
    """

    def __init__(self, sensors, cell="lstm", units=64, num_layers=1, horizon=3, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.settings = {
            "sensors": sensors, "cell": cell, "units": units, "num_layers": num_layers, "horizon": horizon,
            "dropout": dropout,
        }  # fmt: skip
        self.sensors, self.horizon = sensors, horizon
        self.stack = [
            CELLS[cell](units, return_sequences=True, return_state=True, dropout=dropout, name=f"recurrent_{index}")
            for index in range(num_layers)
        ]
        # Begins as the forecast that nothing changes.
        self.head = keras.layers.Dense(2 * horizon * sensors, kernel_initializer="zeros", name="head")

    def build(self, input_shape=None):
        width = self.sensors
        for layer in self.stack:
            layer.build((None, None, width))
            width = layer.units
        self.head.build((None, None, width))

    @property
    def state_sizes(self):
        """Sizes of the states."""
        return [size for layer in self.stack for size in keras.tree.flatten(layer.cell.state_size)]

    def call(self, rows, states=None, training=False):
        inside = ops.clip(rows, -LIMIT, LIMIT)
        x, states, new = inside, list(states) if states is not None else None, []
        for layer in self.stack:
            count = len(keras.tree.flatten(layer.cell.state_size))
            own = None if states is None else states[:count]
            states = None if states is None else states[count:]
            x, *last = layer(x, initial_state=own, training=training)
            new += last
        shape = (*ops.shape(rows)[:2], 2, self.horizon, self.sensors)
        found = ops.cast(ops.reshape(self.head(x), shape), "float32")
        # A forecast is the last row and a change.
        means = ops.cast(inside, "float32")[:, :, None] + found[:, :, 0]
        return means, MIN_SPREAD + ops.softplus(found[:, :, 1]), new

    def get_config(self):
        return {**super().get_config(), **self.settings}


@registered
class Reconstructor(keras.Model):
    """Reconstruct windows of rows from the last state of an encoder.

    The decoder makes the rows in reverse order from the encoder's state, so that it begins with what is freshest
    (Srivastava, Mansimov and Salakhutdinov, ICML 2015); no row is fed to it, so that it can use nothing but the state.

    Args:
        sensors: number of sensors.
        cell, dropout: as in `Config`.
        units: `code_units` of `Config`.

    Call arguments:
        windows: standardized readings, (batch, time, sensors).

    Returns:
        Means and spreads, (batch, time, sensors) each, in the order of the windows.
    """

    def __init__(self, sensors, cell="lstm", units=16, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        self.settings = {"sensors": sensors, "cell": cell, "units": units, "dropout": dropout}
        self.sensors = sensors
        self.encoder = CELLS[cell](units, return_state=True, dropout=dropout, name="encoder")
        self.decoder = CELLS[cell](units, return_sequences=True, name="decoder")
        self.head = keras.layers.Dense(2 * sensors, name="head")

    def build(self, input_shape=None):
        units = self.settings["units"]
        self.encoder.build((None, None, self.sensors))
        self.decoder.build((None, None, units))
        self.head.build((None, None, units))

    def call(self, windows, training=False):
        inside = ops.clip(windows, -LIMIT, LIMIT)
        code, *states = self.encoder(inside, training=training)
        shape = ops.shape(inside)
        steps = ops.broadcast_to(code[:, None], (shape[0], shape[1], code.shape[-1]))
        found = ops.cast(ops.flip(self.head(self.decoder(steps, initial_state=states)), axis=1), "float32")
        return found[..., : self.sensors], MIN_SPREAD + ops.softplus(found[..., self.sensors :])

    def get_config(self):
        return {**super().get_config(), **self.settings}


@registered
class Networks(keras.Model):
    """A forecaster, a reconstructor or both, trained together on pieces of recordings.

    The loss is the negative logarithm of Student's t density of the errors in nats for each value, whose heavy tails
    give anomalies among the training rows little weight.

    Args:
        kind: `forecaster`, `reconstructor` or `both`.
        sensors: number of sensors.
        window_length: rows that the reconstructor reads.
        forecaster, reconstructor: arguments of the networks.

    Call arguments:
        rows: standardized readings, (batch, time, sensors).

    Returns:
        Nats, (batch, 1): the sum of the means over each forecast and over the reconstruction.
    """

    def __init__(self, kind, sensors, window_length, forecaster, reconstructor, **kwargs):
        super().__init__(**kwargs)
        self.settings = {
            "kind": kind, "sensors": sensors, "window_length": window_length, "forecaster": dict(forecaster),
            "reconstructor": dict(reconstructor),
        }  # fmt: skip
        self.window_length = window_length
        self.forecaster = self.reconstructor = None
        if kind != "reconstructor":
            self.forecaster = Forecaster(sensors, **forecaster, name="forecaster")
        if kind != "forecaster":
            self.reconstructor = Reconstructor(sensors, **reconstructor, name="reconstructor")

    def build(self, input_shape=None):
        for network in (self.forecaster, self.reconstructor):
            if network is not None:
                network.build()

    def call(self, rows, training=False):
        parts = []
        if self.forecaster is not None:
            means, spreads, _ = self.forecaster(rows, training=training)
            horizon, time = self.forecaster.horizon, rows.shape[1]
            parts += [
                _nats(rows[:, ahead:], means[:, : time - ahead, ahead - 1], spreads[:, : time - ahead, ahead - 1])
                for ahead in range(1, horizon + 1)
            ]
        if self.reconstructor is not None:
            windows = rows[:, -self.window_length :]
            parts.append(_nats(windows, *self.reconstructor(windows, training=training)))
        return sum(ops.mean(part, axis=tuple(range(1, len(part.shape)))) for part in parts)[:, None]

    def get_config(self):
        return {**super().get_config(), **self.settings}


def _nats(rows, means, spreads):
    """Return -log of Student's t density, without its constant."""
    errors = (ops.cast(rows, "float32") - means) / spreads
    return ops.log(spreads) + (FREEDOM + 1) / 2 * ops.log1p(ops.square(errors) / FREEDOM)


@registered
def nats_themselves(targets, nats):
    """Return the nats that `Networks` has computed: the loss to compile with."""
    return nats


def build_model(config, sensors):
    """Build the untrained networks.

    Args:
        config: a `Config`.
        sensors: number of sensors.
    """
    forecaster = {name: getattr(config, name) for name in ("cell", "units", "num_layers", "horizon", "dropout")}
    reconstructor = {"cell": config.cell, "units": config.code_units, "dropout": config.dropout}
    model = Networks(config.model, sensors, config.window_length, forecaster, reconstructor, name="anomaly_detector")
    model.build()
    return model


def load_model(path):
    """Load a model of `build_model`; the classes of its layers are registered here."""
    return models.load_model(path)
