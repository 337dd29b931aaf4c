"""Programs that XLA compiles: when, shared by layers of the same sizes, and freed with the last of them.

Compiling a program takes as long as many steps of a small layer. So with `layers.set_warm_up` a layer in Keras'
`fit`, `evaluate` and `predict` first runs the same functions as plain TensorFlow, and compiles them once it has run for
about as long as compiling takes. What counts is the work done, never the time it took: a script computes the same in
every run.
"""

from threading import Lock
from weakref import WeakKeyDictionary, WeakValueDictionary, finalize

import tensorflow as tf

# TensorFlow has no public names for where it keeps custom gradients, and for whether XLA compiles the graph that is
# being made.
from tensorflow.python.framework.ops import gradient_registry
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

# Units of all rows of a step from which its own computing counts for as much as starting its operations.
LARGE = 4096

_warm_up = 0
_lock = Lock()
_counters = WeakKeyDictionary()
_shared = WeakValueDictionary()
_held = WeakKeyDictionary()


def inside_xla():
    """Whether XLA compiles the graph that is being made."""
    return not tf.executing_eagerly() and GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def set_warm_up(steps):
    """As `layers.set_warm_up`."""
    global _warm_up
    _warm_up = steps


class Program:
    """A function that XLA compiles once for each combination of its arguments' shapes, and its plain twin."""

    def __init__(self, function):
        self._plain = tf.function(function, autograph=False, reduce_retracing=True)
        self._compiled = tf.function(function, jit_compile=True, autograph=False, reduce_retracing=True)

    def __call__(self, warm, *arguments):
        """Calls the compiled function if `warm`, a boolean tensor or True."""
        if warm is True:
            return self._compiled(*arguments)
        return tf.cond(warm, lambda: self._compiled(*arguments), lambda: self._plain(*arguments))


def is_warm(owner, sequences, units):
    """Whether the programs of a layer are to be compiled for this call: a boolean tensor, or True.

    Args:
        owner: the layer's cell.
        sequences: (batch, time, features) that the call runs.
        units: of the layer.
    """
    if not _warm_up or tf.executing_eagerly() or inside_xla() or tf.distribute.has_strategy():
        return True
    with _lock, tf.init_scope():
        if owner not in _counters:
            _counters[owner] = tf.Variable(0, trainable=False, dtype=tf.int64)
    shape = tf.shape(sequences, tf.int64)
    work = shape[1] * (1 + shape[0] * units // LARGE)
    return _counters[owner].assign_add(work) - work >= _warm_up


def shared(owner, make, *key):
    """Returns make(*key), made once for all owners alive; it lives as long as one of them."""
    with _lock:
        held = _held.setdefault(owner, {})
        if (make, key) not in held:
            function = _shared.get((make, key))
            if function is None:
                function = _shared[make, key] = make(*key)
            held[make, key] = function
        return held[make, key]


def with_gradient(function, owner, *tensors):
    """`tf.custom_gradient(function)(*tensors)`, whose traces end with their owner.

    TensorFlow keeps the gradient of every trace, and by it the whole graph, as long as the process lives.
    """
    results = tf.custom_gradient(function)(*tensors)
    if owner is not None and not tf.executing_eagerly():
        name = results[0].op.get_attr("_gradient_op_type").decode()
        finalize(owner, gradient_registry._registry.pop, name, None)
    return results
