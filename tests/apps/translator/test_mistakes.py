"""A user's mistakes: one line on stderr that says what is wrong and what to do, status 2, nothing lost."""

import keras
import pytest

from apps.common import cli, runs
from apps.translator import train as training
from apps.translator.evaluate import evaluate
from apps.translator.export import export
from apps.translator.predict import predict
from apps.translator.train import train
from tests.conftest import assert_refused, run_module, unchanged


def test_mistake_is_one_line_in_a_real_process(tmp_path):
    done = run_module("apps.translator", "--data", tmp_path / "absent.tsv", "--run-dir", tmp_path / "run")
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path}/absent.tsv: no such file\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epochs", "0"], ["--epochs 0", "from 1 up"]),
        (["--units", "-4"], ["--units -4"]),
        (["--vocabulary-size", "5"], ["--vocabulary-size 5", "from 8 up"]),
        (["--test-fraction", "0.97"], ["training pairs"]),
        (["--decay", "1"], ["--decay 1.0"]),
        (["--max-length-ratio", "0.5"], ["--max-length-ratio 0.5"]),
        (["--output-dropout", "1"], ["--output-dropout 1.0"]),
        (["--clip-norm", "0"], ["--clip-norm 0.0"]),
        (["--data", "a", "b", "c"], ["3 names"]),
        (["--data", "tfds:nonesuch_set"], ["tfds:nonesuch_set", "no such data set"]),
    ],
)
def test_setting_that_cannot_be_is_refused(tmp_path, capsys, options, words):
    assert_refused(capsys, train, ["--run-dir", tmp_path / "run", *options], *words)
    assert not (tmp_path / "run").exists()


def test_attention_of_another_name_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        cli.run(train, ["--attention", "bahdanau"])
    assert end.value.code == 2
    assert "additive" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["hello", "  "], ["text 2 of 2 is empty"]),
        (["hello", "--file", "x.txt"], ["--file x.txt", "not both"]),
        (["--file", "absent.txt"], ["absent.txt", "no such file"]),
        (["hello", "--beam", "0"], ["--beam 0", "from 1 to 64"]),
        (["hello", "--length-penalty", "-1"], ["--length-penalty -1.0"]),
        (["hello", "go " * 41], ["text 2 of 2", "at most 40", "cut it into sentences"]),
        (["x" * 100_000], ["text 1 of 1 has 10000", "at most 40"]),
    ],
)
def test_predict_refuses(trained, capsys, arguments, words):
    assert_refused(capsys, predict, [trained, *arguments], *words)


def test_control_characters_and_other_scripts_are_translated_with_a_word(trained, capsys):
    assert cli.run(predict, [str(trained), "Did the\a man\x1b[31m find 日本語?"]) == 0
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1
    assert "characters that the model has never seen are left out" in captured.err


def test_bad_data_leaves_a_trained_run_as_it_was(run_dir, tmp_path, options, capsys):
    bad = tmp_path / "bad.tsv"
    bad.write_text("a\tb\nc\n")
    with unchanged(run_dir):
        assert_refused(capsys, train, ["--run-dir", run_dir, "--data", bad, "--overwrite"], bad, "row 2")
        assert_refused(capsys, train, ["--run-dir", run_dir, *options, "--units", "99"], "units 24, now 99")
        assert_refused(capsys, evaluate, [run_dir, "--data", bad], bad, "row 2")


def test_folder_that_is_not_a_run_is_refused(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    with unchanged(tmp_path):
        for verb in (evaluate, export):
            assert_refused(capsys, verb, [tmp_path], tmp_path, "not a run directory")
        assert_refused(capsys, predict, [tmp_path, "hello"], "not a run directory")
        assert_refused(capsys, train, ["--run-dir", tmp_path], "not a run directory")


def test_damaged_run_is_refused(run_dir, capsys):
    vocabulary, model = run_dir / "vocabulary.json", run_dir / "model.keras"
    for content, words in (
        ('{"source": [', "not a whole JSON file"),
        ('{"source": ["a"]}', "subwords of two languages"),
    ):
        vocabulary.write_text(content)
        assert_refused(capsys, predict, [run_dir, "hello"], vocabulary, words)
    model.write_bytes(model.read_bytes()[:20_000])
    with unchanged(run_dir):
        assert_refused(capsys, predict, [run_dir, "hello"], model, "not a whole Keras model")
        assert_refused(capsys, export, [run_dir], model, "not a whole Keras model")


def test_plain_model_has_no_attention_to_draw(tmp_path, options, capsys):
    run_dir = tmp_path / "run"
    assert cli.run(train, ["--run-dir", str(run_dir), *options, "--attention", "none", "--epochs", "1"]) == 0
    arguments = [run_dir, "hello", "--attention", tmp_path / "a.png"]
    assert_refused(capsys, predict, arguments, "--attention none", "none to draw")
    assert not (tmp_path / "a.png").exists()


def test_loss_that_is_no_number_stops_the_training_and_keeps_the_last_good_weights(
    tmp_path, options, capsys, monkeypatch
):
    """From the third epoch on the loss is not a number, as when steps were too large."""
    run_dir = tmp_path / "run"
    right = training.make_dataset

    def poisoned(pairs, subwords, config, epochs=None, share=None):
        dataset = right(pairs, subwords, config, epochs, share)
        if epochs is None:
            return dataset
        good = 2 * int(dataset.cardinality()) // len(epochs)
        return dataset.take(good).concatenate(
            dataset.skip(good).map(lambda x, y, weights: (x, y, weights * float("nan")))
        )

    monkeypatch.setattr(training, "make_dataset", poisoned)
    words = [run_dir, "loss is nan", "in epoch 3", "weights of epoch 2 are kept", "--learning-rate"]
    assert_refused(capsys, train, ["--run-dir", run_dir, *options], *words)
    assert [row["epoch"] for row in runs.read_csv(run_dir / "history.csv")] == [1, 2]
    monkeypatch.undo()
    kept = runs.load_model(run_dir / "model.keras")
    assert all(keras.ops.all(keras.ops.isfinite(weight)) for weight in kept.weights)
    assert cli.run(predict, [str(run_dir), "Did the man find the key?"]) == 0


def test_data_that_changed_since_is_refused(tmp_path, options, pairs_file, capsys):
    data, run_dir = tmp_path / "mine.tsv", tmp_path / "run"
    rows = pairs_file.read_text(encoding="utf-8").splitlines(keepends=True)
    data.write_text("".join(rows), encoding="utf-8")
    mine = ["--run-dir", str(run_dir), *options, "--data", str(data), "--epochs", "1"]
    assert cli.run(train, mine) == 0
    data.write_text("".join(rows[:-1]), encoding="utf-8")
    with unchanged(run_dir):
        assert_refused(capsys, evaluate, [run_dir], data, "no longer the pairs")
        assert_refused(capsys, train, mine, "pairs 600, now 599")
