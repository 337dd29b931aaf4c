"""A user's mistakes that only the spam detector knows; `test_contract.py` has those of all apps."""

from apps.spam_detector.evaluate import evaluate
from apps.spam_detector.predict import predict
from tests.conftest import assert_refused, unchanged


def test_predict_refuses_bytes_that_are_not_text(trained, tmp_path, capsys):
    path = tmp_path / "messages.txt"
    path.write_bytes(b"hello\ncaf\xe9\n")
    assert_refused(capsys, predict, [trained, "--file", path], path, "row 2", "0xe9")
    path.write_bytes(b"")
    assert_refused(capsys, predict, [trained, "--file", path], "nothing in it; expected a message a line")


def test_evaluate_refuses_other_labels_and_one_class(run_dir, tmp_path, capsys):
    path = tmp_path / "other.txt"
    for content, words in (
        ("good\tx\nbad\ty\n", ["row 1", "'good'", "'ham', 'spam'"]),
        ("ham\tx\n", ["both classes"]),
    ):
        path.write_text(content)
        with unchanged(run_dir):
            assert_refused(capsys, evaluate, [run_dir, "--data", path], path, *words)
