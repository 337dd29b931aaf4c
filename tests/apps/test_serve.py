"""The server's command line and its REST API, with valid and invalid requests."""

import json
import shutil
import socket

import pytest
import requests

from apps import serve
from apps.common import cli
from tests.conftest import run_module, serving

MODEL = "/v1/models/spam_detector"


@pytest.fixture(scope="module")
def url(trained):
    with serving(trained) as server:
        yield server.http


def post(url, body, path=f"{MODEL}:predict"):
    return requests.post(url + path, data=body if isinstance(body, bytes) else json.dumps(body), timeout=60)


def test_instances_get_predictions(url):
    for instances in (["call 0906 to win", "hello"], [{"text": "call 0906 to win"}, {"text": "hello"}]):
        response = post(url, {"instances": instances})
        assert response.status_code == 200
        rows = response.json()["predictions"]
        assert [set(row) for row in rows] == [{"label", "probability"}] * 2
        assert rows[0]["probability"] > rows[1]["probability"]


def test_inputs_get_outputs(url):
    for inputs in (["hello", "free cash"], {"text": ["hello", "free cash"]}):
        outputs = post(url, {"inputs": inputs}).json()["outputs"]
        assert set(outputs) == {"label", "probability"}
        assert len(outputs["label"]) == len(outputs["probability"]) == 2
    assert post(url, {"inputs": ["hello"], "signature_name": "serving_default"}).status_code == 200


def test_status_lists_the_version(url):
    status = requests.get(url + MODEL, timeout=60).json()
    (version,) = status["model_version_status"]
    assert (version["version"], version["state"]) == ("1", "AVAILABLE")


def test_empty_and_nul_texts_get_predictions(url):
    rows = post(url, {"instances": ["", "\0", " \n", "x" * 1_000_000]}).json()["predictions"]
    assert len(rows) == 4
    assert all(0 <= row["probability"] <= 1 for row in rows)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", ""),
        (b"{", "unexpected end"),
        (b"\xff\xfe\x00", ""),
        (b"[" * 100_000, "nested too deeply"),
        ([], "a list; expected an object"),
        ({}, "instances"),
        ({"instances": ["a"], "inputs": ["a"]}, "either"),
        ({"instances": []}, "non-empty list"),
        ({"instances": "hello"}, "must be a non-empty list"),
        ({"instances": [1, 2]}, "received an integer"),
        ({"instances": [None]}, "received null"),
        ({"instances": [["a"], ["b"]]}, "received shape (2, 1)"),
        ({"instances": ["a", ["b"]]}, "input 'text'"),
        ({"instances": [{"text": "a"}, "b"]}, "instances[1]"),
        ({"instances": [{"text": "a"}, {"words": "b"}]}, "has 'words'; expected 'text'"),
        ({"inputs": {"words": ["a"]}}, "expected 'text'"),
        ({"inputs": "hello"}, "received shape ()"),
        ({"instances": ["a"], "signature_name": "other"}, "no signature 'other'"),
        ({"instances": ["a"], "signature_name": 3}, "no signature 3"),
        ({"instances": ["a"], "signature_name": ["a"]}, "no signature"),
        ({"instances": [{"b64": "a"}]}, "base64"),
        (b'{"instances": ["\\ud800"]}', "surrogate"),
    ],
)
def test_invalid_request_gets_an_error_and_the_next_is_answered(url, body, message):
    response = post(url, body)
    assert response.status_code == 400
    assert set(response.json()) == {"error"}
    assert message in response.json()["error"]
    assert post(url, {"instances": ["hello"]}).status_code == 200


def test_unknown_model_and_path_are_404(url):
    response = post(url, {"instances": ["a"]}, "/v1/models/nonesuch:predict")
    assert response.status_code == 404
    assert "spam_detector" in response.json()["error"]
    for path in ("/other", "/v1/models/..%2f..%2fetc:predict", "/etc/passwd"):
        assert requests.get(url + path, timeout=60).status_code == 404


def assert_fails(capsys, arguments, *messages):
    assert cli.run(serve.serve, [str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    for message in messages:
        assert str(message) in error


def test_wrong_arguments_fail_with_one_line(trained, tmp_path, capsys):
    assert_fails(capsys, [], "no model given")
    assert_fails(capsys, [tmp_path], tmp_path, "neither a run directory")
    assert_fails(capsys, [trained, trained], "a second model")
    not_exported = shutil.copytree(trained, tmp_path / "run", ignore=shutil.ignore_patterns("export"))
    assert_fails(capsys, [not_exported], "not exported yet", "apps.spam_detector.export")
    broken = shutil.copytree(trained, tmp_path / "broken")
    graph = broken / "export" / "1" / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:1000])
    # In another process: TensorFlow has run in this one and no longer accepts a number of threads.
    result = run_module("apps.serve", broken)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert f"{broken}/export/1" in result.stderr and "not a complete SavedModel" in result.stderr
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert_fails(capsys, [trained, "--port", port], f"--port {port}", "choose another")
