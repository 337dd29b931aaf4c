"""HTTP: TensorFlow Serving's addresses, requests that are wrong, clients that are rude, limits, tokens, logs."""

import http.client
import json
import re
import shutil
import socket
import time
from urllib.parse import urlsplit

import pytest
import requests

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
                assert json.loads(answer.read()) == {"error": "the request was not whole within 1 s"}
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
