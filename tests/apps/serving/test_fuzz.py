"""Fuzz tests: any request gets a valid response or error, and the server still answers the next one."""

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MODEL = "/v1/models/spam_detector"
VALID = json.dumps({"instances": ["hello"]}).encode()
BOUNDED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just({"b64": "aGk="})
keys = st.sampled_from(["instances", "inputs", "signature_name", "text", "b64", "examples", "context"]) | st.text(
    max_size=5
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)
bodies = (
    st.dictionaries(keys, values, max_size=4).map(lambda value: json.dumps(value).encode())
    | values.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=200)
    | st.builds(lambda cut: VALID[:cut], st.integers(0, len(VALID) - 1))
)
visible = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
segments = st.sampled_from(["v1", "models", "spam_detector", "..", "%2e%2e", "versions", "0", "labels", ":predict"])
paths = st.sampled_from([f"{MODEL}:predict", MODEL, f"{MODEL}/metadata", f"{MODEL}/versions/1:classify", "/metrics"])
paths |= st.lists(segments | st.text(visible, max_size=8), max_size=7).map(lambda path: "/" + "/".join(path))
methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])


@pytest.fixture(scope="module")
def send(server, log):
    """Function that sends a request on a persistent connection and returns the status and body of the response."""
    connection = http.client.HTTPConnection(urlsplit(server.http).netloc, timeout=40)

    def send(method, path, body):
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read()

    yield send
    connection.close()
    assert server.process.poll() is None
    statuses = [json.loads(line)["status"] for line in log.read_text().splitlines()]
    assert len(statuses) > 100 and max(statuses) < 500


def assert_answers(send):
    status, body = send("POST", f"{MODEL}:predict", VALID)
    assert status == 200 and len(json.loads(body)["predictions"]) == 1


@BOUNDED
@given(body=bodies, method=st.sampled_from(["predict", "classify", "regress"]))
def test_any_body_gets_a_response_or_an_error(send, body, method):
    status, content = send("POST", f"{MODEL}:{method}", body)
    response = json.loads(content)
    if status == 200:
        assert method == "predict" and set(response) <= {"predictions", "outputs"}
    else:
        assert 400 <= status < 500 and set(response) == {"error"} and response["error"]
    assert_answers(send)


@BOUNDED
@given(method=methods, path=paths)
def test_any_path_gets_a_response_or_an_error(send, method, path):
    status, content = send(method, path, None)
    assert status == 200 or 400 <= status < 500
    if status != 200 and method != "HEAD":
        assert set(json.loads(content)) == {"error"}
    assert b"root:" not in content
    assert_answers(send)


@BOUNDED
@given(sent=st.binary(max_size=120) | st.builds(
    lambda head, cut: head[: cut % (len(head) + 1)],
    st.just(f"POST {MODEL}:predict HTTP/1.1\r\nHost: a\r\nContent-Length: {len(VALID)}\r\n\r\n".encode() + VALID),
    st.integers(0, 200),
))  # fmt: skip
def test_server_survives_any_bytes(send, server, sent):
    address = urlsplit(server.http)
    with socket.create_connection((address.hostname, address.port), timeout=40) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
    assert_answers(send)
