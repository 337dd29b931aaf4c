"""Base class of cells whose gates read only the input, so that layers compute them for all steps at once."""

from typing import Any

from keras import ops

from .precision import SinglePrecision
from .recurrent import RecurrentCell
from .typing import Shape, Tensor


class InputGatedCell(SinglePrecision, RecurrentCell):
    """One step of a recurrent layer without recurrent weights.

    With half precision the product of input and kernel is in half precision, all else in float32.
    """

    # There is no product with the hidden state to drop units of, and zoneout is not defined.
    recurrent_dropout = 0.0
    zoneout: Any = 0.0

    def build(self, input_shape: Shape) -> None:
        self.kernel = self._weight("kernel", (input_shape[-1], self.bias_shape[-1]), self.kernel_initializer)
        self.bias: Tensor = self._weight("bias", self.bias_shape, self.initial_bias) if self.use_bias else None

    def project(self, inputs: Tensor, training: bool, bias: bool = True) -> Tensor:
        """Return the input's contributions to all gates, of one step or of whole sequences: (..., features) ->
        (..., width)."""
        if training and self.dropout:
            mask = self.get_dropout_mask(inputs if len(inputs.shape) == 2 else inputs[:, 0])
            inputs = ops.cast(inputs, mask.dtype) * (mask if len(inputs.shape) == 2 else mask[:, None])
        dtype = self.dtype_policy.compute_dtype
        projection = ops.matmul(ops.cast(inputs, dtype), ops.cast(self.kernel, dtype))
        projection = ops.cast(projection, self.compute_dtype)
        return projection + self.bias if bias and self.use_bias else projection
