"""Reading clips and captions, splits and batches."""

import csv
import dataclasses
import json
import shutil
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from apps.common.cli import UserError
from apps.common.text import END_ID, START_ID
from apps.common.training.batches import whole_batches
from apps.video_captioner.config import Config
from apps.video_captioner.data import (
    caption_batches,
    encode_captions,
    fit_subwords,
    load_frames,
    load_subwords,
    pad_frames,
    split_clips,
)
from apps.video_captioner.features import ClipCache
from apps.video_captioner.gathering import normalize
from apps.video_captioner.reading import read_clips
from apps.video_captioner.sample_data.make_clips import ACTIONS, CLIPS, PAIRS, draw, make_clips, scenes
from tests.apps.video_captioner.conftest import SMALL
from tests.conftest import shared_data


@pytest.fixture
def two(tmp_path, folder):
    """A folder with two clips of different content, a.mp4 and b.mp4."""
    for name, path in zip("ab", sorted(folder.glob("*.mp4")), strict=False):
        shutil.copy(path, tmp_path / f"{name}.mp4")
    return tmp_path


def write(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")
    return Config(data=str(folder))


def test_captions_keep_their_case_on_request():
    assert normalize(" A Cat\tin  Rome. ", Config()) == "a cat in rome"
    assert normalize(" A Cat\tin  Rome. ", Config(lowercase=False)) == "A Cat in Rome"


def test_parts_of_one_video_and_copies_stay_together(tmp_path, folder, cache):
    """Twelve videos in three parts each, and a copy of the first clip under another name."""
    files = sorted(folder.glob("*.mp4"))
    names = [f"video-{number // 3}_{number % 3}_{number % 3 + 1}.mp4" for number in range(36)]
    for name, path in zip(names, files, strict=False):
        shutil.copy(path, tmp_path / name)
    shutil.copy(tmp_path / names[0], tmp_path / "copy.mp4")
    rows = "".join(f"{name},hello\n" for name in [*names, "copy.mp4"])
    config = write(tmp_path, "captions.csv", f"clip,caption\n{rows}")
    clips = read_clips(config, cache)
    for seed in range(5):
        splits = split_clips(clips, Config(data=config.data, seed=seed, validation_fraction=0.2))
        assert sum(map(len, splits.values())) == 37
        videos = {name: {path.stem.split("_")[0] for path in part.paths} for name, part in splits.items()}
        assert all(videos.values())
        assert not any(videos[one] & videos[other] for one, other in combinations(videos, 2))
        (split,) = [name for name, found in videos.items() if "copy" in found]
        assert "video-0" in videos[split]


def test_splits_of_the_captions_are_used(folder, cache):
    clips = read_clips(Config(data=str(folder)), cache)
    splits = split_clips(clips, Config())
    assert sum(map(len, splits.values())) == len(clips) == 60
    for name, part in splits.items():
        assert len(part) and all(path.name.startswith(name) for path in part.paths)


def test_too_few_clips_to_split_are_refused(two, cache):
    config = write(two, "captions.csv", "clip,caption\na.mp4,hello\n")
    with pytest.raises(UserError, match="1 leave none for validation"):
        split_clips(read_clips(config, cache), config)


def test_real_captions_are_read(tmp_path, cache):
    """MSVD's list, with one of its clips under the first name."""
    file = shared_data("msvd/training_label.json")
    entries = json.loads(file.read_text())
    shutil.copy(shared_data("msvd/j2Dhf-xFUxU_13_20.avi"), tmp_path / entries[0]["id"])
    clips = read_clips(Config(data=str(tmp_path), captions=str(file)), cache)
    assert len(clips) == 1 and clips.captions[0][0] == "a woman goes under a horse"
    assert any("1449 of 1450 captioned clips are not in" in note for note in clips.summary.notes)


def test_sample_holds_out_combinations_of_which_training_has_all_parts():
    found = scenes()
    splits = {name: {(scene.shapes, scene.action) for scene in found if scene.split == name} for name in CLIPS}
    assert len(found) >= 600 and len(found) == len(scenes(seed=0))
    for one, other in combinations(splits.values(), 2):
        assert not one & other
    single = {
        name: [(*shapes[0], action) for shapes, action in part if len(shapes) == 1] for name, part in splits.items()
    }
    for columns in combinations(range(3), 2):
        pairings = {name: {tuple(row[column] for column in columns) for row in rows} for name, rows in single.items()}
        assert pairings["test"] <= pairings["train"] and pairings["validation"] <= pairings["train"]
    pairs = {name: [frozenset(shapes) for shapes, _ in part if len(shapes) == 2] for name, part in splits.items()}
    assert {name: len(set(part)) for name, part in pairs.items()} == PAIRS
    assert not set(pairs["test"]) & set(pairs["train"])
    assert Counter(action for _, action in splits["test"]).keys() == ACTIONS.keys() | {"meet", "part"}


def test_sample_captions_describe_the_clips(tmp_path):
    make_clips(tmp_path, every=60)
    with (tmp_path / "captions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    by_clip = Counter(row["clip"] for row in rows)
    assert by_clip.keys() == {path.name for path in tmp_path.glob("*.mp4")}
    assert len(by_clip) > 20 and set(by_clip.values()) == {4}
    scene = next(scene for scene in scenes() if scene.action == "left" and scene.shapes == (("red", "circle"),))
    assert scene.captions() == [
        "a red circle moves to the left",
        "a red circle goes left",
        "the red circle is moving to the left",
        "a circle that is red moves to the left",
    ]
    frames = draw(scene, np.random.default_rng(0)).astype(int)
    red = frames[..., 0] - frames[..., 1] > 100
    columns = [np.nonzero(frame)[1].mean() for frame in red]
    assert columns[0] - columns[-1] > 10 and all(np.diff(columns) < 0.5)


@pytest.fixture(scope="module")
def ready(folder, cache):
    """Training clips with frames of 32 pixels, and everything to make batches of them."""
    config = Config(data=str(folder), **SMALL, batch_size=16)
    clips = read_clips(config, cache)
    kept, files = ClipCache(config, cache)(clips)
    assert len(kept) == len(clips) == len(files)
    return config, clips, files, fit_subwords(clips, config)


def make_dataset(clips, files, subwords, config, epochs=None):
    captions = encode_captions(clips, subwords, config)
    return load_frames(caption_batches(captions, config, epochs), [files[content] for content in clips.hashes], config)


def test_batches_have_each_clip_once_with_its_own_captions(ready):
    config, clips, files, subwords = ready
    dataset = make_dataset(clips, files, subwords, config, range(1))
    assert int(dataset.cardinality()) == 4
    seen = []
    for (frames, lengths, decoder_inputs), targets, weights in dataset.as_numpy_iterator():
        assert frames.dtype == np.uint8 and frames.shape[1:] == (4, 32, 32, 3)
        assert (decoder_inputs[..., 0] == START_ID).all()
        np.testing.assert_array_equal(decoder_inputs[..., 1:], targets[..., :-1])
        np.testing.assert_array_equal(weights, targets > 0)
        assert ((targets == END_ID).sum(axis=-1) == 1).all() and targets.shape[1] == 2
        for clip, count, own in zip(frames, lengths, targets, strict=True):
            saved = [np.load(files[content]) for content in clips.hashes]
            (row,) = [row for row, part in enumerate(saved) if np.array_equal(part, clip[:count])]
            written = [text.decode() for text in subwords.decode(own).numpy()]
            assert set(written) <= set(clips.captions[row]) and len(set(written)) == 2
            seen.append(row)
    assert sorted(seen) == list(range(60))


def test_batches_depend_only_on_seed_and_epoch(ready):
    config, clips, files, subwords = ready

    def targets(epochs):
        return [target for _, target, _ in make_dataset(clips, files, subwords, config, epochs).as_numpy_iterator()]

    all_epochs, last = targets(range(3)), targets(range(2, 3))
    assert len(all_epochs) == 12 and len(last) == 4
    for one, other in zip(all_epochs[8:], last, strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(not np.array_equal(one, other) for one, other in zip(all_epochs[:4], last, strict=True))


def test_process_of_a_group_loads_only_the_frames_of_its_rows(ready):
    config, clips, files, subwords = ready
    batches = caption_batches(encode_captions(clips, subwords, config), config, range(1))
    paths = [files[content] for content in clips.hashes]
    (own,) = whole_batches(batches, 16, 60, process=1, processes=2).take(1).as_numpy_iterator()
    rows = own[0][0]
    assert len(rows) == 8
    # The first file gives type and shape.
    present = [path if row in {0, *rows} else "absent.npy" for row, path in enumerate(paths)]
    part = load_frames(whole_batches(batches, 16, 60, process=1, processes=2), present, config)
    whole = load_frames(whole_batches(batches, 16, 60), paths, config)
    (half, _, _), (everything, _, _) = (next(each.as_numpy_iterator()) for each in (part.take(1), whole.take(1)))
    np.testing.assert_array_equal(half[0], everything[0][8:])


def test_captions_that_are_too_long_are_left_out_and_counted(ready, capsys):
    config, clips, files, subwords = ready
    short = dataclasses.replace(config, max_tokens=6)
    long = "red to blue to green to white"
    mixed = dataclasses.replace(clips, captions=[["red", long] if row % 3 else [long] for row in range(60)])
    dataset = make_dataset(mixed, files, subwords, short)
    assert "left out 60 of 100 captions: longer than --max-tokens 6" in capsys.readouterr().out
    assert sum(len(target) for _, target, _ in dataset.as_numpy_iterator()) == 40
    with pytest.raises(UserError, match="--max-tokens 6: all captions are longer"):
        make_dataset(dataclasses.replace(clips, captions=[[long]] * 60), files, subwords, short)


def test_padding_follows_the_frames():
    padded = pad_frames([np.ones((2, 3)), np.ones((0, 3))], 4)
    assert padded.shape == (2, 4, 3) and padded.sum() == 6 and padded[0, :2].all()


def test_small_vocabulary_and_damaged_subwords_are_refused(ready, tmp_path):
    _, clips, _, _ = ready
    with pytest.raises(UserError, match="--vocabulary-size 9"):
        fit_subwords(clips, Config(vocabulary_size=9))
    (tmp_path / "vocabulary.json").write_text("{}")
    with pytest.raises(UserError, match="not a list of subwords"):
        load_subwords(tmp_path)
