"""What only the spam detector's verbs do; `test_contract.py` has what those of all apps do."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from apps.common import cli, files
from apps.spam_detector.detector import Detector
from apps.spam_detector.evaluate import evaluate
from apps.spam_detector.predict import predict
from apps.spam_detector.thresholds import Threshold
from apps.spam_detector.train import train
from tests.apps.cases import spam_detector
from tests.apps.cases.spam_detector import APP, OPTIONS, TEXTS
from tests.conftest import ON_JAX, assert_killed_training_resumes, run_module

pytestmark = pytest.mark.usefixtures("few_resamples")


def test_evaluate_beats_labelling_everything_as_ham(run_dir, capsys):
    assert cli.run(evaluate, [str(run_dir)]) == 0
    table = capsys.readouterr().out
    metrics = files.read_json(run_dir / "metrics.json")
    ours, baseline, all_ham = (metrics["results"][name] for name in metrics["results"])
    assert list(metrics["results"]) == ["bidirectional LSTM", "char n-grams + SVM", "all ham"]
    assert ours["mcc"]["value"] > 0.7
    assert ours["accuracy"]["value"] > all_ham["accuracy"]["value"] + 0.1
    assert 0.8 < baseline["accuracy"]["value"] < 1, "the sample is neither too hard nor too easy"
    for result in (ours, baseline):
        low, high = result["accuracy"]["interval"]
        assert low <= result["accuracy"]["value"] <= high
        assert low < high
    (passed, blocked), (missed, caught) = ours["confusion"]
    assert passed + blocked + missed + caught == metrics["rows"]
    assert ours["recall"]["value"] == pytest.approx(caught / (caught + missed))
    assert ours["false_positive_rate"]["value"] == pytest.approx(blocked / (passed + blocked))
    assert f"{100 * ours['mcc']['value']:.2f}" in table
    assert (run_dir / "report.png").read_bytes().startswith(b"\x89PNG")


def test_evaluate_takes_other_messages_and_says_which_were_seen(run_dir, tmp_path, capsys):
    detector = Detector(run_dir)
    other = tmp_path / "other.txt"
    seen = "ham\thappy birthday MIA!!! have a great day\nham\tlunch?\nspam\tcall 09061234567 for cash\n"
    other.write_text(seen + "spam\tWINNER!! free cash 09061112223\n")
    assert cli.run(evaluate, [str(run_dir), "--data", str(other)]) == 0
    text = capsys.readouterr().out
    assert "4 messages, 2 'spam'" in text
    assert "near-duplicates of training messages" in text
    assert files.read_json(run_dir / "metrics.json")["rows"] == 4
    assert Path(detector.config.data).name == "messages.txt"


def test_predict_prints_labels_as_table_and_as_json(trained, capsys):
    assert cli.run(predict, [str(trained), *TEXTS[:2]]) == 0
    table = capsys.readouterr().out
    assert [line.split()[0] for line in table.splitlines()[2:]] == ["spam", "ham"]
    assert cli.run(predict, [str(trained), *TEXTS[:2], "--json"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["label"] for answer in answers] == ["spam", "ham"]
    assert [answer["text"] for answer in answers] == TEXTS[:2]
    assert answers[0]["probability"] > 0.5 > answers[1]["probability"]


def test_predict_reads_a_file_and_standard_input(trained, tmp_path, capsys):
    messages = tmp_path / "messages.txt"
    messages.write_text("\r\n".join(TEXTS[:3]) + "\n", encoding="utf-8")
    assert cli.run(predict, [str(trained), "--file", str(messages), "--json"]) == 0
    from_file = capsys.readouterr().out
    done = run_module(f"apps.{APP}.predict", trained, "--json", input="\n".join(TEXTS[:3]))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == from_file
    assert len(from_file.splitlines()) == 3


def test_predict_reads_the_column_of_a_table_and_answers_blank_lines_with_blanks(trained, tmp_path, capsys):
    table = tmp_path / "inbox.csv"
    table.write_text(f'id,message\n1,"{TEXTS[0]}"\n2,\n3,{TEXTS[1]}\n')
    assert cli.run(predict, [str(trained), "--file", str(table), "--json"]) == 0
    shown = capsys.readouterr()
    answers = [json.loads(line) for line in shown.out.splitlines()]
    assert [answer["label"] for answer in answers] == ["spam", None, "ham"]
    assert answers[1] == {"label": None, "probability": None, "text": ""}
    assert "message: column 'message'" in shown.err
    assert cli.run(predict, [str(trained), "--file", str(table)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_threshold_moves_the_label(trained, capsys):
    for threshold, label in (("0", "spam"), ("1", "ham")):
        assert cli.run(predict, [str(trained), TEXTS[1], "--threshold", threshold, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["label"] == label


def test_threshold_for_blocked_ham_blocks_no_more_on_validation(run_dir):
    rows = files.read_csv(run_dir / "validation.csv")
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


def test_export_contains_the_threshold(run_dir):
    done = run_module(f"apps.{APP}.export", run_dir, "--threshold", "0")
    assert (done.returncode, done.stderr) == (0, "")

    answer = tf.saved_model.load(str(run_dir / "export" / "1")).signatures["serving_default"]
    assert answer(text=tf.constant([TEXTS[1]]))["label"].numpy().tolist() == [b"spam"]


@pytest.mark.slow
def test_run_trained_on_jax_is_used_by_tensorflow(tmp_path):
    run_dir = tmp_path / "run"
    done = run_module(f"apps.{APP}.train", "--run-dir", run_dir, *OPTIONS, "--epochs", "2", env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    assert files.read_json(run_dir / "finished.json")["backend"] == "jax"
    done = run_module(f"apps.{APP}.predict", run_dir, *TEXTS[:3], "--json", env=ON_JAX)
    on_jax = [json.loads(line)["probability"] for line in done.stdout.splitlines()]
    np.testing.assert_allclose(Detector(run_dir)(TEXTS[:3]), on_jax, atol=1e-5)
    done = run_module(f"apps.{APP}.export", run_dir, env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    served = tf.saved_model.load(str(run_dir / "export" / "1")).signatures["serving_default"]
    np.testing.assert_allclose(served(text=tf.constant(TEXTS[:3]))["probability"], on_jax, atol=1e-5)


def test_export_has_a_signature_with_scores_of_classes(trained):
    probabilities = Detector(trained)(TEXTS)
    answer = tf.saved_model.load(str(trained / "export" / "1")).signatures["classes"](text=tf.constant(TEXTS))
    assert {tuple(row) for row in answer["classes"].numpy().tolist()} == {(b"ham", b"spam")}
    np.testing.assert_allclose(answer["scores"], np.stack([1 - probabilities, probabilities], axis=1), atol=1e-6)


@pytest.mark.slow
def test_killed_training_resumes_and_ends_as_an_uninterrupted_one(trained, options_once, tmp_path):
    assert_killed_training_resumes(APP, options_once(spam_detector), trained, tmp_path / "killed")


def test_validation_scores_are_written_again_if_the_training_was_killed_before(run_dir, options_once):
    content = (run_dir / "validation.csv").read_bytes()
    shutil.copy(run_dir / "model.keras", run_dir / "checkpoint-0004.keras")
    (run_dir / "finished.json").unlink()
    (run_dir / "validation.csv").unlink()
    assert cli.run(train, ["--run-dir", str(run_dir), *options_once(spam_detector)]) == 0
    assert (run_dir / "validation.csv").read_bytes() == content
