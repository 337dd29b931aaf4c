"""Models between Keras' recurrent layers and ours, weights and all."""

import copy

import keras

from .gru import GRU, GRUCell
from .lstm import LSTM, LSTMCell
from .simple_rnn import SimpleRNN, SimpleRNNCell

_OURS = {kind.__name__: kind for kind in (SimpleRNN, SimpleRNNCell, LSTM, LSTMCell, GRU, GRUCell)}


def from_keras(model):
    """The same model with every `SimpleRNN`, `LSTM` and `GRU` of Keras, and their cells, replaced by ours.

    Wherever they stand: alone, in a wrapper, in nested models, shared. Anything that Keras can serialize is taken, a
    single layer too.

    Args:
        model: a Keras model or layer; it is left as it is.

    Returns:
        A new model with the same weights, compiled if `model` was.

    Raises:
        ValueError: the model cannot be rebuilt from its configuration, as a subclassed one without
            `get_config` cannot.
    """
    return _rebuilt(model, _to_ours)


def to_keras(model):
    """The way back: a model that needs Keras alone. What Keras has no layer for raises a ValueError."""
    return _rebuilt(model, _to_theirs)


def _rebuilt(model, replace):
    try:
        config = keras.saving.serialize_keras_object(model)
    except NotImplementedError as error:
        raise ValueError(
            f"`{model.name}` cannot be rebuilt: {type(model).__name__} has no get_config(). Build it from our layers, "
            "or give it one."
        ) from error
    other = keras.saving.deserialize_keras_object(_walk(copy.deepcopy(config), replace))
    if model.built and not other.built:
        other.build_from_config(model.get_build_config())
    other.set_weights(model.get_weights())
    return other


def _walk(node, replace):
    """Applies `replace` to every serialized object in a configuration."""
    if isinstance(node, dict):
        node = {key: _walk(value, replace) for key, value in node.items()}
        return replace(node) if {"class_name", "config", "module"} <= node.keys() else node
    return [_walk(value, replace) for value in node] if isinstance(node, (list, tuple)) else node


def _to_ours(node):
    kind = _OURS.get(node["class_name"])
    if kind is None or not node["module"].startswith("keras."):
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
