"""The lab's routes, its command, and the stored networks."""

import base64
import json
import signal
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest
import requests

import layers
from apps.common.cli import UserError
from apps.lab.__main__ import lab as command
from apps.lab.make import PATH
from apps.lab.networks import CELLS, TASKS, count_brackets, determined, make_sequences, score
from apps.lab.runs import MAX_STEPS, Run, open_layers
from tests.apps.cases import (
    anomaly_detector,
    forecaster,
    language_model,
    sentiment_classifier,
    spam_detector,
    translator,
)
from tests.conftest import ROOT, assert_refused

from .conftest import lab_server


def test_page_loads_nothing_from_elsewhere(lab):
    page = requests.get(lab, timeout=10)
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    folder = ROOT / "apps" / "lab" / "page"
    served = [requests.get(f"{lab}/{path.name}", timeout=10) for path in folder.iterdir() if path.suffix != ".html"]
    assert len(served) >= 10
    for answer in (page, *served):
        assert answer.status_code == 200
        assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "") and "https://" not in answer.text
    assert sum(len(answer.content) for answer in (page, *served)) + PATH.stat().st_size < 500_000


@pytest.mark.parametrize(
    ("path", "status"), [("/absent", 404), ("/networks.py", 404), ("/page/../server.py", 404), ("/%2e%2e/make.py", 404)]
)
def test_other_files_are_not_served(lab, path, status):
    assert requests.get(lab + path, timeout=10).status_code == status


def test_only_this_machine_is_answered(lab):
    assert requests.get(lab, headers={"Host": "example.org"}, timeout=10).status_code == 400


def test_run_routes_without_a_run(lab):
    assert requests.get(f"{lab}/run", timeout=10).json() is None
    answer = requests.post(f"{lab}/run/read", json={"layer": "layer-0", "text": "x"}, timeout=10)
    assert answer.status_code == 404 and "without a run" in answer.json()["error"]
    assert requests.get(f"{lab}/run/read", timeout=10).status_code == 405


def test_stored_networks_are_small_and_good():
    assert PATH.stat().st_size <= 200_000
    tasks = json.loads(PATH.read_text(encoding="utf-8"))["tasks"]
    assert [task["name"] for task in tasks] == [task.name for task in TASKS]
    seen = 0
    for task, stored in zip(TASKS, tasks, strict=True):
        for cell in CELLS:
            network = stored["networks"][cell]
            assert 4 <= network["units"] <= 16
            inputs, targets, counts = make_sequences(task, 64, 24, seed=11)
            kind = {"simple_rnn": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}[cell]
            layer, dense = kind(network["units"], return_sequences=True), keras.layers.Dense(network["outputs"])
            hidden = layer(inputs)
            dense(hidden)
            for part, names in (
                (layer, ("kernel", "recurrent_kernel", "bias")),
                (dense, ("output_kernel", "output_bias")),
            ):
                shapes = [weight.shape for weight in part.weights]
                part.set_weights([np.reshape(network[name], shape) for name, shape in zip(names, shapes, strict=True)])
            outputs = keras.ops.convert_to_numpy(dense(layer(inputs)))
            assert score(task, outputs, inputs, targets, counts) >= 0.97, (task.name, cell)
            seen += 1
    assert seen == 12


def test_tasks_mean_what_they_say():
    assert count_brackets([0, 0, 1, 1, 1, 0, 0, 0, 0, 0]) == [1, 2, 1, 0, 0, 1, 2, 3, 4, 4]
    hello, _, sine, echo = TASKS
    (inputs,) = make_sequences(echo, 1, 8, 0)[0]
    _, targets, counts = make_sequences(echo, 1, 8, 0)
    assert targets[0, 3:].tolist() == inputs.argmax(axis=-1)[:-3].tolist()
    assert counts[0].tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    text = np.eye(len(hello.inputs))[[hello.inputs.index(letter) for letter in "hello low"]][None]
    assert determined(text)[0].tolist() == [False, True, False, True, True, False, True, True, True]
    inputs, targets, _ = make_sequences(sine, 2, 9, 0)
    np.testing.assert_array_equal(inputs[:, 1:], targets[:, :-1])


def test_command_serves_until_it_is_stopped():
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "apps.lab", "--port", "0", "--no-open"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        address = process.stdout.readline().split()[0]
        assert "<title>Engram lab" in requests.get(address, timeout=30).text
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert "Traceback" not in errors and not any(name in errors for name in ("| keras", "| tensorflow", "| layers"))


def test_mistakes_are_one_line(capsys, tmp_path):
    assert_refused(capsys, command, [tmp_path / "absent"], "absent", "no such run directory")
    assert_refused(capsys, command, [tmp_path], "not a run directory")
    for app, words in (
        ("no_app", ["no_app", "no app in apps/"]),
        ("common", ["no app"]),
        ("video_captioner", ["video_captioner", "spam_detector"]),
    ):
        (tmp_path / "config.json").write_text(json.dumps({"app": app}))
        assert_refused(capsys, command, [tmp_path], *words)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert_refused(capsys, command, ["--port", taken.getsockname()[1]], "--port", "choose another")
    assert_refused(capsys, command, ["--port", 70000], "--port 70000")


@keras.saving.register_keras_serializable("test_lab")
class Shift(keras.layers.Layer):
    """Numbers that are easy to follow, with a mask."""

    def call(self, ids):
        return keras.ops.stack([keras.ops.cast(ids, "float32") / 10, keras.ops.ones_like(ids, "float32")], axis=-1)

    def compute_mask(self, ids, mask=None):
        return keras.ops.not_equal(ids, 0)


@pytest.fixture(scope="module")
def small_run():
    keras.utils.set_random_seed(0)
    ids = keras.Input((None,), dtype="int32")
    x = Shift()(ids)
    x = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="both")(x)
    x = layers.LSTM(4, zoneout=0.1, return_sequences=True, name="zoned")(x)
    model = keras.Model(ids, layers.SimpleRNN(2, name="last")(x))

    def read(text):
        values = np.array([[ord(letter) % 10 for letter in text]])
        return list(text), lambda: model(values)

    return Run("runs/small", "some_app", model, read, "messages")


def floats(text, width):
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(-1, width)


def test_layers_of_a_model_are_read_in_their_order(small_run):
    described = small_run.description["layers"]
    assert [layer["title"].split(":")[0] for layer in described] == ["both, forward", "both, backward", "last"]
    # "2" is the character with code 50: id 0, padding.
    forward, backward, last = (
        json.loads(small_run.read(json.dumps({"layer": layer["path"], "text": "4526"}))) for layer in described
    )
    assert forward["labels"] == list("456") and backward["labels"] == list("654")
    np.testing.assert_allclose(floats(forward["inputs"], 2)[:, 0], [0.2, 0.3, 0.4])
    np.testing.assert_allclose(floats(backward["inputs"], 2)[:, 0], [0.4, 0.3, 0.2])
    assert floats(forward["outputs"], 3).shape == (3, 3) and floats(last["outputs"], 2).shape == (1, 2)


def test_long_texts_are_cut_with_a_message(small_run, monkeypatch):
    monkeypatch.setattr("apps.lab.runs.MAX_CHARACTERS", 250)
    answer = json.loads(small_run.read(json.dumps({"layer": "layer-0", "text": "1" * 3_000})))
    assert len(answer["labels"]) == MAX_STEPS
    assert "250 of 3000 characters" in answer["message"] and "200 of 250 steps" in answer["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "expected"), (b"[1]", "expected"), (b"\xff", "expected"), (b"{}", "expected"),
        (b'{"layer": "layer-9", "text": "x"}', "layer-0"), (b'{"layer": [], "text": "x"}', "layer-0"),
        (b'{"layer": "layer-0", "text": 5}', "text"), (b'{"layer": "layer-0", "text": "  "}', "type a text"),
    ],
)  # fmt: skip
def test_bad_requests_are_refused(small_run, body, words):
    with pytest.raises(UserError, match=words):
        small_run.read(body)


def test_bad_requests_get_a_status(small_run):
    with lab_server(small_run) as address:
        for body, status in ((b"{", 400), (b"x" * 1_000_001, 413)):
            answer = requests.post(f"{address}/run/read", data=body, timeout=10)
            assert answer.status_code == status and answer.json()["error"]
        assert requests.get(f"{address}/run", timeout=10).json()["name"] == "small"


def test_model_without_recurrent_layers_is_refused():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(UserError, match="it has none"):
        Run("x", "app", model, None, "messages")


CASES = [spam_detector, sentiment_classifier, language_model, translator, forecaster, anomaly_detector]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.APP, marks=[] if case in (spam_detector, forecaster) else pytest.mark.slow)
        for case in CASES
    ],
)
def test_runs_of_apps_are_opened(case, trained_once):
    run = open_layers(trained_once(case))
    kinds = {"simple_rnn": keras.layers.SimpleRNN, "lstm": keras.layers.LSTM, "gru": keras.layers.GRU}
    seen = 0
    for described in run.description["layers"]:
        body = json.dumps({"layer": described["path"], "text": run.description["example"]})
        try:
            answer = json.loads(run.read(body))
        except UserError as error:
            # Decoders.
            assert "does not run this layer" in str(error) or "starts from a state" in str(error)
            continue
        network = answer["network"]
        options = {"reset_after": network["reset_after"]} if network["cell"] == "gru" else {}
        layer = kinds[network["cell"]](network["units"], return_sequences=True, **options)
        inputs = floats(answer["inputs"], network["features"])[None]
        layer(inputs)
        names = ("kernel", "recurrent_kernel", "bias")
        layer.set_weights(
            [floats(network[name], 1).reshape(w.shape) for name, w in zip(names, layer.weights, strict=True)]
        )
        outputs = floats(answer["outputs"], network["units"])
        assert len(answer["labels"]) == inputs.shape[1] >= len(outputs) >= 1
        np.testing.assert_allclose(layer(inputs)[0][-len(outputs) :], outputs, atol=2e-5)
        seen += 1
    assert seen >= 1
    if case in (forecaster, anomaly_detector):
        for text in ("0", "-1", "1e9", "99999999", "first"):
            with pytest.raises(UserError, match="expected a number from 1 to"):
                run.read(json.dumps({"layer": "layer-0", "text": text}))
