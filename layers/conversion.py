"""Conversion of models between Keras' recurrent layers and ours, including their state."""

import contextlib
import textwrap
import types
from typing import Any

import keras

from .gru import GRU, GRUCell
from .lstm import LSTM, LSTMCell
from .simple_rnn import SimpleRNN, SimpleRNNCell
from .state import copy_state, describe, pairs

_REPLACEABLE = {kind.__name__: kind for kind in (SimpleRNN, SimpleRNNCell, LSTM, LSTMCell, GRU, GRUCell)}


def from_keras(model: keras.layers.Layer) -> Any:
    """Copy a model, replacing Keras' `SimpleRNN`, `LSTM`, `GRU` and their cells by ours.

    The copy resumes from the state of `model`: weights, adapted preprocessing, states of stateful layers, seeds,
    `trainable` flags and, in a compiled model, the loss, the metrics and the optimizer with its state. Only the
    accumulated values of compiled metrics are reset. Custom classes and functions need not be registered.

    Args:
        model: a Keras model or layer, which is not changed. Layers are replaced wherever a configuration contains
            them: in wrappers, nested models and custom layers.

    Returns:
        A new model or layer.

    Raises:
        ValueError: if a layer cannot be rebuilt from its configuration.

    Example:
        >>> import keras
        >>> import layers
        >>> model = keras.Sequential([keras.Input((5, 4)), keras.layers.LSTM(3)])
        >>> ours = layers.from_keras(model)
        >>> isinstance(ours.layers[0], layers.LSTM), ours.output_shape
        (True, (None, 3))
    """
    return _convert(model, _to_ours)


def to_keras(model: keras.layers.Layer) -> Any:
    """Copy a model, replacing our layers by Keras', so that it needs only Keras; the inverse of `from_keras`.

    Raises:
        ValueError: also for a layer or an option that Keras does not have.

    Example:
        >>> import keras
        >>> import layers
        >>> model = keras.Sequential([keras.Input((5, 4)), layers.LSTM(3)])
        >>> theirs = layers.to_keras(model)
        >>> type(theirs.layers[0]) is keras.layers.LSTM, theirs.output_shape
        (True, (None, 3))
    """
    converted = _convert(model, _to_theirs)
    for layer, _ in reversed(pairs(converted, converted, keras.layers.Layer)):
        if keras.saving.get_registered_name(type(layer)).startswith("engram>"):
            raise ValueError(
                f"{describe(layer)} cannot be replaced: a custom layer creates it without having it in a configuration."
            )
    return converted


def _convert(model, replace):
    if not isinstance(model, keras.layers.Layer):
        raise ValueError(f"Received an invalid `model`, expected a Keras model or layer, got {model!r}.")
    with _custom_objects(model):
        converted = _rebuild(model, replace)
        copy_state(model, converted)
    return converted


@contextlib.contextmanager
def _custom_objects(model):
    """Register the classes and functions of a model by name, inside the context."""
    functions, objects = {}, {}
    for item, _ in pairs(model, model, object):
        kind = item if isinstance(item, types.FunctionType) else type(item)
        if (kind.__module__ or "").startswith("keras."):
            continue
        if isinstance(item, types.FunctionType):
            if keras.saving.get_registered_name(item) == item.__name__:
                functions[item] = item.__name__
        elif hasattr(item, "get_config"):
            objects.setdefault(keras.saving.get_registered_name(kind), {})[id(kind)] = kind
        elif callable(item) and hasattr(item, "__name__"):
            objects.setdefault(_callable_name(item.__name__), {})[id(item)] = item
    # Ambiguous names are left out: they could stand for the wrong object.
    scope = {name: items.popitem()[1] for name, items in objects.items() if len(items) == 1}
    try:
        # Configurations refer to functions by name, and lambdas and closures have equal names, or one of Keras'.
        for number, (function, name) in enumerate(functions.items()):
            function.__name__ = f"{name.strip('<>')}_{number}"
            scope[function.__name__] = function
        with keras.saving.custom_object_scope(scope):
            yield
    finally:
        for function, name in functions.items():
            function.__name__ = name


def _callable_name(name):
    """Return a name that nothing in Keras has, for a callable that is not a plain function, such as `jax.nn.silu`."""
    return f"callable {name}"


def _rebuild(model, replace):
    try:
        config = keras.saving.serialize_keras_object(model)
    except Exception as error:
        raise _rebuild_error(model, error) from error
    config = _map_config(config, replace)
    try:
        # Its functions come from memory, not from a file, so safe mode is not needed.
        return keras.saving.deserialize_keras_object(config, safe_mode=False)
    except Exception as error:
        raise _rebuild_error(model, error) from error


def _rebuild_error(model, error):
    """Return an error that names the innermost layer that cannot be rebuilt."""
    for part, _ in pairs(model, model, keras.layers.Layer):
        try:
            if part is not model:
                _rebuild(part, lambda node: node)
        except ValueError as cause:
            return cause
    reason = textwrap.shorten(str(error), 300)
    return ValueError(f"{describe(model)} cannot be rebuilt from its configuration: {reason}")


def _map_config(node, replace):
    """Apply `replace` to every serialized object in a configuration, and drop the compile configurations."""
    if isinstance(node, (list, tuple)):
        return [_map_config(value, replace) for value in node]
    if not isinstance(node, dict):
        return node
    node = {key: _map_config(value, replace) for key, value in node.items() if key != "compile_config"}
    if not {"class_name", "config", "module"} <= node.keys():
        return node
    if isinstance(node["config"], str) and node["class_name"] != "function":
        return {**node, "class_name": "function", "config": _callable_name(node["config"])}
    return replace(node)


def _to_ours(node):
    kind = _REPLACEABLE.get(node["class_name"])
    if kind is None or not (node["module"] or "").startswith("keras."):
        return node
    return {**node, "module": kind.__module__, "registered_name": keras.saving.get_registered_name(kind)}


def _to_theirs(node):
    package, _, name = (node.get("registered_name") or "").partition(">")
    if package != "engram":
        return node
    theirs = getattr(keras.layers, name, None)
    if theirs is None or name not in _REPLACEABLE:
        raise ValueError(f"Keras has no layer equivalent to `{node['config'].get('name', name)}` ({name}).")
    if "zoneout" in node["config"]:
        raise ValueError(f"Keras has no `zoneout`, which `{node['config']['name']}` uses.")
    return {**node, "module": "keras.layers", "registered_name": None}
