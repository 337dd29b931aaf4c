"""The server: TensorFlow Serving's REST form, and bad requests that it answers and outlives."""

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


def test_rows_are_answered_by_rows(url):
    for instances in (["call 0906 to win", "hello"], [{"text": "call 0906 to win"}, {"text": "hello"}]):
        answer = post(url, {"instances": instances})
        assert answer.status_code == 200
        rows = answer.json()["predictions"]
        assert [set(row) for row in rows] == [{"label", "probability"}] * 2
        assert rows[0]["probability"] > rows[1]["probability"]


def test_columns_are_answered_by_columns(url):
    for inputs in (["hello", "free cash"], {"text": ["hello", "free cash"]}):
        outputs = post(url, {"inputs": inputs}).json()["outputs"]
        assert set(outputs) == {"label", "probability"}
        assert len(outputs["label"]) == len(outputs["probability"]) == 2
    assert post(url, {"inputs": ["hello"], "signature_name": "serving_default"}).status_code == 200


def test_status_names_the_version(url):
    answer = requests.get(url + MODEL, timeout=60).json()
    (version,) = answer["model_version_status"]
    assert (version["version"], version["state"]) == ("1", "AVAILABLE")


def test_empty_text_and_nul_are_answered(url):
    rows = post(url, {"instances": ["", "\0", " \n", "x" * 1_000_000]}).json()["predictions"]
    assert len(rows) == 4
    assert all(0 <= row["probability"] <= 1 for row in rows)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ""),
        (b"{", "Expecting"),
        (b"\xff\xfe\x00", ""),
        (b"[" * 100_000, "nested too deeply"),
        ([], "a list; expected an object"),
        ({}, "instances"),
        ({"instances": ["a"], "inputs": ["a"]}, "either"),
        ({"instances": []}, "something in it"),
        ({"instances": "hello"}, "must be a list"),
        ({"instances": [1, 2]}, "it holds a whole number"),
        ({"instances": [None]}, "it holds null"),
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
def test_bad_request_is_answered_and_the_next_is_fine(url, body, words):
    answer = post(url, body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    assert words in answer.json()["error"]
    assert post(url, {"instances": ["hello"]}).status_code == 200


def test_unknown_model_and_path_are_404(url):
    answer = post(url, {"instances": ["a"]}, "/v1/models/nonesuch:predict")
    assert answer.status_code == 404
    assert "spam_detector" in answer.json()["error"]
    for path in ("/other", "/v1/models/..%2f..%2fetc:predict", "/etc/passwd"):
        assert requests.get(url + path, timeout=60).status_code == 404


def assert_refused(capsys, arguments, *words):
    assert cli.run(serve.serve, [str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    for word in words:
        assert str(word) in error


def test_what_cannot_be_served_is_refused(trained, tmp_path, capsys):
    assert_refused(capsys, [], "no model given")
    assert_refused(capsys, [tmp_path], tmp_path, "neither a run directory")
    assert_refused(capsys, [trained, trained], "a second model")
    bare = shutil.copytree(trained, tmp_path / "bare", ignore=shutil.ignore_patterns("export"))
    assert_refused(capsys, [bare], "nothing exported", "apps.spam_detector.export")
    broken = shutil.copytree(trained, tmp_path / "broken")
    graph = broken / "export" / "1" / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:1000])
    # TensorFlow, which has run in this process, takes its threads no more.
    ended = run_module("apps.serve", broken)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert f"{broken}/export/1" in ended.stderr and "not a whole SavedModel" in ended.stderr
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_refused(capsys, [trained, "--port", port], f"--port {port}", "choose another")
