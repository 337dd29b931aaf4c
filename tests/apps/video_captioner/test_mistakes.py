"""A user's mistakes: one line on stderr that says what is wrong and what to do, status 2, nothing lost."""

import shutil

import pytest

from apps.common import cli, runs
from apps.video_captioner.config import Config
from apps.video_captioner.evaluate import evaluate
from apps.video_captioner.export import export
from apps.video_captioner.predict import predict
from apps.video_captioner.subtitles import parse_length
from apps.video_captioner.train import train
from tests.conftest import assert_refused, run_module, unchanged


def test_mistake_is_one_line_in_a_real_process(tmp_path):
    done = run_module("apps.video_captioner", "--data", tmp_path / "absent", "--run-dir", tmp_path / "run")
    assert done.returncode == 2
    assert done.stderr == f"error: --data {tmp_path}/absent: no such folder, expected a folder of clips\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--epochs", "0"], ["--epochs 0", "from 1 up"]),
        (["--max-frames", "-4"], ["--max-frames -4"]),
        (["--fps", "0"], ["--fps 0.0", "above 0"]),
        (["--frame-size", "8"], ["--frame-size 8", "from 32 to 1024"]),
        (["--vocabulary-size", "5"], ["--vocabulary-size 5"]),
        (["--test-fraction", "0.97"], ["training clips"]),
        (["--dropout", "1"], ["--dropout 1.0"]),
        (["--fine-tune-epochs", "-1"], ["--fine-tune-epochs -1"]),
        (["--fine-tune-epochs", "3"], ["--fine-tune-epochs", "small backbone"]),
        (["--backbone", "AlexNet"], ["--backbone AlexNet", "VGG16"]),
        (["--backbone", "VGG16", "--weights", "absent.h5"], ["--weights absent.h5", "no such file"]),
    ],
)
def test_setting_that_cannot_be_is_refused(tmp_path, folder, cache, capsys, options, words):
    arguments = ["--run-dir", tmp_path / "run", "--data", folder, "--cache", cache, *options]
    assert_refused(capsys, train, arguments, *words)
    assert not (tmp_path / "run").exists()


def test_frame_size_hangs_on_the_backbone():
    assert Config().frame_size == 64 and Config(backbone="VGG16").frame_size == 224
    assert Config(backbone="VGG16", frame_size=96).frame_size == 96


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["no clip given"]),
        (["absent.mp4"], ["absent.mp4", "no such file"]),
        (["."], ["this is a folder"]),
        (["absent.mp4", "--beam", "0"], ["--beam 0"]),
        (["absent.mp4", "--output", "x"], ["--every"]),
        (["absent.mp4", "--every", "2"], ["--every 2", "with its unit"]),
        (["absent.mp4", "--every", "soon"], ["--every soon"]),
        (["absent.mp4", "--every", "1ms"], ["--every 1ms", "from 100ms"]),
        (["absent.mp4", "--every", "2s", "--picture", "x.png"], ["--picture x.png"]),
        (["a/x.mp4", "b/x.mp4", "--every", "2s", "--output", "."], ["the same name"]),
    ],
)
def test_predict_refuses(trained, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert_refused(capsys, predict, [trained, *arguments], *words)
    assert not list(tmp_path.iterdir())


def test_lengths_of_time_have_units():
    assert [parse_length(text) for text in ("2s", "500ms", "1.5s", "1m")] == [2.0, 0.5, 1.5, 60.0]


def test_bad_clip_is_named_and_the_rest_are_captioned(trained, folder, bad_clips, capsys):
    good = sorted(folder.glob("*.mp4"))[:2]
    clips = [good[0], *bad_clips.values(), good[1]]
    assert cli.run(predict, [str(trained), *map(str, clips)]) == 2
    captured = capsys.readouterr()
    assert all(str(path) in captured.out for path in good)
    *named, last = captured.err.splitlines()
    assert [line.split(": ")[1] for line in named] == [str(path) for path in bad_clips.values()]
    assert all(line.startswith("left out: ") for line in named)
    assert last == "error: 6 of 8 clips could not be read; they are named above"
    assert cli.run(predict, [str(trained), *map(str, clips), "--strict"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and str(clips[1]) in captured.err


@pytest.mark.parametrize("name", ["cut.mp4", "cut.avi", "cut.webm", "empty.mp4", "text.mp4", "sound.mp4"])
def test_bad_clip_alone_is_one_line(trained, bad_clips, capsys, name):
    assert_refused(capsys, predict, [trained, bad_clips[name]], bad_clips[name])


def test_bad_long_video_is_named_and_leaves_no_subtitles(trained, folder, bad_clips, tmp_path, capsys):
    good = min(folder.glob("*.mp4"))
    clips = [bad_clips["cut.avi"], good]
    assert cli.run(predict, [str(trained), *map(str, clips), "--every", "1s", "--output", str(tmp_path / "out")]) == 2
    assert f"left out: {bad_clips['cut.avi']}" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{good.stem}.srt", f"{good.stem}.vtt"]


def test_subtitles_that_are_there_are_not_written_over(trained, folder, tmp_path, capsys):
    clip = shutil.copy(min(folder.glob("*.mp4")), tmp_path / "clip.mp4")
    (tmp_path / "clip.srt").write_text("made by hand")
    with unchanged(tmp_path):
        assert_refused(capsys, predict, [trained, clip, "--every", "1s"], "clip.srt", "--overwrite")
    assert cli.run(predict, [str(trained), str(clip), "--every", "1s", "--overwrite"]) == 0
    assert "-->" in (tmp_path / "clip.srt").read_text()


def test_training_names_bad_clips_and_strict_stops(tmp_path, folder, bad_clips, options, capsys):
    mine = shutil.copytree(folder, tmp_path / "mine")
    shutil.copy(bad_clips["cut.mp4"], mine / "cut.mp4")
    with (mine / "captions.csv").open("a") as file:
        file.write("cut.mp4,a red circle grows,train\nabsent.mp4,a red circle grows,train\n")
    arguments = ["--run-dir", tmp_path / "run", *options, "--data", mine, "--epochs", "1"]
    assert_refused(capsys, train, [*arguments, "--strict"], "absent.mp4", "--strict")
    assert not (tmp_path / "run").exists()
    assert cli.run(train, [str(argument) for argument in arguments]) == 0
    captured = capsys.readouterr()
    assert "1 of 62 captioned clips are not in" in captured.out and captured.err.startswith("left out: ")
    assert "cut.mp4: not a video" in captured.err and captured.err.count("\n") == 1
    assert runs.read_json(tmp_path / "run" / "config.json")["clips"] == 61


def test_bad_data_leaves_a_trained_run_as_it_was(run_dir, tmp_path, options, capsys):
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "captions.csv").write_text("clip,caption\na.mp4,\n")
    with unchanged(run_dir):
        assert_refused(capsys, train, ["--run-dir", run_dir, "--data", bad, "--overwrite"], bad, "row 2")
        assert_refused(capsys, train, ["--run-dir", run_dir, *options, "--units", "99"], "units 48, now 99")
        assert_refused(capsys, evaluate, [run_dir, "--cache", tmp_path / "cache", "--data", bad], bad, "row 2")
        assert not (tmp_path / "cache").exists()
        assert_refused(capsys, evaluate, [run_dir, "--captions", bad / "captions.csv"], "--data")


def test_folder_that_is_not_a_run_is_refused(tmp_path, folder, cache, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    clip = min(folder.glob("*.mp4"))
    with unchanged(tmp_path):
        for verb, arguments in ((evaluate, []), (export, []), (predict, [clip])):
            assert_refused(capsys, verb, [tmp_path, *arguments], tmp_path, "not a run directory")
        arguments = ["--run-dir", tmp_path, "--data", folder, "--cache", cache]
        assert_refused(capsys, train, arguments, "not a run directory")


def test_damaged_run_is_refused(run_dir, folder, capsys):
    clip = min(folder.glob("*.mp4"))
    vocabulary, model = run_dir / "vocabulary.json", run_dir / "model.keras"
    whole = vocabulary.read_text()
    vocabulary.write_text("[")
    assert_refused(capsys, predict, [run_dir, clip], vocabulary, "not a whole JSON file")
    vocabulary.write_text(whole)
    model.write_bytes(model.read_bytes()[:20_000])
    with unchanged(run_dir):
        assert_refused(capsys, predict, [run_dir, clip], model, "not a whole Keras model")
        assert_refused(capsys, export, [run_dir], model, "not a whole Keras model")


def test_clips_that_changed_since_are_refused(run_dir, tmp_path, folder, cache, capsys):
    """The run's folder, with one caption less."""
    mine = shutil.copytree(folder, tmp_path / "mine")
    config = runs.read_json(run_dir / "config.json")
    runs.write_json(run_dir / "config.json", {**config, "data": str(mine)})
    assert cli.run(evaluate, [str(run_dir), "--cache", str(cache)]) == 0
    lines = (mine / "captions.csv").read_text().splitlines(keepends=True)
    (mine / "captions.csv").write_text("".join(lines[:-1]))
    with unchanged(run_dir):
        assert_refused(capsys, evaluate, [run_dir, "--cache", cache], mine, "no longer the clips")
