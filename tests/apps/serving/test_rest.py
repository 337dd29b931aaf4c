"""The REST API: paths, errors, misbehaving clients, limits, tokens, logs."""

import contextlib
import http.client
import json
import re
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import grpc
import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from apps import serve
from apps.common import cli
from tests.conftest import serving

MODEL = "/v1/models/spam_detector"
VALID = {"instances": ["hello"]}


def test_version_status_and_metadata(server, post):
    for path in (MODEL, f"{MODEL}/versions/1"):
        (version,) = requests.get(server.http + path, timeout=60).json()["model_version_status"]
        assert (version["version"], version["state"]) == ("1", "AVAILABLE")
        assert version["status"] == {"error_code": "OK", "error_message": ""}
        assert post(VALID, f"{path}:predict").json() == post(VALID).json()
        metadata = requests.get(f"{server.http}{path}/metadata", timeout=60).json()
        assert metadata["model_spec"] == {"name": "spam_detector", "signature_name": "", "version": "1"}
        signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
        assert signature["method_name"] == "tensorflow/serving/predict"
        assert signature["inputs"]["text"]["dtype"] == "DT_STRING"


@pytest.mark.parametrize(
    "method, path, code",
    [
        ("POST", "/v1/models/nonesuch:predict", 404),
        ("POST", f"{MODEL}/versions/7:predict", 404),
        ("POST", f"{MODEL}/labels/stable:predict", 404),
        ("POST", f"{MODEL}/versions/x:predict", 404),
        ("POST", f"{MODEL}/versions/{'9' * 40}:predict", 404),
        ("POST", f"{MODEL}:explain", 404),
        ("POST", f"{MODEL}:classify", 400),
        ("POST", f"{MODEL}:regress", 400),
        ("GET", f"{MODEL}:predict", 405),
        ("POST", MODEL, 405),
        ("DELETE", MODEL, 405),
        ("GET", "/v1/models/..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/v1/models/%2e%2e/%2e%2e/config.json", 404),
        ("GET", "/config.json", 404),
        ("GET", "//etc/passwd", 404),
    ],
)
def test_wrong_path_or_method_gets_a_json_error(server, method, path, code):
    # Not with requests, which normalizes the path.
    connection = http.client.HTTPConnection(urlsplit(server.http).netloc, timeout=60)
    connection.request(method, path, json.dumps({"examples": [{"x": 1}]}) if method == "POST" else None)
    response = connection.getresponse()
    assert response.status == code
    assert set(json.loads(response.read())) == {"error"}


def test_too_large_body_is_rejected_before_it_is_read(server, post):
    connection = http.client.HTTPConnection(urlsplit(server.http).netloc, timeout=60)
    connection.putrequest("POST", f"{MODEL}:predict")
    connection.putheader("Content-Length", str(100 * 2**20))
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413 and "more than" in json.loads(response.read())["error"]
    assert post(b"x" * (16 * 2**20 + 1)).status_code == 413
    assert post({"instances": ["a"] * 1_000_000}).status_code == 400
    assert post(VALID).status_code == 200


def test_request_id_is_returned_and_logged(log, post):
    assert post(VALID, headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == "mine-1"
    forged = post(VALID, headers={"X-Request-Id": 'a"\t{b}' + "c" * 100}).headers["x-request-id"]
    assert re.fullmatch("abc{62}", forged)
    assert re.fullmatch("[0-9a-f]{32}", post(VALID).headers["x-request-id"])
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (line,) = (line for line in lines if line["id"] == "mine-1")
    assert (line["method"], line["path"], line["status"]) == ("POST", f"{MODEL}:predict", 200)
    assert 0 < line["seconds"] < 60


def test_health_and_metrics(server, post):
    post(VALID), post(b"{"), post(VALID, "/v1/models/unknown-name:predict")
    for path in ("/healthz", "/readyz"):
        assert requests.get(server.http + path, timeout=60).status_code == 200
    text = requests.get(server.http + "/metrics", timeout=60).text
    for code in (200, 400):
        match = re.search(
            rf'engram_requests_total\{{code="{code}",method="predict",model="spam_detector",.*\}} (.*)', text
        )
        assert float(match[1]) >= 1
    assert re.search(r'engram_request_seconds_bucket\{le="\+Inf",method="predict",model="spam_detector"\} [1-9]', text)
    assert 'engram_waiting_requests{model="spam_detector"} 0.0' in text
    assert re.search(r'engram_batch_rows_count\{model="spam_detector"\} [1-9]', text)
    assert "unknown-name" not in text


def test_page_and_its_models_are_served(server):
    page = requests.get(server.http + "/", timeout=60)
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert requests.get(server.http + "/page.js", timeout=60).text.startswith('"use strict"')
    (model,) = requests.get(server.http + "/page/models", timeout=60).json()["models"]
    assert (model["name"], model["version"]) == ("spam_detector", 1)
    signature = model["signatures"]["serving_default"]
    assert signature == {"inputs": {"text": {"dtype": "string", "shape": [None]}}, "outputs": ["label", "probability"]}


def test_server_survives_disconnects_and_invalid_http(server, post):
    address = urlsplit(server.http)
    for sent in (b"", b"POST ", b"\x16\x03\x01" + b"x" * 50, b"GET / HTTP/9.9\r\n\r\n",
                 f"POST {MODEL}:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\n{{".encode()):  # fmt: skip
        with socket.create_connection((address.hostname, address.port), timeout=60) as client:
            client.sendall(sent)
    assert post(VALID).status_code == 200


def test_token_request_timeout_and_cors(trained, tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    arguments = ["--token-file", tmp_path / "token", "--deadline", 1, "--cors", "https://example.org", "--labels",
                 "mine:stable=1"]  # fmt: skip
    with serving(f"mine={trained}", *arguments) as running:
        url = running.http + "/v1/models/mine"
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "s3cret"}):
            response = requests.get(url, headers=headers, timeout=60)
            assert response.status_code == 401 and set(response.json()) == {"error"}
        headers = {"Authorization": "Bearer s3cret", "Origin": "https://example.org"}
        response = requests.post(f"{url}/labels/stable:predict", json=VALID, headers=headers, timeout=60)
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == "https://example.org"
        assert requests.get(running.http + "/healthz", timeout=60).status_code == 200
        # Slow loris: an incomplete head and an incomplete body must both time out.
        address = urlsplit(running.http)
        for sent in (b"POST /v1",
                     b"POST /v1/models/mine:predict HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer s3cret\r\n"
                     b"Content-Length: 9\r\n\r\n{"):  # fmt: skip
            with socket.create_connection((address.hostname, address.port), timeout=20) as client:
                client.sendall(sent)
                response = http.client.HTTPResponse(client)
                response.begin()
                assert response.status == 408
                assert json.loads(response.read()) == {"error": "the request was incomplete after 1 s"}
                assert client.recv(1) == b""


def test_new_version_is_loaded_during_requests(run_dir, tmp_path):
    with serving(run_dir, "--poll", 0.05) as running:
        url = f"{running.http}{MODEL}"
        export = run_dir / "export"
        shutil.copytree(export / "1", export / ".2")
        (export / ".2").rename(export / "2")
        deadline = time.monotonic() + 60
        while requests.get(url, timeout=60).json()["model_version_status"][0]["version"] != "2":
            assert requests.post(f"{url}:predict", json=VALID, timeout=60).status_code == 200
            assert time.monotonic() < deadline
        assert requests.post(f"{url}/versions/1:predict", json=VALID, timeout=60).status_code == 404


class Slow(tf.Module):
    """Identity function that takes half a second."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def __call__(self, x):
        # A graph loop, as time.sleep would only run while tracing.
        start = tf.timestamp()
        (elapsed,) = tf.while_loop(
            lambda elapsed: elapsed < 0.5, lambda elapsed: [tf.timestamp() - start], [start - start]
        )
        return {"y": x + 0 * tf.cast(elapsed, tf.float32)}


def test_full_queue_gets_429_and_late_response_504(tmp_path):
    model = Slow()
    tf.saved_model.save(model, str(tmp_path / "slow" / "1"), {"serving_default": model.__call__})
    arguments = ["--max-queue", 2, "--max-batch-size", 1, "--deadline", 0.8]
    with serving(tmp_path / "slow", *arguments) as running:
        url = f"{running.http}/v1/models/slow:predict"
        with ThreadPoolExecutor(4) as clients:
            futures = [clients.submit(requests.post, url, json={"instances": [1.0]}, timeout=60) for _ in range(4)]
            responses = [future.result() for future in futures]
        # The first one runs, the second waits longer than the deadline, and the queue has no space for the others.
        assert sorted(response.status_code for response in responses) == [200, 429, 429, 504]
        by_code = {response.status_code: response for response in responses}
        assert by_code[504].json() == {"error": "no response within 0.8 s"}
        assert by_code[429].headers["retry-after"] == "1" and "already waiting" in by_code[429].json()["error"]
        assert requests.post(url, json={"instances": [2.0]}, timeout=60).json() == {"predictions": [2.0]}
        assert requests.get(f"{running.http}/healthz", timeout=60).status_code == 200


def test_nothing_is_computed_for_clients_that_have_gone(tmp_path):
    model = Slow()
    tf.saved_model.save(model, str(tmp_path / "slow" / "1"), {"serving_default": model.__call__})
    with serving(tmp_path / "slow", "--max-batch-size", 1) as running:
        url = f"{running.http}/v1/models/slow:predict"
        address = urlsplit(running.http)
        body = b'{"instances": [1.0]}'
        head = f"POST {address.path}/v1/models/slow:predict HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
        with contextlib.ExitStack() as clients:
            for _ in range(6):
                client = clients.enter_context(socket.create_connection((address.hostname, address.port), timeout=60))
                client.sendall(head.encode() + body)
            time.sleep(0.2)
        assert requests.post(url, data=body, timeout=60).json() == {"predictions": [1.0]}
        metrics = requests.get(f"{running.http}/metrics", timeout=60).text
        computed = float(re.search(r'engram_batch_rows_sum{model="slow"} ([\d.]+)', metrics)[1])
    # The first was running when its client left.
    assert computed == 2


def test_both_protocols_use_tls(trained, tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("making a certificate needs openssl")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", certificate, "-keyout", key],
        check=True, capture_output=True,
    )  # fmt: skip
    with serving(trained, "--tls-certificate", certificate, "--tls-key", key) as running:
        assert running.url.startswith("https://")
        # This connection stays open and must not delay the server's shutdown.
        idle = requests.Session()
        assert idle.post(running.url, json=VALID, verify=certificate, timeout=60).status_code == 200
        address = urlsplit(running.http)
        with socket.create_connection((address.hostname, address.port), timeout=60) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            assert not plain.recv(1000).startswith(b"HTTP"), "answered without TLS"
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        with grpc.secure_channel(running.grpc, credentials) as channel:
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            request = get_model_status_pb2.GetModelStatusRequest()
            request.model_spec.name = "spam_detector"
            assert stub.GetModelStatus(request, timeout=60).model_version_status[0].version == 1
        running.process.terminate()
        assert running.process.wait(timeout=20) == 0
    idle.close()
    assert cli.run(serve.serve, [str(trained), "--tls-certificate", str(key), "--tls-key", str(key)]) == 2
