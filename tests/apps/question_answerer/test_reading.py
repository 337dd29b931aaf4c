"""Files as people have them: bAbI's format, tables, folders, and what is wrong with some."""

import gzip
import json

import pytest

from apps.common.cli import UserError
from apps.question_answerer.babi import split_sentences
from apps.question_answerer.config import Config
from apps.question_answerer.reading import read_examples

BABI = """1 Ada went to the kitchen.
2 Ben moved to the attic.
3 Where is Ada?\tkitchen\t1
4 Ada took the lamp. She smiled.
5 Ada walked to the barn.
6 Where is the lamp?\tbarn\t4 5
1 Cleo slept.
2 Did Cleo sleep? \tyes\t1
"""


def read(*files, **settings):
    return read_examples(Config(data=tuple(map(str, files)), **settings))


def written(tmp_path, text, name="qa1_train.txt"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_babi_is_read_with_its_facts_and_stories(tmp_path):
    examples = read(written(tmp_path, BABI))
    first, second, third = examples.questions
    assert first.story == ("Ada went to the kitchen.", "Ben moved to the attic.")
    assert (first.question, first.answer, first.supporting) == ("Where is Ada?", "kitchen", (0,))
    assert second.story[2:] == ("Ada took the lamp.", "She smiled.", "Ada walked to the barn.")
    # Line 4 has two sentences, so line 5 is the fifth.
    assert second.supporting == (2, 4)
    assert (third.story, third.answer) == (("Cleo slept.",), "yes")
    assert first.group == second.group != third.group
    assert {each.task for each in examples.questions} == {"qa1"} and first.split == "train"


@pytest.mark.parametrize("pack", [None, gzip.compress])
def test_folder_gives_tasks_in_their_order_with_the_splits_of_the_names(tmp_path, pack):
    for name in ("qa10_x_train", "qa2_y_train", "qa2_y_test", "qa2_y_valid"):
        content = BABI.encode()
        (tmp_path / f"{name}.txt{'.gz' if pack else ''}").write_bytes(pack(content) if pack else content)
    (tmp_path / "README.txt").write_text("about")
    examples = read(tmp_path)
    assert examples.tasks == ["qa2_y", "qa10_x"]
    assert {each.split for each in examples.questions} == {"train", "validation", "test"}
    assert len(examples) == 12
    assert read(tmp_path, tasks=("2",)).tasks == ["qa2_y"]
    with pytest.raises(UserError, match="--tasks 1: no such task"):
        read(tmp_path, tasks=("1",))


def test_tables_give_the_same_as_babi(tmp_path):
    rows = [
        {"story": "Ada slept. Ben ran!", "question": "Who ran?", "answer": "Ben", "supporting": "2"},
        {"story": "Ada slept. Ben ran!", "question": "Who slept?", "answer": "Ada", "supporting": "1, 2"},
    ]
    lines = "story,question,answer,supporting\n" + "".join(
        ",".join(f'"{value}"' for value in row.values()) + "\n" for row in rows
    )
    of_csv = read(written(tmp_path, lines, "rows.csv"))
    listed = [{**row, "story": ["Ada slept.", "Ben ran!"], "supporting": [2]} for row in rows[:1]]
    of_json = read(written(tmp_path, "".join(json.dumps(row) + "\n" for row in listed), "rows.jsonl"))
    assert of_csv.questions[0][1:] == of_json.questions[0][1:]
    assert of_csv.questions[0].supporting == (1,) and of_csv.questions[1].supporting == (0, 1)
    assert of_csv.questions[0].group == of_csv.questions[1].group
    renamed = written(tmp_path, lines.replace("story,question", "tale,ask"), "other.csv")
    assert len(read(renamed, story_column="tale", question_column="ask")) == 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("1 Ada went to the kitchen.\n2 Ben", "1 Where is Ada?\tkitchen\n2 Ben", "row 1: a question before any"),
        ("4 Ada took", "7 Ada took", "row 4: line number 7, expected 4, or 1"),
        ("1 Ada went", "3 Ada went", "row 1: line number 3, expected 1"),
        ("\n2 Ben moved", "\nBen moved", "row 2: no line number"),
        ("Ada?\tkitchen\t1", "Ada? kitchen 1?", "row 3: a question without a tab"),
        ("Ada?\tkitchen\t1", "Ada? kitchen 1", "row 3: a question without a tab"),
        ("Ada?\tkitchen\t1", "Ada?\t\t1", "row 3: an empty answer"),
        ("Where is Ada?\tkitchen", "\tkitchen", "row 3: an empty question"),
        ("kitchen\t1", "kitchen\t9", "row 3: supporting fact 9, expected numbers of sentences above it: 1, 2"),
        ("kitchen\t1", "kitchen\tone", "row 3: supporting fact one"),
        ("barn\t4 5", "barn\t4 3", "row 6: supporting fact 3"),
        ("2 Ben moved to the attic.", "2  ", "row 2: an empty sentence"),
        ("2 Ben moved to the attic.", "2 Ben\0", "NUL"),
        ("Where is Ada?\t", "???\t", "row 3: no words in the question"),
    ],
)
def test_wrong_lines_are_named(tmp_path, old, new, words):
    assert BABI.count(old) == 1
    with pytest.raises(UserError, match=words.replace("?", r"\?")):
        read(written(tmp_path, BABI.replace(old, new)))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"story": " "}, "row 1: an empty story"),
        ({"question": ""}, "row 1: an empty question"),
        ({"answer": None}, "row 1: an empty answer"),
        ({"supporting": [3]}, "row 1: supporting fact 3, expected .* 1, 2"),
        ({"supporting": "x"}, "row 1: supporting fact x"),
        ({"story": "half \ud800", "supporting": None}, "surrogate"),
    ],
)
def test_wrong_rows_are_named(tmp_path, row, words):
    row = {"story": "Ada slept. Ben ran.", "question": "Who ran?", "answer": "Ben", "supporting": [2], **row}
    with pytest.raises(UserError, match=words):
        read(written(tmp_path, json.dumps(row) + "\n", "rows.jsonl"))


def test_files_that_are_no_stories_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="no files of stories"):
        read(tmp_path / "empty")
    (tmp_path / "picture.txt").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    with pytest.raises(UserError, match="a PNG picture"):
        read(tmp_path / "picture.txt")
    with pytest.raises(UserError, match="neither bAbI's format"):
        read(written(tmp_path, "Once upon a time.\nThere was a lamp.\n", "tale.txt"))
    with pytest.raises(UserError, match="no questions"):
        read(written(tmp_path, "1 Ada slept.\n", "quiet.txt"))


def test_story_longer_than_the_memory_is_refused_or_cut(tmp_path):
    path = written(tmp_path, BABI)
    with pytest.raises(UserError, match="row 6: a story of 5 sentences, longer than the memory: give --memory-slots 5"):
        read(path, memory_slots=4)
    assert len(read(path, memory_slots=4, model="lstm").questions[1].story) == 5
    cut = read(path, memory_slots=4, max_sentences=3)
    assert cut.questions[1].story == ("Ada took the lamp.", "She smiled.", "Ada walked to the barn.")
    assert cut.questions[1].supporting == (0, 2)
    assert any("cut to its last 3" in line for line in cut.summary.lines())


def test_sentences_end_with_marks_or_lines():
    assert split_sentences("Ada slept.  Ben ran!\nWho?\r\n\n Cleo, too") == [
        "Ada slept.",
        "Ben ran!",
        "Who?",
        "Cleo, too",
    ]
    assert split_sentences("3.5 litres of milk.") == ["3.5 litres of milk."]
    assert split_sentences(" \n ") == []


def test_questions_are_the_same_wherever_their_files_are(tmp_path):
    (tmp_path / "other").mkdir()
    one = read(written(tmp_path, BABI))
    assert read(written(tmp_path, BABI, "other/qa1_train.txt")).fingerprint == one.fingerprint
    assert read(written(tmp_path, BABI.replace("kitchen\t1", "attic\t1"))).fingerprint != one.fingerprint
