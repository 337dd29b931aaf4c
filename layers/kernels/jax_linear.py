"""A linear function with a custom transpose, on JAX.

`jax.custom_vjp` takes a hand-derived backward pass but does not support forward mode; `jax.custom_jvp` transposes its
tangents itself, so it cannot take a backward pass. `linear_call` computes the tangents of a `jax.custom_jvp`: forward
mode runs one function, reverse mode the other. `jax.custom_derivatives.linear_call` does the same, but does not support
vmap or derivatives with respect to the residuals.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

_linear_p = Primitive("engram_linear")
_linear_p.multiple_results = True


def linear_call(forward: Callable, transpose: Callable, residuals: Any, inputs: Any, like: Any) -> Any:
    """Return `forward(residuals, inputs)`, with `transpose` as its transpose.

    Args:
        forward: linear in `inputs`, differentiable in both arguments.
        transpose: `transpose(residuals, cotangents)` returns the cotangents of `inputs`.
        residuals, inputs: pytrees of arrays.
        like: pytree with the structure and shapes of what `forward` returns.
    """
    flat_residuals, residuals_tree = jax.tree.flatten(residuals)
    flat_inputs, inputs_tree = jax.tree.flatten(inputs)
    flat_like, outputs_tree = jax.tree.flatten(like)
    num_residuals = len(flat_residuals)

    def flat(function, second_tree):
        def call(*arrays):
            first, second = arrays[:num_residuals], arrays[num_residuals:]
            return jax.tree.leaves(function(residuals_tree.unflatten(first), second_tree.unflatten(second)))

        return call

    outputs = _linear_p.bind(
        *flat_residuals,
        *flat_inputs,
        forward=flat(forward, inputs_tree),
        transpose=flat(transpose, outputs_tree),
        num_residuals=num_residuals,
        out_avals=tuple(jax.typeof(value) for value in flat_like),
    )
    return outputs_tree.unflatten(outputs)


def _evaluate(*arrays, forward, transpose, num_residuals, out_avals):
    return forward(*arrays)


def _jvp(primals, tangents, **parameters):
    outputs = _linear_p.bind(*primals, **parameters)
    num_residuals = parameters["num_residuals"]
    if all(isinstance(tangent, ad.Zero) for tangent in tangents[:num_residuals]):
        inputs = map(ad.instantiate_zeros, tangents[num_residuals:])
        return outputs, _linear_p.bind(*primals[:num_residuals], *inputs, **parameters)
    tangents = map(ad.instantiate_zeros, tangents)
    return outputs, jax.jvp(parameters["forward"], tuple(primals), tuple(tangents))[1]


def _transpose(cotangents, *arrays, forward, transpose, num_residuals, out_avals):
    cotangents = [ad.instantiate_zeros(cotangent) for cotangent in cotangents]
    results = transpose(*arrays[:num_residuals], *cotangents)
    # Inputs whose values are known, such as zero tangents of arguments not differentiated, have no cotangent.
    is_unknown = map(ad.is_undefined_primal, arrays[num_residuals:])
    return [None] * num_residuals + [c if unknown else None for c, unknown in zip(results, is_unknown, strict=True)]


def _batch(arrays, axes, *, forward, transpose, num_residuals, out_avals):
    size = next(a.shape[axis] for a, axis in zip(arrays, axes, strict=True) if axis is not None)
    inputs = zip(arrays[num_residuals:], axes[num_residuals:], strict=True)
    inputs = [batching.bdim_at_front(array, axis, size) for array, axis in inputs]
    outputs = _linear_p.bind(
        *arrays[:num_residuals],
        *inputs,
        forward=jax.vmap(forward, in_axes=(*axes[:num_residuals], *[0] * len(inputs))),
        transpose=jax.vmap(transpose, in_axes=(*axes[:num_residuals], *[0] * len(out_avals))),
        num_residuals=num_residuals,
        out_avals=tuple(aval.update(shape=(size, *aval.shape)) for aval in out_avals),
    )
    return outputs, [0] * len(outputs)


_linear_p.def_impl(_evaluate)
_linear_p.def_abstract_eval(lambda *_, out_avals, **__: out_avals)
ad.primitive_jvps[_linear_p] = _jvp
ad.primitive_transposes[_linear_p] = _transpose
batching.primitive_batchers[_linear_p] = _batch
mlir.register_lowering(_linear_p, mlir.lower_fun(_evaluate, multiple_results=True))
