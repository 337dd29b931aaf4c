"""Requests and answers of TensorFlow Serving's REST API, after its documentation and the behaviour of its tests.

docs/serving_conformance.md lists the cases, and where this server differs on purpose.
"""

import gzip
import json

import numpy as np
import pytest
import requests
import tensorflow as tf

from tests.conftest import ROOT, serving, shared_data

FLOATS = tf.TensorSpec(None, tf.float32)
FEATURES = {"x": tf.io.FixedLenFeature([1], tf.float32), "x2": tf.io.FixedLenFeature([1], tf.float32, [0.0])}


def echo(dtype, shape=(None,)):
    return tf.function(lambda x: {"y": tf.identity(x)}, input_signature=[tf.TensorSpec(shape, dtype, "x")])


class HalfPlusTwo(tf.Module):
    """y = x / 2 + 2, with the signatures of TensorFlow Serving's test models, and echoes of every type."""

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32, "x")])
    def predict(self, x):
        return {"y": 0.5 * x + 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def regress(self, inputs):
        return {"outputs": 0.5 * tf.io.parse_example(inputs, FEATURES)["x"] + 2}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "inputs")])
    def classify(self, inputs):
        scores = 0.5 * tf.io.parse_example(inputs, FEATURES)["x"] + 2
        return {"scores": scores, "classes": tf.fill(tf.shape(scores), "half plus two")}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, "a"), tf.TensorSpec([None], tf.int32, "b")])
    def pair(self, a, b):
        return {"total": tf.reduce_sum(a, axis=1), "b": b}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "x")])
    def bytes(self, x):
        return {"image_bytes": x, "text": x}


TYPES = ["float64", "float16", "bfloat16", "int8", "uint8", "int16", "int32", "int64", "uint64", "bool", "string"]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "half_plus_two"
    module = HalfPlusTwo()
    module.echoes = [echo(tf.as_dtype(name)) for name in TYPES]
    signatures = dict(zip(TYPES, module.echoes, strict=True))
    signatures |= {"serving_default": module.predict, "regress": module.regress, "classify": module.classify}
    signatures |= {"pair": module.pair, "bytes": module.bytes}
    tf.saved_model.save(module, str(folder / "00000123"), signatures)
    with serving(folder, "--labels", "half_plus_two:stable=123") as server:
        yield server.http


M = "/v1/models/half_plus_two"
ONE_TWO_FIVE = [2.5, 3.0, 4.5]


def rows(signature, *values):
    return {"signature_name": signature, "instances": list(values)}


# Name: (path, request, status, answer or words of the error).
CASES = {
    "rows": (f"{M}:predict", {"instances": [1.0, 2.0, 5.0]}, 200, {"predictions": ONE_TWO_FIVE}),
    "columns": (f"{M}:predict", {"inputs": [1.0, 2.0, 5.0]}, 200, {"outputs": ONE_TWO_FIVE}),
    "named rows": (f"{M}:predict", {"instances": [{"x": 1.0}, {"x": 2.0}]}, 200, {"predictions": [2.5, 3.0]}),
    "named columns": (f"{M}:predict", {"inputs": {"x": [1.0, 2.0]}}, 200, {"outputs": [2.5, 3.0]}),
    "matrix": (f"{M}:predict", {"instances": [[1.0, 2.0], [5.0, 1.0]]}, 200, {"predictions": [[2.5, 3.0], [4.5, 2.5]]}),
    "scalar": (f"{M}:predict", {"inputs": 1.0}, 200, {"outputs": 2.5}),
    "integers for floats": (f"{M}:predict", {"instances": [1, 2, 5]}, 200, {"predictions": ONE_TWO_FIVE}),
    "signature by name": (f"{M}:predict", rows("serving_default", 1.0), 200, {"predictions": [2.5]}),
    "empty signature name": (f"{M}:predict", rows("", 1.0), 200, {"predictions": [2.5]}),
    "version": (f"{M}/versions/123:predict", {"instances": [1.0]}, 200, {"predictions": [2.5]}),
    "version with zeros": (f"{M}/versions/00000123:predict", {"instances": [1.0]}, 200, {"predictions": [2.5]}),
    "label": (f"{M}/labels/stable:predict", {"instances": [1.0]}, 200, {"predictions": [2.5]}),
    "path in capitals": ("/V1/MODELS/half_plus_two:PREDICT", {"instances": [1.0]}, 200, {"predictions": [2.5]}),
    "unknown keys are ignored": (f"{M}:predict", {"instances": [1.0], "zip": 3}, 200, {"predictions": [2.5]}),
    "two inputs, rows": (
        f"{M}:predict", rows("pair", {"a": [1, 2], "b": 3}), 200, {"predictions": [{"total": 3.0, "b": 3}]}),
    "two inputs, columns": (
        f"{M}:predict", {"signature_name": "pair", "inputs": {"a": [[1, 2]], "b": [3]}}, 200,
        {"outputs": {"total": [3.0], "b": [3]}}),
    "shortest decimals": (
        f"{M}:predict", rows("pair", {"a": [0.2, 0], "b": 1}), 200, b'{"predictions":[{"b":1,"total":0.2}]}'),
    "not finite numbers": (f"{M}:predict", b'{"instances": [NaN, Infinity, -Infinity]}', 200,
                           b'{"predictions":[NaN,Infinity,-Infinity]}'),
    "strings": (f"{M}:predict", rows("string", "a", "é\u2028"), 200, {"predictions": ["a", "é\u2028"]}),
    "bytes": (f"{M}:predict", rows("string", {"b64": "/w=="}), 200, {"predictions": [{"b64": "/w=="}]}),
    "outputs named bytes": (
        f"{M}:predict", rows("bytes", "ab"), 200, {"predictions": [{"image_bytes": {"b64": "YWI="}, "text": "ab"}]}),
    "booleans": (f"{M}:predict", rows("bool", True, False), 200, {"predictions": [True, False]}),
    "int64": (f"{M}:predict", rows("int64", 2**53 + 1, -(2**63)), 200, {"predictions": [2**53 + 1, -(2**63)]}),
    "uint64": (f"{M}:predict", rows("uint64", 2**64 - 1), 200, {"predictions": [2**64 - 1]}),
    "float64": (f"{M}:predict", rows("float64", 0.1, 1e300), 200, {"predictions": [0.1, 1e300]}),
    "float16": (f"{M}:predict", rows("float16", 0.5), 200, {"predictions": [0.5]}),
    "bfloat16": (f"{M}:predict", rows("bfloat16", 0.5), 200, {"predictions": [0.5]}),
    "int8": (f"{M}:predict", rows("int8", -128, 127), 200, {"predictions": [-128, 127]}),
    "uint8": (f"{M}:predict", rows("uint8", 0, 255), 200, {"predictions": [0, 255]}),
    "int16": (f"{M}:predict", rows("int16", -32768), 200, {"predictions": [-32768]}),
    "int32": (f"{M}:predict", rows("int32", 2147483647), 200, {"predictions": [2147483647]}),
    "classify": (
        f"{M}:classify", {"signature_name": "classify", "examples": [{"x": 1.0}, {"x": 2.0}]}, 200,
        {"results": [[["half plus two", 2.5]], [["half plus two", 3.0]]]}),
    "classify with context": (
        f"{M}:classify", {"signature_name": "classify", "context": {"x": 5.0}, "examples": [{"x2": 1.0}]}, 200,
        {"results": [[["half plus two", 4.5]]]}),
    "regress": (f"{M}:regress", {"signature_name": "regress", "examples": [{"x": 1.0}, {"x": [5.0]}]}, 200,
                {"results": [2.5, 4.5]}),
    "status": (M, None, 200, {"model_version_status": [
        {"version": "123", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}]}),
    "status of a version": (f"{M}/versions/123", None, 200, {"model_version_status": [
        {"version": "123", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}]}),
    "unknown model": ("/v1/models/none:predict", {"instances": [1.0]}, 404, "none"),
    "unknown version": (f"{M}/versions/9:predict", {"instances": [1.0]}, 404, "9"),
    "unknown label": (f"{M}/labels/none:predict", {"instances": [1.0]}, 404, "none"),
    "unknown signature": (f"{M}:predict", rows("none", 1.0), 400, "none"),
    "unknown method": (f"{M}:none", {"instances": [1.0]}, 404, "none"),
    "no JSON": (f"{M}:predict", b"junk", 400, "JSON"),
    "JSON of another type": (f"{M}:predict", b"[1]", 400, "object"),
    "empty body": (f"{M}:predict", b"", 400, "JSON"),
    "neither rows nor columns": (f"{M}:predict", {"signature_name": ""}, 400, "instances"),
    "rows and columns": (f"{M}:predict", {"instances": [1.0], "inputs": [1.0]}, 400, "either"),
    "no rows": (f"{M}:predict", {"instances": []}, 400, "non-empty"),
    "rows that are no list": (f"{M}:predict", {"instances": 1.0}, 400, "list"),
    "lists of different lengths": (f"{M}:predict", {"instances": [[1.0], [1.0, 2.0]]}, 400, "different lengths"),
    "text for numbers": (f"{M}:predict", {"instances": ["1.0"]}, 400, "string"),
    "floats for integers": (f"{M}:predict", rows("int32", 1.5), 400, "number"),
    "a number over the type's range": (f"{M}:predict", rows("uint8", 256), 400, "outside"),
    "a name that is no input": (f"{M}:predict", {"instances": [{"z": 1.0}]}, 400, "'z'"),
    "an input that is missing": (f"{M}:predict", rows("pair", {"a": [1, 2]}), 400, "'b'"),
    "bytes that are no base64": (f"{M}:predict", rows("string", {"b64": "a"}), 400, "base64"),
    "classify by another signature": (f"{M}:classify", {"examples": [{"x": 1.0}]}, 400, "classify"),
    "regress by another signature": (
        f"{M}:regress", {"signature_name": "classify", "examples": [{"x": 1}]}, 400, "regress"),
    "examples that are none": (f"{M}:regress", {"signature_name": "regress", "examples": [1.0]}, 400, "object"),
    "a feature that is missing": (
        f"{M}:regress", {"signature_name": "regress", "examples": [{"y": 1}]}, 400, "Feature: x"),
}  # fmt: skip
PASSED = []


@pytest.mark.parametrize("name", CASES)
def test_request_is_answered_as_by_tensorflow_serving(url, name):
    path, body, status, expected = CASES[name]
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    answer = requests.get(url + path, timeout=60) if body is None else requests.post(url + path, data=data, timeout=60)
    assert answer.status_code == status, answer.text
    if isinstance(expected, bytes):
        assert answer.content == expected
    elif isinstance(expected, str):
        assert set(answer.json()) == {"error"} and expected in answer.json()["error"]
    else:
        assert answer.json() == expected
    if body is not None:
        packed = requests.post(url + path, data=gzip.compress(data), headers={"Content-Encoding": "gzip"}, timeout=60)
        assert packed.content == answer.content
    PASSED.append(name)
    print(f"{len(PASSED)} of {len(CASES)} cases of TensorFlow Serving's REST API pass")


def test_every_case_is_documented():
    text = (ROOT / "docs" / "serving_conformance.md").read_text(encoding="utf-8")
    assert len(CASES) > 50
    for name, (path, _, status, _) in CASES.items():
        assert f"| {name} | `{path.replace('half_plus_two', 'M')}` | {status} |" in text, name


def test_test_models_of_tensorflow_serving_are_served():
    folder = shared_data("tfserving_models")
    found = sorted(path for path in folder.glob("saved_model_*") if next(path.glob("*/saved_model.pb"), None))
    # TensorFlow's own loader refuses these two.
    found = [path for path in found if not path.name.endswith(("_counter", "_half_plus_three"))]
    assert len(found) >= 9
    with serving(*found) as server:
        for path in found:
            model = f"{server.http}/v1/models/{path.name}"
            # Their inputs have an unknown rank, the shape (None, 1), or the shape (1,).
            forms = ([1.0, 2.0, 5.0], [[1.0], [2.0], [5.0]], [1.0])
            answers = [requests.post(f"{model}:predict", json={"instances": form}, timeout=60) for form in forms]
            found = [np.ravel(answer.json()["predictions"]).tolist() for answer in answers if answer.ok]
            assert found and all(values == ONE_TWO_FIVE[: len(values)] for values in found), path
        name = "saved_model_half_plus_two_tf2_cpu"
        for method, signature, found in (
            ("classify", "classify_x_to_y", {"results": [[["", 2.5]]]}),
            ("regress", "regress_x_to_y", {"results": [2.5]}),
        ):
            body = {"signature_name": signature, "examples": [{"x": 1.0}]}
            answer = requests.post(f"{server.http}/v1/models/{name}:{method}", json=body, timeout=60)
            assert answer.json() == found
        name = "saved_model_half_plus_two_2_versions"
        answer = requests.get(f"{server.http}/v1/models/{name}/metadata", timeout=60).json()
        golden = json.loads((folder / f"{name}_metadata.json").read_text())
        newest = {**golden, "model_spec": {**golden["model_spec"], "version": "124"}}
        assert answer == newest
