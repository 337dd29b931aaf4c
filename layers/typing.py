"""Types for hints."""

from collections.abc import Callable
from typing import Any, TypeAlias

import keras

# A tensor of the backend, a `keras.KerasTensor` or a `keras.Variable`: they have no common base class.
Tensor: TypeAlias = Any
# None is an unknown size.
Shape: TypeAlias = tuple[int | None, ...]
Config: TypeAlias = dict[str, Any]

# What Keras' `get` functions take: a name, a configuration, an object or a function.
Activation: TypeAlias = str | Config | Callable | None
Initializer: TypeAlias = str | Config | Callable | keras.initializers.Initializer
Regularizer: TypeAlias = str | Config | Callable | keras.regularizers.Regularizer | None
Constraint: TypeAlias = str | Config | Callable | keras.constraints.Constraint | None
