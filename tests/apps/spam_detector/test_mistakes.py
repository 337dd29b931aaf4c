"""A user's mistakes: one line on stderr that says what is wrong and what to do, status 2, nothing lost."""

import os
import resource
import signal
import subprocess
import sys

import pytest

from apps.common import cli, runs
from apps.spam_detector.evaluate import evaluate
from apps.spam_detector.export import export
from apps.spam_detector.predict import predict
from apps.spam_detector.train import train
from tests.conftest import ROOT, SMALL_OPTIONS, assert_refused, run_module, snapshot, unchanged


def test_mistake_is_one_line_in_a_real_process(tmp_path):
    done = run_module("apps.spam_detector", "--data", tmp_path / "absent.txt", "--run-dir", tmp_path / "run")
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path}/absent.txt: no such file\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epochs", "0"], ["--epochs 0", "from 1 up"]),
        (["--units", "-4"], ["--units -4"]),
        (["--test-fraction", "1.5"], ["--test-fraction 1.5"]),
        (["--test-fraction", "0.95"], ["training rows"]),
        (["--validation-fraction", "0"], ["--validation-fraction 0.0"]),
        (["--dropout", "1"], ["--dropout 1.0"]),
        (["--learning-rate", "0"], ["--learning-rate 0.0"]),
        (["--seed", "-1"], ["--seed -1"]),
        (["--kept-from", "1"], ["--kept-from 1.0"]),
    ],
)
def test_setting_out_of_range_is_refused(tmp_path, capsys, options, words):
    assert_refused(capsys, train, ["--run-dir", tmp_path / "run", *options], *words)
    assert not (tmp_path / "run").exists()


def test_unknown_option_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        cli.run(train, ["--eposhs", "3"])
    assert end.value.code == 2
    assert "--epochs" in capsys.readouterr().err


def test_bad_data_leaves_a_trained_run_as_it_was(run_dir, tmp_path, capsys):
    bad = tmp_path / "bad.txt"
    bad.write_text("ham\tx\nspam\n")
    with unchanged(run_dir):
        assert_refused(capsys, train, ["--run-dir", run_dir, "--data", bad, "--overwrite"], bad, "row 2")


def test_another_config_does_not_touch_a_trained_run(run_dir, capsys):
    with unchanged(run_dir):
        options = ["--run-dir", run_dir, *SMALL_OPTIONS, "--units", "99"]
        assert_refused(capsys, train, options, "units 16", "now 99", "--overwrite")


def test_overwrite_starts_anew(run_dir):
    assert cli.run(train, ["--run-dir", str(run_dir), *SMALL_OPTIONS, "--epochs", "2", "--overwrite"]) == 0
    assert runs.read_json(run_dir / "config.json")["epochs"] == 2
    assert not (run_dir / "export").exists()


def test_folder_that_is_not_a_run_is_refused(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    with unchanged(tmp_path):
        for verb in (evaluate, export):
            assert_refused(capsys, verb, [tmp_path], tmp_path, "not a run directory")
        assert_refused(capsys, predict, [tmp_path, "hello"], "not a run directory")
        for extra in ([], ["--overwrite"]):
            assert_refused(capsys, train, ["--run-dir", tmp_path, *extra], "not a run directory")
        assert_refused(capsys, train, ["--run-dir", tmp_path / "thesis.txt"], "this is a file")
    assert_refused(capsys, evaluate, [tmp_path / "absent"], "no such run directory")


@pytest.mark.parametrize("size", [0, 100, 20_000])
def test_truncated_model_is_refused(run_dir, capsys, size):
    model = run_dir / "model.keras"
    model.write_bytes(model.read_bytes()[:size])
    for verb, arguments in ((predict, [run_dir, "hello"]), (evaluate, [run_dir]), (export, [run_dir])):
        with unchanged(run_dir):
            assert_refused(capsys, verb, arguments, model, "not a whole Keras model")


def test_missing_model_and_damaged_json_are_refused(run_dir, capsys):
    (run_dir / "vocabulary.json").write_text('["=win", ')
    assert_refused(capsys, predict, [run_dir, "hello"], "vocabulary.json", "not a whole JSON file")
    (run_dir / "model.keras").unlink()
    assert_refused(capsys, predict, [run_dir, "hello"], "model.keras", "no such file")


def test_training_data_that_changed_is_refused(tmp_path, trained, capsys):
    from apps.spam_detector.sample_data.make_messages import make_messages

    rows = [f"{label}\t{text}\n" for _, label, text in make_messages(300)]
    data, run_dir = tmp_path / "mine.txt", tmp_path / "run"
    data.write_text("".join(rows), encoding="utf-8")
    assert cli.run(train, ["--data", str(data), "--run-dir", str(run_dir), *SMALL_OPTIONS]) == 0
    data.write_text("".join(rows[:-1]), encoding="utf-8")
    with unchanged(run_dir):
        assert_refused(capsys, evaluate, [run_dir], data, "no longer the messages")
        assert_refused(capsys, train, ["--data", data, "--run-dir", run_dir, *SMALL_OPTIONS], "rows 300, now 299")
    data.unlink()
    assert_refused(capsys, evaluate, [run_dir], data, "no such file")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["hello", "  "], ["message 2 of 2 is empty"]),
        (["hello", "--file", "x.txt"], ["--file x.txt", "not both"]),
        (["--file", "absent.txt"], ["absent.txt", "no such file"]),
        (["hello", "--threshold", "1.5"], ["--threshold 1.5"]),
        (["hello", "--max-ham-blocked", "-1"], ["--max-ham-blocked -1.0"]),
        (["hello", "--threshold", "0.5", "--max-ham-blocked", "1"], ["one of the two"]),
    ],
)
def test_predict_refuses(trained, capsys, arguments, words):
    assert_refused(capsys, predict, [trained, *arguments], *words)


def test_predict_refuses_bytes_that_are_not_text(trained, tmp_path, capsys):
    path = tmp_path / "messages.txt"
    path.write_bytes(b"hello\ncaf\xe9\n")
    assert_refused(capsys, predict, [trained, "--file", path], path, "row 2", "0xe9")
    path.write_bytes(b"")
    assert_refused(capsys, predict, [trained, "--file", path], "no messages")
    path.write_bytes(b"hello\n\nyou\n")
    assert_refused(capsys, predict, [trained, "--file", path], "message 2 of 3 is empty")


def test_evaluate_refuses_other_labels_and_one_class(run_dir, tmp_path, capsys):
    path = tmp_path / "other.txt"
    for content, words in (
        ("good\tx\nbad\ty\n", ["row 1", "'good'", "'ham' or 'spam'"]),
        ("ham\tx\n", ["both classes"]),
    ):
        path.write_text(content)
        with unchanged(run_dir):
            assert_refused(capsys, evaluate, [run_dir, "--data", path], path, *words)


@pytest.mark.parametrize("verb", ["train", "export", "evaluate"])
def test_no_room_to_write_says_so_and_keeps_what_was_saved(run_dir, verb):
    """A limit on the size of files stands in for a full disk: what is new does not fit, what was there stays."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    arguments = ["--run-dir", run_dir, *SMALL_OPTIONS] if verb == "train" else [run_dir]
    if verb == "train":
        (run_dir / "finished.json").unlink()
    before = snapshot(run_dir)
    done = subprocess.run(
        [sys.executable, "-m", f"apps.spam_detector.{verb}", *arguments],
        cwd=ROOT, capture_output=True, text=True, preexec_fn=limit,
    )  # fmt: skip
    assert before.items() <= snapshot(run_dir).items()
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert str(run_dir) in done.stderr and "too large" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_folder_without_permission_is_refused(tmp_path, capsys):
    tmp_path.chmod(0o500)
    assert_refused(capsys, train, ["--run-dir", tmp_path / "run", *SMALL_OPTIONS], "Permission denied")
