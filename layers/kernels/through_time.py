"""Backpropagation through time with the products over the whole sequence taken out of the loop.

docs/backpropagation_through_time.md derives it; Werbos, "Backpropagation Through Time: What It Does and How to
Do It", Proceedings of the IEEE 78(10), 1990, is the method. A family gives its `Equations`, a backend its loop.

Sequences here are time-major. What a gate has for itself stands in an array of its own, (time, batch, units):
a compiler vectorizes the step over those, and does not over slices of one wide array.
"""

from dataclasses import dataclass
from functools import reduce
from operator import add as plus
from typing import Any, ClassVar, NamedTuple

from keras import ops

from .derivatives import is_known


@dataclass(frozen=True)
class Equations:
    """One step of a family and its gradient, on tensors whose last axis is units.

    With x what the input adds to each gate, `seen` the last hidden state as the gates see it (less what recurrent
    dropout takes), a the pre-activations, `last` and `new` the states before and after, and d_ the gradient of the
    loss for what the name goes on with:

        a = preactivate(x, seen, weights)
        new = update(a, last)
        d_a, d_seen, d_last = gradient(a, last, seen, d_new, transposed)        transposed: recurrent_kernel's
        (l_1, r_1), ... = recurrent_operands(a, seen, d_a)                      d U_k = l_k^T r_k, d b_k = sum r_k

    d_last holds what reaches the last states other than by `seen`. The first gradients in d_a are those for x.
    """

    activation: Any
    recurrent_activation: Any = None

    # Whether the gradient needs a, or makes do with the states.
    needs_a: ClassVar = True
    # cuDNN's name for the network, if it has it.
    cudnn: ClassVar = None

    @property
    def known(self):
        """Whether the derivatives of both activations are."""
        return all(is_known(a) for a in (self.activation, self.recurrent_activation) if a is not None)

    def preactivate(self, x, seen, weights):
        recurrent = products(seen, weights.recurrent_kernel, len(x), at_once=True)
        return add(x, recurrent, columns(weights.bias, len(x)))

    def recompute(self, inputs, seen, hidden, weights):
        """a once more, of all steps, for the backward pass; `hidden` is what came of it."""
        return joint_products(inputs, seen, weights)

    def update(self, a, last):
        raise NotImplementedError

    def gradient(self, a, last, seen, d_new, transposed):
        raise NotImplementedError

    def recurrent_operands(self, a, seen, d_a):
        return [(seen, d) for d in d_a]


class Weights(NamedTuple):
    """The weights of one layer; None where it has no such bias."""

    kernel: Any
    recurrent_kernel: Any
    bias: Any
    recurrent_bias: Any

    def cast(self, dtype):
        return Weights(*(None if w is None else ops.cast(w, dtype) for w in self))


class Run(NamedTuple):
    """What a kernel runs: a layer's weights over its sequences.

    Attributes:
        inputs: (batch, time, features).
        weights: in the dtype of the variables; a kernel computes in the dtype of the inputs.
        start: the states before the first step, (batch, units) each.
        mask: boolean (batch, time), True = keep, or None.
        drop: recurrent dropout's factors (batch, units), or None.
    """

    inputs: Any
    weights: Weights
    start: list
    mask: Any = None
    drop: Any = None


def rows(sequences):
    """(time, batch, n) -> (time * batch, n): one step's tensor that holds all steps."""
    return ops.reshape(sequences, (-1, sequences.shape[-1]))


def unrows(values, like):
    """The inverse of `rows`, with time and batch of `like`."""
    shape = ops.shape(like)
    return ops.reshape(values, (shape[0], shape[1], values.shape[-1]))


def columns(matrix, blocks):
    return ops.split(matrix, blocks, axis=-1) if matrix is not None else [None] * blocks


def products(values, matrix, blocks, at_once=False, of=slice(None)):
    """`values` times each block of columns; `at_once`, one product cut up, is quicker for a single step."""
    if at_once:
        return ops.split(ops.matmul(values, matrix), blocks, axis=-1)
    return [ops.matmul(values, block) for block in columns(matrix, blocks)[of]]


def joint_products(inputs, seen, weights, of=slice(None)):
    """x W_k + seen U_k + b_k of those gates, each one product: the bias is the weight of an input that is 1."""
    values, matrices = [inputs, seen], [weights.kernel, weights.recurrent_kernel]
    if weights.bias is not None:
        values.append(ops.ones_like(seen[..., :1]))
        matrices.append(weights.bias[None])
    blocks = weights.kernel.shape[-1] // seen.shape[-1]
    return products(ops.concatenate(values, axis=-1), ops.concatenate(matrices, axis=0), blocks, of=of)


def add(*terms):
    """The sums of what each gate has, from lists with an entry a gate; an entry is None where there is nothing."""
    return [reduce(plus, (entry for entry in entries if entry is not None)) for entries in zip(*terms, strict=True)]


def _seen(hidden, drop):
    return hidden if drop is None else hidden * drop


def advance(loop, equations, x, weights, start, mask, drop, keep, remember=False):
    """The forward loop.

    Args:
        loop: the backend's; see `kernels/jax.py`.
        x: what the input adds to each gate, (time, batch, units) each, or the inputs themselves,
            (time, batch, features).
        start: the states, (batch, units) each.
        mask: boolean (time, batch, 1), or None.
        keep: how many of the states to return as they are after every step.
        remember: whether to return the pre-activations too.

    Returns:
        The states after the last step; the first `keep` states after each step, (time, batch, units) each, and in the
        same list what is remembered.
    """

    def step(last, at):
        x_t, keep_t = at
        if not isinstance(x, list):
            x_t = products(x_t, weights.kernel, weights.kernel.shape[-1] // last[0].shape[-1], at_once=True)
        a = equations.preactivate(x_t, _seen(last[0], drop), weights)
        new = equations.update(a, last)
        if keep_t is not None:
            new = [ops.where(keep_t, after, before) for after, before in zip(new, last, strict=True)]
        return new, [*new[:keep], *(a if remember else [])]

    return loop(step, start, (x, mask), emits=keep)


def preceding(start, kept, drop):
    """The states before each step, from those after it, and the hidden states that the gates saw."""
    last = [ops.concatenate([s[None], k[:-1]], axis=0) for s, k in zip(start, kept, strict=True)]
    return last, _seen(last[0], drop)


def retreat(loop, equations, a, recurrent_kernel, last, mask, drop, d_hidden, d_states):
    """The backward loop, from the last step to the first; it carries the states' gradients alone.

    Args:
        a: pre-activations, (time, batch, units) each.
        last: the states before each step, (time, batch, units) each.
        d_hidden: the loss's gradient for the hidden state after each step, or None.
        d_states: the loss's gradient for the states after the last step.

    Returns:
        The gradients for the start states and those for the pre-activations.
    """
    transposed = ops.swapaxes(recurrent_kernel, -1, -2)

    def step(d_new, at):
        a_t, last_t, keep_t, d_hidden_t = at
        if d_hidden_t is not None:
            d_new = [d_new[0] + d_hidden_t, *d_new[1:]]
        d_kept = None
        if keep_t is not None:
            d_kept = [ops.where(keep_t, ops.zeros_like(d), d) for d in d_new]
            d_new = [ops.where(keep_t, d, ops.zeros_like(d)) for d in d_new]
        d_a, d_seen, d_last = equations.gradient(a_t, last_t, _seen(last_t[0], drop), d_new, transposed)
        d_last = [d_last[0] + _seen(d_seen, drop), *d_last[1:]]
        if d_kept is not None:
            d_last = [d + kept for d, kept in zip(d_last, d_kept, strict=True)]
        return d_last, d_a

    return loop(step, d_states, (a, last, mask, d_hidden), emits=len(a), reverse=True)


def weight_gradients(equations, weights, inputs, a, seen, d_a, over_steps, dtype):
    """Every weight's gradient as one product over all steps, and the inputs' gradient.

    Args:
        inputs, a, seen, d_a: over (time, batch, ...), or over (time * batch, ...), as `rows` gives them.
        over_steps: the backend's `over_steps(left, right, dtype)`: left^T right over all axes but the last, summed in
            `dtype`.
        dtype: of the weights' gradients. Half precision would lose most of a sum over time and batch, or overflow.

    Returns:
        Gradients for the inputs and for the `Weights`.
    """
    blocks = weights.kernel.shape[-1] // d_a[0].shape[-1]
    d_x = d_a[:blocks]
    back = [ops.matmul(d, ops.transpose(k)) for d, k in zip(d_x, columns(weights.kernel, blocks), strict=True)]
    operands = equations.recurrent_operands(a, seen, d_a)
    return reduce(plus, back), Weights(
        _join([over_steps(inputs, d, dtype) for d in d_x]),
        _join([over_steps(left, right, dtype) for left, right in operands]),
        None if weights.bias is None else _join([_sum(d, dtype) for d in d_x]),
        None if weights.recurrent_bias is None else _join([_sum(right, dtype) for _, right in operands]),
    )


def _sum(values, dtype):
    return ops.sum(ops.cast(values, dtype), axis=tuple(range(len(values.shape) - 1)))


def _join(blocks):
    return ops.concatenate(blocks, axis=-1)
