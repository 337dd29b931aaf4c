"""Whatever is sent, each answer is of the protocol and the next request is fine."""

import http.client
import json
import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MODEL = "/v1/models/spam_detector"
GOOD = json.dumps({"instances": ["hello"]}).encode()
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
    | st.builds(lambda cut: GOOD[:cut], st.integers(0, len(GOOD) - 1))
)
visible = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
parts = st.sampled_from(["v1", "models", "spam_detector", "..", "%2e%2e", "versions", "0", "labels", ":predict"])
paths = st.sampled_from([f"{MODEL}:predict", MODEL, f"{MODEL}/metadata", f"{MODEL}/versions/1:classify", "/metrics"])
paths |= st.lists(parts | st.text(visible, max_size=8), max_size=7).map(lambda found: "/" + "/".join(found))
methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])


@pytest.fixture(scope="module")
def ask(server, log):
    """A request on a connection that stays, or on a new one where the server has closed it; status and body."""
    connection = http.client.HTTPConnection(urlsplit(server.http).netloc, timeout=40)

    def send(method, path, body):
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()

    yield send
    connection.close()
    assert server.process.poll() is None
    statuses = [json.loads(line)["status"] for line in log.read_text().splitlines()]
    assert len(statuses) > 100 and max(statuses) < 500


def assert_fine(ask):
    status, body = ask("POST", f"{MODEL}:predict", GOOD)
    assert status == 200 and len(json.loads(body)["predictions"]) == 1


@BOUNDED
@given(body=bodies, method=st.sampled_from(["predict", "classify", "regress"]))
def test_any_body_is_answered_or_refused(ask, body, method):
    status, answer = ask("POST", f"{MODEL}:{method}", body)
    told = json.loads(answer)
    if status == 200:
        assert method == "predict" and set(told) <= {"predictions", "outputs"}
    else:
        assert 400 <= status < 500 and set(told) == {"error"} and told["error"]
    assert_fine(ask)


@BOUNDED
@given(method=methods, path=paths)
def test_any_address_is_answered_or_refused(ask, method, path):
    status, answer = ask(method, path, None)
    assert status == 200 or 400 <= status < 500
    if status != 200 and method != "HEAD":
        assert set(json.loads(answer)) == {"error"}
    assert b"root:" not in answer
    assert_fine(ask)


@BOUNDED
@given(sent=st.binary(max_size=120) | st.builds(
    lambda head, cut: head[: cut % (len(head) + 1)],
    st.just(f"POST {MODEL}:predict HTTP/1.1\r\nHost: a\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD),
    st.integers(0, 200),
))  # fmt: skip
def test_any_bytes_on_a_connection_leave_the_server_well(ask, server, sent):
    place = urlsplit(server.http)
    with socket.create_connection((place.hostname, place.port), timeout=40) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
    assert_fine(ask)
