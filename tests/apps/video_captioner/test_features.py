"""The cache of frames and features: its key, and that its files are complete or absent."""

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
from apps.video_captioner.features import ClipCache, sample_frames
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
    names, compute = [], ClipCache.compute

    def recorded(self, path):
        names.append(path.name)
        return compute(self, path)

    monkeypatch.setattr(ClipCache, "compute", recorded)
    return names


def assert_complete(config, clips, files):
    """Each file holds the frames of its clip."""
    assert len(files) == len(clips) == 4
    for path, content in zip(clips.paths, clips.hashes, strict=True):
        np.testing.assert_array_equal(np.load(files[content]), sample_frames(path, config))


def test_each_clip_is_decoded_once_even_if_it_is_renamed(few, tmp_path, decoded):
    cache = tmp_path / "cache"
    clips = read_clips(few, cache)
    kept, files = ClipCache(few, cache)(clips)
    assert kept == clips and len(decoded) == 4
    assert_complete(few, clips, files)
    del decoded[:]
    clips.paths[0].rename(tmp_path / "renamed.mp4")
    table = tmp_path / "captions.csv"
    table.write_text(table.read_text().replace(clips.paths[0].name, "renamed.mp4"))
    again = ClipCache(few, cache)(read_clips(few, cache))
    assert again[1] == files and decoded == []


def test_key_depends_on_sampling_size_and_weights(few, tmp_path, small_application):
    keras.utils.set_random_seed(0)
    one, other = (build_backbone("any", 32) for _ in range(2))
    caches = [
        ClipCache(few, tmp_path),
        ClipCache(dataclasses.replace(few, max_frames=5), tmp_path),
        ClipCache(dataclasses.replace(few, frame_size=48), tmp_path),
        ClipCache(dataclasses.replace(few, sampling="fps"), tmp_path),
        ClipCache(dataclasses.replace(few, sampling="fps", fps=2.0), tmp_path),
        ClipCache(few, tmp_path, one),
        ClipCache(few, tmp_path, other),
    ]
    assert len({cache.folder for cache in caches}) == 7
    assert ClipCache(dataclasses.replace(few, fps=2.0, units=99), tmp_path).folder == caches[0].folder


def test_features_are_those_of_the_backbone(few, tmp_path, small_application):
    keras.utils.set_random_seed(0)
    backbone = build_backbone("any", 32)
    clips = read_clips(few, tmp_path / "cache")
    _, files = ClipCache(few, tmp_path / "cache", backbone)(clips)
    frames = sample_frames(clips.paths[1], few)
    expected = backbone.predict_on_batch(frames.astype("float32"))
    found = np.load(files[clips.hashes[1]])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.std() > 0


def test_bad_clip_is_named_and_the_rest_are_cached(few, tmp_path, bad_clips, capsys):
    for name in ("cut.mp4", "empty.mp4"):
        shutil.copy(bad_clips[name], tmp_path / name)
        with (tmp_path / "captions.csv").open("a") as file:
            file.write(f"{name},hello\n")
    clips = read_clips(few, tmp_path / "cache")
    kept, files = ClipCache(few, tmp_path / "cache")(clips)
    assert kept == clips.take(range(4))
    assert all(files[content].exists() for content in kept.hashes)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and f"left out: {tmp_path / 'cut.mp4'}: " in lines[0] and "0 bytes" in lines[1]
    with pytest.raises(UserError, match=r"cut\.mp4"):
        ClipCache(few, tmp_path / "cache")(clips, strict=True)
    with pytest.raises(UserError, match="none of 2 clips can be read"):
        ClipCache(few, tmp_path / "cache")(clips.take([4, 5]))


def test_truncated_file_is_written_again(few, tmp_path, decoded):
    clips = read_clips(few, tmp_path / "cache")
    _, files = ClipCache(few, tmp_path / "cache")(clips)
    file = files[clips.hashes[2]]
    complete = file.read_bytes()
    del decoded[:]
    for damage in (complete[:200], b"", b"x" * 50):
        file.write_bytes(damage)
        ClipCache(few, tmp_path / "cache")(clips)
        assert file.read_bytes() == complete
    assert decoded == [clips.paths[2].name] * 3


def test_interrupted_write_leaves_no_partial_file(few, tmp_path, monkeypatch):
    clips = read_clips(few, tmp_path / "cache")

    def interrupted(path, array):
        path.write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(features.np, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ClipCache(few, tmp_path / "cache")(clips)
    assert not list((tmp_path / "cache").rglob("*.npy"))


def _fill_cache(config, cache, start):
    start.wait()
    clips = read_clips(config, cache)
    ClipCache(config, cache)(clips)


@pytest.mark.slow
def test_two_runs_at_once_leave_complete_files(few, tmp_path):
    """Both decode everything and write the same files."""
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    cache = tmp_path / "cache"
    processes = [context.Process(target=_fill_cache, args=(few, cache, start)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
        assert process.exitcode == 0
    clips = read_clips(few, cache)
    _, files = ClipCache(few, cache)(clips)
    assert len(list(cache.rglob("*.npy"))) == 4
    assert_complete(few, clips, files)
