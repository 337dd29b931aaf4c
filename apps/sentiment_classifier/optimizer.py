"""Adam with a learning rate, and a first step, for each layer."""

import keras
from keras import ops

from ..common.training.optimizers import Adam
from .model import registered


@registered
class LayerwiseAdam(Adam):
    """Adam whose weights begin to learn one part after the other, the lower ones at lower rates.

    Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", ACL 2018, sections 3.2 and 3.3.

    Args:
        learning_rate: of the part with rate 1, or a schedule.
        rates: {path of a weight: factor of its learning rate}; 1 if absent.
        begins: {path of a weight: first step in which it changes}; 0 if absent.
    """

    def __init__(self, learning_rate=1e-3, rates=None, begins=None, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.rates, self.begins = dict(rates or {}), dict(begins or {})

    def update_step(self, gradient, variable, learning_rate):
        # On TensorFlow it is the backend's variable, which has no path.
        path = self._trainable_variables[self._get_variable_index(variable)].path
        rate = ops.cast(self.iterations >= self.begins.get(path, 0), variable.dtype) * self.rates.get(path, 1.0)
        super().update_step(gradient, variable, ops.cast(learning_rate, variable.dtype) * rate)

    def get_config(self):
        return {**super().get_config(), "rates": self.rates, "begins": self.begins}


def layer_settings(parts, decay, steps):
    """Return `rates` and `begins` of `LayerwiseAdam`.

    Args:
        parts: lists of layers, see `DocumentClassifier.parts`, that begin one after the other.
        decay: divides the rate of each part.
        steps: between the beginnings of parts.
    """
    rates, begins = {}, {}
    for number, part in enumerate(parts):
        for layer in part:
            for variable in layer.trainable_variables:
                rates[variable.path], begins[variable.path] = decay**-number, int(number * steps)
    return rates, begins


def schedule(learning_rate, steps):
    """Return a learning rate that rises over a tenth of `steps`, then falls along a cosine."""
    warmup = max(1, steps // 10)
    return keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=max(1, steps - warmup), warmup_target=learning_rate, warmup_steps=warmup
    )
