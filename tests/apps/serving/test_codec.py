"""Conversion between TensorFlow Serving's JSON and tensors."""

import gzip
import json
import zlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.serving import codec
from apps.serving.errors import RequestError
from apps.serving.options import Limits

TEXT = {"text": tf.TensorSpec([None], tf.string)}
PAIR = {"a": tf.TensorSpec([None, 2], tf.float32), "b": tf.TensorSpec([None], tf.int32)}


def read(body, specs=PAIR, max_rows=100):
    return codec.read_tensors(body, specs, max_rows)


def test_rows_and_columns_give_equal_tensors():
    rows, by_row = read({"instances": [{"a": [1, 2.5], "b": 3}, {"a": [4, 5], "b": 6}]})
    columns, in_columns = read({"inputs": {"a": [[1, 2.5], [4, 5]], "b": [3, 6]}})
    assert by_row and not in_columns
    for name, expected in {"a": np.array([[1, 2.5], [4, 5]], "float32"), "b": np.array([3, 6], "int32")}.items():
        for tensors in (rows, columns):
            np.testing.assert_array_equal(tensors[name], expected)
            assert tensors[name].dtype == expected.dtype


def test_single_input_needs_no_name():
    for body in ({"instances": ["x", "y"]}, {"instances": [{"text": "x"}, {"text": "y"}]}, {"inputs": ["x", "y"]}):
        assert read(body, TEXT)[0]["text"].tolist() == [b"x", b"y"]


def test_base64_round_trips_every_byte():
    body = {"instances": [{"b64": "AAH/AA=="}, {"b64": ""}]}
    assert read(body, TEXT)[0]["text"].tolist() == [b"\0\1\xff\0", b""]
    for bad in ("a", "a===", "é", 3, None, "AA\n=="):
        with pytest.raises(RequestError, match="base64"):
            read({"instances": [{"b64": bad}]}, TEXT)


def test_non_finite_numbers_are_accepted_as_in_tensorflow_serving():
    tensors, _ = read(codec.loads(b'{"inputs": {"a": [[NaN, Infinity]], "b": [1]}}', Limits()))
    assert np.isnan(tensors["a"][0, 0]) and np.isinf(tensors["a"][0, 1])
    assert codec.write_tensors({"x": tensors["a"]}, True) == b'{"predictions":[[NaN,Infinity]]}'


@pytest.mark.parametrize(
    "body, message",
    [
        ({}, "either"),
        ({"instances": [], "inputs": []}, "either"),
        ({"instances": []}, "must be a non-empty list"),
        ({"instances": {"a": 1}}, "must be a non-empty list"),
        ({"instances": [3]}, r"instances\[0\] is an integer; expected an object with 'a', 'b'"),
        ({"instances": [{"a": [1, 2]}]}, r"instances\[0\] has 'a'; expected 'a', 'b'"),
        ({"inputs": [1]}, '"inputs" is a list'),
        ({"inputs": {"a": [[1, 2]], "b": [1], "c": 1}}, "has 'a', 'b', 'c'"),
        ({"inputs": {"a": [[1, 2], [3]], "b": [1]}}, "'a' .* lists of different lengths"),
        ({"inputs": {"a": [[1, 2], 3], "b": [1]}}, "'a' .* lists of different lengths"),
        ({"inputs": {"a": [1, [2]], "b": [1]}}, "'a' .* lists of different lengths"),
        ({"inputs": {"a": [[1, 2, 3]], "b": [1]}}, r"float32 of shape \(None, 2\); received shape \(1, 3\)"),
        ({"inputs": {"a": [[1, "2"]], "b": [1]}}, "received a string"),
        ({"inputs": {"a": [[1, True]], "b": [1]}}, "received true"),
        ({"inputs": {"a": [[1, None]], "b": [1]}}, "received null"),
        ({"inputs": {"a": [[1, {}]], "b": [1]}}, "received an object"),
        ({"inputs": {"a": [[1, 10**400]], "b": [1]}}, "too large"),
        ({"inputs": {"a": [[1, 2]], "b": [1.5]}}, "'b' .* received a number"),
        ({"inputs": {"a": [[1, 2]], "b": [2**31]}}, r"outside \[-2147483648"),
        ({"inputs": {"a": [[1, 2]], "b": 1}}, r"received shape \(\)"),
        ({"instances": [{"a": [1, 2], "b": 3}] * 101}, "101 instances; at most 100"),
        ({"inputs": {"a": [[1, 2]] * 101, "b": [3] * 101}}, "has 101 rows; at most 100"),
    ],
)
def test_wrong_request_raises(body, message):
    with pytest.raises(RequestError, match=message) as error:
        read(body)
    assert error.value.code == 400


@pytest.mark.parametrize(
    "body, message",
    [
        (b"", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"[1]", "is a list"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": 1} 2', "not JSON"),
    ],
)
def test_body_that_is_not_an_object_raises(body, message):
    with pytest.raises(RequestError, match=message):
        codec.loads(body, Limits())


def test_unpaired_surrogate_raises():
    with pytest.raises(RequestError, match="surrogate"):
        read(codec.loads(b'{"instances": ["\\ud800"]}', Limits()), TEXT)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "b64", "x"]), inner),
    max_leaves=12,
)


# The first draw is slow on a busy machine.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(["instances", "inputs"]), json_values))
def test_any_json_is_read_or_raises_a_request_error(body):
    for specs in (PAIR, TEXT):
        try:
            tensors, _ = read(body, specs)
        except RequestError as error:
            assert str(error)
        else:
            for name, spec in specs.items():
                assert spec.shape.is_compatible_with(tensors[name].shape)


def test_response_has_the_format_of_the_request():
    outputs = {"label": np.array([b"ham", b"spam"], object), "p": np.array([0.25, 0.5], "float32")}
    rows = [{"label": "ham", "p": 0.25}, {"label": "spam", "p": 0.5}]
    assert written(outputs, True) == {"predictions": rows}
    assert written(outputs, False) == {"outputs": {"label": ["ham", "spam"], "p": [0.25, 0.5]}}
    assert written({"p": outputs["p"]}, True) == {"predictions": [0.25, 0.5]}
    assert written({"p": outputs["p"]}, False) == {"outputs": [0.25, 0.5]}
    with pytest.raises(RequestError, match="no common batch axis"):
        codec.write_tensors({**outputs, "total": np.array(3)}, True)


def written(outputs, by_row):
    return json.loads(codec.write_tensors(outputs, by_row))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "bfloat16", "int8", "uint64", "bool"])
def test_numbers_are_written_in_their_shortest_form(dtype):
    values = (
        np.array([[0, 1], [1, 0]]) if dtype in ("bool", "int8", "uint64") else np.array([[0.2, 1e-7], [3.25, 1e30]])
    )
    with np.errstate(over="ignore"):
        array = values.astype(tf.as_dtype(dtype).as_numpy_dtype)
    found = written({"x": array}, False)["outputs"]
    np.testing.assert_array_equal(np.array(found).astype(array.dtype), array)
    if dtype == "float32":
        assert codec.write_tensors({"x": array}, False) == b'{"outputs":[[0.2,1e-7],[3.25,1e+30]]}'
    scalar = written({"x": array[0, 0]}, False)["outputs"]
    assert not isinstance(scalar, list)
    with pytest.raises(RequestError, match="complex64"):
        codec.write_tensors({"x": array.astype("float32").astype("complex64")}, False)


def test_packed_bodies_are_unpacked_up_to_the_limit():
    body = b'{"instances": ["a"]}'
    assert codec.decompress(gzip.compress(body), "gzip", 100) == body
    assert codec.decompress(zlib.compress(body), "deflate", 100) == body
    assert codec.decompress(body, "", 5) == body
    for packed, encoding, code in (
        (gzip.compress(bytes(10**7)), "gzip", 413),
        (gzip.compress(body)[:-9], "gzip", 400),
        (b"no gzip", "gzip", 400),
        (body, "br", 415),
    ):
        with pytest.raises(RequestError) as error:
            codec.decompress(packed, encoding, 10**6)
        assert error.value.code == code


def test_request_with_too_many_values_is_refused_before_it_is_parsed():
    body = b'{"inputs": [' + b"0," * 1000 + b"0]}"
    with pytest.raises(RequestError, match="1001 values; at most 1000") as error:
        codec.loads(body, Limits(max_values=1000))
    assert error.value.code == 413


def test_outputs_named_bytes_or_not_utf8_are_base64():
    outputs = {"image_bytes": np.array([b"ab"], object), "text": np.array([b"\xff"], object)}
    assert written(outputs, False) == {"outputs": {"image_bytes": [{"b64": "YWI="}], "text": [{"b64": "/w=="}]}}


def test_context_is_merged_into_each_example():
    body = {"context": {"day": 3}, "examples": [{"x": [0.5, 1]}, {"x": 2.5, "word": "é", "raw": {"b64": "/w=="}}]}
    first, second = map(tf.train.Example.FromString, codec.read_examples(body, Limits(max_instances=10)))
    assert list(first.features.feature["x"].float_list.value) == [0.5, 1]
    assert list(first.features.feature["day"].int64_list.value) == [3]
    assert list(second.features.feature["word"].bytes_list.value) == ["é".encode()]
    assert list(second.features.feature["raw"].bytes_list.value) == [b"\xff"]
    repeated = {"context": {"x": "a" * 1000}, "examples": [{}] * 10}
    with pytest.raises(RequestError, match="for each of 10 examples"):
        codec.read_examples(repeated, Limits(max_body=5000))
    wrong = [[], [1], [{"x": None}], [{"x": 2**70}], [{"x": ["a", 1]}], [{}] * 11, None]
    for bad in [{}, {"examples": [{}], "context": []}, *({"examples": examples} for examples in wrong)]:
        with pytest.raises(RequestError):
            codec.read_examples(bad, Limits(max_instances=10))
