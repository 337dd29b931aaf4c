"""The model: a window of series in, the quantiles or the mean of the next rows out."""

import keras
from keras import ops

from ..common import models
from .heads import Mixture, OrderedQuantiles
from .networks import NETWORKS

# A copy of the app under another name registers its classes under that name.
registered = keras.saving.register_keras_serializable(__package__.rpartition(".")[2])
# Smallest standard deviation of a window, in standard deviations of the training rows: a constant window must not be
# scaled up.
MIN_STD = 0.05


def build_model(config, series, covariates):
    """Build the untrained model.

    Args:
        config: a `Config` of `complete_config`.
        series: number of series.
        covariates: number of covariates, including the calendar.
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
        linear_length=config.linear_length,
    )
    model.build()
    return model


def load_model(path):
    """Load a model of `build_model`, whose classes are registered here."""
    return models.load_model(path)


@registered
class Forecast(keras.Model):
    """Forecast standardized series: normalize each window, and undo it in the forecast.

    Inputs: values (batch, window_length, series) and covariates (batch, window_length + horizon, covariates).
    Output: (batch, horizon, series, outputs).

    Args:
        network: a key of `NETWORKS`.
        window_length, horizon: rows read and rows forecast.
        series, covariates: number of each.
        outputs: number of quantiles, increasing; 1 for a point only.
        point: index of the point forecast among the outputs.
        normalization: what is removed from a window: `last`, the last value; `mean`; `standard`, mean and standard
            deviation (Kim et al., "Reversible Instance Normalization", ICLR 2022); `none`.
        units: of the recurrent layers.
        segment_length: of the network `segments`, a divisor of window_length.
        dropout: dropout rate of the last layer's input.
        linear_length: rows that the linear model in the mixture uses.
    """

    def __init__(
        self, *, network, window_length, horizon, series, covariates, outputs, point, normalization, units,
        segment_length, dropout, linear_length, **kwargs,
    ):  # fmt: skip
        super().__init__(**kwargs)
        self.settings = {
            "network": network, "window_length": window_length, "horizon": horizon, "series": series,
            "covariates": covariates, "outputs": outputs, "point": point, "normalization": normalization,
            "units": units, "segment_length": segment_length, "dropout": dropout,
            "linear_length": linear_length,
        }  # fmt: skip
        self.normalization, self.point = normalization, point
        self.network = NETWORKS[network](
            horizon=horizon,
            series=series,
            outputs=outputs,
            units=units,
            dropout=dropout,
            segment_length=segment_length,
        )
        self.mixture = Mixture(linear_length, horizon)
        self.quantiles = OrderedQuantiles(outputs, point)

    def build(self, inputs_shape=None):
        size = self.settings
        values = keras.Input((size["window_length"], size["series"]))
        covariates = keras.Input((size["window_length"] + size["horizon"], size["covariates"]))
        self.call((values, covariates))
        self.built = True

    def call(self, inputs, training=False):
        values, covariates = inputs
        loc, scale = self._loc_and_scale(values)
        answer = self.network((values - loc) / scale, covariates, training=training)
        points, center = (answer[..., index, None] * scale[..., None] + loc[..., None] for index in (0, 1))
        if not training:
            points = center = self.mixture(values, points)
        # The uncertainty of a forecast follows the variation in its window, whatever the normalization.
        return self.quantiles(points, center, answer[..., 2:] * window_std(values)[..., None])

    def _loc_and_scale(self, values):
        """Return what is subtracted from a window, and what it is then divided by, (batch, 1, series) each."""
        if self.normalization == "last":
            return values[:, -1:], ops.ones_like(values[:, -1:])
        if self.normalization == "mean":
            return ops.mean(values, 1, keepdims=True), ops.ones_like(values[:, -1:])
        if self.normalization == "standard":
            return ops.mean(values, 1, keepdims=True), window_std(values)
        return ops.zeros_like(values[:, -1:]), ops.ones_like(values[:, -1:])

    def get_config(self):
        return {**super().get_config(), **self.settings}


def window_std(values):
    """Return the standard deviation of each window, (batch, 1, series)."""
    return ops.maximum(ops.std(values, axis=1, keepdims=True), MIN_STD)
