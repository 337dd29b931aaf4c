"""TensorFlow Serving's JSON and tensors, each from the other.

The rules are those of https://www.tensorflow.org/tfx/serving/api_rest: a request is in rows ("instances") or in columns
("inputs"), and so is its answer; bytes are {"b64": "..."}, and outputs whose name ends in _bytes are answered so.
"""

import base64
import binascii
import json
from itertools import chain

import numpy as np
import tensorflow as tf

from .errors import RequestError


def loads(body):
    """The object that a JSON body holds."""
    try:
        found = json.loads(body)
    except UnicodeDecodeError as error:
        raise RequestError(f"the body is not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise RequestError("the body is nested too deeply") from None
    except ValueError as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise RequestError(f"the body is {_kind(found)}; expected an object")
    return found


def read_tensors(body, specs, most):
    """Tensors of a predict request.

    Args:
        body: dict.
        specs: {name: tf.TensorSpec} of the inputs.
        most: rows that are accepted.

    Returns:
        {name: array}, and whether the request was in rows.

    Raises:
        RequestError: what is wrong with it.
    """
    if ("instances" in body) == ("inputs" in body):
        raise RequestError('expected a JSON object with either "instances" (rows) or "inputs" (columns)')
    by_row = "instances" in body
    columns = _columns_of_rows(body["instances"], specs, most) if by_row else _columns(body["inputs"], specs)
    tensors = {name: _tensor(name, columns[name], spec) for name, spec in specs.items()}
    for name, tensor in tensors.items():
        check_num_rows(name, tensor, most)
    return tensors, by_row


def check_num_rows(name, tensor, most):
    """Refuses an array of more rows than are accepted."""
    if tensor.ndim and len(tensor) > most:
        raise RequestError(f"input {name!r} has {len(tensor)} rows; at most {most} are accepted at once")


def _columns(inputs, specs):
    if not isinstance(inputs, dict) or _is_bytes(inputs):
        if len(specs) != 1:
            raise RequestError(f'"inputs" is {_kind(inputs)}; expected an object with {_names(specs)}')
        inputs = {next(iter(specs)): inputs}
    check_names('"inputs"', inputs, specs)
    return inputs


def _columns_of_rows(instances, specs, most):
    if not isinstance(instances, list) or not instances:
        raise RequestError('"instances" must be a list with something in it')
    if len(instances) > most:
        raise RequestError(f"{len(instances)} instances; at most {most} are accepted at once")
    if len(specs) == 1 and (not isinstance(instances[0], dict) or _is_bytes(instances[0])):
        return {next(iter(specs)): instances}
    for number, row in enumerate(instances):
        if not isinstance(row, dict):
            raise RequestError(f"instances[{number}] is {_kind(row)}; expected an object with {_names(specs)}")
        check_names(f"instances[{number}]", row, specs)
    return {name: [row[name] for row in instances] for name in specs}


def check_names(where, given, specs):
    """Refuses other names than those of the inputs."""
    if given.keys() != specs.keys():
        raise RequestError(f"{where} has {_names(given)}; expected {_names(specs)}")


def _tensor(name, column, spec):
    expected = f"input {name!r} must be {spec.dtype.name} of shape {spec.shape}"
    shape, flat = _flattened(column, expected)
    if not spec.shape.is_compatible_with(shape):
        raise RequestError(f"{expected}; received shape {tuple(shape)}")
    if spec.dtype == tf.string:
        return object_array([_bytes_of(value, expected) for value in flat]).reshape(shape)
    kinds = {bool} if spec.dtype == tf.bool else {int} if spec.dtype.is_integer else {int, float}
    for kind in {type(value) for value in flat} - kinds:
        found = next(value for value in flat if type(value) is kind)
        raise RequestError(f"{expected}; it holds {_kind(found)}")
    if spec.dtype.is_integer and flat and not spec.dtype.min <= min(flat) <= max(flat) <= spec.dtype.max:
        raise RequestError(f"{expected}; it holds a number that is not from {spec.dtype.min} to {spec.dtype.max}")
    try:
        return np.array(flat, spec.dtype.as_numpy_dtype).reshape(shape)
    except OverflowError:
        raise RequestError(f"{expected}; it holds a number that is too large") from None


def object_array(values):
    """A list of strings or bytes as an array of objects: np.array would cut off NULs."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def check_method(signature, kind):
    """Refuses a signature that is for another method."""
    if signature.definition.method_name != kind:
        raise RequestError(f"the signature is for {signature.definition.method_name}; this method needs one for {kind}")


def _flattened(column, expected):
    """The shape of nested lists, and all that is in them."""
    shape, flat = [], column
    if not isinstance(flat, list):
        return shape, [flat]
    shape = [len(flat)]
    while flat and isinstance(flat[0], list):
        size = len(flat[0])
        if any(type(part) is not list or len(part) != size for part in flat):
            raise RequestError(f"{expected}; its lists are not all of one length")
        shape.append(size)
        flat = list(chain.from_iterable(flat))
    if any(isinstance(value, list) for value in flat):
        raise RequestError(f"{expected}; its lists are not all of one length")
    return shape, flat


def _bytes_of(value, expected):
    if isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError:
            raise RequestError(f"{expected}; it holds half of a surrogate pair, which is no text") from None
    if not _is_bytes(value):
        raise RequestError(f"{expected}; it holds {_kind(value)}")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise RequestError(f'{expected}; {{"b64": ...}} does not hold base64 ({error})') from None


def _is_bytes(value):
    return isinstance(value, dict) and value.keys() == {"b64"}


def _kind(value):
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return {dict: "an object", list: "a list", str: "a string", int: "a whole number", float: "a number"}[type(value)]


def _names(given):
    return ", ".join(map(repr, sorted(given))) or "nothing"


def write_tensors(outputs, by_row):
    """The answer to a predict request, for `json.dumps`.

    Args:
        outputs: {name: array}.
        by_row: whether the request was in rows.
    """
    plain = {name: _plain(name, array) for name, array in outputs.items()}
    alone = next(iter(plain)) if len(plain) == 1 else None
    if not by_row:
        return {"outputs": plain[alone] if alone else plain}
    if len({array.shape[:1] for array in outputs.values()}) != 1 or not next(iter(outputs.values())).ndim:
        raise RequestError('the outputs are not rows of one batch; ask in columns, with "inputs"')
    if alone:
        return {"predictions": plain[alone]}
    return {"predictions": [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]}


def _plain(name, array):
    if array.dtype != object:
        return array.tolist()
    encoded = name.endswith("_bytes")
    return object_array([_text(value, encoded) for value in array.ravel()]).reshape(array.shape).tolist()


def _text(value, encoded):
    if not encoded:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return {"b64": base64.b64encode(value).decode("ascii")}


def read_examples(body, most):
    """The tf.train.Examples of a classify or regress request, as strings, with the shared context in each."""
    examples, context = body.get("examples"), body.get("context", {})
    if not isinstance(examples, list) or not examples:
        raise RequestError('"examples" must be a list with something in it')
    if len(examples) > most:
        raise RequestError(f"{len(examples)} examples; at most {most} are accepted at once")
    for where, row in [('"context"', context), *((f"examples[{place}]", row) for place, row in enumerate(examples))]:
        if not isinstance(row, dict):
            raise RequestError(f"{where} is {_kind(row)}; expected an object of features")
    return object_array([_example({**context, **row}).SerializeToString() for row in examples])


def _example(features):
    example = tf.train.Example()
    for name, values in features.items():
        feature = example.features.feature[name]
        values = values if isinstance(values, list) else [values]
        expected = f"feature {name!r} must be a number, a string, or a list of one of them"
        kinds = {type(value) for value in values}
        try:
            if kinds <= {bool, int}:
                feature.int64_list.value.extend(map(int, values))
            elif kinds <= {int, float}:
                feature.float_list.value.extend(values)
            else:
                feature.bytes_list.value.extend(_bytes_of(value, expected) for value in values)
        except (ValueError, OverflowError):
            raise RequestError(f"{expected}; it holds a number that is too large") from None
    return example


def write_classifications(outputs):
    """The answer to a classify request: of each example [label, score] of each class."""
    scores = outputs.get("scores")
    classes = outputs.get("classes")
    shape = (classes if scores is None else scores).shape
    labels = np.full(shape, "", object) if classes is None else np.array(_plain("classes", classes), object)
    values = np.zeros(shape) if scores is None else scores
    pairs = zip(labels.tolist(), values.tolist(), strict=True)
    return {"results": [[list(pair) for pair in zip(*row, strict=True)] for row in pairs]}


def write_regressions(outputs):
    """The answer to a regress request: of each example a number."""
    return {"results": outputs["outputs"].reshape(-1).tolist()}
