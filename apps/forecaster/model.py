"""Networks that read a window of series and answer with the quantiles, or the mean, of what follows."""

import keras
from keras import ops

import layers

from ..common import runs
from .heads import Bands, Head, Line

# Of a window's deviation, in units of the training rows': a series that stood still must not be blown up.
LEAST_DEVIATION = 0.05


def build_model(config, series, covariates):
    """A Forecast of these settings, its weights at their first values.

    Args:
        config: with window_length, horizon and segment_length settled.
        series: how many there are.
        covariates: how many there are, calendar included.
    """
    model = Forecast(
        network=config.model,
        window_length=config.window_length,
        horizon=config.horizon,
        series=series,
        covariates=covariates,
        outputs=max(1, len(config.quantiles)),
        point=config.quantiles.index(0.5) if config.quantiles else 0,
        normalization=config.normalization,
        units=config.units,
        segment_length=config.segment_length,
        dropout=config.dropout,
        line_length=config.line_length,
    )
    model.build()
    return model


def load_model(path, compile=False):
    """A saved Forecast; `compile` as in `runs.load_model`."""
    return runs.load_model(path, compile)


@keras.saving.register_keras_serializable("forecaster")
class Forecast(keras.Model):
    """Standardised series in, standardised forecasts out; a window's own level is taken off and put back.

    Args:
        network: `segments`, `encoder_decoder` or `lstm`.
        window_length, horizon: rows read and rows forecast.
        series, covariates: columns of either.
        outputs: forecasts of each value, rising.
        point: which of them is the point forecast.
        normalization: `last` takes off the last value, `mean` the mean, `standard` mean and deviation (Kim et al.,
            "Reversible Instance Normalization", ICLR 2022), `none` nothing.
        units: of the recurrent layers.
        segment_length: of `segments`, a divisor of window_length.
        dropout: share of the last layer's input hidden in training.
        line_length: rows that the line looks at, which the points are mixed with (`Line.mix`).

    Inputs: values (batch, window_length, series) and covariates (batch, window_length + horizon, covariates).
    Output: (batch, horizon, series, outputs).
    """

    def __init__(
        self, *, network, window_length, horizon, series, covariates, outputs, point, normalization, units,
        segment_length, dropout, line_length, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.settings = {
            "network": network, "window_length": window_length, "horizon": horizon, "series": series,
            "covariates": covariates, "outputs": outputs, "point": point, "normalization": normalization,
            "units": units, "segment_length": segment_length, "dropout": dropout,
            "line_length": line_length,
        }  # fmt: skip
        self.normalization, self.point = normalization, point
        common = {"horizon": horizon, "series": series, "outputs": outputs, "units": units, "dropout": dropout}
        if network == "segments":
            self.network = SegmentNetwork(segment_length=segment_length, **common)
        elif network == "encoder_decoder":
            self.network = EncoderDecoderNetwork(**common)
        else:
            self.network = LSTMNetwork(**common)
        self.line = Line(line_length, horizon)
        self.bands = Bands(outputs, point)

    def build(self, inputs_shape=None):
        size = self.settings
        values = keras.Input((size["window_length"], size["series"]))
        covariates = keras.Input((size["window_length"] + size["horizon"], size["covariates"]))
        self.call((values, covariates))
        self.built = True

    def call(self, inputs, training=False):
        values, covariates = inputs
        level, spread = self._level(values)
        answer = self.network((values - level) / spread, covariates, training=training)
        points, center = (answer[..., place, None] * spread[..., None] + level[..., None] for place in (0, 1))
        if not training:
            points = center = self.line(values, points)
        # How sure a forecast can be is a matter of how wild its window is, whatever the level is.
        return self.bands(points, center, answer[..., 2:] * deviation(values)[..., None])

    def _level(self, values):
        """What is taken off a window, and by what it is then divided: (batch, 1, series) each."""
        if self.normalization == "last":
            return values[:, -1:], ops.ones_like(values[:, -1:])
        if self.normalization == "mean":
            return ops.mean(values, 1, keepdims=True), ops.ones_like(values[:, -1:])
        if self.normalization == "standard":
            return ops.mean(values, 1, keepdims=True), deviation(values)
        return ops.zeros_like(values[:, -1:]), ops.ones_like(values[:, -1:])

    def get_config(self):
        return {**super().get_config(), **self.settings}


def deviation(values):
    """Standard deviation of each window: (batch, 1, series)."""
    return ops.maximum(ops.std(values, axis=1, keepdims=True), LEAST_DEVIATION)


class LSTMNetwork(keras.layers.Layer):
    """The textbook's: one LSTM reads all series, a dense layer turns its last output into the whole forecast."""

    def __init__(self, horizon, series, outputs, units, dropout, **kwargs):
        super().__init__(**kwargs)
        self.horizon = horizon
        self.lstm = layers.LSTM(units)
        self.head = Head((horizon, series), outputs, dropout)

    def call(self, values, covariates, training=False):
        length = values.shape[1]
        hidden = self.lstm(ops.concatenate([values, covariates[:, :length]], axis=-1), training=training)
        if covariates.shape[-1]:
            ahead = ops.reshape(covariates[:, length:], (-1, self.horizon * covariates.shape[-1]))
            hidden = ops.concatenate([hidden, ahead], axis=-1)
        return self.head(hidden, training=training)


class EncoderDecoderNetwork(keras.layers.Layer):
    """One LSTM reads the window; another, from its state, writes the forecast step by step (Sutskever et al. 2014).

    The writing one gets the reading one's last output and the covariates at every step, and nothing of what it wrote:
    no error is fed back, and the whole runs in the fast kernels.
    """

    def __init__(self, horizon, series, outputs, units, dropout, **kwargs):
        super().__init__(**kwargs)
        self.horizon = horizon
        self.encoder = layers.LSTM(units, return_state=True)
        self.decoder = layers.LSTM(units, return_sequences=True)
        self.head = Head((series,), outputs, dropout)

    def call(self, values, covariates, training=False):
        length = values.shape[1]
        read = ops.concatenate([values, covariates[:, :length]], axis=-1)
        hidden, *states = self.encoder(read, training=training)
        given = ops.repeat(hidden[:, None], self.horizon, axis=1)
        given = ops.concatenate([given, covariates[:, length:]], axis=-1)
        written = self.decoder(given, initial_state=states, training=training)
        return self.head(written, training=training)


class SegmentNetwork(keras.layers.Layer):
    """SegRNN: a GRU reads a series segment by segment, and its state is asked for all segments to come at once.

    Lin et al., "SegRNN: Segment Recurrent Neural Network for Long-Term Time Series Forecasting", arXiv 2308.11200,
    section 4. All series share the weights. The same GRU writes: one step from the state that it read, for each segment
    to come, with the segment's and the series' learned vectors as its input.
    """

    def __init__(self, horizon, series, outputs, units, dropout, segment_length, **kwargs):
        super().__init__(**kwargs)
        self.horizon, self.series = horizon, series
        self.units, self.segment_length = units, segment_length
        self.segments = -(-horizon // segment_length)
        self.embedding = keras.layers.Dense(units, activation="relu")
        self.ahead = keras.layers.Dense(units)
        self.gru = layers.GRU(units)
        self.head = Head((segment_length,), outputs, dropout)

    def build(self, values_shape, covariates_shape):
        half = self.units // 2
        self.place = self.add_weight(shape=(self.segments, half), initializer="random_normal", name="place")
        self.kind = self.add_weight(shape=(self.series, self.units - half), initializer="random_normal", name="kind")
        self.built = True

    def call(self, values, covariates, training=False):
        length, step, units, ahead = values.shape[1], self.segment_length, self.units, self.segments
        columns = covariates.shape[-1]
        read = ops.reshape(ops.transpose(values, (0, 2, 1)), (-1, self.series, length // step, step))
        if columns:
            seen = ops.reshape(covariates[:, :length], (-1, 1, length // step, step * columns))
            read = ops.concatenate([read, _spread(seen, self.series, axis=1)], axis=-1)
        read = ops.reshape(self.embedding(read), (-1, length // step, units))
        hidden = self.gru(read, training=training)

        asked = ops.concatenate(
            [_spread(self.place[None], self.series, axis=0), _spread(self.kind[:, None], ahead, axis=1)], axis=-1
        )[None]
        if columns:
            coming = ops.pad(covariates[:, length:], ((0, 0), (0, ahead * step - self.horizon), (0, 0)))
            asked = asked + self.ahead(ops.reshape(coming, (-1, 1, ahead, step * columns)))
        hidden = ops.broadcast_to(hidden[:, None], (ops.shape(hidden)[0], ahead, units))
        asked = ops.broadcast_to(asked, (ops.shape(values)[0], self.series, ahead, units))
        written = self.gru(
            ops.reshape(asked, (-1, 1, units)), initial_state=ops.reshape(hidden, (-1, units)), training=training
        )
        answer = self.head(written, training=training)
        answer = ops.reshape(answer, (-1, self.series, ahead * step, answer.shape[-1]))[:, :, : self.horizon]
        return ops.transpose(answer, (0, 2, 1, 3))


def _spread(tensor, times, axis):
    """Copies a tensor along an axis of size 1."""
    shape = [*ops.shape(tensor)]
    shape[axis] = times
    return ops.broadcast_to(tensor, shape)
