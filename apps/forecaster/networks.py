"""Networks from normalized windows to points and gaps between quantiles.

Each maps values (batch, window_length, series) and covariates (batch, window_length + horizon, covariates) to what
`Head` returns, (batch, horizon, series, 1 + outputs).
"""

import keras
from keras import ops

import layers

from .heads import Head


class LSTMNetwork(keras.layers.Layer):
    """The textbook network: an LSTM reads all series, a dense layer maps its last output to the whole forecast."""

    def __init__(self, horizon, series, outputs, units, dropout, segment_length=None, **kwargs):
        super().__init__(**kwargs)
        self.horizon = horizon
        self.lstm = layers.LSTM(units)
        self.head = Head((horizon, series), outputs, dropout)

    def call(self, values, covariates, training=False):
        length = values.shape[1]
        hidden = self.lstm(ops.concatenate([values, covariates[:, :length]], axis=-1), training=training)
        if covariates.shape[-1]:
            future = ops.reshape(covariates[:, length:], (-1, self.horizon * covariates.shape[-1]))
            hidden = ops.concatenate([hidden, future], axis=-1)
        return self.head(hidden, training=training)


class EncoderDecoderNetwork(keras.layers.Layer):
    """One LSTM reads the window; another, from its state, makes the forecast step by step (Sutskever et al. 2014).

    The decoder's inputs are the encoder's last output and the covariates of each step, not its own forecasts: no error
    is fed back, and the whole sequence runs in one kernel.
    """

    def __init__(self, horizon, series, outputs, units, dropout, segment_length=None, **kwargs):
        super().__init__(**kwargs)
        self.horizon = horizon
        self.encoder = layers.LSTM(units, return_state=True)
        self.decoder = layers.LSTM(units, return_sequences=True)
        self.head = Head((series,), outputs, dropout)

    def call(self, values, covariates, training=False):
        length = values.shape[1]
        encoder_inputs = ops.concatenate([values, covariates[:, :length]], axis=-1)
        hidden, *states = self.encoder(encoder_inputs, training=training)
        decoder_inputs = ops.repeat(hidden[:, None], self.horizon, axis=1)
        decoder_inputs = ops.concatenate([decoder_inputs, covariates[:, length:]], axis=-1)
        sequence = self.decoder(decoder_inputs, initial_state=states, training=training)
        return self.head(sequence, training=training)


class SegmentNetwork(keras.layers.Layer):
    """SegRNN: a GRU reads a series segment by segment, and makes all segments of the forecast at once from its state.

    Lin et al., "SegRNN: Segment Recurrent Neural Network for Long-Term Time Series Forecasting", arXiv 2308.11200,
    section 4. All series share the weights. For each future segment the same GRU runs one step from the state, with
    learned vectors of the segment and of the series as its input.
    """

    def __init__(self, horizon, series, outputs, units, dropout, segment_length, **kwargs):
        super().__init__(**kwargs)
        self.horizon, self.series = horizon, series
        self.units, self.segment_length = units, segment_length
        self.segments = -(-horizon // segment_length)
        self.embedding = keras.layers.Dense(units, activation="relu")
        self.future_embedding = keras.layers.Dense(units)
        self.gru = layers.GRU(units)
        self.head = Head((segment_length,), outputs, dropout)

    def build(self, values_shape, covariates_shape):
        half = self.units // 2
        self.segment_vectors = self.add_weight(
            shape=(self.segments, half), initializer="random_normal", name="segment_vectors"
        )
        self.series_vectors = self.add_weight(
            shape=(self.series, self.units - half), initializer="random_normal", name="series_vectors"
        )
        self.built = True

    def call(self, values, covariates, training=False):
        state = self._read(values, covariates, training)
        inputs = self._future_inputs(values, covariates)
        state = ops.broadcast_to(state[:, None], (ops.shape(state)[0], self.segments, self.units))
        hidden = self.gru(
            ops.reshape(inputs, (-1, 1, self.units)),
            initial_state=ops.reshape(state, (-1, self.units)),
            training=training,
        )
        answer = self.head(hidden, training=training)
        rows = self.segments * self.segment_length
        answer = ops.reshape(answer, (-1, self.series, rows, answer.shape[-1]))[:, :, : self.horizon]
        return ops.transpose(answer, (0, 2, 1, 3))

    def _read(self, values, covariates, training):
        """Return the state after the window, (batch * series, units)."""
        length, step, columns = values.shape[1], self.segment_length, covariates.shape[-1]
        segments = ops.reshape(ops.transpose(values, (0, 2, 1)), (-1, self.series, length // step, step))
        if columns:
            past = ops.reshape(covariates[:, :length], (-1, 1, length // step, step * columns))
            segments = ops.concatenate([segments, _broadcast(past, self.series, axis=1)], axis=-1)
        segments = ops.reshape(self.embedding(segments), (-1, length // step, self.units))
        return self.gru(segments, training=training)

    def _future_inputs(self, values, covariates):
        """Return the inputs for the future segments, (batch, series, segments, units)."""
        length, rows, columns = values.shape[1], self.segments * self.segment_length, covariates.shape[-1]
        inputs = ops.concatenate(
            [
                _broadcast(self.segment_vectors[None], self.series, axis=0),
                _broadcast(self.series_vectors[:, None], self.segments, axis=1),
            ],
            axis=-1,
        )[None]
        if columns:
            future = ops.pad(covariates[:, length:], ((0, 0), (0, rows - self.horizon), (0, 0)))
            future = ops.reshape(future, (-1, 1, self.segments, self.segment_length * columns))
            inputs = inputs + self.future_embedding(future)
        return ops.broadcast_to(inputs, (ops.shape(values)[0], self.series, self.segments, self.units))


def _broadcast(tensor, count, axis):
    """Repeat a tensor along an axis of size 1."""
    shape = [*ops.shape(tensor)]
    shape[axis] = count
    return ops.broadcast_to(tensor, shape)


NETWORKS = {"segments": SegmentNetwork, "encoder_decoder": EncoderDecoderNetwork, "lstm": LSTMNetwork}
