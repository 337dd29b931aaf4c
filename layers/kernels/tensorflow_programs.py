"""XLA programs: when they are compiled, shared by layers of the same sizes, and freed with the last of these layers.

Compiling a program takes as long as many steps of a small layer. So with `layers.set_warm_up` a layer in Keras'
`fit`, `evaluate` and `predict` first runs the same functions as plain TensorFlow, and compiles them once it has run for
about as long as compiling takes. The warm-up counts work, not time, so that a script computes the same in every run.
"""

import os
from collections.abc import Callable
from functools import partial
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
# Both halves of a batch are computed at once from this batch size on, and while units times batch size are in this
# range; the first bound is included.
HALVED_BATCH, HALVED_STEP = 8, (1024, 32 * 1024)

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


def device() -> str:
    """Return where the kernels run: "gpu" if TensorFlow has one, else "cpu"."""
    return "gpu" if tf.config.list_logical_devices("GPU") else "cpu"


class Program:
    """A function in two versions: compiled by XLA once for each combination of argument shapes, and uncompiled.

    On a processor of several cores a call computes both halves of the batch at once: the operations of a step are too
    small to be shared by cores, but TensorFlow runs two calls in parallel.

    Args:
        function: takes a structure of tensors (batch, n) and None, the first of them a state; one of tensors
            (time, batch, n) and None; and further arguments. It returns a list of tensors of either shape.
    """

    def __init__(self, function: Callable):
        plain = tf.function(function, autograph=False, reduce_retracing=True)
        compiled = tf.function(function, jit_compile=True, autograph=False, reduce_retracing=True)

        def call(warm, *arguments):
            if warm is True:
                return compiled(*arguments)
            return tf.cond(warm, lambda: compiled(*arguments), lambda: plain(*arguments))

        self._call = call
        # A separate function, which is traced once for all calls in a graph.
        self._call_in_halves = tf.function(partial(_in_halves, call), autograph=False, reduce_retracing=True)

    def __call__(self, warm: bool | tf.Tensor, rows: Any, sequences: Any, *others: Any) -> Any:
        """Call the compiled version if `warm`, a boolean tensor or True, else the uncompiled one."""
        pays = _halving_pays(*rows[0][0].shape)
        return (self._call if pays is False else self._call_in_halves)(warm, rows, sequences, *others)


def _halving_pays(batch, units):
    """Return whether both halves of a batch at once are faster than the whole; None if that depends on its size."""
    runs_in_turn = tf.executing_eagerly() or inside_xla() or tf.config.threading.get_inter_op_parallelism_threads() == 1
    if runs_in_turn or device() != "cpu" or (os.cpu_count() or 1) < 2:
        return False
    return None if batch is None else batch % 2 == 0 and bool(_is_halved(batch, units))


def _is_halved(batch, units):
    least, most = HALVED_STEP
    return (batch >= HALVED_BATCH) & (batch * units >= least) & (batch * units < most)


def _in_halves(call, warm, rows, sequences, *others):
    """Return what `call` does, computed for both halves of the batch at once if that is faster."""
    state = rows[0][0]
    batch, units = tf.shape(state)[0], state.shape[1]

    def call_halves():
        halves = []
        for half in (slice(None, batch // 2), slice(batch // 2, None)):
            half_rows = _map(lambda t, half=half: t[half], rows)
            half_sequences = _map(lambda t, half=half: t[:, half], sequences)
            halves.append(call(warm, half_rows, half_sequences, *others))
        return tuple(
            [tf.concat(parts, axis) for parts in zip(*pair, strict=True)]
            for axis, pair in enumerate(zip(*halves, strict=True))
        )

    if _halving_pays(*state.shape):
        return call_halves()
    # Batches of unknown size are padded to even ones.
    return tf.cond(_is_halved(batch, units), call_halves, lambda: call(warm, rows, sequences, *others))


def _map(function, structure):
    return tf.nest.map_structure(lambda tensor: None if tensor is None else function(tensor), structure)


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
