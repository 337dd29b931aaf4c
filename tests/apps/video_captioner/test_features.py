"""What was seen of a clip is kept under a key of all that it hangs on, whole or not at all."""

import dataclasses
import multiprocessing
import shutil

import keras
import numpy as np
import pytest

from apps.common.cli import UserError
from apps.video_captioner import features
from apps.video_captioner.backbone import build_backbone
from apps.video_captioner.config import Config
from apps.video_captioner.features import Looked, frames_of
from apps.video_captioner.reading import read_clips
from tests.apps.video_captioner.conftest import SMALL


@pytest.fixture
def few(tmp_path, folder):
    """A folder of four clips, and the config for it."""
    for path in sorted(folder.glob("*.mp4"))[:4]:
        shutil.copy(path, tmp_path)
    names = sorted(path.name for path in tmp_path.glob("*.mp4"))
    (tmp_path / "captions.csv").write_text("clip,caption\n" + "".join(f"{name},hello\n" for name in names))
    return Config(data=str(tmp_path), **SMALL)


@pytest.fixture
def decoded(monkeypatch):
    """The clips that were decoded, in order."""
    found, right = [], Looked.look

    def look(self, path):
        found.append(path.name)
        return right(self, path)

    monkeypatch.setattr(Looked, "look", look)
    return found


def assert_whole(config, clips, files):
    """Each file holds what is seen of its clip."""
    assert len(files) == len(clips) == 4
    for path, content in zip(clips.paths, clips.hashes, strict=True):
        np.testing.assert_array_equal(np.load(files[content]), frames_of(path, config))


def test_each_clip_is_seen_once_even_if_it_is_renamed(few, tmp_path, decoded):
    cache = tmp_path / "cache"
    clips = read_clips(few, cache)
    kept, files = Looked(few, cache)(clips)
    assert kept == clips and len(decoded) == 4
    assert_whole(few, clips, files)
    del decoded[:]
    clips.paths[0].rename(tmp_path / "renamed.mp4")
    table = tmp_path / "captions.csv"
    table.write_text(table.read_text().replace(clips.paths[0].name, "renamed.mp4"))
    again = Looked(few, cache)(read_clips(few, cache))
    assert again[1] == files and decoded == []


def test_whatever_changes_what_is_seen_changes_the_key(few, tmp_path):
    keras.utils.set_random_seed(0)
    one, other = (build_backbone("MobileNetV3Small", 32) for _ in range(2))
    looks = [
        Looked(few, tmp_path),
        Looked(dataclasses.replace(few, max_frames=5), tmp_path),
        Looked(dataclasses.replace(few, frame_size=48), tmp_path),
        Looked(dataclasses.replace(few, sampling="fps"), tmp_path),
        Looked(dataclasses.replace(few, sampling="fps", fps=2.0), tmp_path),
        Looked(few, tmp_path, one),
        Looked(few, tmp_path, other),
    ]
    assert len({look.folder for look in looks}) == 7
    assert Looked(dataclasses.replace(few, fps=2.0, units=99), tmp_path).folder == looks[0].folder


def test_features_are_what_the_backbone_makes_of_the_frames(few, tmp_path):
    keras.utils.set_random_seed(0)
    backbone = build_backbone("MobileNetV3Small", 32)
    clips = read_clips(few, tmp_path / "cache")
    _, files = Looked(few, tmp_path / "cache", backbone)(clips)
    frames = frames_of(clips.paths[1], few)
    expected = backbone.predict_on_batch(frames.astype("float32"))
    found = np.load(files[clips.hashes[1]])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.std() > 0


def test_bad_clip_is_named_and_the_rest_go_on(few, tmp_path, bad_clips, capsys):
    for name in ("cut.mp4", "empty.mp4"):
        shutil.copy(bad_clips[name], tmp_path / name)
        with (tmp_path / "captions.csv").open("a") as file:
            file.write(f"{name},hello\n")
    clips = read_clips(few, tmp_path / "cache")
    kept, files = Looked(few, tmp_path / "cache")(clips)
    assert kept == clips.take(range(4))
    assert all(files[content].exists() for content in kept.hashes)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and f"left out: {tmp_path / 'cut.mp4'}: " in lines[0] and "0 bytes" in lines[1]
    with pytest.raises(UserError, match=r"cut\.mp4"):
        Looked(few, tmp_path / "cache")(clips, strict=True)
    with pytest.raises(UserError, match="not one of 2 clips can be read"):
        Looked(few, tmp_path / "cache")(clips.take([4, 5]))


def test_file_that_was_cut_off_is_made_again(few, tmp_path, decoded):
    clips = read_clips(few, tmp_path / "cache")
    _, files = Looked(few, tmp_path / "cache")(clips)
    file = files[clips.hashes[2]]
    whole = file.read_bytes()
    del decoded[:]
    for damage in (whole[:200], b"", b"x" * 50):
        file.write_bytes(damage)
        Looked(few, tmp_path / "cache")(clips)
        assert file.read_bytes() == whole
    assert decoded == [clips.paths[2].name] * 3


def test_killed_in_the_middle_of_writing_nothing_half_is_left(few, tmp_path, monkeypatch):
    clips = read_clips(few, tmp_path / "cache")

    def killed(path, array):
        path.write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(features.np, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        Looked(few, tmp_path / "cache")(clips)
    assert not list((tmp_path / "cache").rglob("*.npy"))


def _look(config, cache, start):
    start.wait()
    clips = read_clips(config, cache)
    Looked(config, cache)(clips)


def test_two_runs_at_once_leave_whole_files(few, tmp_path):
    """Both decode everything and write the same files."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    cache = tmp_path / "cache"
    processes = [context.Process(target=_look, args=(few, cache, start)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
        assert process.exitcode == 0
    clips = read_clips(few, cache)
    _, files = Looked(few, cache)(clips)
    assert len(list(cache.rglob("*.npy"))) == 4
    assert_whole(few, clips, files)
