"""A linear function that comes with its transpose, on JAX.

`jax.custom_vjp` takes a hand-derived backward pass and gives up forward mode; `jax.custom_jvp` transposes its tangents
itself and so takes no backward pass. `linear_call` serves the tangents of a `jax.custom_jvp`: forward mode runs one
function, reverse mode the other. `jax.custom_derivatives.linear_call` does so too, but without vmap, and without
derivatives with respect to the residuals.
"""

import jax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

_linear_p = Primitive("engram_linear")
_linear_p.multiple_results = True


def linear_call(forward, transpose, residuals, inputs, like):
    """Returns forward(residuals, inputs), whose transpose is `transpose`.

    Args:
        forward: linear in `inputs`, differentiable in both; returns what has the structure and shapes of `like`.
        transpose: `transpose(residuals, cotangents)` returns cotangents for `inputs`.
        residuals, inputs: trees of arrays.
    """
    flat_residuals, residuals_tree = jax.tree.flatten(residuals)
    flat_inputs, inputs_tree = jax.tree.flatten(inputs)
    flat_like, outputs_tree = jax.tree.flatten(like)
    count = len(flat_residuals)

    def flat(function, second_tree):
        def call(*arrays):
            first, second = arrays[:count], arrays[count:]
            return jax.tree.leaves(function(residuals_tree.unflatten(first), second_tree.unflatten(second)))

        return call

    outputs = _linear_p.bind(
        *flat_residuals,
        *flat_inputs,
        forward=flat(forward, inputs_tree),
        transpose=flat(transpose, outputs_tree),
        count=count,
        out_avals=tuple(jax.typeof(value) for value in flat_like),
    )
    return outputs_tree.unflatten(outputs)


def _evaluate(*arrays, forward, transpose, count, out_avals):
    return forward(*arrays)


def _differentiate(primals, tangents, **parameters):
    outputs = _linear_p.bind(*primals, **parameters)
    count = parameters["count"]
    if all(isinstance(tangent, ad.Zero) for tangent in tangents[:count]):
        inputs = map(ad.instantiate_zeros, tangents[count:])
        return outputs, _linear_p.bind(*primals[:count], *inputs, **parameters)
    tangents = map(ad.instantiate_zeros, tangents)
    return outputs, jax.jvp(parameters["forward"], tuple(primals), tuple(tangents))[1]


def _transpose(cotangents, *arrays, forward, transpose, count, out_avals):
    cotangents = [ad.instantiate_zeros(cotangent) for cotangent in cotangents]
    found = transpose(*arrays[:count], *cotangents)
    # An input that is known, such as the zero tangent of what is not differentiated, has no cotangent.
    wanted = map(ad.is_undefined_primal, arrays[count:])
    return [None] * count + [c if w else None for c, w in zip(found, wanted, strict=True)]


def _batch(arrays, axes, *, forward, transpose, count, out_avals):
    size = next(a.shape[axis] for a, axis in zip(arrays, axes, strict=True) if axis is not None)
    inputs = [batching.bdim_at_front(a, axis, size) for a, axis in zip(arrays[count:], axes[count:], strict=True)]
    outputs = _linear_p.bind(
        *arrays[:count],
        *inputs,
        forward=jax.vmap(forward, in_axes=(*axes[:count], *[0] * len(inputs))),
        transpose=jax.vmap(transpose, in_axes=(*axes[:count], *[0] * len(out_avals))),
        count=count,
        out_avals=tuple(aval.update(shape=(size, *aval.shape)) for aval in out_avals),
    )
    return outputs, [0] * len(outputs)


_linear_p.def_impl(_evaluate)
_linear_p.def_abstract_eval(lambda *_, out_avals, **__: out_avals)
ad.primitive_jvps[_linear_p] = _differentiate
ad.primitive_transposes[_linear_p] = _transpose
batching.primitive_batchers[_linear_p] = _batch
mlir.register_lowering(_linear_p, mlir.lower_fun(_evaluate, multiple_results=True))
