"""Conversion between TensorFlow Serving's JSON and tensors.

Follows https://www.tensorflow.org/tfx/serving/api_rest: a request holds rows ("instances") or columns ("inputs"), and
its response has the same format; bytes are {"b64": "..."}, as are outputs whose names end in _bytes.
"""

import base64
import binascii
import json
import zlib
from itertools import chain, islice

import numpy as np
import orjson
import tensorflow as tf

from .errors import RequestError

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


# Values converted at a time, so that other threads run in between.
CHUNK = 2**16


def decompress(body, encoding, max_body):
    """Undo the Content-Encoding of a body.

    Args:
        body: bytes.
        encoding: value of the header, in lower case.
        max_body: maximum number of bytes of the result.

    Raises:
        RequestError: If the encoding is unknown, the body is damaged, or the result is too large.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        raise RequestError(f"Content-Encoding {encoding[:40]!r}: expected gzip, deflate or none", 415)
    stream = zlib.decompressobj(32 + zlib.MAX_WBITS)
    try:
        found = stream.decompress(bytes(body), max_body + 1)
    except zlib.error as error:
        raise RequestError(f"the body is not {encoding} ({error})") from None
    if len(found) > max_body:
        raise RequestError(f"the unpacked body has more than {max_body} bytes; send fewer instances", 413)
    if not stream.eof:
        raise RequestError(f"the body is not complete {encoding}")
    return found


def loads(body, limits):
    """Parse a JSON object.

    Args:
        body: bytes.
        limits: `Limits`.

    Returns:
        dict.

    Raises:
        RequestError: If the body is not a JSON object in UTF-8, or has too many values.
    """
    # An upper bound that costs nothing: parsing would need memory for all.
    check_num_values(body.count(b",") + 1, limits)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        value = _loads_exceptional(body, error)
    if not isinstance(value, dict):
        raise RequestError(f"the body is {_json_type(value)}; expected an object")
    return value


def _loads_exceptional(body, error):
    """Parse what orjson refuses and TensorFlow Serving accepts: numbers that are not finite."""
    if not (b"NaN" in body or b"Infinity" in body):
        if "depth limit" in str(error):
            raise RequestError("the body is nested too deeply") from None
        if "UTF-8" in str(error) or "surrogate" in str(error):
            raise RequestError(f"the body is not UTF-8 or has an unpaired surrogate: {error}") from None
        raise RequestError(f"the body is not JSON: {error}") from None
    try:
        return json.loads(body)
    except RecursionError:
        raise RequestError("the body is nested too deeply") from None
    except ValueError as refused:
        raise RequestError(f"the body is not JSON: {refused}") from None


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
        check_num_rows(name, len(tensor) if tensor.ndim else 1, max_rows)
    return tensors, by_row


def check_num_rows(name, rows, max_rows):
    """Raise a `RequestError` if an input has more than `max_rows` rows."""
    if rows > max_rows:
        raise RequestError(f"input {name!r} has {rows} rows; at most {max_rows} are accepted per request")


def check_num_values(count, limits):
    """Raise a `RequestError` if a request has more numbers and strings than the `Limits` allow."""
    if count > limits.max_values:
        raise RequestError(f"the request has {count} values; at most {limits.max_values} are accepted", 413)


def check_repeated(size, count, limits):
    """Raise a `RequestError` if `size` bytes, used `count` times, are more than the `Limits` allow."""
    if size * count > limits.max_body:
        raise RequestError(f"the context has {size} bytes for each of {count} examples; send it once, or less", 413)


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
    for wrong_type in set(map(type, flat)) - types:
        value = next(value for value in flat if type(value) is wrong_type)
        raise RequestError(f"{expected}; received {_json_type(value)}")
    if spec.dtype.is_integer and flat and not spec.dtype.min <= min(flat) <= max(flat) <= spec.dtype.max:
        raise RequestError(f"{expected}; received a number outside [{spec.dtype.min}, {spec.dtype.max}]")
    try:
        return _to_array(flat, spec.dtype.as_numpy_dtype).reshape(shape)
    except OverflowError:
        raise RequestError(f"{expected}; received a number that is too large") from None


def _to_array(values, dtype):
    array = np.empty(len(values), dtype)
    rest = iter(values)
    for start in range(0, len(values), CHUNK):
        part = list(islice(rest, CHUNK))
        array[start : start + len(part)] = part
    return array


def object_array(values):
    """Return a list of strings or bytes as an object array; np.array would strip trailing NULs."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def check_method(signature, method_name):
    """Raise a `RequestError` if a signature cannot classify or regress.

    As in TensorFlow Serving, its inputs and outputs decide: models of TensorFlow 2 say "predict" for all methods.
    """
    allowed = {"classes", "scores"} if method_name == CLASSIFY else {"outputs"}
    outputs, definition = set(signature.definition.outputs), signature.definition
    is_method = definition.method_name == method_name or list(definition.inputs) == ["inputs"]
    if not is_method or not outputs or not outputs <= allowed or len(signature.inputs) != 1:
        raise RequestError(
            f"the signature is for {definition.method_name}, from {_quote(definition.inputs)} to {_quote(outputs)}; "
            f"expected one for {method_name}, from 'inputs' to {_quote(allowed)}"
        )


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
    if list in set(map(type, flat)):
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
    """Return the response to a predict request, JSON as bytes.

    Args:
        outputs: {name: array}.
        by_row: whether the request holds rows ("instances").

    Raises:
        RequestError: If the request holds rows and the outputs do not have one row each.
    """
    columns = {name: _write_array(name, array) for name, array in outputs.items()}
    finite = _is_finite(outputs.values())
    only = next(iter(columns)) if len(columns) == 1 else None
    if not by_row:
        return dumps({"outputs": columns[only] if only else columns}, finite)
    if len({array.shape[:1] for array in outputs.values()}) != 1 or not next(iter(outputs.values())).ndim:
        raise RequestError('the outputs have no common batch axis; send "inputs" instead of "instances"')
    if only:
        return dumps({"predictions": columns[only]}, finite)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return dumps({"predictions": rows}, finite)


def dumps(value, finite=True):
    """Return JSON, as bytes.

    Args:
        value: of dicts, lists, strings, bools and numbers.
        finite: whether all numbers are; the others are written as NaN, Infinity and -Infinity, as TensorFlow Serving
            does.
    """
    return orjson.dumps(value) if finite else json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _is_finite(arrays):
    return all(array.dtype.kind != "f" or np.isfinite(array).all() for array in arrays)


def _write_numbers(name, array):
    """Return an array as nested lists; float32 as the shortest decimals that read back."""
    if array.dtype.kind in "biu" or array.dtype == np.float64:
        return array.tolist()
    if array.dtype.kind == "c":
        raise RequestError(f"output {name!r} is {array.dtype}, for which JSON has no form; use gRPC")
    flat = np.ascontiguousarray(array, "float32").ravel()
    if np.isfinite(flat).all():
        values = orjson.loads(orjson.dumps(flat, option=orjson.OPT_SERIALIZE_NUMPY))
    else:
        values = flat.astype(str).astype("float64").tolist()
    return np.array(values).reshape(array.shape).tolist()


def _write_array(name, array):
    if array.dtype != object:
        return _write_numbers(name, array)
    as_base64 = name.endswith("_bytes")
    return object_array([_write_bytes(value, as_base64) for value in array.ravel()]).reshape(array.shape).tolist()


def _write_bytes(value, as_base64):
    if not as_base64:
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return {"b64": base64.b64encode(value).decode("ascii")}


def read_examples(body, limits):
    """Convert a classify or regress request to tf.train.Examples.

    Args:
        body: dict; its "context" is merged into each of its "examples".
        limits: `Limits`.

    Returns:
        Object array of serialized examples.

    Raises:
        RequestError: If the request is malformed or has too many examples.
    """
    examples, context = body.get("examples"), body.get("context", {})
    if not isinstance(examples, list) or not examples:
        raise RequestError('"examples" must be a non-empty list')
    if len(examples) > limits.max_instances:
        raise RequestError(f"{len(examples)} examples; at most {limits.max_instances} are accepted per request")
    for where, row in [('"context"', context), *((f"examples[{index}]", row) for index, row in enumerate(examples))]:
        if not isinstance(row, dict):
            raise RequestError(f"{where} is {_json_type(row)}; expected an object of features")
    check_repeated(_read_example(context).ByteSize(), len(examples), limits)
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
    values = np.zeros(shape).tolist() if scores is None else _write_numbers("scores", scores)
    pairs = zip(labels.tolist(), values, strict=True)
    return {"results": [[list(pair) for pair in zip(*row, strict=True)] for row in pairs]}


def write_regressions(outputs):
    """Return the response to a regress request: a number for each example."""
    return {"results": _write_numbers("outputs", outputs["outputs"].reshape(-1))}
