"""Kernels that run a layer over a sequence, and the choice between them.

- `portable`: Keras' loop around the cell's `call`, differentiated by the backend. Runs any layer on any backend.
- `graph`: a faster loop of plain TensorFlow operations, for graphs that may be saved.
- `compiled`: the hand-derived passes of `through_time`, with loops compiled by XLA.
- `cudnn`: NVIDIA's fused kernel.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Literal, NamedTuple

import keras

# Keras has no public way to read a variable in its stored dtype inside a layer with mixed precision.
from keras.src.backend.common.variables import AutocastScope

from ..typing import Tensor
from .derivatives import derivative, needs_only_output
from .through_time import (
    Equations,
    KernelArguments,
    Weights,
    add_lists,
    block_products,
    joint_products,
    split_blocks,
    split_off_last,
)

__all__ = [
    "Choice",
    "Equations",
    "KernelArguments",
    "Weights",
    "add_lists",
    "block_products",
    "choose",
    "choose_portable",
    "derivative",
    "joint_products",
    "needs_only_output",
    "run",
    "set_warm_up",
    "split_blocks",
    "split_off_last",
    "use_kernel",
    "weights_of",
]

KERNELS = ("portable", "graph", "compiled", "cudnn")
_BACKENDS = ("tensorflow", "jax")


class Forced(NamedTuple):
    """The arguments of `use_kernel`."""

    kernel: str | None = None
    memory: str = "default"


# What is forced in this thread, and in any thread: threads that libraries start, such as those of MirroredStrategy's
# replicas, inherit no context.
_forced: ContextVar[Forced | None] = ContextVar("forced", default=None)
_forced_anywhere: dict[object, Forced] = {}


class Choice(NamedTuple):
    """The name of a kernel, and the reason for choosing it."""

    kernel: str
    reason: str


@contextmanager
def use_kernel(
    kernel: Literal["portable", "graph", "compiled", "cudnn"], memory: Literal["default", "least"] = "default"
) -> Iterator[None]:
    """Force layers to run with one kernel: "portable", "graph", "compiled" or "cudnn".

    Applies to this thread and to every thread that does not force another kernel. A graph keeps the kernel that was
    forced when it was traced.

    Args:
        kernel: "portable", "graph", "compiled" or "cudnn".
        memory: "least", for "compiled" alone, trains long sequences in less memory: the forward pass keeps the states
            before each chunk of about 64 steps (256 on a GPU with JAX), from which the backward pass computes the
            others again (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016, section 4.1).
            `benchmarks/results/speed_memory.md` has the memory and the time.

    Raises:
        ValueError: for another argument; or from a layer, if this kernel cannot run it.

    Example:
        >>> import layers
        >>> with layers.use_kernel("portable"):
        ...     layers.which_kernel(layers.LSTM(3)).kernel
        'portable'
    """
    if kernel not in KERNELS:
        raise ValueError(f"Received an invalid kernel, expected one of {KERNELS}, got {kernel!r}.")
    if memory not in ("default", "least") or (memory == "least" and kernel != "compiled"):
        expected = "'default' or, with the kernel 'compiled', 'least'"
        raise ValueError(f"Received an invalid `memory`, expected {expected}, got {memory!r} with {kernel!r}.")
    forced = Forced(kernel, memory)
    key, token = object(), _forced.set(forced)
    _forced_anywhere[key] = forced
    try:
        yield
    finally:
        del _forced_anywhere[key]
        _forced.reset(token)


def _get_forced():
    """Return what `use_kernel` forces in this thread; without it, `Forced()`."""
    return _forced.get() or next(reversed(list(_forced_anywhere.values())), Forced())


def set_warm_up(steps: int) -> None:
    """Set how many steps a layer runs on TensorFlow before its programs are compiled.

    Compiling takes as long as many steps of a small layer. With 10,000, short trainings and batches of many lengths
    start sooner (`benchmarks/results/first_steps.md`): `fit`, `evaluate` and `predict` first run the same functions
    uncompiled, whose results differ by rounding. With 0, the default, they compile at the first call, and a training
    that is interrupted and resumed in another process equals an uninterrupted one to the last bit.

    Args:
        steps: steps of a small layer; a step of a large layer counts as several. Applies to graphs traced later.

    Raises:
        ValueError: if `steps` is not a non-negative integer.

    Example:
        >>> import layers
        >>> layers.set_warm_up(10_000)
        >>> layers.set_warm_up(0)  # the default
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
        raise ValueError(f"Received an invalid `steps`, expected a non-negative integer, got {steps!r}.")
    if keras.backend.backend() == "tensorflow":
        import_module(".tensorflow_programs", __name__).set_warm_up(steps)


def _backend():
    """Return the module with the kernels of the current Keras backend."""
    return import_module(f".{keras.backend.backend()}", __name__)


def _why_not_derived(layer, time):
    """Return why neither `compiled` nor `cudnn` can run this layer, or None."""
    cell, backend = layer.cell, keras.backend.backend()
    if backend not in _BACKENDS:
        return f"there is no other kernel on the {backend} backend"
    if layer.unroll:
        return "unroll=True requires an unrolled loop"
    if cell.derived_equations is None:
        return f"{type(cell).__name__} has a step without a derived backward pass"
    if any(cell.zoneout):
        return "zoneout has no derived backward pass"
    if not cell.derived_equations.differentiable:
        return "the derivative of its activation is not in layers/kernels/derivatives.py"
    if time == 0:
        return "the sequence is empty"
    return None


def _why_not_cudnn(layer, training, device):
    """Return why cuDNN cannot run this layer, or None."""
    cell = layer.cell
    if device != "gpu":
        return f"cuDNN needs a GPU, and the device is {device}"
    if cell.derived_equations.cudnn_mode not in _backend().CUDNN:
        return f"of cuDNN's networks, {keras.backend.backend()} offers only {' and '.join(_backend().CUDNN)}"
    if (cell.activation, cell.recurrent_activation) != (keras.activations.tanh, keras.activations.sigmoid):
        return "cuDNN supports only tanh and sigmoid"
    if training and cell.recurrent_dropout:
        return "cuDNN does not support recurrent dropout"
    if layer.compute_dtype != "float32":
        return f"cuDNN is used only for float32, and the layer computes in {layer.compute_dtype}"
    return _backend().why_not_cudnn()


def choose(layer: keras.layers.RNN, time: int | None, training: bool, device: str | None = None) -> Choice:
    """Choose the kernel for a call in this context; see `layers.which_kernel`."""
    forced, use_cudnn = _get_forced().kernel, getattr(layer, "use_cudnn", None)
    if forced == "portable":
        return Choice("portable", "use_kernel('portable') is active")
    why_not_derived = _why_not_derived(layer, time)
    why_not_cudnn = why_not_derived or _why_not_cudnn(layer, training, device or _backend().device())
    why_not_compiled = why_not_derived or _backend().why_not_compiled()
    if forced == "cudnn" or (use_cudnn is True and forced is None):
        request = "use_kernel('cudnn') is active" if forced else "use_cudnn=True was passed"
        if why_not_cudnn:
            raise ValueError(f"{request}, but {why_not_cudnn}.")
        return Choice("cudnn", request)
    if forced == "graph":
        why_not_graph = why_not_derived or _backend().why_not_graph()
        if why_not_graph:
            raise ValueError(f"use_kernel('graph') is active, but {why_not_graph}.")
        return Choice("graph", "use_kernel('graph') is active")
    if forced == "compiled":
        if why_not_compiled:
            raise ValueError(f"use_kernel('compiled') is active, but {why_not_compiled}.")
        return Choice("compiled", "use_kernel('compiled') is active")
    if why_not_derived:
        return Choice("portable", why_not_derived)
    if _backend().may_be_saved():
        reason = "the graph is not traced by Keras' fit, evaluate or predict, so it may be saved"
        return Choice("portable" if training else "graph", reason)
    if use_cudnn == "auto" and not why_not_cudnn and _backend().PREFERS_CUDNN:
        return Choice("cudnn", "cuDNN supports this layer")
    if why_not_compiled:
        return Choice("portable", why_not_compiled)
    if use_cudnn is False:
        return Choice("compiled", "use_cudnn=False was passed")
    return Choice("compiled", why_not_cudnn or f"on {keras.backend.backend()} it is faster than cuDNN")


def choose_portable(layer: keras.layers.RNN, time: int | None) -> Choice | None:
    """Choose `portable` for a layer with a kernel of its own, or None where that kernel runs the call."""
    forced = _get_forced().kernel
    if forced == "portable":
        return Choice("portable", "use_kernel('portable') is active")
    if forced is not None:
        raise ValueError(f"use_kernel({forced!r}) is active, but {type(layer).__name__} has no such kernel.")
    if layer.unroll:
        return Choice("portable", "unroll=True requires an unrolled loop")
    return Choice("portable", "the sequence is empty") if time == 0 else None


def weights_of(cell: keras.layers.Layer) -> Weights:
    """Return a cell's `Weights` in the dtype in which they are stored, in which their gradients are summed."""
    with AutocastScope(None):
        weights = (cell.kernel, cell.recurrent_kernel, cell.input_bias, cell.recurrent_bias)
        return Weights(*(w.value if isinstance(w, keras.Variable) else w for w in weights))


def run(
    kernel: str, cell: keras.layers.Layer, args: KernelArguments, return_sequences: bool, training: bool
) -> tuple[Tensor | None, list[Tensor]]:
    """Run a cell over sequences with the `compiled` or the `cudnn` kernel.

    Returns:
        The hidden states (batch, time, units), or None without `return_sequences`; and the last states.
    """
    run_backend = getattr(_backend(), {"graph": "run_graph", "compiled": "run", "cudnn": "run_cudnn"}[kernel])
    forced = _get_forced()
    options = training, forced.kernel is not None, forced.memory == "least"
    return run_backend(cell, cell.derived_equations, args, return_sequences, *options)
