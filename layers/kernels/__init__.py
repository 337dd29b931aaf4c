"""How a layer is run over a sequence, and the rule that chooses.

- `portable`: Keras' loop around the cell's `call`, differentiated by the backend. Runs everything everywhere.
- `compiled`: the hand-derived pass of `through_time`, its loop compiled by XLA.
- `cudnn`: NVIDIA's fused kernel.
"""

from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import NamedTuple

import keras
from keras import ops

from .derivatives import derivative, is_of_value
from .through_time import Equations, Run, Weights, add, columns, joint_products, products

__all__ = [
    "Choice",
    "Equations",
    "Run",
    "Weights",
    "add",
    "choose",
    "columns",
    "derivative",
    "is_of_value",
    "joint_products",
    "products",
    "run",
    "use_kernel",
    "weights_of",
]

KERNELS = ("portable", "compiled", "cudnn")
_BACKENDS = ("tensorflow", "jax")
_forced = ContextVar("forced", default=None)


class Choice(NamedTuple):
    """A kernel's name, and why it is this one."""

    kernel: str
    reason: str


@contextmanager
def use_kernel(kernel):
    """Within it layers take this kernel: "portable", "compiled" or "cudnn".

    A layer that cannot raises ValueError and says why. In a graph it counts when the graph is made.
    """
    if kernel not in KERNELS:
        raise ValueError(f"Received an invalid kernel, expected one of {KERNELS}, got {kernel!r}.")
    token = _forced.set(kernel)
    try:
        yield
    finally:
        _forced.reset(token)


def _backend():
    """The module with the kernels of the backend that Keras runs on."""
    return import_module(f".{keras.backend.backend()}", __name__)


def _against_ours(layer, time):
    """Why neither `compiled` nor `cudnn` can run this layer; None if they can."""
    cell, backend = layer.cell, keras.backend.backend()
    if backend not in _BACKENDS:
        return f"there is no other kernel on the {backend} backend"
    if layer.unroll:
        return "unroll=True asks for a loop that is written out"
    if cell.derived_equations is None:
        return f"{type(cell).__name__} has a step for which no backward pass is derived"
    if any(cell.zoneout):
        return "zoneout has no derived backward pass"
    if not cell.derived_equations.known:
        return "the derivative of its activation is not among those in layers/kernels/derivatives.py"
    if time == 0:
        return "the sequence is empty"
    return None


def _against_cudnn(layer, training, device):
    """Why cuDNN cannot run this layer; None if it can."""
    cell = layer.cell
    if device != "gpu":
        return f"cuDNN needs a GPU, and the device is {device}"
    if cell.derived_equations.cudnn not in _backend().CUDNN:
        return f"{keras.backend.backend()} offers of cuDNN's networks {' and '.join(_backend().CUDNN)} alone"
    if (cell.activation, cell.recurrent_activation) != (keras.activations.tanh, keras.activations.sigmoid):
        return "cuDNN has tanh and sigmoid alone"
    if training and cell.recurrent_dropout:
        return "cuDNN has no recurrent dropout"
    if layer.compute_dtype != "float32":
        return f"it is used for float32, and the layer computes in {layer.compute_dtype}"
    return _backend().against_cudnn()


def choose(layer, time, training, device=None):
    """The kernel that a call made here and now takes. See `layers.which_kernel`."""
    forced, use_cudnn = _forced.get(), getattr(layer, "use_cudnn", None)
    if forced == "portable":
        return Choice("portable", "use_kernel('portable') is in force")
    against = _against_ours(layer, time)
    against_cudnn = against or _against_cudnn(layer, training, device or _backend().device())
    asked = forced == "cudnn" or (use_cudnn is True and forced is None)
    if asked:
        by = "use_kernel('cudnn') is in force" if forced else "use_cudnn=True was given"
        if against_cudnn:
            raise ValueError(f"{by}, but {against_cudnn}.")
        return Choice("cudnn", by)
    if forced == "compiled" and against:
        raise ValueError(f"use_kernel('compiled') is in force, but {against}.")
    if against:
        return Choice("portable", against)
    if forced == "compiled":
        return Choice("compiled", "use_kernel('compiled') is in force")
    if not training and _backend().may_be_saved():
        return Choice("portable", "a graph for inference is being made by other than Keras, and it may be saved")
    if use_cudnn == "auto" and not against_cudnn:
        return Choice("cudnn", "cuDNN runs this layer")
    return Choice("compiled", "use_cudnn=False was given" if use_cudnn is False else against_cudnn)


def weights_of(cell):
    """A cell's weights as a kernel takes them."""
    weights = (cell.kernel, cell.recurrent_kernel, cell.input_bias, cell.recurrent_bias)
    return Weights(*(None if w is None else ops.convert_to_tensor(w, cell.compute_dtype) for w in weights))


def run(kernel, equations, runs, return_sequences, training):
    """One of our kernels over each `Run`, all in one loop if there are several, whose shapes must then be the same.

    Returns:
        For each the hidden states (batch, time, units), or None without `return_sequences`, and the states after
        the last step.
    """
    chosen = _backend().run if kernel == "compiled" else _backend().run_cudnn
    return chosen(equations, runs, return_sequences, training)
