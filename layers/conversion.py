"""Conversion of models between Keras' recurrent layers and ours, with all their state."""

import contextlib
import textwrap
import types

import keras

from .gru import GRU, GRUCell
from .lstm import LSTM, LSTMCell
from .simple_rnn import SimpleRNN, SimpleRNNCell
from .state import copy_state, pairs, title

_OURS = {kind.__name__: kind for kind in (SimpleRNN, SimpleRNNCell, LSTM, LSTMCell, GRU, GRUCell)}


def from_keras(model):
    """Copy a model with each `SimpleRNN`, `LSTM` and `GRU` of Keras, and each of their cells, replaced by ours.

    The copy continues where `model` stands: weights, adapted preprocessing, states of stateful layers, seeds,
    `trainable` flags and, in a compiled model, the loss, the metrics and the optimizer with its state. Only the
    running values of compiled metrics start again. Custom classes and functions need no registration.

    Args:
        model: a Keras model or layer; it is left as it is. A layer is replaced wherever a configuration names it, in
            a wrapper, a nested model or a custom layer.

    Returns:
        A new model or layer.

    Raises:
        ValueError: a layer cannot be rebuilt from its configuration.
    """
    return _convert(model, _to_ours)


def to_keras(model):
    """Copy a model with our layers replaced by Keras', so that it needs Keras only: the reverse of `from_keras`.

    Raises:
        ValueError: also for a layer or an option that Keras does not have.
    """
    other = _convert(model, _to_theirs)
    for layer, _ in reversed(pairs(other, other, keras.layers.Layer)):
        if keras.saving.get_registered_name(type(layer)).startswith("engram>"):
            raise ValueError(
                f"{title(layer)} cannot be replaced: a custom layer makes it, and no configuration names it."
            )
    return other


def _convert(model, replace):
    if not isinstance(model, keras.layers.Layer):
        raise ValueError(f"Received an invalid `model`, expected a Keras model or layer, got {model!r}.")
    with _custom_objects(model):
        other = _rebuild(model, replace)
        copy_state(model, other)
    return other


@contextlib.contextmanager
def _custom_objects(model):
    """Let Keras find the classes and functions of a model by name, registered or not."""
    functions, found = {}, {}
    for item, _ in pairs(model, model, object):
        kind = item if isinstance(item, types.FunctionType) else type(item)
        if (kind.__module__ or "").startswith("keras."):
            continue
        if isinstance(item, types.FunctionType):
            if keras.saving.get_registered_name(item) == item.__name__:
                functions[item] = item.__name__
        elif hasattr(item, "get_config"):
            found.setdefault(keras.saving.get_registered_name(kind), {})[id(kind)] = kind
        elif callable(item) and hasattr(item, "__name__"):
            found.setdefault(_callable(item.__name__), {})[id(item)] = item
    # A name that two of them have would give one for the other.
    scope = {name: items.popitem()[1] for name, items in found.items() if len(items) == 1}
    try:
        # A configuration holds a function's name. Lambdas and closures share theirs, or have one of Keras'.
        for number, (function, name) in enumerate(functions.items()):
            function.__name__ = f"{name.strip('<>')}_{number}"
            scope[function.__name__] = function
        with keras.saving.custom_object_scope(scope):
            yield
    finally:
        for function, name in functions.items():
            function.__name__ = name


def _callable(name):
    """Name a callable that is not a plain function, such as `jax.nn.silu`, as nothing of Keras is named."""
    return f"callable {name}"


def _rebuild(model, replace):
    try:
        config = keras.saving.serialize_keras_object(model)
    except Exception as error:
        raise _refusal(model, error) from error
    config = _replaced(config, replace)
    try:
        # The functions in it come from memory, not from a file.
        return keras.saving.deserialize_keras_object(config, safe_mode=False)
    except Exception as error:
        raise _refusal(model, error) from error


def _refusal(model, error):
    """Make the error that names the innermost layer that cannot be rebuilt."""
    for part, _ in pairs(model, model, keras.layers.Layer):
        try:
            if part is not model:
                _rebuild(part, lambda node: node)
        except ValueError as cause:
            return cause
    reason = textwrap.shorten(str(error), 300)
    return ValueError(f"{title(model)} cannot be rebuilt from its configuration: {reason}")


def _replaced(node, replace):
    """Apply `replace` to every serialized object in a configuration, and leave out how models are compiled."""
    if isinstance(node, (list, tuple)):
        return [_replaced(value, replace) for value in node]
    if not isinstance(node, dict):
        return node
    node = {key: _replaced(value, replace) for key, value in node.items() if key != "compile_config"}
    if not {"class_name", "config", "module"} <= node.keys():
        return node
    if isinstance(node["config"], str) and node["class_name"] != "function":
        return {**node, "class_name": "function", "config": _callable(node["config"])}
    return replace(node)


def _to_ours(node):
    kind = _OURS.get(node["class_name"])
    if kind is None or not (node["module"] or "").startswith("keras."):
        return node
    return {**node, "module": kind.__module__, "registered_name": keras.saving.get_registered_name(kind)}


def _to_theirs(node):
    package, _, name = (node.get("registered_name") or "").partition(">")
    if package != "engram":
        return node
    theirs = getattr(keras.layers, name, None)
    if theirs is None or name not in _OURS:
        raise ValueError(f"Keras has no layer that does what `{node['config'].get('name', name)}` ({name}) does.")
    if "zoneout" in node["config"]:
        raise ValueError(f"Keras has no `zoneout`, which `{node['config']['name']}` uses.")
    return {**node, "module": "keras.layers", "registered_name": None}
