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

# Keras has no public way to read a variable in its own dtype within a layer of mixed precision.
from keras.src.backend.common.variables import AutocastScope

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
    "set_warm_up",
    "use_kernel",
    "weights_of",
]

KERNELS = ("portable", "compiled", "cudnn")
_BACKENDS = ("tensorflow", "jax")
# What a thread chose itself, and what any thread has chosen and not yet left: threads that libraries start, such as
# the replicas of MirroredStrategy, inherit no context.
_forced = ContextVar("forced", default=None)
_in_force = {}


class Choice(NamedTuple):
    """A kernel's name, and why it is this one."""

    kernel: str
    reason: str


@contextmanager
def use_kernel(kernel):
    """Force layers to run with one kernel: "portable", "compiled" or "cudnn".

    Applies to this thread and to every thread that has not set its own kernel. A graph keeps the kernel that was in
    force when it was traced.

    Raises:
        ValueError: for another name, or from a layer that this kernel cannot run.
    """
    if kernel not in KERNELS:
        raise ValueError(f"Received an invalid kernel, expected one of {KERNELS}, got {kernel!r}.")
    setting, token = object(), _forced.set(kernel)
    _in_force[setting] = kernel
    try:
        yield
    finally:
        del _in_force[setting]
        _forced.reset(token)


def _kernel_in_force():
    """The kernel that `use_kernel` forces in this thread, or None."""
    return _forced.get() or next(reversed(list(_in_force.values())), None)


def set_warm_up(steps):
    """Set how many steps a layer runs on TensorFlow before its programs are compiled.

    Compiling takes as long as many steps of a small layer. With 10,000, short trainings and batches of many lengths
    start sooner (`benchmarks/results/first_steps.md`): `fit`, `evaluate` and `predict` begin with the same functions
    uncompiled, whose values differ by rounding. With 0, the default, they compile at the first call, and a training
    that is interrupted and resumed in another process equals an uninterrupted one to the last bit.

    Args:
        steps: steps of a small layer; a step of a large one counts several times. It applies to calls traced later.
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
        raise ValueError(f"Received an invalid `steps`, expected an integer from 0, got {steps!r}.")
    if keras.backend.backend() == "tensorflow":
        import_module(".tensorflow_programs", __name__).set_warm_up(steps)


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
    forced, use_cudnn = _kernel_in_force(), getattr(layer, "use_cudnn", None)
    if forced == "portable":
        return Choice("portable", "use_kernel('portable') is in force")
    against = _against_ours(layer, time)
    against_cudnn = against or _against_cudnn(layer, training, device or _backend().device())
    against_compiled = against or _backend().against_compiled()
    asked = forced == "cudnn" or (use_cudnn is True and forced is None)
    if asked:
        by = "use_kernel('cudnn') is in force" if forced else "use_cudnn=True was given"
        if against_cudnn:
            raise ValueError(f"{by}, but {against_cudnn}.")
        return Choice("cudnn", by)
    if forced == "compiled":
        if against_compiled:
            raise ValueError(f"use_kernel('compiled') is in force, but {against_compiled}.")
        return Choice("compiled", "use_kernel('compiled') is in force")
    if against:
        return Choice("portable", against)
    if _backend().may_be_saved():
        return Choice("portable", "the graph is not one of Keras' fit, evaluate or predict, so it may be saved")
    if use_cudnn == "auto" and not against_cudnn:
        return Choice("cudnn", "cuDNN runs this layer")
    if against_compiled:
        return Choice("portable", against_compiled)
    return Choice("compiled", "use_cudnn=False was given" if use_cudnn is False else against_cudnn)


def weights_of(cell):
    """A cell's weights as a kernel takes them: in their own dtype, in which their gradients are summed."""
    with AutocastScope(None):
        weights = (cell.kernel, cell.recurrent_kernel, cell.input_bias, cell.recurrent_bias)
        return Weights(*(w.value if isinstance(w, keras.Variable) else w for w in weights))


def run(kernel, cell, run, return_sequences, training):
    """Runs a cell over its sequences with one of our kernels.

    Returns:
        The hidden states (batch, time, units), or None without `return_sequences`, and the states after the last step.
    """
    chosen = _backend().run if kernel == "compiled" else _backend().run_cudnn
    forced = _kernel_in_force() is not None
    return chosen(cell, cell.derived_equations, run, return_sequences, training, forced)
