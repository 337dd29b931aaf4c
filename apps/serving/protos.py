"""Conversion between TensorFlow Serving's protocol buffers and arrays.

A TensorProto may declare any shape and hold one value for all elements. So what a message declares is checked before
anything is allocated, and what is repeated within a message counts as often as it is used.
"""

import math

import numpy as np
import tensorflow as tf

from . import codec
from .errors import RequestError


def read_tensors(inputs, signature, limits):
    """Convert the inputs of a predict request to arrays.

    Args:
        inputs: {name: TensorProto}.
        signature: `Signature`.
        limits: `Limits`.

    Returns:
        {name: array}.

    Raises:
        RequestError: If the inputs do not match the signature or exceed a limit.
    """
    codec.check_names("inputs", inputs, signature.inputs)
    for name, spec in signature.inputs.items():
        _check_declared(name, inputs[name], spec, limits)
    codec.check_num_values(sum(_num_elements(inputs[name]) for name in signature.inputs), limits)
    return {name: _read_tensor(name, inputs[name]) for name in signature.inputs}


def _num_elements(proto):
    return math.prod(dimension.size for dimension in proto.tensor_shape.dim)


def _check_declared(name, proto, spec, limits):
    shape = [dimension.size for dimension in proto.tensor_shape.dim]
    try:
        received = tf.as_dtype(proto.dtype)
    except TypeError:
        raise RequestError(f"input {name!r} is not a valid TensorProto (unknown dtype {proto.dtype})") from None
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise RequestError(f"input {name!r} is not a valid TensorProto (its shape is not known)")
    if received != spec.dtype or not spec.shape.is_compatible_with(shape):
        raise RequestError(
            f"input {name!r} must be {spec.dtype.name} of shape {spec.shape}; received {received.name} of shape "
            f"{tuple(shape)}"
        )
    if shape:
        codec.check_num_rows(name, shape[0], limits.max_instances)
    count = math.prod(shape)
    # The last value stands for all that are missing.
    width = len(proto.string_val[-1]) if proto.string_val else received.size or 1
    if count * width > limits.max_body:
        raise RequestError(f"input {name!r} has {count} elements; at most {limits.max_body} bytes are accepted", 413)


def _read_tensor(name, proto):
    try:
        return tf.make_ndarray(proto)
    except (ValueError, TypeError, KeyError) as error:
        raise RequestError(f"input {name!r} is not a valid TensorProto ({error})") from None


def read_examples(examples_input, limits):
    """Convert the Input of a classify or regress request to an object array of serialized tf.train.Examples.

    Raises:
        RequestError: If there are none, or they exceed a limit.
    """
    shared = examples_input.example_list_with_context
    with_context = examples_input.WhichOneof("kind") == "example_list_with_context"
    examples = shared.examples if with_context else examples_input.example_list.examples
    if not 1 <= len(examples) <= limits.max_instances:
        raise RequestError(f"{len(examples)} examples; expected from 1 to {limits.max_instances}")
    if not with_context:
        return codec.object_array([example.SerializeToString() for example in examples])
    codec.check_repeated(shared.context.ByteSize(), len(examples), limits)
    return codec.object_array([_with_context(shared.context, example) for example in examples])


def _with_context(context, example):
    merged = type(example)()
    merged.CopyFrom(context)
    for name, feature in example.features.feature.items():
        merged.features.feature[name].CopyFrom(feature)
    return merged.SerializeToString()


def write_tensors(outputs, names, message):
    """Write {name: array} into a map of TensorProtos.

    Args:
        outputs: {name: array}.
        names: of the outputs to write; all if empty.
        message: the map.

    Raises:
        RequestError: If there is no output of a name.
    """
    if unknown := set(names) - outputs.keys():
        raise RequestError(f"output_filter names {sorted(unknown)}; available: {sorted(outputs)}")
    for name in names or outputs:
        message[name].CopyFrom(tf.make_tensor_proto(np.asarray(outputs[name])))
