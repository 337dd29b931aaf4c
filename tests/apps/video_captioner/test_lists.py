"""Lists of clips for `predict --file`."""

import io
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from apps.common import cli
from apps.common.cli import UserError
from apps.video_captioner.clip_lists import read_clip_list
from apps.video_captioner.config import Config
from apps.video_captioner.predict import predict
from tests.conftest import assert_refused

A, B = Path("a.mp4"), Path("sub/b.mp4")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working directory, with a.mp4, sub/b.mp4 and lists/c.mp4."""
    for name in ("a.mp4", "sub/b.mp4", "lists/c.mp4", "my clip.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("list.txt", "a.mp4\n\nsub/b.mp4\n", [A, None, B]),
        ("list", "a.mp4\r\nsub/b.mp4", [A, B]),
        ("list.txt", "my clip.mp4\na.mp4\n", [Path("my clip.mp4"), A]),
        ("list.csv", "clip,n\na.mp4,1\n,2\nsub/b.mp4,3\n", [A, None, B]),
        ("list.csv", "a.mp4\nsub/b.mp4\n", [A, B]),
        ("list.tsv", "x\ty\n1\ta.mp4\n2\tsub/b.mp4\n", [A, B]),
        ("list.txt", "file_name;text\na.mp4;x\nsub/b.mp4;y\n", [A, B]),
        ("list.json", '["a.mp4", "", "sub/b.mp4"]', [A, None, B]),
        ("list.json", '[{"video": "a.mp4"}, {"video": "sub/b.mp4"}]', [A, B]),
        ("list.jsonl", '{"video": "a.mp4"}\n{"video": null}\n{"video": "sub/b.mp4"}\n', [A, None, B]),
        ("lists/list.txt", "c.mp4\na.mp4\n", [Path("lists/c.mp4"), A]),
        ("lists/list.csv", "clip\nc\na.mp4\n", [Path("lists/c.mp4"), A]),
        ("list.txt", "a.mp4\nabsent.mp4\na.mp4\n", [A, Path("absent.mp4"), A]),
    ],
)
def test_lists_of_clips_are_read(here, name, content, expected):
    Path(name).write_text(content)
    assert read_clip_list(Path(name), Config()) == expected


def test_list_is_read_from_standard_input(here, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"a.mp4\n\nsub/b.mp4\n")))
    assert read_clip_list(Path("-"), Config()) == [A, None, B]


@pytest.mark.parametrize(
    ("name", "content", "settings", "words"),
    [
        ("list.csv", "clip,n\na.mp4,1\n", {"clip_column": "video"}, "no column 'video', as in the training"),
        ("list.csv", "n,m\n1,2\n", {}, "no column of clips; call it clip"),
        ("list.txt", "\n\n", {}, "no clips in it"),
        ("list.csv", "clip\n", {}, "no clips in it"),
        ("list.txt", "\x89PNG", {}, "list.txt"),
    ],
)
def test_lists_without_clips_are_refused(here, name, content, settings, words):
    Path(name).write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=words):
        read_clip_list(Path(name), Config(**settings))
    with pytest.raises(UserError, match="no such file"):
        read_clip_list(Path("absent.txt"), Config())


def test_predict_answers_each_line_of_a_list(trained, compiled, folder, bad_clips, tmp_path, capsys):
    clips = sorted(folder.glob("test*.mp4"))[:2]
    for clip in clips:
        shutil.copy(clip, tmp_path)
    file = tmp_path / "list.txt"
    file.write_text(f"{clips[0].name}\n\n{clips[1].name}\n{clips[0].name}\n")
    assert cli.run(predict, [str(trained), "--file", str(file), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(row["clip"]).name for row in rows] == [clips[0].name, "", clips[1].name, clips[0].name]
    assert rows[0] == rows[3] and rows[1] == {"clip": "", "caption": "", "score": None} and rows[2]["caption"]
    assert cli.run(predict, [str(trained), "--file", str(file)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6
    file.write_text(f"{clips[0].name}\n{bad_clips['cut.mp4']}\n")
    assert_refused_after(capsys, [trained, "--file", file], "1 of 2 clips could not be read")
    assert_refused(capsys, predict, [trained, clips[0], "--file", file], "not both")


def assert_refused_after(capsys, arguments, words):
    assert cli.run(predict, [str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert words in captured.err and "left out" in captured.err and captured.out
