"""Conversion between TensorFlow Serving's JSON and tensors.

Follows https://www.tensorflow.org/tfx/serving/api_rest: a request holds rows ("instances") or columns ("inputs"), and
its response has the same format; bytes are {"b64": "..."}, as are outputs whose names end in _bytes.
"""

import base64
import binascii
import json
from itertools import chain

import numpy as np
import tensorflow as tf

from .errors import RequestError


def loads(body):
    """Parse a JSON object.

    Args:
        body: bytes.

    Returns:
        dict.

    Raises:
        RequestError: If the body is not a JSON object in UTF-8.
    """
    try:
        value = json.loads(body)
    except UnicodeDecodeError as error:
        raise RequestError(f"the body is not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise RequestError("the body is nested too deeply") from None
    except ValueError as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RequestError(f"the body is {_json_type(value)}; expected an object")
    return value


def read_tensors(body, specs, max_rows):
    """Convert a predict request to tensors.

    Args:
        body: dict.
        specs: {name: tf.TensorSpec} of the inputs.
        max_rows: maximum number of rows.

    Returns:
        {name: array}, and whether the request holds rows ("instances").

    Raises:
        RequestError: If the request does not match the inputs.
    """
    if ("instances" in body) == ("inputs" in body):
        raise RequestError('expected a JSON object with either "instances" (rows) or "inputs" (columns)')
    by_row = "instances" in body
    columns = _read_rows(body["instances"], specs, max_rows) if by_row else _read_columns(body["inputs"], specs)
    tensors = {name: _read_tensor(name, columns[name], spec) for name, spec in specs.items()}
    for name, tensor in tensors.items():
        check_num_rows(name, tensor, max_rows)
    return tensors, by_row


def check_num_rows(name, tensor, max_rows):
    """Raise a `RequestError` if an array has more than `max_rows` rows."""
    if tensor.ndim and len(tensor) > max_rows:
        raise RequestError(f"input {name!r} has {len(tensor)} rows; at most {max_rows} are accepted per request")


def _read_columns(inputs, specs):
    if not isinstance(inputs, dict) or _is_bytes(inputs):
        if len(specs) != 1:
            raise RequestError(f'"inputs" is {_json_type(inputs)}; expected an object with {_quote(specs)}')
        inputs = {next(iter(specs)): inputs}
    check_names('"inputs"', inputs, specs)
    return inputs


def _read_rows(instances, specs, max_rows):
    if not isinstance(instances, list) or not instances:
        raise RequestError('"instances" must be a non-empty list')
    if len(instances) > max_rows:
        raise RequestError(f"{len(instances)} instances; at most {max_rows} are accepted per request")
    if len(specs) == 1 and (not isinstance(instances[0], dict) or _is_bytes(instances[0])):
        return {next(iter(specs)): instances}
    for index, row in enumerate(instances):
        if not isinstance(row, dict):
            raise RequestError(f"instances[{index}] is {_json_type(row)}; expected an object with {_quote(specs)}")
        check_names(f"instances[{index}]", row, specs)
    return {name: [row[name] for row in instances] for name in specs}


def check_names(where, inputs, specs):
    """Raise a `RequestError` if `inputs` and `specs`, both dicts, have different keys."""
    if inputs.keys() != specs.keys():
        raise RequestError(f"{where} has {_quote(inputs)}; expected {_quote(specs)}")


def _read_tensor(name, column, spec):
    expected = f"input {name!r} must be {spec.dtype.name} of shape {spec.shape}"
    shape, flat = _flatten(column, expected)
    if not spec.shape.is_compatible_with(shape):
        raise RequestError(f"{expected}; received shape {tuple(shape)}")
    if spec.dtype == tf.string:
        return object_array([_read_bytes(value, expected) for value in flat]).reshape(shape)
    types = {bool} if spec.dtype == tf.bool else {int} if spec.dtype.is_integer else {int, float}
    for wrong_type in {type(value) for value in flat} - types:
        value = next(value for value in flat if type(value) is wrong_type)
        raise RequestError(f"{expected}; received {_json_type(value)}")
    if spec.dtype.is_integer and flat and not spec.dtype.min <= min(flat) <= max(flat) <= spec.dtype.max:
        raise RequestError(f"{expected}; received a number outside [{spec.dtype.min}, {spec.dtype.max}]")
    try:
        return np.array(flat, spec.dtype.as_numpy_dtype).reshape(shape)
    except OverflowError:
        raise RequestError(f"{expected}; received a number that is too large") from None


def object_array(values):
    """Return a list of strings or bytes as an object array; np.array would strip trailing NULs."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def check_method(signature, method_name):
    """Raise a `RequestError` if a signature is for another method."""
    if signature.definition.method_name != method_name:
        raise RequestError(f"the signature is for {signature.definition.method_name}; expected one for {method_name}")


def _flatten(column, expected):
    """Return the shape of nested lists, and their values as a flat list."""
    shape, flat = [], column
    if not isinstance(flat, list):
        return shape, [flat]
    shape = [len(flat)]
    while flat and isinstance(flat[0], list):
        size = len(flat[0])
        if any(type(part) is not list or len(part) != size for part in flat):
            raise RequestError(f"{expected}; received lists of different lengths")
        shape.append(size)
        flat = list(chain.from_iterable(flat))
    if any(isinstance(value, list) for value in flat):
        raise RequestError(f"{expected}; received lists of different lengths")
    return shape, flat


def _read_bytes(value, expected):
    if isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError:
            raise RequestError(f"{expected}; received an unpaired surrogate, which is not text") from None
    if not _is_bytes(value):
        raise RequestError(f"{expected}; received {_json_type(value)}")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise RequestError(f'{expected}; {{"b64": ...}} is not valid base64 ({error})') from None


def _is_bytes(value):
    return isinstance(value, dict) and value.keys() == {"b64"}


def _json_type(value):
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return {dict: "an object", list: "a list", str: "a string", int: "an integer", float: "a number"}[type(value)]


def _quote(names):
    return ", ".join(map(repr, sorted(names))) or "nothing"


def write_tensors(outputs, by_row):
    """Return the response to a predict request as a dict for `json.dumps`.

    Args:
        outputs: {name: array}.
        by_row: whether the request holds rows ("instances").

    Raises:
        RequestError: If the request holds rows and the outputs do not have one row each.
    """
    columns = {name: _write_array(name, array) for name, array in outputs.items()}
    only = next(iter(columns)) if len(columns) == 1 else None
    if not by_row:
        return {"outputs": columns[only] if only else columns}
    if len({array.shape[:1] for array in outputs.values()}) != 1 or not next(iter(outputs.values())).ndim:
        raise RequestError('the outputs have no common batch axis; send "inputs" instead of "instances"')
    if only:
        return {"predictions": columns[only]}
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}


def _write_array(name, array):
    if array.dtype != object:
        return array.tolist()
    as_base64 = name.endswith("_bytes")
    return object_array([_write_bytes(value, as_base64) for value in array.ravel()]).reshape(array.shape).tolist()


def _write_bytes(value, as_base64):
    if not as_base64:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return {"b64": base64.b64encode(value).decode("ascii")}


def read_examples(body, max_rows):
    """Convert a classify or regress request to tf.train.Examples.

    Args:
        body: dict; its "context" is merged into each of its "examples".
        max_rows: maximum number of examples.

    Returns:
        Object array of serialized examples.

    Raises:
        RequestError: If the request is malformed or has too many examples.
    """
    examples, context = body.get("examples"), body.get("context", {})
    if not isinstance(examples, list) or not examples:
        raise RequestError('"examples" must be a non-empty list')
    if len(examples) > max_rows:
        raise RequestError(f"{len(examples)} examples; at most {max_rows} are accepted per request")
    for where, row in [('"context"', context), *((f"examples[{index}]", row) for index, row in enumerate(examples))]:
        if not isinstance(row, dict):
            raise RequestError(f"{where} is {_json_type(row)}; expected an object of features")
    return object_array([_read_example({**context, **row}).SerializeToString() for row in examples])


def _read_example(features):
    example = tf.train.Example()
    for name, values in features.items():
        feature = example.features.feature[name]
        values = values if isinstance(values, list) else [values]
        expected = f"feature {name!r} must be a number, a string, or a list of either"
        types = {type(value) for value in values}
        try:
            if types <= {bool, int}:
                feature.int64_list.value.extend(map(int, values))
            elif types <= {int, float}:
                feature.float_list.value.extend(values)
            else:
                feature.bytes_list.value.extend(_read_bytes(value, expected) for value in values)
        except (ValueError, OverflowError):
            raise RequestError(f"{expected}; received a number that is too large") from None
    return example


def write_classifications(outputs):
    """Return the response to a classify request: a list of [label, score] for each example."""
    scores = outputs.get("scores")
    classes = outputs.get("classes")
    shape = (classes if scores is None else scores).shape
    labels = np.full(shape, "", object) if classes is None else np.array(_write_array("classes", classes), object)
    values = np.zeros(shape) if scores is None else scores
    pairs = zip(labels.tolist(), values.tolist(), strict=True)
    return {"results": [[list(pair) for pair in zip(*row, strict=True)] for row in pairs]}


def write_regressions(outputs):
    """Return the response to a regress request: a number for each example."""
    return {"results": outputs["outputs"].reshape(-1).tolist()}
