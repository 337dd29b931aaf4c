"""A user's mistakes that only the translator knows; `test_contract.py` has those of all apps."""

from apps.common import files
from apps.translator.evaluate import evaluate
from apps.translator.predict import predict
from tests.conftest import assert_refused, unchanged


def test_evaluate_refuses_bad_data_and_a_run_without_test_pairs(run_dir, tmp_path, capsys):
    bad = tmp_path / "bad.tsv"
    bad.write_text("a\tb\nc\n")
    with unchanged(run_dir):
        assert_refused(capsys, evaluate, [run_dir, "--data", tmp_path / "absent.tsv"], "absent.tsv", "no such file")
        assert_refused(capsys, evaluate, [run_dir, "--data", bad], bad, "row 2")
    saved = files.read_json(run_dir / "config.json")
    files.write_json(run_dir / "config.json", saved | {"test_fraction": 0})
    assert_refused(capsys, evaluate, [run_dir], "--test-fraction 0", "--data")


def test_model_without_attention_has_none_to_draw(run_dir, tmp_path, capsys):
    saved = files.read_json(run_dir / "config.json")
    files.write_json(run_dir / "config.json", saved | {"attention": "none"})
    arguments = [run_dir, "hello", "--attention", tmp_path / "a.png"]
    assert_refused(capsys, predict, arguments, "a.png", "trained with --attention none")
    assert not (tmp_path / "a.png").exists()
