"""Backpropagation through time, with the products over the whole sequence outside the loop.

docs/backpropagation_through_time.md has the derivation; the method is Werbos, "Backpropagation Through Time: What It
Does and How to Do It", Proceedings of the IEEE 78(10), 1990. A layer type provides `Equations`, a backend the loop.

Sequences in this module are time-major. Each gate has an array (time, batch, units) to itself: compilers vectorize a
step over separate arrays, but not over slices of one wide array.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any, ClassVar, NamedTuple

from keras import ops

from ..typing import Tensor
from .derivatives import has_derivative

# Steps whose pre-activations the backward pass holds at a time: the first where the launches of a chunk cost time, on
# TensorFlow and on GPUs; the second on JAX on a CPU, and on TensorFlow with the least memory.
CHUNK_LENGTH, SHORT_CHUNK_LENGTH = 256, 64


@dataclass(frozen=True)
class Equations:
    """One step of a recurrent layer and its gradient, on tensors whose last axis is units.

    With x the input's contributions to the gates, h_in the previous hidden state after recurrent dropout, a the
    pre-activations, `prev` and `new` the states before and after the step, and d_q the gradient of the loss with
    respect to q:

        a = preactivate(x, h_in, weights)
        new = update(a, prev)
        d_a, d_h_in, d_prev = gradient(a, prev, h_in, d_new, transposed)        transposed: recurrent_kernel's
        (l_1, r_1), ... = recurrent_operands(a, h_in, d_a)                      d U_k = l_k^T r_k, d b_k = sum r_k

    d_prev leaves out what reaches `prev` through h_in. The first entries of d_a are the gradients for x.
    """

    activation: Callable[[Tensor], Tensor]
    recurrent_activation: Any = None

    # Whether `gradient` needs the pre-activations, or only the states.
    needs_preactivations: ClassVar[bool] = True
    # Whether `preactivate` also takes x as a list of one tensor of all gates, (batch, gates * units).
    takes_joint_inputs: ClassVar[bool] = True
    # cuDNN's name of the network, or None if cuDNN does not have it.
    cudnn_mode: ClassVar[str | None] = None

    @property
    def differentiable(self) -> bool:
        """Whether the derivatives of both activations are known."""
        return all(has_derivative(a) for a in (self.activation, self.recurrent_activation) if a is not None)

    def preactivate(self, x: list[Tensor], h_in: Tensor, weights: "Weights") -> list[Tensor]:
        if len(x) == 1:
            num_blocks = x[0].shape[-1] // h_in.shape[-1]
            a = add_lists(x, [ops.matmul(h_in, weights.recurrent_kernel)], [weights.bias])
            return split_blocks(a[0], num_blocks)
        recurrent = block_products(h_in, weights.recurrent_kernel, len(x), fused=True)
        return add_lists(x, recurrent, split_blocks(weights.bias, len(x)))

    def recompute(self, inputs: Tensor, h_in: Tensor, hidden: Tensor, weights: "Weights") -> list[Tensor]:
        """Return the pre-activations of all steps for the backward pass; `hidden` are the states after each step."""
        return joint_products(inputs, h_in, weights)

    def update(self, a: list[Tensor], prev: list[Tensor]) -> list[Tensor]:
        raise NotImplementedError

    def gradient(
        self, a: list[Tensor], prev: list[Tensor], h_in: Tensor, d_new: list[Tensor], transposed: Tensor
    ) -> tuple[list[Tensor], Tensor, list[Tensor]]:
        raise NotImplementedError

    def recurrent_operands(self, a: list[Tensor], h_in: Tensor, d_a: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
        return [(h_in, d) for d in d_a]


class Weights(NamedTuple):
    """The weights of a layer; None for a bias that it does not have."""

    kernel: Tensor
    recurrent_kernel: Tensor
    bias: Tensor | None
    recurrent_bias: Tensor | None

    def cast(self, dtype: str) -> "Weights":
        return Weights(*(None if w is None else ops.cast(w, dtype) for w in self))


class KernelArguments(NamedTuple):
    """The tensors that a kernel is called with.

    Attributes:
        inputs: (batch, time, features).
        weights: in the dtype of the variables; a kernel computes in the dtype of the inputs.
        initial_states: (batch, units) each.
        mask: boolean (batch, time), True = keep, or None.
        dropout_mask: the factors of recurrent dropout, (batch, units), or None.
    """

    inputs: Tensor
    weights: Weights
    initial_states: list[Tensor]
    mask: Tensor | None = None
    dropout_mask: Tensor | None = None


def merge_steps(sequences: Tensor) -> Tensor:
    """Reshape (time, batch, n) to (time * batch, n)."""
    return ops.reshape(sequences, (-1, sequences.shape[-1]))


def unmerge_steps(values: Tensor, like: Tensor) -> Tensor:
    """Reshape (time * batch, n) to (time, batch, n), with time and batch those of `like`."""
    shape = ops.shape(like)
    return ops.reshape(values, (shape[0], shape[1], values.shape[-1]))


def split_blocks(matrix: Tensor | None, num_blocks: int) -> list[Tensor | None]:
    """Split the columns of a matrix into one block for each gate; without a matrix, return a None for each."""
    return ops.split(matrix, num_blocks, axis=-1) if matrix is not None else [None] * num_blocks


def split_off_last(matrix: Tensor | list[Tensor], num_blocks: int) -> tuple[Tensor | list[Tensor], Tensor]:
    """Split a matrix, or the list of its blocks, into all blocks but the last, and the last."""
    if isinstance(matrix, list):
        return matrix[:-1], matrix[-1]
    first, last = ops.split(matrix, [matrix.shape[-1] // num_blocks * (num_blocks - 1)], axis=-1)
    return first, last


def block_products(
    values: Tensor, matrix: Tensor | list[Tensor], num_blocks: int, fused: bool = False, only: slice = slice(None)
) -> list[Tensor]:
    """Return the product of `values` with each block of columns, or with `only` some of them.

    `fused` computes one product and splits it, which is faster for a single step, unless `matrix` is the list of its
    blocks.
    """
    if isinstance(matrix, list):
        return [ops.matmul(values, block) for block in matrix[only]]
    if fused:
        return ops.split(ops.matmul(values, matrix), num_blocks, axis=-1)
    return [ops.matmul(values, block) for block in split_blocks(matrix, num_blocks)[only]]


def joint_products(inputs: Tensor, h_in: Tensor, weights: Weights, only: slice = slice(None)) -> list[Tensor]:
    """Return x W_k + h_in U_k + b_k of each gate as one product, in which the bias is the weight of a constant 1."""
    values, matrices = [inputs, h_in], [weights.kernel, weights.recurrent_kernel]
    if weights.bias is not None:
        values.append(ops.ones_like(h_in[..., :1]))
        matrices.append(weights.bias[None])
    num_blocks = weights.kernel.shape[-1] // h_in.shape[-1]
    return block_products(ops.concatenate(values, axis=-1), ops.concatenate(matrices, axis=0), num_blocks, only=only)


def add_lists(*terms: Sequence[Tensor | None]) -> list[Tensor]:
    """Add lists of tensors entry by entry; a None counts as zero."""
    return [reduce(add, (entry for entry in entries if entry is not None)) for entries in zip(*terms, strict=True)]


def _dropped(hidden, dropout_mask):
    return hidden if dropout_mask is None else hidden * dropout_mask


def forward_loop(
    loop: Callable,
    equations: Equations,
    x: Tensor | list[Tensor],
    weights: Weights,
    initial_states: list[Tensor],
    mask: Tensor | None,
    dropout_mask: Tensor | None,
    num_saved: int,
    save_preactivations: bool = False,
) -> tuple[list[Tensor], list[Tensor]]:
    """Run the forward pass.

    Args:
        loop: of the backend; see `kernels/jax.py`.
        x: the input's contributions to the gates, (time, batch, units) each, or the inputs, (time, batch, features).
        initial_states: (batch, units) each.
        mask: boolean (time, batch, 1), or None.
        num_saved: how many of the states to return for every step.
        save_preactivations: whether to return the pre-activations of every step, too.

    Returns:
        The states after the last step; and one list of the first `num_saved` states after each step, and of the
        pre-activations if saved, (time, batch, units) each.
    """

    def step(prev, slices):
        x_t, mask_t = slices
        if not isinstance(x, list):
            num_blocks = weights.kernel.shape[-1] // prev[0].shape[-1]
            x_t = block_products(x_t, weights.kernel, num_blocks, fused=True)
        a = equations.preactivate(x_t, _dropped(prev[0], dropout_mask), weights)
        new = equations.update(a, prev)
        if mask_t is not None:
            new = [ops.where(mask_t, after, before) for after, before in zip(new, prev, strict=True)]
        return new, [*new[:num_saved], *(a if save_preactivations else [])]

    return loop(step, initial_states, (x, mask), num_outputs=num_saved)


def previous_states(
    initial_states: list[Tensor], saved: list[Tensor], dropout_mask: Tensor | None
) -> tuple[list[Tensor], Tensor]:
    """Return the states before each step, from those after each, and the hidden states after recurrent dropout."""
    prev = [ops.concatenate([s[None], k[:-1]], axis=0) for s, k in zip(initial_states, saved, strict=True)]
    return prev, _dropped(prev[0], dropout_mask)


def backward_loop(
    loop: Callable,
    equations: Equations,
    a: list[Tensor],
    recurrent_kernel: Tensor,
    prev: list[Tensor],
    mask: Tensor | None,
    dropout_mask: Tensor | None,
    d_hidden: Tensor | None,
    d_states: list[Tensor],
) -> tuple[list[Tensor], list[Tensor]]:
    """Run the sequential part of the backward pass, from the last step to the first.

    Args:
        a: pre-activations, (time, batch, units) each.
        prev: the states before each step, (time, batch, units) each.
        d_hidden: gradient with respect to the hidden state after each step, (time, batch, units), or None.
        d_states: gradients with respect to the states after the last step, (batch, units) each.

    Returns:
        The gradients with respect to the initial states, and those with respect to the pre-activations.
    """
    transposed = ops.swapaxes(recurrent_kernel, -1, -2)

    def step(d_new, slices):
        a_t, prev_t, mask_t, d_hidden_t = slices
        if d_hidden_t is not None:
            d_new = [d_new[0] + d_hidden_t, *d_new[1:]]
        d_unchanged = None
        if mask_t is not None:
            d_unchanged = [ops.where(mask_t, ops.zeros_like(d), d) for d in d_new]
            d_new = [ops.where(mask_t, d, ops.zeros_like(d)) for d in d_new]
        d_a, d_h_in, d_prev = equations.gradient(a_t, prev_t, _dropped(prev_t[0], dropout_mask), d_new, transposed)
        d_prev = [d_prev[0] + _dropped(d_h_in, dropout_mask), *d_prev[1:]]
        if d_unchanged is not None:
            d_prev = [d + unchanged for d, unchanged in zip(d_prev, d_unchanged, strict=True)]
        return d_prev, d_a

    return loop(step, d_states, (a, prev, mask, d_hidden), num_outputs=len(a), reverse=True)


def weight_gradients(
    equations: Equations,
    weights: Weights,
    inputs: Tensor,
    a: list[Tensor],
    h_in: Tensor,
    d_a: list[Tensor],
    matmul_over_steps: Callable,
    dtype: str,
) -> tuple[Tensor, Weights]:
    """Return the gradients with respect to inputs and weights, each weight's as one product over all steps.

    Args:
        inputs, a, h_in, d_a: (time, batch, ...), or (time * batch, ...) as from `merge_steps`.
        matmul_over_steps: the backend's `matmul_over_steps(left, right, dtype)`: left^T right, summed over all axes
            but the last in `dtype`.
        dtype: of the weights' gradients. In half precision a sum over time and batch would lose most digits, or
            overflow.

    Returns:
        The gradient with respect to the inputs, and `Weights` of gradients.
    """
    num_blocks = weights.kernel.shape[-1] // d_a[0].shape[-1]
    d_x, kernels = d_a[:num_blocks], split_blocks(weights.kernel, num_blocks)
    d_inputs = [ops.matmul(d, ops.transpose(kernel)) for d, kernel in zip(d_x, kernels, strict=True)]
    operands = equations.recurrent_operands(a, h_in, d_a)
    return reduce(add, d_inputs), Weights(
        _join([matmul_over_steps(inputs, d, dtype) for d in d_x]),
        _join([matmul_over_steps(left, right, dtype) for left, right in operands]),
        None if weights.bias is None else _join([_sum_over_steps(d, dtype) for d in d_x]),
        None if weights.recurrent_bias is None else _join([_sum_over_steps(right, dtype) for _, right in operands]),
    )


def _sum_over_steps(values, dtype):
    return ops.sum(ops.cast(values, dtype), axis=tuple(range(len(values.shape) - 1)))


def _join(blocks):
    return ops.concatenate(blocks, axis=-1)
