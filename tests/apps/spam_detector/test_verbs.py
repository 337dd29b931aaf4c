"""Every verb through its command line: what it writes, what it answers, and that all ways give one answer."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import requests
import tensorflow as tf

from apps.common import cli, runs
from apps.common.epochs import SaveEpochs
from apps.spam_detector.__main__ import spam_detector
from apps.spam_detector.evaluate import evaluate
from apps.spam_detector.export import export
from apps.spam_detector.predict import Detector, Threshold, predict
from apps.spam_detector.train import train
from tests.conftest import (
    ON_JAX,
    ROOT,
    SMALL_OPTIONS,
    assert_killed_training_resumes,
    clean_environment,
    run_module,
    serving,
)

APP = "apps.spam_detector"
TEXTS = [
    "WINNER!! You have won a cruise. Call 09065550123 now",
    "see you at the library at 5",
    "ok",
    "Größe £5 😀 \u2028 naïve",
    "win " * 3000,
]

CLEAN_CLIENT = """
import importlib.util, json, sys
import tensorflow as tf
assert not any(importlib.util.find_spec(name) for name in ("apps", "layers", "engram"))
model = tf.saved_model.load(sys.argv[1])
answer = model.signatures["serving_default"]
texts = json.load(open(sys.argv[2], encoding="utf-8"))
together = answer(text=tf.constant(texts))
alone = [answer(text=tf.constant([text])) for text in texts]
none = answer(text=tf.constant([], tf.string))
must_compile = [f.name for f in answer.graph.as_graph_def().library.function if "_XlaMustCompile" in f.attr]
print(json.dumps({
    "together": together["probability"].numpy().tolist(),
    "labels": [label.decode() for label in together["label"].numpy()],
    "alone": [float(one["probability"][0]) for one in alone],
    "none": none["probability"].shape.as_list(),
    "must_compile": must_compile,
}))
"""


def outputs(capsys):
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_training_leaves_a_whole_run(trained):
    names = {path.name for path in trained.iterdir()}
    assert names == {
        "config.json", "vocabulary.json", "model.keras", "history.csv", "validation.csv", "finished.json", "export"
    }  # fmt: skip
    history = runs.read_csv(trained / "history.csv")
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert history[-1]["val_loss"] < history[0]["val_loss"]
    config = runs.read_json(trained / "config.json")
    assert (config["app"], config["negative_class"], config["positive_class"]) == ("spam_detector", "ham", "spam")


def test_evaluate_beats_calling_everything_ham(run_dir, capsys):
    assert cli.run(evaluate, [str(run_dir)]) == 0
    table, _ = outputs(capsys)
    metrics = runs.read_json(run_dir / "metrics.json")
    ours, baseline, nothing = (metrics["results"][name] for name in metrics["results"])
    assert list(metrics["results"]) == ["bidirectional LSTM", "char n-grams + SVM", "all ham"]
    assert ours["mcc"]["value"] > 0.7
    assert ours["accuracy"]["value"] > nothing["accuracy"]["value"] + 0.1
    assert 0.8 < baseline["accuracy"]["value"] < 1, "the sample is neither hopeless nor trivial"
    for result in (ours, baseline):
        low, high = result["accuracy"]["interval"]
        assert low <= result["accuracy"]["value"] <= high
        assert low < high
    (kept, blocked), (missed, caught) = ours["confusion"]
    assert kept + blocked + missed + caught == metrics["rows"]
    assert ours["recall"]["value"] == pytest.approx(caught / (caught + missed))
    assert ours["false_positive_rate"]["value"] == pytest.approx(blocked / (kept + blocked))
    assert f"{100 * ours['mcc']['value']:.2f}" in table
    assert (run_dir / "report.png").read_bytes().startswith(b"\x89PNG")


def test_evaluate_takes_other_messages_and_says_which_were_seen(run_dir, tmp_path, capsys):
    detector = Detector(run_dir)
    other = tmp_path / "other.txt"
    seen = "ham\thappy birthday MIA!!! have a great day\nham\tlunch?\nspam\tcall 09061234567 for cash\n"
    other.write_text(seen + "spam\tWINNER!! free cash 09061112223\n")
    assert cli.run(evaluate, [str(run_dir), "--data", str(other)]) == 0
    text, _ = outputs(capsys)
    assert "4 messages, 2 'spam'" in text
    assert "near-duplicates of training messages" in text
    assert runs.read_json(run_dir / "metrics.json")["rows"] == 4
    assert detector.config.data == "sample"


def test_predict_prints_labels_as_table_and_as_json(trained, capsys):
    assert cli.run(predict, [str(trained), *TEXTS[:2]]) == 0
    table, _ = outputs(capsys)
    assert [line.split()[0] for line in table.splitlines()[2:]] == ["spam", "ham"]
    assert cli.run(predict, [str(trained), *TEXTS[:2], "--json"]) == 0
    answers = [json.loads(line) for line in outputs(capsys)[0].splitlines()]
    assert [answer["label"] for answer in answers] == ["spam", "ham"]
    assert [answer["text"] for answer in answers] == TEXTS[:2]
    assert answers[0]["probability"] > 0.5 > answers[1]["probability"]


def test_predict_reads_a_file_and_standard_input(trained, tmp_path, capsys):
    messages = tmp_path / "messages.txt"
    messages.write_text("\r\n".join(TEXTS[:3]) + "\n", encoding="utf-8")
    assert cli.run(predict, [str(trained), "--file", str(messages), "--json"]) == 0
    from_file, _ = outputs(capsys)
    done = run_module(f"{APP}.predict", trained, "--json", input="\n".join(TEXTS[:3]))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == from_file
    assert len(from_file.splitlines()) == 3


def test_threshold_moves_the_label(trained, capsys):
    for threshold, label in (("0", "spam"), ("1", "ham")):
        assert cli.run(predict, [str(trained), TEXTS[1], "--threshold", threshold, "--json"]) == 0
        assert json.loads(outputs(capsys)[0])["label"] == label


def test_threshold_for_blocked_ham_blocks_no_more_on_validation(run_dir):
    rows = runs.read_csv(run_dir / "validation.csv")
    ham = np.array([row["probability"] for row in rows if row["label"] == 0])
    assert len(ham) > 50
    before = 1.1
    for percent in (0, 1, 5, 20, 100):
        threshold = Threshold(max_ham_blocked=percent).resolve(run_dir)
        blocked = ham >= threshold
        assert blocked.mean() <= percent / 100
        assert threshold <= before
        before = threshold
        lower = np.sort(ham)[::-1][blocked.sum()] if blocked.sum() < len(ham) else 0
        assert (ham >= lower).mean() > percent / 100 or percent == 100, "a lower threshold would block too much"


def test_export_alone_gives_what_predict_gives(trained, tmp_path):
    expected = Detector(trained)(TEXTS)
    assert np.ptp(expected) > 0.5
    shutil.copytree(trained / "export" / "1", tmp_path / "model")
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", CLEAN_CLIENT, "model", "texts.json"],
        capture_output=True, text=True, check=True, **clean_environment(tmp_path),
    )  # fmt: skip
    answer = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(answer["together"], expected, atol=1e-6)
    np.testing.assert_allclose(answer["alone"], expected, atol=1e-6)
    assert answer["labels"] == ["spam" if probability >= 0.5 else "ham" for probability in expected]
    assert answer["none"] == [0]
    assert answer["must_compile"] == []


def test_export_keeps_the_threshold(run_dir):
    done = run_module(f"{APP}.export", run_dir, "--threshold", "0")
    assert (done.returncode, done.stderr) == (0, "")

    answer = tf.saved_model.load(str(run_dir / "export" / "1")).signatures["serving_default"]
    assert answer(text=tf.constant([TEXTS[1]]))["label"].numpy().tolist() == [b"spam"]


def test_server_gives_what_predict_gives(trained):
    expected = Detector(trained)(TEXTS)
    with serving(trained) as server:
        url = server.url
        assert url.endswith("/v1/models/spam_detector:predict")
        answer = requests.post(url, json={"instances": TEXTS}, timeout=60)
        assert answer.status_code == 200
        rows = answer.json()["predictions"]
        np.testing.assert_allclose([row["probability"] for row in rows], expected, atol=1e-6)
        answer = requests.post(url, json={"signature_name": "classes", "instances": TEXTS}, timeout=60)
        told = answer.json()["predictions"]
        assert [row["label"] for row in told] == [row["label"] for row in rows]
        assert {tuple(row["classes"]) for row in told} == {("ham", "spam")}
        np.testing.assert_allclose([row["scores"] for row in told], np.stack([1 - expected, expected], 1), atol=1e-6)


def test_whole_story_runs_and_a_second_time_trains_no_more(run_dir, capsys):
    done = run_module(APP, "--run-dir", run_dir, *SMALL_OPTIONS)
    assert (done.returncode, done.stderr) == (0, "")
    assert cli.run(spam_detector, ["--run-dir", str(run_dir), *SMALL_OPTIONS]) == 0
    for text in (done.stdout, capsys.readouterr().out):
        assert "trained already" in text
        for heading in ("== evaluate", "char n-grams + SVM", "== predict", "== export", "-m apps.serve"):
            assert heading in text
    assert (run_dir / "report.png").exists()
    assert (run_dir / "export" / "1" / "saved_model.pb").exists()


def test_killed_training_goes_on_and_ends_as_an_unbroken_one(trained, tmp_path):
    assert_killed_training_resumes(APP, SMALL_OPTIONS, trained, tmp_path / "killed")


@pytest.mark.parametrize("left", ["last checkpoint", "last checkpoint and validation figures"])
def test_training_killed_after_its_last_epoch_is_only_finished(run_dir, left, capsys):
    before = runs.load_model(run_dir / "model.keras").get_weights()
    shutil.copy(run_dir / "model.keras", run_dir / "checkpoint-0004.keras")
    (run_dir / "finished.json").unlink()
    if left == "last checkpoint":
        (run_dir / "validation.csv").unlink()
    assert cli.run(train, ["--run-dir", str(run_dir), *SMALL_OPTIONS]) == 0
    assert "Epoch" not in outputs(capsys)[0]
    assert runs.is_finished(run_dir)
    assert not list(run_dir.glob("checkpoint-*"))
    assert (run_dir / "validation.csv").exists()
    for one, other in zip(before, runs.load_model(run_dir / "model.keras").get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_stopping_is_read_off_the_history(tmp_path):
    losses = [0.1, 0.5, 0.4, 0.45, 0.41, 0.47, 0.3]
    rows = [{"epoch": number, "val_loss": loss} for number, loss in enumerate(losses, 1)]
    runs.write_csv(tmp_path / "history.csv", rows)
    for done, kept, ended in ((1, 1, False), (2, 2, False), (5, 3, False), (6, 3, True), (7, 7, False)):
        saving = SaveEpochs(tmp_path, done, seed=0, min_epochs=2, patience=3)
        assert (saving.kept()["epoch"], saving.ended()) == (kept, ended)


def test_tensorboard_log_is_written_on_request(tmp_path):
    run_dir = tmp_path / "run"
    assert cli.run(train, ["--run-dir", str(run_dir), *SMALL_OPTIONS, "--epochs", "2", "--tensorboard"]) == 0
    assert list((run_dir / "tensorboard").rglob("events.out*"))


def test_a_copy_of_the_app_trains(tmp_path):
    for folder in ("apps", "layers"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(tmp_path / "apps" / "spam_detector", tmp_path / "apps" / "my_app")
    shutil.rmtree(tmp_path / "apps" / "spam_detector")
    done = run_module("apps.my_app", "--run-dir", tmp_path / "run", *SMALL_OPTIONS, "--epochs", "2", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert runs.read_json(tmp_path / "run" / "config.json")["app"] == "my_app"
    assert "-m apps.my_app.predict" in done.stdout


@pytest.mark.slow
def test_run_trained_on_jax_is_predicted_and_exported_by_tensorflow(tmp_path):
    run_dir = tmp_path / "run"
    done = run_module(f"{APP}.train", "--run-dir", run_dir, *SMALL_OPTIONS, "--epochs", "2", env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    assert runs.read_json(run_dir / "finished.json")["backend"] == "jax"
    done = run_module(f"{APP}.predict", run_dir, *TEXTS[:3], "--json", env=ON_JAX)
    on_jax = [json.loads(line)["probability"] for line in done.stdout.splitlines()]
    np.testing.assert_allclose(Detector(run_dir)(TEXTS[:3]), on_jax, atol=1e-5)
    done = run_module(f"{APP}.export", run_dir, env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    served = tf.saved_model.load(str(run_dir / "export" / "1")).signatures["serving_default"]
    np.testing.assert_allclose(served(text=tf.constant(TEXTS[:3]))["probability"], on_jax, atol=1e-5)


@pytest.mark.parametrize("verb", [spam_detector, train, evaluate, predict, export])
def test_help_says_what_the_verb_does(verb, capsys):
    with pytest.raises(SystemExit) as end:
        cli.run(verb, ["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: python -m {verb.__module__.removesuffix('.__main__')}" in text
    assert "RUN_DIR" in text or "--run-dir" in text
