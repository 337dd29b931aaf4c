"""The verbs on what users bring: ordered classes, other test files, long documents, damaged runs."""

import shutil

import numpy as np
import pytest

from apps.common.files import read_json
from apps.sentiment_classifier.classifier import Classifier
from apps.sentiment_classifier.evaluate import evaluate
from apps.sentiment_classifier.export import export
from apps.sentiment_classifier.predict import predict
from apps.sentiment_classifier.train import train
from tests.conftest import assert_refused

pytestmark = pytest.mark.usefixtures("few_resamples")

STARS = ("dull", "weak", "fair", "fine", "superb")


def write_stars(path, count=300, seed=0):
    draw = np.random.default_rng(seed)
    stars = draw.integers(1, 6, count)
    rows = "".join(
        f'{star}.0,"A {STARS[star - 1]} film, row {row % 7}{"abcdefghij"[row // 30]}"\n'
        for row, star in enumerate(stars)
    )
    path.write_text(f"stars,review\n{rows}", encoding="utf-8")


def test_stars_are_trained_and_measured_in_their_order(run, options, tmp_path, capsys):
    write_stars(tmp_path / "stars.csv")
    options = [*options[: options.index("--data") + 1], tmp_path / "stars.csv", *options[options.index("--data") + 2 :]]
    arguments = ["--run-dir", tmp_path / "run", *options, "--ordered", "--class-weight", "balanced", "--cell", "gru"]
    assert run(train, *arguments) == 0
    assert "in their order: 1.0, 2.0, 3.0, 4.0, 5.0" in capsys.readouterr().out
    assert run(evaluate, tmp_path / "run") == 0
    shown = capsys.readouterr().out
    assert "kappa, quadratic" in shown and "mean absolute error" in shown and "bidirectional GRU" in shown
    result = next(iter(read_json(tmp_path / "run" / "metrics.json")["results"].values()))
    assert result["accuracy"]["value"] > 0.8 and result["kappa"]["value"] > 0.8 and len(result["recall"]) == 5
    write_stars(tmp_path / "later.csv", 40, seed=5)
    assert run(evaluate, tmp_path / "run", "--data", tmp_path / "later.csv") == 0
    assert "near-duplicates of training documents" in capsys.readouterr().out


def test_evaluate_names_a_class_that_training_did_not_know(run, trained, tmp_path, capsys):
    (tmp_path / "later.csv").write_text("sentiment,review\npositive,fine\nfurious,bad\n", encoding="utf-8")
    words = "later.csv", "row 3", "'furious'", "'mixed', 'negative'"
    assert_refused(capsys, evaluate, [trained, "--data", tmp_path / "later.csv"], *words[:3])


def test_evaluate_takes_rows_of_some_classes(run, trained, tmp_path, capsys):
    run_dir = shutil.copytree(trained, tmp_path / "run")
    (tmp_path / "later.csv").write_text("sentiment,review\npositive,A superb film\npositive,witty\n", encoding="utf-8")
    assert run(evaluate, run_dir, "--data", tmp_path / "later.csv") == 0
    assert "no documents of 'negative', 'mixed'" in capsys.readouterr().out


def test_document_of_a_megabyte_is_classified(trained, run, tmp_path, capsys):
    (tmp_path / "long.txt").write_text("a superb film " * 75_000 + "\nA dull film\n", encoding="utf-8")
    assert run(predict, trained, "--file", tmp_path / "long.txt") == 0
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_run_without_its_temperature_is_refused_and_finished_again(run, trained, options, tmp_path, capsys):
    run_dir = shutil.copytree(trained, tmp_path / "run")
    (run_dir / "calibration.json").unlink()
    assert_refused(capsys, predict, [run_dir, "fine"], "calibration.json", "finish the training")
    (run_dir / "finished.json").unlink()
    assert run(train, "--run-dir", run_dir, *options) == 0
    assert read_json(run_dir / "calibration.json") == read_json(trained / "calibration.json")
    np.testing.assert_array_equal(Classifier(run_dir)(["fine"]), Classifier(trained)(["fine"]))


def test_export_refuses_limits_below_one(trained, capsys):
    assert_refused(capsys, export, [trained, "--max-characters", "0"], "--max-characters 0")
