"""Trainings that start from another run, that were interrupted, and on JAX; the verbs' other options."""

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import layers
from apps.common import cli, files
from apps.common.tables import TableFormat
from apps.common.transfer import load_trunk
from apps.common.vocabularies import load_vocabulary
from apps.language_model.evaluate import evaluate
from apps.language_model.model import load_model
from apps.language_model.predict import predict
from apps.language_model.sample_data.make_text import make_text
from apps.language_model.train import train
from apps.language_model.writer import Writer
from tests.apps.cases.language_model import APP
from tests.conftest import ON_JAX, ROOT, assert_killed_training_resumes, assert_refused, run_module


@pytest.fixture(scope="module")
def own_text(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "own.txt"
    path.write_text(make_text(60, seed=5).replace("e", "é"), encoding="utf-8")
    return path


def run(verb, *arguments):
    return cli.run(verb, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def fine_tuned(trained, options, own_text, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("tuned") / "run"
    more = ["--data", own_text, "--start-from", trained, "--epochs", 1, "--validation-fraction", 0.1]
    assert run(train, "--run-dir", run_dir, *options[2:], *more) == 0
    return run_dir


def test_fine_tuning_begins_where_the_other_run_ended(trained, fine_tuned):
    before, after = load_vocabulary(trained), load_vocabulary(fine_tuned)
    assert after.pieces == [*before.pieces, "é"]
    first = files.read_csv(fine_tuned / "history.csv")[0]["loss"]
    assert first < files.read_csv(trained / "history.csv")[0]["loss"] - 0.3
    old, new = (load_model(path / "model.keras").embedding.embeddings.numpy() for path in (trained, fine_tuned))
    assert new.shape == (old.shape[0] + 1, old.shape[1])
    # One epoch moves the vectors a little.
    assert np.corrcoef(old.ravel(), new[:-1].ravel())[0, 1] > 0.9


@pytest.fixture
def run_of_another_app(trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "other", ignore=shutil.ignore_patterns("trunk.keras", "export"))
    files.write_json(folder / "config.json", files.read_json(folder / "config.json") | {"app": "other_app"})
    return folder


def test_runs_that_cannot_lend_their_weights_are_refused(
    trained, run_of_another_app, options, own_text, tmp_path, capsys
):
    arguments = ["--run-dir", tmp_path / "run", *options[2:], "--data", own_text, "--start-from"]
    assert_refused(capsys, train, [*arguments, run_of_another_app], f"a run of other_app, not of {APP}")
    assert_refused(capsys, train, [*arguments, trained, "--unit", "words"], "unit 'characters'", "--unit characters")
    assert_refused(capsys, train, [*arguments, trained, "--units", 8], "units 32, now 8", "--units 32")
    unfinished = shutil.copytree(trained, tmp_path / "unfinished")
    (unfinished / "finished.json").unlink()
    assert_refused(capsys, train, [*arguments, unfinished], "has not ended")


def test_other_apps_can_begin_with_the_trunk(trained, run_of_another_app):
    trunk = load_trunk(trained)
    model = load_model(trained / "model.keras")
    ids = trunk.vocabulary.encode(["At the harbour"]).to_tensor().numpy()
    outputs, _ = model.run(ids, [np.zeros((1, size), "float32") for size in model.state_sizes])
    np.testing.assert_allclose(trunk.model.predict(ids, verbose=0), model.logits(outputs), atol=1e-5)
    assert isinstance(trunk.model.get_layer("recurrent_1"), layers.LSTM)
    with pytest.raises(cli.UserError, match=r"a run of other_app without trunk\.keras"):
        load_trunk(run_of_another_app)


def test_generated_text_is_printed_as_it_comes(trained, capsys, monkeypatch):
    assert run(predict, trained, "generate", "At the ☃ ", "--length", 50, "--seed", 3) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("At the ☃ ") and len(captured.out) == 9 + 50 + 1
    assert "1 of the prompt's characters are in no training text" in captured.err
    assert run(predict, trained, "generate", "At the ☃ ", "--length", 50, "--seed", 3, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["prompt"] + answer["continuation"] == captured.out.removesuffix("\n")
    printed = []
    monkeypatch.setattr("builtins.print", lambda *texts, **options: printed.append(texts))
    run(predict, trained, "generate", "--length", 60)
    assert len([texts for texts in printed if texts and texts[0]]) == 3


def test_lines_are_scored_most_surprising_first(trained, tmp_path, capsys, monkeypatch):
    (tmp_path / "lines.txt").write_text("The fog is thick.\n\nxxqzzq\n")
    (tmp_path / "lines.csv").write_text("id,text\n1,The fog is thick.\n2,xxqzzq\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"The fog is thick.\nxxqzzq\n")))
    found = []
    for source in ("lines.txt", "lines.csv", "-"):
        assert run(predict, trained, "score", "--file", source if source == "-" else tmp_path / source, "--json") == 0
        found.append([json.loads(line) for line in capsys.readouterr().out.splitlines()])
    assert found[0] == found[1] == found[2]
    assert [row["text"] for row in found[0]] == ["xxqzzq", "The fog is thick."]
    assert found[0][0]["nats_per_character"] > found[0][1]["nats_per_character"] > 0
    assert run(predict, trained, "score", "xxqzzq", "The fog is thick.") == 0
    assert capsys.readouterr().out.splitlines()[2].endswith("'xxqzzq'")


def test_completions_are_printed(trained, writer, capsys):
    assert run(predict, trained, "complete", "At the harb", "--words", 3, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    (expected,) = writer.complete(["At the harb"], 3)
    assert [(row["word"], row["probability"]) for row in answer["words"]] == [(w, round(p, 6)) for w, p in expected]
    assert run(predict, trained, "complete", "At the harb", "") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_other_text_is_measured(trained, own_text, tmp_path, capsys):
    run_dir = shutil.copytree(trained, tmp_path / "run")
    assert run(evaluate, run_dir, "--data", own_text) == 0
    text = capsys.readouterr().out
    report = files.read_json(run_dir / "metrics.json")
    assert report["data"] == [str(own_text)] and report["characters"] == len(own_text.read_text(encoding="utf-8"))
    assert report["unknown"] == own_text.read_text(encoding="utf-8").count("é") and "are unknown" in text
    validation = report["validation"]
    assert validation["mixture"] <= min(validation["network"], validation["ngram"]) + 1e-9


@pytest.mark.parametrize("unit", ["words", "subwords"])
def test_other_units_from_a_table_of_documents(unit, tmp_path, capsys):
    rows = make_text(240).split("\n\n")
    (tmp_path / "scenes.csv").write_text("scene\n" + "".join('"' + row.replace('"', '""') + '"\n' for row in rows))
    options = ["--unit", unit, "--vocabulary-size", 200, "--cell", "gru", "--units", 16, "--embedding-dim", 16]
    options += ["--batch-size", 8, "--chunk-length", 16, "--epochs", 1, "--sampled", 20, "--seed", 1]
    run_dir = tmp_path / "run"
    assert run(train, "--data", tmp_path / "scenes.csv", "--run-dir", run_dir, *options) == 0
    assert "whole documents" in capsys.readouterr().out
    assert run(evaluate, run_dir) == 0
    report = files.read_json(run_dir / "metrics.json")
    assert np.isfinite(report["results"]["GRU, state carried"]["perplexity_per_word"])
    writer = Writer(run_dir)
    assert writer.config.table == TableFormat()
    assert len("".join(writer.generate("At the"))) > 20
    assert (run_dir / "report.png").exists()


@pytest.mark.slow
def test_training_on_jax_writes_the_same_files(trained, options, tmp_path):
    run_dir = tmp_path / "run"
    done = run_module(f"apps.{APP}.train", "--run-dir", run_dir, *options, "--epochs", 1, env=ON_JAX)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in run_dir.iterdir()} == {path.name for path in trained.iterdir()} - {"export"}
    first = files.read_csv(trained / "history.csv")[0]
    assert files.read_csv(run_dir / "history.csv")[0]["val_loss"] == pytest.approx(first["val_loss"], abs=0.4)
    tasks = (["generate", "At the ", "--length", "25"], ["score", "At the harbour"], ["complete", "At the h"])
    for arguments in tasks:
        done = run_module(f"apps.{APP}.predict", run_dir, *arguments, env=ON_JAX)
        assert done.returncode == 0 and done.stdout.strip(), done.stderr
        here = run_module(f"apps.{APP}.predict", run_dir, *arguments)
        assert here.stdout == done.stdout


TWO_DEVICES = """
import sys
import tensorflow as tf
(processor,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
from apps.common import cli
from apps.language_model.train import train
sys.exit(cli.run(train, sys.argv[1:]))
"""


@pytest.mark.slow
def test_devices_that_share_a_batch_carry_their_own_states(options, tmp_path):
    # Without anything random that devices would draw on their own.
    more = [*options, "--dropout", "0", "--output-dropout", "0", "--epochs", "2"]
    histories = []
    for name, start in (("one", ["-m", f"apps.{APP}.train"]), ("two", ["-c", TWO_DEVICES])):
        command = [sys.executable, *start, "--run-dir", str(tmp_path / name), *more]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert ("mirrored, 8 rows" in done.stdout) == (name == "two")
        histories.append(files.read_csv(tmp_path / name / "history.csv"))
    for one, two in zip(*histories, strict=True):
        assert (one["loss"], one["val_loss"]) == pytest.approx((two["loss"], two["val_loss"]), rel=1e-4)


@pytest.mark.slow
def test_killed_training_resumes_with_the_carried_state(options, tmp_path):
    # Several epochs a pass, so that the state is carried from one to the next.
    more = [*options, "--epoch-tokens", "20000"]
    assert run(train, "--run-dir", tmp_path / "whole", *more) == 0
    history = files.read_csv(tmp_path / "whole" / "history.csv")
    assert len(history) == 4
    assert_killed_training_resumes(APP, more, tmp_path / "whole", tmp_path / "killed")
