"""XLA programs: when they are compiled, shared by layers of the same sizes, and freed with the last of these layers.

Compiling a program takes as long as many steps of a small layer. So with `layers.set_warm_up` a layer in Keras'
`fit`, `evaluate` and `predict` first runs the same functions as plain TensorFlow, and compiles them once it has run for
about as long as compiling takes. The warm-up counts work, not time, so that a script computes the same in every run.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary, finalize

import tensorflow as tf
from keras.layers import Layer

# TensorFlow has no public names for its registry of custom gradients, or to find out whether XLA compiles the graph
# that is being traced.
from tensorflow.python.framework.ops import gradient_registry
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

# Units times batch size from which the arithmetic of a step counts for as much as launching its operations.
LARGE_STEP = 4096

_warm_up = 0
_lock = Lock()
_counters: WeakKeyDictionary = WeakKeyDictionary()
_shared: WeakValueDictionary = WeakValueDictionary()
_held: WeakKeyDictionary = WeakKeyDictionary()


def inside_xla() -> bool:
    """Return whether XLA compiles the graph that is being traced."""
    return not tf.executing_eagerly() and GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def set_warm_up(steps: int) -> None:
    """Set the warm-up of all layers; see `layers.set_warm_up`."""
    global _warm_up
    _warm_up = steps


class Program:
    """A function in two versions: compiled by XLA once for each combination of argument shapes, and uncompiled."""

    def __init__(self, function: Callable):
        self._plain = tf.function(function, autograph=False, reduce_retracing=True)
        self._compiled = tf.function(function, jit_compile=True, autograph=False, reduce_retracing=True)

    def __call__(self, warm: bool | tf.Tensor, *arguments: Any) -> Any:
        """Call the compiled version if `warm`, a boolean tensor or True, else the uncompiled one."""
        if warm is True:
            return self._compiled(*arguments)
        return tf.cond(warm, lambda: self._compiled(*arguments), lambda: self._plain(*arguments))


def is_warm(owner: Layer, sequences: tf.Tensor, units: int) -> bool | tf.Tensor:
    """Count the work of a call, and return whether to run compiled programs: a boolean tensor, or True.

    Args:
        owner: the layer's cell.
        sequences: (batch, time, features), the inputs of the call.
        units: of the layer.
    """
    if not _warm_up or tf.executing_eagerly() or inside_xla() or tf.distribute.has_strategy():
        return True
    with _lock, tf.init_scope():
        if owner not in _counters:
            _counters[owner] = tf.Variable(0, trainable=False, dtype=tf.int64)
    shape = tf.shape(sequences, tf.int64)
    work = shape[1] * (1 + shape[0] * units // LARGE_STEP)
    return _counters[owner].assign_add(work) - work >= _warm_up


def get_shared(owner: Layer, make: Callable, *key: Any) -> Any:
    """Return `make(*key)`, made once for all owners; it is freed with the last of them."""
    with _lock:
        held = _held.setdefault(owner, {})
        if (make, key) not in held:
            function = _shared.get((make, key))
            if function is None:
                function = _shared[make, key] = make(*key)
            held[make, key] = function
        return held[make, key]


def custom_gradient(function: Callable, owner: Any, *tensors: tf.Tensor) -> Any:
    """Call `tf.custom_gradient(function)(*tensors)`, and free the graphs that it traces with their owner.

    TensorFlow registers the gradient of every trace, which holds the whole graph, until the process ends.
    """
    results = tf.custom_gradient(function)(*tensors)
    if owner is not None and not tf.executing_eagerly():
        name = results[0].op.get_attr("_gradient_op_type").decode()
        finalize(owner, gradient_registry._registry.pop, name, None)
    return results
