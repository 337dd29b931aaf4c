"""Every verb through its command line: what it writes, what it answers, and that all ways give one answer."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import requests

from apps.common import cli, runs
from apps.common.decoding import Search
from apps.common.devices import Devices, settle
from apps.translator.__main__ import translator
from apps.translator.data import make_dataset, read_pairs, split_pairs
from apps.translator.evaluate import evaluate
from apps.translator.export import export
from apps.translator.predict import Translator, predict
from apps.translator.train import SmoothedCrossentropy, train
from tests.conftest import ON_JAX, ROOT, assert_killed_training_resumes, clean_environment, run_module, serving

APP = "apps.translator"
TEXTS = [
    "The old woman bought three red apples on 4 March.",
    "Did the man find the key?",
    "",
    "A girl costs 12 euros.",
    "Größe 日本 😀 \u2028 naïve",
    "the the the the the the the the the the the the",
]

CLEAN_CLIENT = """
import importlib.util, json, sys
import tensorflow as tf
assert not any(importlib.util.find_spec(name) for name in ("apps", "layers", "engram", "sentencepiece_tf"))
model = tf.saved_model.load(sys.argv[1])
answer = model.signatures["serving_default"]
texts = json.load(open(sys.argv[2], encoding="utf-8"))
together = answer(text=tf.constant(texts))
alone = [answer(text=tf.constant([text])) for text in texts]
try:
    answer(text=tf.constant(["short", "much too long " * 50]))
except tf.errors.InvalidArgumentError as error:
    refused = error.message
looked = model.signatures["attention"](text=tf.constant(texts))
none = model.signatures["attention"](text=tf.constant([], tf.string))
must_compile = [f.name for f in answer.graph.as_graph_def().library.function if "_XlaMustCompile" in f.attr]
print(json.dumps({
    "together": [text.decode() for text in together["translation"].numpy()],
    "scores": together["score"].numpy().tolist(),
    "alone": [one["translation"].numpy()[0].decode() for one in alone],
    "none": answer(text=tf.constant([], tf.string))["translation"].shape.as_list(),
    "refused": refused,
    "must_compile": must_compile,
    "looked": {name: value.numpy().tolist() for name, value in looked.items() if value.dtype != tf.string},
    "pieces": [[[piece.decode() for piece in row] for row in looked[f"{side}_pieces"].numpy()]
               for side in ("source", "target")],
    "texts": [text.decode() for text in looked["translation"].numpy()],
    "nothing": none["attention"].shape.as_list()[0],
}))
"""


@pytest.fixture(scope="module")
def expected(trained):
    return Translator(trained)(TEXTS)


def test_training_leaves_a_whole_run(trained, pairs_file):
    names = {path.name for path in trained.iterdir()}
    assert names == {"config.json", "vocabulary.json", "model.keras", "history.csv", "finished.json", "export"}
    history = runs.read_csv(trained / "history.csv")
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert history[-1]["val_loss"] < 0.8 * history[0]["val_loss"]
    config = runs.read_json(trained / "config.json")
    assert (config["app"], config["data"], config["pairs"]) == ("translator", [str(pairs_file)], 600)


def assert_kept_weights_are_the_validated_ones(run_dir):
    """The loss of model.keras on the validation pairs is the one that the training saw, with averaged weights."""
    translator = Translator(run_dir)
    validation = split_pairs(read_pairs(translator.config), translator.config)["validation"]
    translator.model.compile(loss=SmoothedCrossentropy(translator.config.label_smoothing))
    share = settle(Devices(), translator.config.batch_size).share
    dataset = make_dataset(validation, (translator.source, translator.target), translator.config, share=share)
    kept = runs.read_json(run_dir / "finished.json")["kept"]
    assert translator.model.evaluate(dataset, verbose=0) == pytest.approx(kept["val_loss"], rel=1e-4)


def test_kept_weights_are_the_averaged_ones_that_were_validated(trained):
    assert_kept_weights_are_the_validated_ones(trained)


def test_evaluate_prints_the_model_beside_the_dictionary(run_dir, capsys):
    assert cli.run(evaluate, [str(run_dir), "--beam", "2"]) == 0
    text = capsys.readouterr().out
    metrics = runs.read_json(run_dir / "metrics.json")
    assert list(metrics["results"]) == ["GRU, additive attention", "word for word"]
    for figures in metrics["results"].values():
        for metric in ("bleu", "bleu_lower", "chrf"):
            low, high = figures[metric]["interval"]
            assert 0 <= figures[metric]["value"] <= 100 and low < high
        assert f"{figures['bleu']['value']:.1f} (" in text
    assert metrics["results"]["word for word"]["chrf"]["value"] > 30, "the sample is not hopeless"
    assert metrics["pairs"] == 60 and metrics["beam"] == 2 and metrics["sentences_per_second"] > 0
    assert "tok:13a" in text and "worst, by chrF" in text and "best, by chrF" in text
    lines = (run_dir / "translations.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "source,reference,translation,chrf" and len(lines) == 61
    for name in ("report.png", "attention.png"):
        assert (run_dir / name).read_bytes().startswith(b"\x89PNG")


def test_evaluate_takes_other_pairs_and_says_which_were_seen(run_dir, pairs_file, tmp_path, capsys):
    seen = pairs_file.read_text(encoding="utf-8").splitlines()
    other = tmp_path / "other.tsv"
    other.write_text(
        "\n".join(seen[:20]) + "\nmuch too long " * 1 + "x " * 60 + "\ty " + "y " * 60 + "\n", encoding="utf-8"
    )
    assert cli.run(evaluate, [str(run_dir), "--data", str(other)]) == 0
    text = capsys.readouterr().out
    assert "of 21 source sentences are training sentences" in text
    assert "1 of 21 sentences are longer than the model translates; they count as empty" in text
    assert runs.read_json(run_dir / "metrics.json")["pairs"] == 21


def test_predict_prints_a_translation_a_line(trained, expected, capsys):
    given = [text for text in TEXTS if text]
    assert cli.run(predict, [str(trained), *given]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [text for text in expected[0] if text]
    (warning,) = captured.err.splitlines()
    assert warning.startswith("text 4: ") and "characters that the model has never seen" in warning
    assert cli.run(predict, [str(trained), *given, "--json"]) == 0
    # One of the texts has a line separator of Unicode's, which JSON lets stand.
    answers = [json.loads(line) for line in capsys.readouterr().out.removesuffix("\n").split("\n")]
    assert [answer["text"] for answer in answers] == given
    assert [answer["translation"] for answer in answers] == [text for text in expected[0] if text]
    assert all(answer["score"] < 0 for answer in answers)


def test_predict_reads_a_file_and_standard_input_and_keeps_empty_lines(trained, expected, tmp_path, capsys):
    sentences = tmp_path / "sentences.txt"
    sentences.write_text("\r\n".join(TEXTS[:4]) + "\n", encoding="utf-8")
    assert cli.run(predict, [str(trained), "--file", str(sentences)]) == 0
    from_file = capsys.readouterr().out
    assert from_file.split("\n") == [*expected[0][:4], ""]
    done = run_module(f"{APP}.predict", trained, input="\n".join(TEXTS[:4]))
    assert (done.returncode, done.stderr, done.stdout) == (0, "", from_file)


def test_beam_changes_the_search(trained, expected):
    greedy = Translator(trained, Search(beam=1, length_penalty=0))(TEXTS)
    wide = Translator(trained, Search(beam=8, length_penalty=0))(TEXTS)
    assert (wide[1] >= greedy[1] - 1e-4).all() and (wide[1] > greedy[1] + 1e-3).any()
    assert greedy[0][2] == wide[0][2] == "" and greedy[1][2] == 0


def test_attention_is_drawn_and_sums_to_one(trained, tmp_path):
    picture = tmp_path / "look.png"
    assert cli.run(predict, [str(trained), TEXTS[0], TEXTS[1], "--attention", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    source, target, weights = Translator(trained).attention(TEXTS[1], "Hat der Mann ein Buch gefunden?")
    assert weights.shape == (len(target), len(source)) and source[-1] == target[-1] == "<end>"
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)


def assert_looks_agree(answer, translator, translations):
    """What the SavedModel says it looked at is what `Translator.attention` says, and nothing where padding stands."""
    compared = 0
    for number, text in enumerate(TEXTS):
        source, target = ([piece for piece in side[number] if piece] for side in answer["pieces"])
        weights = np.array(answer["looked"]["attention"][number])
        assert source[-1] == target[-1] == "<end>"
        np.testing.assert_allclose(weights[:, len(source) :], 0, atol=1e-6)
        there = translator.attention(text, translations[number])
        # The search may write a word in other pieces than it would be cut into.
        if there[1] == target:
            compared += 1
            assert there[0] == source
            np.testing.assert_allclose(weights[: len(target), : len(source)], there[2], atol=1e-4)
    assert compared >= 3


def test_export_alone_gives_what_predict_gives(trained, expected, tmp_path):
    shutil.copytree(trained / "export" / "1", tmp_path / "model")
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", CLEAN_CLIENT, "model", "texts.json"],
        capture_output=True, text=True, check=True, **clean_environment(tmp_path),
    )  # fmt: skip
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["together"] == answer["alone"] == expected[0]
    np.testing.assert_allclose(answer["scores"], expected[1], atol=1e-4)
    assert answer["none"] == [0]
    assert "text 2 has " in answer["refused"] and "cut it into sentences" in answer["refused"]
    assert answer["must_compile"] == []
    assert answer["texts"] == expected[0] and answer["nothing"] == 0
    assert_looks_agree(answer, Translator(trained), expected[0])


def test_server_gives_what_predict_gives(trained, expected):
    with serving(trained) as server:
        url = server.url
        assert url.endswith("/v1/models/translator:predict")
        long = requests.post(url, json={"instances": ["short", "much too long " * 50]}, timeout=60)
        assert long.status_code == 400
        assert long.json()["error"].startswith("text 2 has ") and "at most 40" in long.json()["error"]
        for texts in (TEXTS, ["x" * 100_000], TEXTS):
            answer = requests.post(url, json={"instances": texts}, timeout=60)
            assert answer.status_code == (200 if texts is TEXTS else 400)
        assert [row["translation"] for row in answer.json()["predictions"]] == expected[0]


@pytest.mark.slow
def test_whole_story_runs_and_a_second_time_trains_no_more(run_dir, options):
    done = run_module(APP, "--run-dir", run_dir, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert "trained already" in done.stdout
    for heading in ("== evaluate", "word for word", "== predict", "== export", "-m apps.serve"):
        assert heading in done.stdout
    assert (run_dir / "report.png").exists()


@pytest.mark.slow
def test_killed_training_goes_on_and_ends_as_an_unbroken_one(trained, tmp_path, options):
    assert_killed_training_resumes(APP, options, trained, tmp_path / "killed")


@pytest.mark.slow
def test_run_trained_on_jax_is_translated_and_exported_by_tensorflow(tmp_path, options):
    run_dir = tmp_path / "run"
    done = run_module(f"{APP}.train", "--run-dir", run_dir, *options, "--epochs", "2", env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    assert runs.read_json(run_dir / "finished.json")["backend"] == "jax"
    history = runs.read_csv(run_dir / "history.csv")
    assert history[1]["val_loss"] < history[0]["val_loss"]
    done = run_module(f"{APP}.predict", run_dir, *TEXTS[:2], "--json", env=ON_JAX)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    translations, scores = Translator(run_dir)(TEXTS[:2])
    assert [answer["translation"] for answer in answers] == translations
    np.testing.assert_allclose([answer["score"] for answer in answers], scores, atol=1e-4)
    assert_kept_weights_are_the_validated_ones(run_dir)
    done = run_module(f"{APP}.export", run_dir, env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    assert (run_dir / "export" / "1" / "saved_model.pb").exists()


@pytest.mark.slow
def test_plain_encoder_decoder_runs_through_every_verb(tmp_path, options):
    run_dir = str(tmp_path / "run")
    arguments = ["--attention", "none", "--family", "lstm", "--reverse", "--epochs", "1"]
    assert cli.run(train, ["--run-dir", run_dir, *options, *arguments]) == 0
    assert cli.run(evaluate, [run_dir]) == 0
    assert next(iter(runs.read_json(f"{run_dir}/metrics.json")["results"])) == "LSTM, no attention"
    assert not os.path.exists(f"{run_dir}/attention.png")
    assert cli.run(export, [run_dir, "--beam", "1"]) == 0


@pytest.mark.parametrize("verb", [translator, train, evaluate, predict, export])
def test_help_says_what_the_verb_does(verb, capsys):
    with pytest.raises(SystemExit) as end:
        cli.run(verb, ["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: python -m {verb.__module__.removesuffix('.__main__')}" in text
    assert "RUN_DIR" in text or "--run-dir" in text


def test_exported_model_is_called_as_the_readme_says(trained, monkeypatch, capsys):
    readme = (ROOT / "apps" / "translator" / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert "runs/mine/export/1" in example
    exec(compile(example.replace("runs/mine", str(trained)), "README.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 1
