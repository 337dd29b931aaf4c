"""Recurrences in float32 inside layers that compute in half precision."""

from keras import ops

from .typing import Tensor


def at_least_float32(dtype: str) -> str:
    """Return the dtype, or "float32" for half precision, which is too coarse for sums over many steps."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype


class SinglePrecision:
    """Mixin of a `RecurrentCell` whose states and recurrence are at least float32, whatever the layer's policy."""

    @property
    def compute_dtype(self) -> str:
        return at_least_float32(super().compute_dtype)  # type: ignore[misc]

    def get_dropout_mask(self, step_input: Tensor) -> Tensor:
        # The layer draws it for its own inputs, in half precision.
        return super().get_dropout_mask(ops.cast(step_input, self.compute_dtype))  # type: ignore[misc]
