"""HTTP: TensorFlow Serving's addresses, requests that are wrong, clients that are rude, limits, tokens, logs."""

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
GOOD = {"instances": ["hello"]}


def test_addresses_of_version_and_metadata(server, post):
    for path in (MODEL, f"{MODEL}/versions/1"):
        (version,) = requests.get(server.http + path, timeout=60).json()["model_version_status"]
        assert (version["version"], version["state"]) == ("1", "AVAILABLE")
        assert version["status"] == {"error_code": "OK", "error_message": ""}
        assert post(GOOD, f"{path}:predict").json() == post(GOOD).json()
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
def test_what_is_not_there_is_refused_in_json(server, method, path, code):
    # requests would tidy the path.
    connection = http.client.HTTPConnection(urlsplit(server.http).netloc, timeout=60)
    connection.request(method, path, json.dumps({"examples": [{"x": 1}]}) if method == "POST" else None)
    answer = connection.getresponse()
    assert answer.status == code
    assert set(json.loads(answer.read())) == {"error"}


def test_a_body_that_is_too_large_is_refused_before_it_is_read(server, post):
    connection = http.client.HTTPConnection(urlsplit(server.http).netloc, timeout=60)
    connection.putrequest("POST", f"{MODEL}:predict")
    connection.putheader("Content-Length", str(100 * 2**20))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413 and "more than" in json.loads(answer.read())["error"]
    assert post(b"x" * (16 * 2**20 + 1)).status_code == 413
    assert post({"instances": ["a"] * 1_000_000}).status_code == 400
    assert post(GOOD).status_code == 200


def test_request_ids_go_round_and_the_log_says_what_was_asked(log, post):
    assert post(GOOD, headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == "mine-1"
    forged = post(GOOD, headers={"X-Request-Id": 'a"\t{b}' + "c" * 100}).headers["x-request-id"]
    assert re.fullmatch("abc{62}", forged)
    assert re.fullmatch("[0-9a-f]{32}", post(GOOD).headers["x-request-id"])
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (line,) = (line for line in lines if line["id"] == "mine-1")
    assert (line["method"], line["path"], line["status"]) == ("POST", f"{MODEL}:predict", 200)
    assert 0 < line["seconds"] < 60


def test_health_and_metrics(server, post):
    post(GOOD), post(b"{"), post(GOOD, "/v1/models/made-up-name:predict")
    for path in ("/healthz", "/readyz"):
        assert requests.get(server.http + path, timeout=60).status_code == 200
    text = requests.get(server.http + "/metrics", timeout=60).text
    for code in (200, 400):
        found = re.search(
            rf'engram_requests_total\{{code="{code}",method="predict",model="spam_detector",.*\}} (.*)', text
        )
        assert float(found[1]) >= 1
    assert re.search(r'engram_request_seconds_bucket\{le="\+Inf",method="predict",model="spam_detector"\} [1-9]', text)
    assert 'engram_waiting_requests{model="spam_detector"} 0.0' in text
    assert re.search(r'engram_batch_rows_count\{model="spam_detector"\} [1-9]', text)
    assert "made-up-name" not in text


def test_page_is_served_and_told_of_the_models(server):
    page = requests.get(server.http + "/", timeout=60)
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert requests.get(server.http + "/page.js", timeout=60).text.startswith('"use strict"')
    (model,) = requests.get(server.http + "/page/models", timeout=60).json()["models"]
    assert (model["name"], model["version"]) == ("spam_detector", 1)
    signature = model["signatures"]["serving_default"]
    assert signature == {"inputs": {"text": {"dtype": "string", "shape": [None]}}, "outputs": ["label", "probability"]}


def test_client_that_hangs_up_or_says_nonsense_leaves_the_server_well(server, post):
    place = urlsplit(server.http)
    for sent in (b"", b"POST ", b"\x16\x03\x01" + b"x" * 50, b"GET / HTTP/9.9\r\n\r\n",
                 f"POST {MODEL}:predict HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\n{{".encode()):  # fmt: skip
        with socket.create_connection((place.hostname, place.port), timeout=60) as client:
            client.sendall(sent)
    assert post(GOOD).status_code == 200


def test_token_deadline_and_cors(trained, tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    arguments = ["--token-file", tmp_path / "token", "--deadline", 1, "--cors", "https://example.org", "--labels",
                 "mine:stable=1"]  # fmt: skip
    with serving(f"mine={trained}", *arguments) as running:
        url = running.http + "/v1/models/mine"
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "s3cret"}):
            answer = requests.get(url, headers=headers, timeout=60)
            assert answer.status_code == 401 and set(answer.json()) == {"error"}
        right = {"Authorization": "Bearer s3cret", "Origin": "https://example.org"}
        answer = requests.post(f"{url}/labels/stable:predict", json=GOOD, headers=right, timeout=60)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://example.org"
        assert requests.get(running.http + "/healthz", timeout=60).status_code == 200
        # Slow loris: neither a head nor a body may take for ever.
        place = urlsplit(running.http)
        for sent in (b"POST /v1",
                     b"POST /v1/models/mine:predict HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer s3cret\r\n"
                     b"Content-Length: 9\r\n\r\n{"):  # fmt: skip
            with socket.create_connection((place.hostname, place.port), timeout=20) as client:
                client.sendall(sent)
                answer = http.client.HTTPResponse(client)
                answer.begin()
                assert answer.status == 408
                assert json.loads(answer.read()) == {"error": "the request was incomplete after 1 s"}
                assert client.recv(1) == b""


def test_new_version_is_picked_up_while_requests_go_on(run_dir, tmp_path):
    with serving(run_dir, "--poll", 0.05) as running:
        url = f"{running.http}{MODEL}"
        export = run_dir / "export"
        shutil.copytree(export / "1", export / ".2")
        (export / ".2").rename(export / "2")
        deadline = time.monotonic() + 60
        while requests.get(url, timeout=60).json()["model_version_status"][0]["version"] != "2":
            assert requests.post(f"{url}:predict", json=GOOD, timeout=60).status_code == 200
            assert time.monotonic() < deadline
        assert requests.post(f"{url}/versions/1:predict", json=GOOD, timeout=60).status_code == 404


class Slow(tf.Module):
    """Takes half a second for each request."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def __call__(self, x):
        # A loop of TensorFlow's own: a SavedModel holds no Python.
        start = tf.timestamp()
        waited = tf.while_loop(lambda passed: passed < 0.5, lambda passed: [tf.timestamp() - start], [start - start])
        return {"y": x + 0 * tf.cast(waited[0], tf.float32)}


def test_overload_and_a_late_answer_are_said(tmp_path):
    model = Slow()
    tf.saved_model.save(model, str(tmp_path / "slow" / "1"), {"serving_default": model.__call__})
    arguments = ["--max-queue", 2, "--max-batch-size", 1, "--deadline", 0.8]
    with serving(tmp_path / "slow", *arguments) as running:
        url = f"{running.http}/v1/models/slow:predict"
        with ThreadPoolExecutor(4) as clients:
            sent = [clients.submit(requests.post, url, json={"instances": [1.0]}, timeout=60) for _ in range(4)]
            answers = [one.result() for one in sent]
        # The first is in the model's hands, the second waits too long, more may not wait.
        assert sorted(answer.status_code for answer in answers) == [200, 429, 429, 504]
        told = {answer.status_code: answer for answer in answers}
        assert told[504].json() == {"error": "no answer within 0.8 s"}
        assert told[429].headers["retry-after"] == "1" and "already waiting" in told[429].json()["error"]
        assert requests.post(url, json={"instances": [2.0]}, timeout=60).json() == {"predictions": [2.0]}
        assert requests.get(f"{running.http}/healthz", timeout=60).status_code == 200


def test_tls_is_spoken_by_both_protocols(trained, tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("no openssl on this machine, to make a certificate")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", certificate, "-keyout", key],
        check=True, capture_output=True,
    )  # fmt: skip
    with serving(trained, "--tls-certificate", certificate, "--tls-key", key) as running:
        assert running.url.startswith("https://")
        # A client that keeps its connection must not hold up the server's end.
        idle = requests.Session()
        assert idle.post(running.url, json=GOOD, verify=certificate, timeout=60).status_code == 200
        place = urlsplit(running.http)
        with socket.create_connection((place.hostname, place.port), timeout=60) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            assert not plain.recv(1000).startswith(b"HTTP"), "who does not speak TLS is told nothing"
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        with grpc.secure_channel(running.grpc, credentials) as channel:
            stub = model_service_pb2_grpc.ModelServiceStub(channel)
            asked = get_model_status_pb2.GetModelStatusRequest()
            asked.model_spec.name = "spam_detector"
            assert stub.GetModelStatus(asked, timeout=60).model_version_status[0].version == 1
        running.process.terminate()
        assert running.process.wait(timeout=20) == 0
    idle.close()
    assert cli.run(serve.serve, [str(trained), "--tls-certificate", str(key), "--tls-key", str(key)]) == 2
