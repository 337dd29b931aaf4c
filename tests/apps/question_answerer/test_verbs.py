"""The verbs on what users bring: unknown words, answers that are new, other networks, pictures."""

import json

import pytest

from apps.common.files import read_json
from apps.question_answerer.evaluate import evaluate
from apps.question_answerer.export import export
from apps.question_answerer.predict import predict
from apps.question_answerer.train import train
from tests.apps.cases.question_answerer import STORY
from tests.conftest import assert_refused

NEW = "1 Ada went to the kitchen.\n2 Where is Ada?\tNarnia\n3 Is Ada in the kitchen?\tyes\t1\n"


def test_unknown_words_are_shown_and_the_question_answered(run, trained, capsys):
    assert run(predict, trained, "Where is Zoe?", "--story", f"{STORY} Zoe juggled.") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("Where is Zoe?  ") and shown[0].endswith("%)")
    assert shown[1].strip() == "not known from training: zoe, juggled"
    assert [line.split("  ")[-1] for line in shown[2:]] == [
        *(f"{each}." for each in STORY[:-1].split(". ")),
        "Zoe juggled.",
    ]


def test_predict_prints_json_and_draws_the_memory(run, trained, tmp_path, capsys):
    (tmp_path / "story.txt").write_text(STORY.replace(". ", ".\n"))
    options = ["--story-file", tmp_path / "story.txt", "--json", "--picture", tmp_path / "memory.png"]
    assert run(predict, trained, "Where is Ada?", "Is Ben in the attic?", *options) == 0
    one, other = map(json.loads, capsys.readouterr().out.splitlines())
    assert one["question"] == "Where is Ada?" and 0 < other["probability"] <= 1 and one["unknown"] == []
    assert [each["sentence"] for each in one["sentences"]] == ["Ada went to the kitchen.", "Ben hurried to the attic."]
    assert all(0 <= each["read"] <= 1 for each in one["sentences"])
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")


def test_answers_not_seen_in_training_are_counted_as_wrong_and_named(run, run_copy, tmp_path, capsys):
    (tmp_path / "new.txt").write_text(NEW)
    assert run(evaluate, run_copy, "--data", tmp_path / "new.txt") == 0
    assert "1 question counted as wrong, whose answers do not occur in training: 'Narnia'" in capsys.readouterr().out
    report = read_json(run_copy / "metrics.json")
    assert report["unseen_answers"] == {"Narnia": 1} and report["rows"] == 2
    assert all(each["accuracy"] <= 0.5 for each in report["results"].values())
    (tmp_path / "long.txt").write_text("".join(f"{n} Ada ran.\n" for n in range(1, 14)) + "14 Who ran?\tAda\n")
    assert_refused(capsys, evaluate, [run_copy, "--data", tmp_path / "long.txt"], "row 14", "13 sentences", "memory")


@pytest.fixture
def run_copy(trained, tmp_path):
    import shutil

    return shutil.copytree(trained, tmp_path / "copy")


def test_lstm_is_trained_measured_and_exported_without_a_memory(run, options, tmp_path, capsys):
    few = ["--model", "lstm", "--epochs", "1", "--tasks", "2"]
    assert run(train, "--run-dir", tmp_path / "run", *options, *few) == 0
    assert run(evaluate, tmp_path / "run") == 0
    shown = capsys.readouterr().out
    assert "LSTM" in shown and "qa2_yes_no" in shown and "qa1" not in shown.partition("accuracy, %")[2]
    assert not (tmp_path / "run" / "memory.png").exists()
    assert run(predict, tmp_path / "run", "Is Ada in the kitchen?", "--story", f"{STORY} " * 20) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    words = "--picture", "--model lstm"
    assert_refused(
        capsys, predict, [tmp_path / "run", "Who?", "--story", STORY, "--picture", tmp_path / "x.png"], *words
    )
    assert run(export, tmp_path / "run") == 0
    assert "answer, probability)" in capsys.readouterr().out
