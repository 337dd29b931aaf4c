"""Reading recordings with transcripts: layouts, what is left out, mistakes, and splits."""

import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from apps.common import tfds_sets
from apps.common.cli import UserError
from apps.speech_recognizer.audio import decode, write_wav
from apps.speech_recognizer.config import Config
from apps.speech_recognizer.reading import read_recordings
from apps.speech_recognizer.splitting import split_recordings
from apps.speech_recognizer.texts import normalize_text
from tests.apps.speech_recognizer.forms import AB, FORMS, NONE
from tests.conftest import shared_data

TONE = np.sin(2 * np.pi * 440 / 8000 * np.arange(1600))


def make(folder, texts, sounds):
    """Write text files and sounds, whose content does not matter."""
    for name, content in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    for name in sounds:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_wav(folder / name, TONE, 8000)


def read(folder, file="", **settings):
    return read_recordings(Config(data=str(folder / file), **settings), cache=folder.parent / "cache")


def shown(recordings):
    return "\n".join(recordings.summary.lines())


@pytest.mark.parametrize(
    ("texts", "sounds", "settings", "expected", "named"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS]
)
def test_layouts_are_read(tmp_path, texts, sounds, settings, expected, named):
    folder = tmp_path / "corpus"
    make(folder, texts, sounds)
    recordings = read(folder, **settings)
    names = [path.relative_to(folder).as_posix() for path in recordings.paths]
    assert dict(zip(names, recordings.texts, strict=True)) == expected
    found = dict(zip(names, zip(recordings.speakers, recordings.splits, strict=True), strict=True))
    assert {name: found[name] for name in named} == named
    if not named:
        assert set(recordings.speakers) == {None}
    assert "2 recordings" in shown(recordings) or "3 recordings" in shown(recordings)
    assert len(recordings.summary.examples) == 2


def test_parquet_with_sounds_is_read(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    write_wav(tmp_path / "x.wav", TONE, 8000)
    sound = (tmp_path / "x.wav").read_bytes()
    for split, text in (("train", "a cat"), ("test", "a dog")):
        audio = {"bytes": sound + bytes(text, "utf-8"), "path": "x.wav"}
        frame = pd.DataFrame({"audio": [audio], "sentence": [text], "speaker_id": [7]})
        frame.to_parquet(folder / f"{split}-00000-of-00001.parquet")
    recordings = read(folder)
    assert dict(zip(recordings.splits, recordings.texts, strict=True)) == {"train": "a cat", "test": "a dog"}
    assert recordings.speakers == ["7", "7"]
    assert all(len(decode(path, 8000)) == 1600 for path in recordings.paths)
    before = [path.stat().st_mtime_ns for path in recordings.paths]
    assert [path.stat().st_mtime_ns for path in read(folder).paths] == before


class Audio:
    sample_rate = 8000


class ClassLabel:
    def int2str(self, index):
        return ["yes", "_silence_"][index]


@pytest.mark.parametrize(
    ("features", "row", "text", "speaker"),
    [
        ({"audio": Audio(), "label": ClassLabel()}, {"label": 0}, "yes", None),
        ({"audio": Audio(), "label": ClassLabel()}, {"label": 1}, None, None),
        ({"speech": Audio(), "text": 0, "speaker_id": 0, "id": 0}, {"text": b"A CAT", "speaker_id": 84}, "a cat", "84"),
    ],
)
def test_tensorflow_datasets_are_read(tmp_path, monkeypatch, features, row, text, speaker):
    class Builder:
        class info:
            version = "1.0.0"
            splits = ("train_clean100", "dev_clean")

    Builder.info.features = features
    sound = next(iter(features))
    rows = {"train_clean100": [row | {sound: (20000 * TONE).astype("int64")}], "dev_clean": []}
    monkeypatch.setattr(tfds_sets, "open_set", lambda name, split: Builder)
    monkeypatch.setattr(tfds_sets, "rows", lambda builder, split: iter(rows[split]))
    if text is None:
        with pytest.raises(UserError, match="no recordings"):
            read_recordings(Config(data="tfds:x"), cache=tmp_path)
        return
    recordings = read_recordings(Config(), "tfds:x", cache=tmp_path)
    assert (recordings.texts, recordings.speakers) == ([text], [speaker])
    samples = decode(recordings.paths[0], 8000)
    np.testing.assert_allclose(samples, 20000 * TONE / 32768, atol=1e-3)
    monkeypatch.setattr(Builder.info, "features", {"image": 0, "label": 0})
    with pytest.raises(UserError, match=r"tfds:x: not speech recognition.*found image"):
        read_recordings(Config(), "tfds:x", cache=tmp_path)


def test_sample_is_made_once(tmp_path, monkeypatch):
    package, module = ModuleType("sample_data"), ModuleType("make_recordings")
    package.make_recordings, module.__file__, made = module, __file__, []

    def write_recordings(folder):
        made.append(folder)
        make(folder, {"transcripts.csv": "file,text,speaker,split\nclips/a.wav,a cat,x,\n"}, ["clips/a.wav"])

    module.write_recordings = write_recordings
    monkeypatch.setitem(sys.modules, "apps.speech_recognizer.sample_data", package)
    for _ in range(2):
        recordings = read_recordings(Config(), cache=tmp_path / "cache")
        assert (recordings.texts, recordings.speakers) == (["a cat"], ["x"])
    assert len(made) == 1


def test_what_is_left_out_is_counted(tmp_path):
    rows = ["a.wav,A cat", "a.wav,a cat!", "b.wav,...", "absent.wav,x", ",x", "d.wav,one", "e.wav,two"]
    make(tmp_path / "c", {"t.csv": "file,text\n" + "\n".join(rows)}, ["a.wav", "b.wav", "c.wav", "d.wav", "e.wav"])
    recordings = read(tmp_path / "c")
    assert recordings.texts == ["a cat", "one", "two"]
    for words in (
        "1 row: repeated row, left out (row 3)",
        "1 row: empty transcript, left out (row 4)",
        "1 row: recording not found, left out, the first 'absent.wav' (row 5)",
        "1 row: no recording named, left out (row 6)",
        "1 row: sound file without a transcript, left out (c.wav)",
    ):
        assert words in shown(recordings)


def test_recordings_with_two_transcripts_are_left_out(tmp_path):
    names = [f"{number}.wav" for number in range(20)]
    rows = [f"{name},text {name[:-4]}" for name in names]
    make(tmp_path / "c", {"t.csv": "\n".join(["file,text", *rows, "3.wav,other"])}, names)
    recordings = read(tmp_path / "c")
    assert len(recordings) == 19
    assert "different transcripts of a recording, left out" in shown(recordings)
    make(tmp_path / "c", {"t.csv": "\n".join(["file,text", *rows, "3.wav,x", "4.wav,x", "5.wav,x"])}, [])
    with pytest.raises(UserError, match=r"3 recordings of 20 with different transcripts: of 3.wav, row 5 has 'text 3'"):
        read(tmp_path / "c")


def test_names_of_folders_that_exist_are_kept_apart(tmp_path):
    make(
        tmp_path / "c",
        {"t.csv": "file,text\np1/1.wav,one\np2/1.wav,two\np1/2.wav,lost\n"},
        ["x/p1/1.wav", "x/p2/1.wav", "x/p2/2.wav"],
    )
    recordings = read(tmp_path / "c")
    assert [path.parent.name for path in recordings.paths] == ["p1", "p2"]
    assert "recording not found, left out, the first 'p1/2.wav'" in shown(recordings)


@pytest.mark.parametrize(
    ("texts", "sounds", "settings", "words"),
    [
        ({}, ["a.wav", "b.wav"], {}, "2 sound files, but no transcripts: expected a table"),
        ({"t.csv": "file,text\na.wav,x\n"}, [], {}, "no sound files in it, such as .wav"),
        ({"notes.txt": "x", "clips.zip": "x"}, [], {}, "no sound files in it.*unpack 'clips.zip'"),
        ({"t.csv": "file,text\nx.wav,x\n"}, ["a.wav"], {}, "none of its 1 recording"),
        ({"t.csv": "file,text\na.wav,...\n"}, ["a.wav"], {}, "every transcript is empty"),
        ({"t.csv": "file,text\na.wav,x\n"}, ["a.wav"], {"text_column": "words"}, r"no column 'words' \(--text-col"),
        ({"t.csv": "file,text\na.wav,x\n"}, ["a.wav"], {"file_column": "wave"}, "no column 'wave'.*'file', 'text'"),
        ({"t.csv": "file,text\na.wav,x\n"}, ["a.wav"], {"speaker_column": "who"}, r"no column 'who' \(--speaker-col"),
        ({"t.csv": "file,a,b\na.wav,x,y\n"}, ["a.wav"], {}, "no column for the transcripts found; name it with --text"),
        ({"t.csv": "file,text,split\na.wav,x,train\nb.wav,x,no\n"}, AB, {}, "row 3: split 'no', expected train"),
        ({"t.csv": "file,text\na.wav,x,y\n"}, ["a.wav"], {}, "row 2: 3 fields, expected 2"),
        ({"a.csv": "file,text\na.wav,x\n", "b.csv": "file,text\na.wav,y\n"}, ["a.wav"], {}, "2 files may hold"),
        ({"t.csv": "file,start,text\na.wav,0,x\na.wav,1.5,y\n"}, ["a.wav"], {}, "column 'start' is 1.5, so rows"),
        ({"t.json": '[{"file": "a.wav", "text": ["x"]}]'}, ["a.wav"], {}, "the transcript is .*expected a text"),
        ({"wav.scp": "a a.wav\n"}, ["a.wav"], {}, "no file called text"),
        ({"wav.scp": "a a.wav\n", "segments": "x a 0 1\n"}, ["a.wav"], {}, "segments: cuts recordings into parts"),
        ({}, ["a.wav"], {"pattern": "{text}_{n}.wav"}, "none of its 1 sound file fits.*such as 'a.wav'"),
        ({}, [], {"pattern": "{text}_{n}.wav"}, "no sound files"),
        ({"t.csv": "file,text\na.wav,x\n"}, ["x/a.wav", "y/a.wav"], {}, "'a.wav' may be 'x/a.wav', 'y/a.wav'"),
        ({"t.csv": "file,text,split\na.wav,x,train\na.wav,x,test\n"}, ["a.wav"], {}, "split 'test' here and 'train'"),
        ({"t.csv": "file,text\na.wav,x\n"}, ["a.wav"], {"file": "absent.csv"}, "no such file or folder"),
        ({}, ["a.wav"], {"file": "a.wav"}, "a sound file, expected a folder or a table"),
        ({"x.zip": "x"}, [], {"file": "x.zip"}, "an archive, expected a folder or a table of transcripts; unpack it"),
        ({"t.csv": ""}, ["a.wav"], {"file": "t.csv"}, "t.csv: no rows in it"),
        ({"t.csv": "file,text,split\na.wav,x,train\nb.wav,x,\n"}, AB, {}, "that of row 3 has none; give all or none"),
    ],
)
def test_mistakes_are_named(tmp_path, texts, sounds, settings, words):
    (tmp_path / "c").mkdir()
    make(tmp_path / "c", texts, sounds)
    with pytest.raises(UserError, match=words) as error:
        read(tmp_path / "c", **settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"pattern": "{speaker}.wav"}, "expected {text} once"),
        ({"pattern": "{text}_{text}.wav"}, "expected {text} once"),
        ({"pattern": "{text}.wav", "text_column": "x"}, "--pattern reads the names of files, --text-column a table"),
        ({"rate": 100}, "--rate 100"),
        ({"test_fraction": 0.95}, "less than 1 together"),
    ],
)
def test_wrong_settings_are_refused(settings, words):
    with pytest.raises(UserError, match=words):
        Config(**settings)


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("  Don\u2019t\tSTOP —  now! ", {}, "don't stop now"),
        ("Don't STOP.", {"lowercase": False}, "Don't STOP"),
        ("“Well-known” … 3.14 or 1,000.", {"keep_punctuation": False}, "well known 3.14 or 1,000"),
        ("\u2018Yes\u2019, he said: 'No!' 'tis o`clock", {}, "yes he said no 'tis o'clock"),
        ("Hello,  World!", {"keep_punctuation": True}, "hello, world!"),
        ("ﬁnal \uff46\uff55\uff4c\uff4c\u00a0width\u200b\ufeff", {}, "final full width"),
        ("e\u0301tude क्या می\u200c\u062e\u0648", {}, "étude क्या می\u200c\u062e\u0648"),
        ("... ?!", {}, ""),
    ],
)
def test_text_is_normalized(text, options, expected):
    assert normalize_text(text, **options) == expected
    assert normalize_text(expected, **options) == expected


def test_punctuation_and_case_are_kept_if_asked_for(tmp_path):
    make(tmp_path / "c", {"t.csv": "file,text\na.wav,A cat.\n"}, ["a.wav"])
    assert read(tmp_path / "c", keep_punctuation=True, lowercase=False).texts == ["A cat."]


def corpus(folder, speakers, count, split=""):
    names = [f"{who}{number}.wav" for who in speakers for number in range(count)]
    rows = [f"{name},text {name[:-4]},{name[0]}" + f",{split}" * bool(split) for name in names]
    make(folder, {"t.csv": "\n".join(["file,text,speaker" + ",split" * bool(split), *rows])}, names)


def test_no_speaker_is_on_two_sides(tmp_path):
    corpus(tmp_path / "c", "abcdefgh", 3)
    config = Config(data=str(tmp_path / "c"))
    recordings = read_recordings(config)
    parts = split_recordings(recordings, config)
    speakers = [set(part.speakers) for part in parts.values()]
    assert all(speakers) and sum(map(len, speakers)) == 8
    assert sum(map(len, parts.values())) == 24
    again = split_recordings(read_recordings(config), config)
    assert {name: part.paths for name, part in again.items()} == {name: part.paths for name, part in parts.items()}
    other = split_recordings(recordings, Config(data=config.data, seed=5))
    assert other["test"].paths != parts["test"].paths


def test_few_speakers_are_split_by_recording(tmp_path):
    corpus(tmp_path / "c", "ab", 20)
    config = Config(data=str(tmp_path / "c"))
    recordings = read_recordings(config)
    parts = split_recordings(recordings, config)
    assert [len(parts[name]) for name in ("train", "validation", "test")] == [30, 4, 6]
    assert "too few speakers" in shown(recordings)


def test_splits_of_the_data_are_kept(tmp_path):
    texts = {"t.csv": "file,text,split\n" + "".join(f"{n}.wav,w,{'test' if n < 3 else 'train'}\n" for n in range(10))}
    make(tmp_path / "c", texts, [f"{number}.wav" for number in range(10)])
    config = Config(data=str(tmp_path / "c"), validation_fraction=0.2)
    parts = split_recordings(read_recordings(config), config)
    assert sorted(path.stem for path in parts["test"].paths) == ["0", "1", "2"]
    assert (len(parts["train"]), len(parts["validation"])) == (5, 2)


def test_too_few_recordings_are_refused(tmp_path):
    make(tmp_path / "c", {"t.csv": "file,text\na.wav,x\n"}, ["a.wav"])
    config = Config(data=str(tmp_path / "c"))
    with pytest.raises(UserError, match="too few recordings to split: 1 leave none for validation"):
        split_recordings(read_recordings(config), config)


def test_fingerprint_is_of_contents(tmp_path):
    for name in "ab":
        make(tmp_path / name, {"t.csv": "file,text\na.wav,x\n"}, ["a.wav"])
    one, other = read(tmp_path / "a"), read(tmp_path / "b")
    assert one.fingerprint == other.fingerprint
    write_wav(tmp_path / "b" / "a.wav", TONE[::-1], 8000)
    assert read(tmp_path / "b").fingerprint != one.fingerprint
    make(tmp_path / "a", {"t.csv": "file,text\na.wav,y\n"}, [])
    assert read(tmp_path / "a").fingerprint != one.fingerprint
    assert one.take([0]) == one and (one.speakers[0], one.splits[0]) == NONE


def test_free_spoken_digits_are_read():
    folder = shared_data("fsdd") / "recordings"
    recordings = read_recordings(Config(data=str(folder), pattern="{text}_{speaker}_{n}.wav"))
    assert len(recordings) == 2500
    assert set(recordings.texts) == set("0123456789") and len(set(recordings.speakers)) >= 5


def test_an4_sample_is_read():
    config = Config(data=str(shared_data("an4_sample")))
    recordings = read_recordings(config)
    assert (recordings.splits.count("train"), recordings.splits.count("test")) == (30, 10)
    assert "repeat" in recordings.texts
    assert len(split_recordings(recordings, config)["test"]) == 10
    assert all(0.1 < len(decode(path, 16000)) / 16000 < 20 for path in recordings.paths[:3])
