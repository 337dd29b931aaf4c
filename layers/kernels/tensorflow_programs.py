"""Programs that XLA compiles: shared by layers of the same sizes, and freed with the last of them."""

from threading import Lock
from weakref import WeakKeyDictionary, WeakValueDictionary, finalize

import tensorflow as tf

# TensorFlow has no public names for where it keeps custom gradients, and for whether XLA compiles the graph that is
# being made.
from tensorflow.python.framework.ops import gradient_registry
from tensorflow.python.ops.control_flow_util import GraphOrParentsInXlaContext

_lock = Lock()
_shared = WeakValueDictionary()
_held = WeakKeyDictionary()


def inside_xla():
    """Whether XLA compiles the graph that is being made."""
    return not tf.executing_eagerly() and GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def compiled(function):
    """A function that XLA compiles once for each combination of its arguments' shapes."""
    return tf.function(function, jit_compile=True, autograph=False, reduce_retracing=True)


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
