"""Losses of forecasts, (batch, horizon, series, outputs), for targets (batch, horizon, series)."""

import keras
from keras import ops

# A copy of the app under another name registers its classes under that name.
registered = keras.saving.register_keras_serializable(__package__.rpartition(".")[2])


def make_loss(config):
    """Return the loss of the config's outputs: quantiles, or the mean."""
    return PinballLoss(config.quantiles) if config.quantiles else SquaredError()


@registered
class PinballLoss(keras.losses.Loss):
    """Twice the mean pinball loss of the quantiles: for 0.5 alone, the absolute error.

    Koenker and Bassett, "Regression Quantiles", Econometrica 46 (1978), section 3.

    Args:
        quantiles: probabilities, one for each output.
    """

    def __init__(self, quantiles, name="pinball_loss", **kwargs):
        super().__init__(name=name)
        self.quantiles = tuple(quantiles)

    def call(self, targets, forecasts):
        error = targets[..., None] - forecasts
        levels = ops.convert_to_tensor(self.quantiles, error.dtype)
        return 2 * ops.mean(ops.maximum(levels * error, (levels - 1) * error), axis=-1)

    def get_config(self):
        return {"quantiles": list(self.quantiles), "name": self.name}


@registered
class SquaredError(keras.losses.Loss):
    """Squared error of the only output, which the mean minimizes."""

    def __init__(self, name="squared_error", **kwargs):
        super().__init__(name=name)

    def call(self, targets, forecasts):
        return ops.square(targets - forecasts[..., 0])

    def get_config(self):
        return {"name": self.name}
