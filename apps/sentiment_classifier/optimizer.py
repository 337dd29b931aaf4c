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
        learning_rate: of weights with rate 1, or a schedule.
        rates: list of factors of the learning rate, one for each of the model's trainable weights; None for 1.
        begins: list of the first step in which each of them changes; None for 0.
    """

    def __init__(self, learning_rate=1e-3, rates=None, begins=None, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.rates, self.begins = rates, begins

    def update_step(self, gradient, variable, learning_rate):
        # Weights are known by their place: their paths differ in a model that was loaded.
        index, rate = self._get_variable_index(variable), ops.cast(learning_rate, variable.dtype)
        if self.begins is not None:
            rate = rate * ops.cast(self.iterations >= self.begins[index], variable.dtype)
        if self.rates is not None:
            rate = rate * self.rates[index]
        super().update_step(gradient, variable, rate)

    def get_config(self):
        return {**super().get_config(), "rates": self.rates, "begins": self.begins}


def layer_settings(model, copied, decay, steps):
    """Return `rates` and `begins` of `LayerwiseAdam`.

    Args:
        model: a `DocumentClassifier`. What is new in it learns from the first step; of its `parts` with copied layers
            one begins after the other, from the output down.
        copied: names of the layers whose weights were copied.
        decay: divides the rate of each part.
        steps: between the beginnings of parts.
    """
    part_of, number = {}, 0
    for part in model.parts():
        is_new = not any(layer.name in copied for layer in part)
        for layer in part:
            part_of |= {id(variable): 0 if is_new else number for variable in layer.trainable_variables}
        # The head is the first part in any case.
        number += not is_new or number == 0
    numbers = [part_of[id(variable)] for variable in model.trainable_variables]
    return [decay**-number for number in numbers], [int(number * steps) for number in numbers]


def schedule(learning_rate, steps):
    """Return a learning rate that rises over a tenth of `steps`, then falls along a cosine."""
    warmup = max(1, steps // 10)
    return keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=max(1, steps - warmup), warmup_target=learning_rate, warmup_steps=warmup
    )
