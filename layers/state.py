"""Copying of the state of one model into another that is built alike."""

import tempfile

import keras

_LOOKUPS = (keras.layers.TextVectorization, keras.layers.StringLookup, keras.layers.IntegerLookup)


def copy_state(model, other):
    """Bring a model that was rebuilt from the configuration of `model` to where `model` stands, and compile it alike.

    Raises:
        ValueError: `other` does not have all of the state.
    """
    _copy_layers(pairs(model, other, keras.layers.Layer))
    variables = pairs(model, other, keras.Variable)
    _copy_variables(model, variables)
    for one, copy in pairs(model, other, keras.Model):
        if one.compiled:
            _compile(one, copy)
    # An optimizer builds the one that it wraps.
    for one, copy in reversed(pairs(model, other, keras.optimizers.Optimizer)):
        _copy_optimizer(one, copy, variables)


def pairs(one, other, kind):
    """List the objects of a kind at the same places of two models; what an object holds comes before the object."""
    return [pair for pair in _walk(one, other, set()) if all(isinstance(item, kind) for item in pair)]


def _walk(one, other, seen):
    if (id(one), id(other)) in seen:
        return
    seen.add((id(one), id(other)))
    parts = ()
    if isinstance(one, dict) and isinstance(other, dict):
        parts = [(value, other[key]) for key, value in one.items() if key in other]
    elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        parts = zip(one, other, strict=False)
    elif all(hasattr(item, "get_config") and not isinstance(item, type) for item in (one, other)):
        # Quantization reorders these lists. Their variables are attributes, too.
        names = vars(one).keys() & vars(other).keys() - {"_trainable_variables", "_non_trainable_variables"}
        parts = [(value, vars(other)[name]) for name, value in vars(one).items() if name in names]
    for pair in parts:
        yield from _walk(*pair, seen)
    yield one, other


def title(layer):
    """Name a layer in an error."""
    return f"`{layer.name}` ({type(layer).__name__})"


def _copy_layers(layers):
    """Copy what layers hold that is no variable."""
    for one, other in layers:
        if isinstance(one, _LOOKUPS):
            _copy_vocabulary(one, other)
        else:
            other.load_own_variables(_own_variables(one))
            if hasattr(one, "save_assets"):
                with tempfile.TemporaryDirectory() as folder:
                    one.save_assets(folder)
                    other.load_assets(folder)
        # Keras neither saves these nor has them in the configuration.
        if isinstance(one, keras.layers.Discretization):
            other.summary = one.summary
        if hasattr(one, "use_cudnn"):
            other.use_cudnn = one.use_cudnn
        if one.dtype_policy.name != other.dtype_policy.name:
            other.dtype_policy = one.dtype_policy
    # A layer sets the flag of what it holds as well.
    for one, other in reversed(layers):
        other.trainable = one.trainable


def _copy_vocabulary(one, other):
    # Not as assets: these hold a token a line, and a token may hold a line break.
    vocabulary = one.get_vocabulary()
    if vocabulary != other.get_vocabulary():
        other.set_vocabulary(vocabulary, _own_variables(one).get("idf_weights"))


def _own_variables(item):
    store = {}
    item.save_own_variables(store)
    return {name: _array(value) for name, value in store.items()}


def _array(value):
    """Copy a value, because JAX hands a variable's memory on when it trains."""
    return (value.numpy() if isinstance(value, keras.Variable) else keras.ops.convert_to_numpy(value)).copy()


def _copy_variables(model, variables):
    copies = {}
    for one, other in variables:
        if one.dtype != other.dtype:
            raise ValueError(
                f"{title(model)} cannot be rebuilt: its `{one.path}` is {one.dtype}, the new one {other.dtype}. "
                "Set `keras.config.set_dtype_policy` as it was when the model was made."
            )
        other.assign(_array(one))
        other.trainable = one.trainable
        copies.setdefault(id(one), set()).add(id(other))
    for weight in model.weights:
        count = len(copies.get(id(weight), ()))
        if count != 1:
            raise ValueError(
                f"{title(model)} cannot be rebuilt: its configuration makes {count} weights of `{weight.path}`. "
                "A layer must stand in one configuration only, not in those of two nested models."
            )


def _compile(model, other):
    if type(model).compile is not keras.Model.compile:
        other.compile_from_config(keras.saving.serialize_keras_object(model.get_compile_config()))
        return
    # The arguments themselves: some of Keras' losses leave arguments out of their configuration.
    arguments = dict(model._compile_config.config, optimizer=model.optimizer)
    for name in ("optimizer", "metrics", "weighted_metrics"):
        config = keras.saving.serialize_keras_object(arguments[name])
        arguments[name] = keras.saving.deserialize_keras_object(config, safe_mode=False)
    # The optimizer already scales the loss or is not to.
    other.compile(**arguments, auto_scale_loss=False)


def _copy_optimizer(one, other, variables):
    # Nothing public tells which variables an optimizer has, nor which are exempt from weight decay.
    exempt = getattr(one, "_exclude_from_weight_decay", ())
    pattern = getattr(one, "_exclude_from_weight_decay_pattern", None)
    if exempt or pattern:
        listed = [copy for variable, copy in variables if one._var_key(variable) in exempt]
        other.exclude_from_weight_decay(listed, [pattern.pattern] if pattern else None)
    if not one.built:
        return
    if not other.built:
        copies = {id(variable): copy for variable, copy in variables}
        other.build([copies[id(variable)] for variable in one._trainable_variables])
    if len(one.variables) != len(other.variables):
        raise ValueError(
            f"The optimizer `{one.name}` cannot be rebuilt from its configuration: it has {len(one.variables)} "
            f"variables, the new one {len(other.variables)}."
        )
    other.load_own_variables(_own_variables(one))
