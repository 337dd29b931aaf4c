"""The forms of captions that people have: (files, settings) -> captions by clip."""

import json

import pandas as pd
import pytest

from apps.common.cli import UserError
from apps.video_captioner.config import Config
from apps.video_captioner.reading import read_clips
from tests.apps.video_captioner.forms import FORMS, MSRVTT, MSVD, lines


def make(folder, files, clips=()):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    for name in clips:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def read(folder, strict=False, **settings):
    clips = read_clips(Config(data=str(folder), **settings), folder / "cache", strict)
    names = [path.relative_to(folder).as_posix() for path in clips.paths]
    return clips, dict(zip(names, clips.captions, strict=True))


@pytest.mark.parametrize(
    ("files", "settings", "expected"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS]
)
def test_captions_are_read_in_many_forms(tmp_path, files, settings, expected):
    make(tmp_path, files, expected)
    clips, found = read(tmp_path, **settings)
    assert found == expected
    text = "\n".join(clips.summary.lines())
    assert "clip: " in text and "captions: " in text and f"{len(expected)} clip" in text
    assert next(iter(expected.values()))[0] in text


TABLE = "clip,caption\na.mp4,a cat\nb.mp4,a dog\n"
SPLITS = {"a.mp4": "train", "b.mp4": "validation", "c.mp4": "test"}


@pytest.mark.parametrize(
    ("files", "clips", "origin"),
    [
        ({"captions.csv": "clip,caption,split\na.mp4,x,train\nb.mp4,x,Dev\nc.mp4,x,TEST\n"}, SPLITS, "column 'split'"),
        ({f"captions_{name}2017.csv": f"clip,caption\n{clip},x\n"
          for name, clip in map(str.split, ("train a", "val b", "test c"))},
         SPLITS, "the name of each file"),
        ({f"vatex_{name}_v1.0.json": json.dumps([{"videoID": clip, "enCap": ["x"], "chCap": ["一"]}])
          for name, clip in map(str.split, ("training a", "validation b", "public_test c"))},
         SPLITS, "the name of each file"),
        ({"train_val_videodatainfo.json": json.dumps(MSRVTT), "test_videodatainfo.json": json.dumps(
            {"videos": [{"id": 2, "video_id": "video2", "split": "test"}], "sentences": [{"video_id": "video2",
             "caption": "x"}]})},
         {"video0.mp4": "train", "video1.mp4": "validation", "video2.mp4": "test"}, "column 'split'"),
        ({f"{name}/metadata.csv": "file_name,text\n1.mp4,x\n" for name in ("train", "validation", "test")},
         {f"{name}/1.mp4": name for name in ("train", "validation", "test")}, "the name of each file"),
        ({"captions.csv": "clip,caption\na,x\nb,x\nc,x\n"},
         {"train/a.mp4": "train", "val/b.mp4": "validation", "test/sub/c.mp4": "test"}, "the folder of each clip"),
        ({"captions.csv": "clip,caption\na,x\nb,x\nc,x\n"}, {"train/a.mp4": None, "val/b.mp4": None, "c.mp4": None},
         None),
        ({"captions.csv": "clip,caption,split\na,x,\nb,x,\n"}, {"a.mp4": None, "b.mp4": None}, None),
    ],
)  # fmt: skip
def test_splits_come_from_a_column_or_a_file_or_a_folder(tmp_path, files, clips, origin):
    make(tmp_path, files, clips)
    found, names = read(tmp_path)
    assert dict(zip(names, found.splits, strict=True)) == clips
    assert found.summary.roles.get("split", "None").startswith(str(origin))


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        ({"captions.csv": TABLE, "metadata.csv": "x", "b.csv": "x"}, "captions.csv"),
        ({"metadata.jsonl": lines({"file_name": "a.mp4", "text": "a cat"}), "b.csv": "x"}, "metadata.jsonl"),
        ({"mine.csv": TABLE, "README.txt": "x", "notes.md": "x"}, "mine.csv"),
        ({"mine.txt": "a.mp4 a cat\n", "LICENSE": "x", "readme": "x"}, "mine.txt"),
        ({"sub/captions.csv": TABLE, "sub/b.csv": "x"}, "sub/captions.csv"),
        ({"captions.csv": TABLE, "sub/captions.csv": "x"}, "captions.csv"),
        ({"._captions.csv": "x", "__MACOSX/captions.csv": "x", "captions.csv": TABLE}, "captions.csv"),
    ],
)
def test_file_of_captions_is_found_in_the_folder(tmp_path, files, chosen):
    make(tmp_path, files, ["a.mp4", "b.mp4"])
    clips, _ = read(tmp_path)
    assert clips.summary.name == str(tmp_path / chosen)


def test_captions_may_be_a_folder_or_elsewhere(tmp_path):
    make(tmp_path, {"texts/train.csv": "clip,caption\na.mp4,a cat\n", "texts/val.csv": "clip,caption\nb.mp4,a dog\n"})
    make(tmp_path / "clips", {}, ["a.mp4", "b.mp4"])
    clips, found = read(tmp_path / "clips", captions=str(tmp_path / "texts"))
    assert found == {"a.mp4": ["a cat"], "b.mp4": ["a dog"]} and clips.splits == ["train", "validation"]
    make(tmp_path, {"prompt.txt": "a cat\n\na dog\n", "videos.txt": "a.mp4\n\nb.mp4\n"})
    _, found = read(tmp_path / "clips", captions=str(tmp_path / "prompt.txt"))
    assert found == {"a.mp4": ["a cat"], "b.mp4": ["a dog"]}


EVEN_PARTS = {"v_a": {"duration": 9, "timestamps": [[0, 4], [4, 9]], "sentences": ["A cat.", "A dog."]}}


@pytest.mark.parametrize(
    ("files", "settings", "words"),
    [
        ({}, {}, ["no file of captions in it", "captions.csv", "--captions"]),
        ({"one.csv": TABLE, "two.csv": TABLE}, {}, ["2 files", "'one.csv', 'two.csv'", "--captions"]),
        ({"captions.csv": TABLE, "captions.json": "[]"}, {}, ["2 files", "'captions.csv', 'captions.json'"]),
        ({"captions.csv": "clip,caption\na.mp4,\nb.mp4, .\n"}, {}, ["every caption is empty", "row 2"]),
        ({"captions.csv": "clip,caption\n,hello\n"}, {}, ["row 2", "no clip is named"]),
        ({"captions.csv": "clip,caption\n"}, {}, ["no captions in it"]),
        ({"captions.csv": ""}, {}, ["no captions in it"]),
        ({"captions.csv": "clip,caption\nz.mp4,x\n"}, {}, ["none of its 1 clip", "'z.mp4'", "'a.mp4'",
         "--clip-column"]),
        ({"captions.csv": "clip,n,m\na.mp4,1,2\n"}, {}, ["no column for the captions", "--caption-column", "'n', 'm'"]),
        ({"captions.csv": "clip,short,long\na.mp4,a cat,a big cat\n"}, {}, ["'short', 'long'", "--caption-column"]),
        ({"captions.csv": TABLE}, {"clip_column": "file"}, ["no column 'file' (--clip-column)", "'clip', 'caption'"]),
        ({"captions.csv": TABLE}, {"caption_column": "text"}, ["no column 'text' (--caption-column)"]),
        ({"captions.csv": TABLE}, {"caption_column": "clip"}, ["both clip and caption"]),
        ({"captions.csv": TABLE}, {"language": "English"}, ["--language English", "names no language"]),
        ({"video_corpus.csv": MSVD}, {"language": "fr"}, ["no captions in French", "'English', 'German'",
         "--language"]),
        ({"video_corpus.csv": MSVD.replace("English", "Thai")}, {}, ["no captions in English", "'German', 'Thai'"]),
        ({"captions.csv": "clip,caption,split\na.mp4,x,middle\n"}, {}, ["row 2", "split 'middle'",
         "train, validation"]),
        ({"captions.csv": "clip,caption,split\na.mp4,x,test\na.mp4,y,train\n"}, {}, ["row 3",
         "'train' here and 'test'"]),
        ({"captions.csv": "clip,caption,split\na.mp4,x,test\nb.mp4,y,\n"}, {}, ["'b.mp4' has none"]),
        ({"captions.csv": "clip,caption\na.mp4\n"}, {}, ["row 2", "1 field, expected 2"]),
        ({"captions.csv": "clip,caption\na.mp4,caf\u00e9\n".encode("cp1252")}, {}, ["row 2", "--encoding cp1252"]),
        ({"captions.csv": "clip,caption\ndup,x\n"}, {}, ["'dup' may be 'x/dup.mp4', 'y/dup.mp4'"]),
        ({"captions.csv": "clip,caption\n7,x\n"}, {}, ["'7' may be '007.mp4', 'video7.mp4'"]),
        ({"captions.csv": "path,label\na.mp4,3\nb.mp4,4\n"}, {}, ["column 'label' has numbers", "--caption-column"]),
        ({"c.json": json.dumps([{"video": "a.mp4", "text": each, "times": [[each, 2], [1, 1]]} for each in "xy"])},
         {}, ["entry 1", "2 captions of 'a' describe parts"]),
        ({"c.json": json.dumps({"a": {"timestamps": [[0, 1], [1, 2]], "sentences": ["x", "y", "z"]}})}, {},
         ["entry 1", "3 captions of 'a', but times of 2 parts"]),
        ({"a.json": "{", "b.json": "{"}, {}, ["a.json", "not JSON", "--captions"]),
        ({"captions.csv": b"clip,caption\na.mp4,\0\0\n"}, {}, ["row 2", "NUL byte"]),
        ({"captions.jsonl": "{\n"}, {}, ["row 1", "not JSON"]),
        ({"captions.json": "["}, {}, ["not JSON"]),
        ({"captions.json": "[]"}, {}, ["no captions in it"]),
        ({"captions.json": "{}"}, {}, ["no captions in it"]),
        ({"captions.json": "7"}, {}, ["captions.json"]),
        ({"captions.json": '["a.mp4", "b.mp4"]'}, {}, ["entry 1", "expected an object with a clip"]),
        ({"captions.json": '{"a": 7}'}, {}, ["entry 1", "'a'", "expected a caption"]),
        ({"captions.json": '[{"id": "a.mp4", "n": 1, "m": 2}]'}, {}, ["no column for the captions", "'id', 'n', 'm'"]),
        ({"captions.json": '[{"id": "a.mp4", "caption": true}]'}, {}, ["entry 1", "True", "expected a text"]),
        ({"captions.json": '[{"id": "a.mp4", "caption": "\\ud800"}]'}, {}, ["entry 1", "surrogate"]),
        ({"captions.json": json.dumps(EVEN_PARTS)}, {}, ["entry 1", "2 captions of 'v_a' describe parts",
         "v_a_START_END"]),
        ({"video_corpus.csv": MSVD.replace("mv89,", "a,")}, {}, ["row 2", "2 captions of 'a' describe parts"]),
        ({"prompt.txt": "x\ny\n", "videos.txt": "a.mp4\n"}, {}, ["prompt.txt: 2 lines", "videos.txt has 1 line"]),
        ({"captions.pkl": b"\x80\x04x"}, {"captions": "captions.pkl"}, ["captions.pkl", "a Python pickle"]),
        ({"captions.csv": b"\x89PNG\r\n"}, {}, ["captions.csv", "a PNG picture"]),
        ({"captions.xlsx": b"PK\x03\x04"}, {}, ["captions.xlsx", "zip"]),
    ],
)  # fmt: skip
def test_captions_that_cannot_be_read_are_refused_in_one_line(tmp_path, files, settings, words):
    make(tmp_path, files, ["a.mp4", "b.mp4", "v_a.mp4", "x/dup.mp4", "y/dup.mp4", "007.mp4", "video7.mp4"])
    if "captions" in settings:
        settings = {"captions": str(tmp_path / settings["captions"])}
    with pytest.raises(UserError) as error:
        read(tmp_path, **settings)
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [("nonesuch", "no such folder"), (__file__, "a file, expected a folder"), ("tfds:ucf101", "give a folder")],
)
def test_data_that_is_not_a_folder_is_refused(tmp_path, data, words):
    with pytest.raises(UserError, match=words):
        read_clips(Config(data=data), tmp_path)
    with pytest.raises(UserError, match=r"no clips in it, such as .mp4"):
        read_clips(Config(data=str(tmp_path)), tmp_path)


def test_what_is_left_out_is_counted_and_the_first_are_named(tmp_path):
    rows = "".join(f"absent{number}.mp4,hello\n" for number in range(12))
    make(tmp_path, {"captions.csv": f"clip,caption\n{rows}a.mp4,hello\na.mp4,\na.mp4,Hello.\n"}, ["a.mp4", "b.mp4"])
    clips, found = read(tmp_path)
    text = "\n".join(clips.summary.lines())
    assert found == {"a.mp4": ["hello"]}
    assert f"12 of 13 captioned clips are not in {tmp_path}, left out: 'absent0.mp4'" in text
    assert "'absent9.mp4' and 2 more" in text and "absent10" not in text
    assert "1 clip without a caption" in text and "left out: 'b.mp4'" in text
    assert "empty caption, left out (row 15)" in text and "has already, left out (row 16)" in text
    with pytest.raises(UserError, match=r"'absent9.mp4' and 2 more.*--strict"):
        read(tmp_path, strict=True)
    make(tmp_path, {"captions.csv": "clip,caption\na.mp4,hello\n"})
    with pytest.raises(UserError, match=r"without a caption in .*b.mp4.*--strict"):
        read(tmp_path, strict=True)


def test_excel_and_parquet_are_read(tmp_path):
    rows = [{"Clip": 7, "Caption": "A cat."}, {"Clip": 12, "Caption": "A dog."}]
    expected = {"video7.mp4": ["a cat"], "video12.mp4": ["a dog"]}
    pd.DataFrame(rows).to_excel(tmp_path / "captions.xlsx", index=False)
    make(tmp_path, {}, expected)
    assert read(tmp_path)[1] == expected
    (tmp_path / "captions.xlsx").unlink()
    pd.DataFrame(rows).to_parquet(tmp_path / "mine.parquet")
    assert read(tmp_path)[1] == expected


def test_clip_is_hashed_again_when_it_changed(tmp_path):
    make(tmp_path, {"captions.csv": TABLE}, ["a.mp4", "b.mp4"])
    before = read(tmp_path)[0].fingerprint
    assert read(tmp_path)[0].fingerprint == before
    (tmp_path / "a.mp4").write_text("other")
    assert read(tmp_path)[0].fingerprint != before
