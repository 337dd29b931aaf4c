"""A user's mistakes that only the video captioner knows; `test_contract.py` has those of all apps."""

import shutil
from pathlib import Path

import pytest

from apps.common import cli
from apps.common.cli import UserError
from apps.video_captioner.config import Config
from apps.video_captioner.evaluate import evaluate
from apps.video_captioner.predict import predict
from apps.video_captioner.subtitles import parse_duration, subtitle_files
from apps.video_captioner.train import train
from tests.conftest import assert_refused, unchanged


def test_frame_size_depends_on_the_backbone():
    assert Config().frame_size == 64 and Config(backbone="VGG16").frame_size == 224
    assert Config(backbone="VGG16", frame_size=96).frame_size == 96


def test_durations_have_units():
    assert [parse_duration(text) for text in ("2s", "500ms", "1.5s", "1m")] == [2.0, 0.5, 1.5, 60.0]


def test_bad_clip_is_named_and_the_rest_are_captioned(trained, compiled, folder, bad_clips, capsys):
    good = sorted(folder.glob("*.mp4"))[:2]
    clips = [good[0], *bad_clips.values(), good[1]]
    assert cli.run(predict, [str(trained), *map(str, clips)]) == 2
    captured = capsys.readouterr()
    assert all(str(path) in captured.out for path in good)
    *named, last = captured.err.splitlines()
    assert [line.split(": ")[1] for line in named] == [str(path) for path in bad_clips.values()]
    assert all(line.startswith("left out: ") for line in named)
    assert last == "error: 6 of 8 clips could not be read; they are named above"
    assert_refused(capsys, predict, [trained, *clips, "--strict"], clips[1])
    assert_refused(capsys, predict, [trained, *clips, "absent.mp4", "--strict"], "absent.mp4", "no such file")
    assert_refused(capsys, predict, [trained, bad_clips["cut.mp4"]], bad_clips["cut.mp4"])


def test_bad_long_video_is_named_and_leaves_no_subtitles(trained, compiled, folder, bad_clips, tmp_path, capsys):
    good = min(folder.glob("*.mp4"))
    clips = [bad_clips["cut.avi"], good]
    assert cli.run(predict, [str(trained), *map(str, clips), "--every", "1s", "--output", str(tmp_path / "out")]) == 2
    assert f"left out: {bad_clips['cut.avi']}" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{good.stem}.srt", f"{good.stem}.vtt"]


def test_existing_subtitles_are_replaced_only_on_request(trained, tmp_path, capsys):
    clip = tmp_path / "clip.mp4"
    clip.touch()
    (tmp_path / "clip.srt").write_text("made by hand")
    with unchanged(tmp_path):
        assert_refused(capsys, predict, [trained, clip, "--every", "1s"], "clip.srt", "--overwrite")
    assert subtitle_files([clip], None, overwrite=True)[clip] == [tmp_path / "clip.srt", tmp_path / "clip.vtt"]
    with pytest.raises(UserError, match="the same name"):
        subtitle_files([clip, Path("other/clip.mp4")], tmp_path, overwrite=True)


def test_clip_that_strict_refuses_leaves_a_trained_run_unchanged(run_dir, folder, bad_clips, options, tmp_path, capsys):
    mine = shutil.copytree(folder, tmp_path / "mine")
    shutil.copy(bad_clips["cut.mp4"], mine / "cut.mp4")
    with (mine / "captions.csv").open("a") as file:
        file.write("cut.mp4,a red circle grows,train\n")
    arguments = ["--run-dir", run_dir, *options, "--data", mine, "--overwrite", "--strict"]
    with unchanged(run_dir):
        assert_refused(capsys, train, arguments, mine / "cut.mp4")


def test_evaluate_refuses_bad_captions_before_it_reads_clips(run_dir, tmp_path, capsys):
    captions = tmp_path / "captions.csv"
    captions.write_text("clip,caption\na.mp4,\n")
    (tmp_path / "a.mp4").touch()
    arguments = [run_dir, "--cache", tmp_path / "cache", "--data", tmp_path]
    with unchanged(run_dir):
        assert_refused(capsys, evaluate, arguments, captions, "row 2")
        assert_refused(capsys, evaluate, [run_dir, "--captions", captions], "--data")
        assert_refused(capsys, evaluate, [run_dir, "--data", tmp_path / "absent"], "absent", "no such file")
    assert not (tmp_path / "cache").exists()
