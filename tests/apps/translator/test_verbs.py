"""What only the translator's verbs do; `test_contract.py` has what those of all apps do."""

import io
import json
import sys

import numpy as np
import pytest
import tensorflow as tf

from apps.common import cli, files
from apps.common.options import Search, TrainingOptions
from apps.common.tables import read_questions
from apps.common.training.devices import find_devices
from apps.translator.data import encode_pairs, make_dataset, split_pairs
from apps.translator.evaluate import evaluate
from apps.translator.export import export
from apps.translator.fit import SmoothedCrossentropy
from apps.translator.predict import predict
from apps.translator.reading import read_pairs, source_column
from apps.translator.train import train
from apps.translator.translator import Translator
from tests.apps.cases.translator import APP, TEXTS
from tests.conftest import ON_JAX, assert_killed_training_resumes, run_module


@pytest.fixture(scope="module")
def translator(trained):
    return Translator(trained)


@pytest.fixture(scope="module")
def expected(translator):
    return translator(TEXTS)


def assert_saved_weights_are_the_validated_ones(run_dir):
    """Assert that model.keras has the validation loss of the training, which is that of the averaged weights."""
    translator = Translator(run_dir)
    config = translator.config
    validation = split_pairs(read_pairs(config), config)["validation"]
    encoded = encode_pairs(validation, (translator.source, translator.target), config)
    translator.model.compile(loss=SmoothedCrossentropy(config.label_smoothing), jit_compile=False)
    placement = find_devices(TrainingOptions(run_dir), config.batch_size)
    loss = translator.model.evaluate(placement.batches(make_dataset(encoded, config), len(encoded)), verbose=0)
    assert loss == pytest.approx(files.read_json(run_dir / "finished.json")["best"]["val_loss"], rel=1e-4)


def test_saved_weights_are_the_averaged_ones_that_were_validated(trained):
    assert_saved_weights_are_the_validated_ones(trained)


def test_evaluate_compares_on_other_pairs_and_says_which_were_seen(run_dir, pairs_file, tmp_path, capsys):
    rows = pairs_file.read_text(encoding="utf-8").splitlines()[:20]
    other = tmp_path / "other.tsv"
    other.write_text("\n".join([*rows, f"{'x ' * 60}\t{'y ' * 60}"]) + "\n", encoding="utf-8")
    assert cli.run(evaluate, [str(run_dir), "--data", str(other), "--beam", "2"]) == 0
    text = capsys.readouterr().out
    assert "of 21 source sentences are training sentences" in text
    assert "1 of 21 sentences are longer than the model translates; they count as empty" in text
    metrics = files.read_json(run_dir / "metrics.json")
    assert list(metrics["results"]) == ["GRU, additive attention", "word for word"]
    for figures in metrics["results"].values():
        for metric in ("bleu", "bleu_lower", "chrf"):
            low, high = figures[metric]["interval"]
            assert 0 <= figures[metric]["value"] <= 100 and low < high
        assert f"{figures['bleu']['value']:.1f} (" in text
    assert metrics["results"]["word for word"]["chrf"]["value"] > 30
    assert metrics["pairs"] == 21 and metrics["beam"] == 2 and metrics["sentences_per_second"] > 0
    assert "tok:13a" in text and "worst, by chrF" in text and "best, by chrF" in text
    lines = (run_dir / "translations.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "source,reference,translation,chrf" and len(lines) == 22
    for name in ("report.png", "attention.png"):
        assert (run_dir / name).read_bytes().startswith(b"\x89PNG")


def test_predict_prints_translations_and_draws_the_attention(trained, expected, tmp_path, capsys):
    picture, texts = tmp_path / "attention.png", [*filter(None, TEXTS), "Did the\a man\x1b[31m find 日本語?"]
    assert cli.run(predict, [str(trained), *texts, "--attention", str(picture)]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[:-1] == [*filter(None, expected[0])]
    assert [line.split(": ")[0] for line in captured.err.splitlines()] == ["text 4", "text 6", str(picture)]
    assert captured.err.count("characters are in no training sentence") == 2
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_predict_reads_a_file_with_empty_lines_and_prints_json(trained, expected, tmp_path, capsys):
    sentences = tmp_path / "sentences.txt"
    sentences.write_text("\r\n".join(TEXTS) + "\n", encoding="utf-8")
    assert cli.run(predict, [str(trained), "--file", str(sentences), "--json"]) == 0
    # A text has a Unicode line separator, which JSON does not escape.
    answers = [json.loads(line) for line in capsys.readouterr().out.removesuffix("\n").split("\n")]
    assert [answer["text"] for answer in answers] == TEXTS
    assert [answer["translation"] for answer in answers] == expected[0]
    assert all(answer["score"] < 0 or not answer["text"] for answer in answers)


def test_sentences_are_read_from_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("Größe\r\n\nx\u2028y\n".encode())))
    assert read_questions(None, source_column()) == ["Größe", "", "x\u2028y"]


def test_beam_changes_the_search(trained):
    greedy = Translator(trained, Search(beam=1, length_penalty=0))(TEXTS)
    wide = Translator(trained, Search(beam=8, length_penalty=0))(TEXTS)
    assert (wide[1] >= greedy[1] - 1e-4).all() and (wide[1] > greedy[1] + 1e-3).any()
    assert greedy[0][2] == wide[0][2] == "" and greedy[1][2] == 0


def test_export_has_a_signature_with_attention_weights(trained, translator, expected):
    answer = tf.saved_model.load(str(trained / "export" / "1")).signatures["attention"]
    found = answer(text=tf.constant(TEXTS))
    assert [text.decode() for text in found["translation"].numpy()] == expected[0]
    compared = 0
    for number, (text, translation) in enumerate(zip(TEXTS, expected[0], strict=True)):
        pieces = [found[f"{side}_pieces"][number].numpy() for side in ("source", "target")]
        source, target = ([piece.decode() for piece in side if piece] for side in pieces)
        weights = found["attention"][number].numpy()
        assert source[-1] == target[-1] == "<end>"
        np.testing.assert_allclose(weights[:, len(source) :], 0, atol=1e-6)
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
        if not text:
            continue
        own = translator.attention(text, translation)
        # The search may write a word in other pieces than those in which it is encoded.
        if own[1] == target:
            compared += 1
            assert own[0] == source and own[2].shape == (len(target), len(source))
            np.testing.assert_allclose(weights[: len(target), : len(source)], own[2], atol=1e-4)
    assert compared >= 3
    assert answer(text=tf.constant([], tf.string))["attention"].shape[0] == 0


@pytest.mark.slow
def test_killed_training_resumes_and_ends_as_an_uninterrupted_one(trained, options, tmp_path):
    assert_killed_training_resumes(APP, options, trained, tmp_path / "killed")


@pytest.mark.slow
def test_run_trained_on_jax_is_used_by_tensorflow(tmp_path, options):
    run_dir = tmp_path / "run"
    done = run_module(f"apps.{APP}.train", "--run-dir", run_dir, *options, "--epochs", "2", env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    assert files.read_json(run_dir / "finished.json")["backend"] == "jax"
    history = files.read_csv(run_dir / "history.csv")
    assert history[1]["val_loss"] < history[0]["val_loss"]
    done = run_module(f"apps.{APP}.predict", run_dir, *TEXTS[:2], "--json", env=ON_JAX)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    translations, scores = Translator(run_dir)(TEXTS[:2])
    assert [answer["translation"] for answer in answers] == translations
    np.testing.assert_allclose([answer["score"] for answer in answers], scores, atol=1e-4)
    assert_saved_weights_are_the_validated_ones(run_dir)
    done = run_module(f"apps.{APP}.export", run_dir, env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    assert (run_dir / "export" / "1" / "saved_model.pb").exists()


@pytest.mark.slow
def test_plain_encoder_decoder_runs_through_every_verb(tmp_path, options):
    run_dir = tmp_path / "run"
    arguments = ["--attention", "none", "--family", "lstm", "--reverse", "--epochs", "1"]
    assert cli.run(train, ["--run-dir", str(run_dir), *options, *arguments]) == 0
    assert cli.run(evaluate, [str(run_dir)]) == 0
    assert next(iter(files.read_json(run_dir / "metrics.json")["results"])) == "LSTM, no attention"
    assert not (run_dir / "attention.png").exists()
    assert cli.run(export, [str(run_dir), "--beam", "1"]) == 0
