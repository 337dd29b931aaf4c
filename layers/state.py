"""Copying of a model's state into a model that was rebuilt from its configuration."""

import tempfile
from typing import Any

import keras

_LOOKUPS = (keras.layers.TextVectorization, keras.layers.StringLookup, keras.layers.IntegerLookup)


def copy_state(source: keras.layers.Layer, target: keras.layers.Layer) -> None:
    """Copy the state of a model into a model rebuilt from its configuration, and compile it in the same way.

    Raises:
        ValueError: if `target` does not have a place for all of the state.
    """
    _copy_layers(pairs(source, target, keras.layers.Layer))
    variables = pairs(source, target, keras.Variable)
    _copy_variables(source, variables)
    for source_model, target_model in pairs(source, target, keras.Model):
        if source_model.compiled:
            _compile(source_model, target_model)
    # In reverse, because an optimizer builds the one that it wraps.
    for source_optimizer, target_optimizer in reversed(pairs(source, target, keras.optimizers.Optimizer)):
        _copy_optimizer(source_optimizer, target_optimizer, variables)


def pairs(source: Any, target: Any, kind: type) -> list[tuple[Any, Any]]:
    """List the pairs of corresponding objects of a class in two models; an object comes after those that it holds."""
    return [pair for pair in _walk(source, target, set()) if all(isinstance(item, kind) for item in pair)]


def _walk(source, target, visited):
    if (id(source), id(target)) in visited:
        return
    visited.add((id(source), id(target)))
    parts = ()
    if isinstance(source, dict) and isinstance(target, dict):
        parts = [(value, target[key]) for key, value in source.items() if key in target]
    elif isinstance(source, (list, tuple)) and isinstance(target, (list, tuple)):
        parts = zip(source, target, strict=False)
    elif all(hasattr(item, "get_config") and not isinstance(item, type) for item in (source, target)):
        # Quantization reorders these lists; their variables are attributes, too.
        names = vars(source).keys() & vars(target).keys() - {"_trainable_variables", "_non_trainable_variables"}
        parts = [(value, vars(target)[name]) for name, value in vars(source).items() if name in names]
    for pair in parts:
        yield from _walk(*pair, visited)
    yield source, target


def describe(layer: keras.layers.Layer) -> str:
    """Return the name and class of a layer for an error message."""
    return f"`{layer.name}` ({type(layer).__name__})"


def _copy_layers(layers):
    """Copy the state of layers that is not in variables."""
    for source, target in layers:
        if isinstance(source, _LOOKUPS):
            _copy_vocabulary(source, target)
        else:
            target.load_own_variables(_own_variables(source))
            if hasattr(source, "save_assets"):
                with tempfile.TemporaryDirectory() as folder:
                    source.save_assets(folder)
                    target.load_assets(folder)
        # Keras neither saves the following attributes nor includes them in the configuration.
        if isinstance(source, keras.layers.Discretization):
            target.summary = source.summary
        if hasattr(source, "use_cudnn"):
            target.use_cudnn = source.use_cudnn
        if source.dtype_policy.name != target.dtype_policy.name:
            target.dtype_policy = source.dtype_policy
    # In reverse, because a layer also sets the flags of the layers that it holds.
    for source, target in reversed(layers):
        target.trainable = source.trainable


def _copy_vocabulary(source, target):
    # Not as assets, which have one token per line: a token may contain a line break.
    vocabulary = source.get_vocabulary()
    if vocabulary != target.get_vocabulary():
        target.set_vocabulary(vocabulary, _own_variables(source).get("idf_weights"))


def _own_variables(item):
    store = {}
    item.save_own_variables(store)
    return {name: _array(value) for name, value in store.items()}


def _array(value):
    """Return a copy as a NumPy array, because training on JAX donates the memory of variables."""
    return (value.numpy() if isinstance(value, keras.Variable) else keras.ops.convert_to_numpy(value)).copy()


def _copy_variables(model, variables):
    target_ids = {}
    for source, target in variables:
        if source.dtype != target.dtype:
            raise ValueError(
                f"{describe(model)} cannot be rebuilt: its `{source.path}` is {source.dtype}, the new one "
                f"{target.dtype}. Set the `keras.config.set_dtype_policy` under which the model was built."
            )
        target.assign(_array(source))
        target.trainable = source.trainable
        target_ids.setdefault(id(source), set()).add(id(target))
    for weight in model.weights:
        count = len(target_ids.get(id(weight), ()))
        if count != 1:
            raise ValueError(
                f"{describe(model)} cannot be rebuilt: its configuration creates {count} weights for `{weight.path}`. "
                "A layer must be in only one configuration, not in those of two nested models."
            )


def _compile(source, target):
    if type(source).compile is not keras.Model.compile:
        target.compile_from_config(keras.saving.serialize_keras_object(source.get_compile_config()))
        return
    # The arguments themselves, because some of Keras' losses leave arguments out of their configuration.
    arguments = dict(source._compile_config.config, optimizer=source.optimizer)
    for name in ("optimizer", "metrics", "weighted_metrics"):
        config = keras.saving.serialize_keras_object(arguments[name])
        arguments[name] = keras.saving.deserialize_keras_object(config, safe_mode=False)
    # If the source scales its loss, its optimizer is already wrapped for it.
    target.compile(**arguments, auto_scale_loss=False)


def _copy_optimizer(source, target, variables):
    # Nothing public says which variables an optimizer has, or which are excluded from weight decay.
    excluded = getattr(source, "_exclude_from_weight_decay", ())
    pattern = getattr(source, "_exclude_from_weight_decay_pattern", None)
    if excluded or pattern:
        var_list = [copy for variable, copy in variables if source._var_key(variable) in excluded]
        target.exclude_from_weight_decay(var_list, [pattern.pattern] if pattern else None)
    if not source.built:
        return
    if not target.built:
        copies = {id(variable): copy for variable, copy in variables}
        target.build([copies[id(variable)] for variable in source._trainable_variables])
    if len(source.variables) != len(target.variables):
        raise ValueError(
            f"The optimizer `{source.name}` cannot be rebuilt from its configuration: it has {len(source.variables)} "
            f"variables, the new one {len(target.variables)}."
        )
    target.load_own_variables(_own_variables(source))
