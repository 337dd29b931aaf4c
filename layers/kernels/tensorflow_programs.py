"""Programs that XLA compiles: shared by layers of the same sizes, compiled ahead, freed with their layers."""

from concurrent.futures import ThreadPoolExecutor
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
_compilers = ThreadPoolExecutor(2, thread_name_prefix="engram-compile")


def inside_xla():
    """Whether XLA compiles the graph that is being made."""
    return not tf.executing_eagerly() and GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


class Program:
    """A function that XLA compiles once for each combination of its arguments' shapes."""

    def __init__(self, function):
        self._function = tf.function(function, jit_compile=True, autograph=False, reduce_retracing=True)
        self._compiled_ahead = set()

    def __call__(self, *arguments):
        if not tf.executing_eagerly():
            self._compile_ahead(arguments)
        return self._function(*arguments)

    def _compile_ahead(self, arguments):
        """Starts compiling for the shapes of these arguments, if they are known, while the graph is still traced."""
        shapes = tuple(tuple(t.shape) for t in tf.nest.flatten(arguments) if t is not None)
        unknown = any(size is None for shape in shapes for size in shape)
        if unknown or shapes in self._compiled_ahead or inside_xla() or tf.distribute.has_strategy():
            return
        self._compiled_ahead.add(shapes)
        specs = tf.nest.map_structure(lambda t: t if t is None else tf.TensorSpec(t.shape, t.dtype), arguments)

        # A call from a graph shares its compiled program with calls from other graphs, and with no eager one. Of zeros
        # as many as `steps` are run: none.
        @tf.function(autograph=False)
        def call():
            zeros = tf.nest.map_structure(lambda s: s if s is None else tf.zeros(s.shape, s.dtype), specs)
            return [tf.shape(result) for result in tf.nest.flatten(self._function(*zeros))]

        # What fails here fails again, and is reported, where the program is really called.
        _compilers.submit(call)


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
