"""Every verb through its command line: what it writes, what it answers, and that all ways give one answer."""

import base64
import io
import itertools
import json
import re
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import requests
from PIL import Image

from apps.common import cli, runs
from apps.common.decoding import Search
from apps.video_captioner import train as training
from apps.video_captioner.__main__ import video_captioner
from apps.video_captioner.backbone import build_backbone
from apps.video_captioner.evaluate import evaluate
from apps.video_captioner.export import export
from apps.video_captioner.features import frames_of
from apps.video_captioner.model import load_model
from apps.video_captioner.predict import Describer, predict
from apps.video_captioner.sample_data.make_clips import encode
from apps.video_captioner.subtitles import caption_pieces
from apps.video_captioner.train import train
from apps.video_captioner.video import choose_frames, fit, open_video, read_frames
from tests.conftest import ON_JAX, assert_killed_training_resumes, clean_environment, run_module, serving

APP = "apps.video_captioner"

CLEAN_CLIENT = """
import importlib.util, json, sys
import numpy as np, tensorflow as tf
assert not any(importlib.util.find_spec(name) for name in ("apps", "layers", "engram"))
model = tf.saved_model.load("model")
clips = np.load("clips.npz")
frames = model.signatures["serving_default"]
encoded = model.signatures["encoded"]
padded = np.zeros((len(clips.files), 12, 32, 32, 3), "uint8")
for row, name in enumerate(clips.files):
    padded[row, : len(clips[name])] = clips[name]
lengths = tf.constant([len(clips[name]) for name in clips.files], tf.int32)
together = frames(frames=tf.constant(padded), lengths=lengths)
alone = [frames(frames=clips[name][None], lengths=tf.constant([len(clips[name])]))["caption"] for name in clips.files]

def refused(function, **inputs):
    try:
        function(**inputs)
    except tf.errors.InvalidArgumentError as error:
        return error.message

pictures = json.load(open("encoded.json"))
parts = tf.constant([[bytes.fromhex(part) for part in clip] for clip in pictures])
graph = frames.graph.as_graph_def()
print(json.dumps({
    "together": [text.decode() for text in together["caption"].numpy()],
    "scores": together["score"].numpy().tolist(),
    "alone": [one.numpy()[0].decode() for one in alone],
    "encoded": [text.decode() for text in encoded(encoded=parts)["caption"].numpy()],
    "refused": [
        refused(frames, frames=tf.constant(padded[:1]), lengths=tf.constant([length])) for length in (0, 13)
    ] + [
        refused(frames, frames=tf.constant(padded[:2]), lengths=tf.constant([1])),
        refused(encoded, encoded=tf.constant([["not a picture"]])),
        refused(encoded, encoded=tf.constant([["", ""]])),
    ],
    "must_compile": [f.name for f in graph.library.function if "_XlaMustCompile" in f.attr],
}))
"""


@pytest.fixture(scope="module")
def clips(folder):
    return sorted(folder.glob("test*.mp4"))[:5]


@pytest.fixture(scope="module")
def expected(trained, clips):
    describer = Describer(trained)
    frames = [frames_of(clip, describer.config) for clip in clips]
    return frames, *describer(frames)


def test_training_leaves_a_whole_run(trained, folder):
    names = {path.name for path in trained.iterdir()}
    assert names == {"config.json", "vocabulary.json", "model.keras", "history.csv", "finished.json", "export"}
    history = runs.read_csv(trained / "history.csv")
    assert [row["epoch"] for row in history] == list(range(1, 13))
    assert history[-1]["val_loss"] < 0.6 * history[0]["val_loss"]
    config = runs.read_json(trained / "config.json")
    assert (config["app"], config["data"], config["clips"]) == ("video_captioner", str(folder), 60)


def test_evaluate_prints_the_model_beside_the_baselines(run_dir, cache, capsys):
    assert cli.run(evaluate, [str(run_dir), "--cache", str(cache), "--beam", "2"]) == 0
    text = capsys.readouterr().out
    metrics = runs.read_json(run_dir / "metrics.json")
    assert list(metrics["results"]) == ["SA-LSTM, beam 2", "nearest training clip", "most frequent caption"]
    for figures in metrics["results"].values():
        names = ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider", "meteor", "exact"]
        assert list(figures) == names and all(0 <= figures[name] <= 1000 for name in names)
        assert f"{figures['bleu_4']:.1f}" in text
    assert "BLEU-4" in text and "METEOR, no synonyms" in text and "the least sure" in text
    lines = (run_dir / "captions.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "clip,caption,score,exact,reference" and len(lines) == metrics["clips"] + 1 > 5
    for name in ("report.png", "learning.png"):
        assert (run_dir / name).read_bytes().startswith(b"\x89PNG")


def test_evaluate_takes_other_clips_and_says_which_were_seen(run_dir, cache, folder, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    for clip in sorted(folder.glob("train*.mp4"))[:3]:
        shutil.copy(clip, other)
    rows = "".join(f"{path.name},a red circle grows\n" for path in sorted(other.iterdir()))
    (tmp_path / "mine.csv").write_text("clip,caption\n" + rows)
    arguments = [run_dir, "--cache", cache, "--data", other, "--captions", tmp_path / "mine.csv"]
    assert cli.run(evaluate, [str(argument) for argument in arguments]) == 0
    assert "3 of 3 clips are training clips" in capsys.readouterr().out
    assert runs.read_json(run_dir / "metrics.json")["clips"] == 3


def test_predict_prints_caption_and_score_of_each_clip(trained, clips, expected, tmp_path, capsys):
    picture = tmp_path / "strips.png"
    assert cli.run(predict, [str(trained), *map(str, clips), "--picture", str(picture)]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert len(rows) == len(clips)
    for row, clip, caption, score in zip(rows, clips, *expected[1:], strict=True):
        assert re.split(r"\s{2,}", row) == [str(clip), caption, str(round(float(score), 4))]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert cli.run(predict, [str(trained), *map(str, clips), "--json"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["caption"] for answer in answers] == expected[1]
    assert all(answer["score"] < 0 for answer in answers)


def test_many_clips_are_captioned_as_one_is(trained, folder):
    """More than are captioned at a time."""
    describer = Describer(trained)
    frames = [frames_of(clip, describer.config) for clip in sorted(folder.glob("*.mp4"))[:20]]
    captions, scores = describer(frames)
    assert len(captions) == 20
    for place in (0, 15, 16, 19):
        alone = describer(frames[place : place + 1])
        assert alone[0] == [captions[place]]
        np.testing.assert_allclose(alone[1][0], scores[place], atol=1e-4)
    assert describer([])[0] == []


def test_beam_changes_the_search(trained, expected):
    greedy = Describer(trained, Search(beam=1, length_penalty=0))(expected[0])
    wide = Describer(trained, Search(beam=8, length_penalty=0))(expected[0])
    assert (wide[1] >= greedy[1] - 1e-4).all() and (wide[1] > greedy[1] + 1e-3).any()


def test_long_video_becomes_subtitles(trained, folder, tmp_path, capsys):
    """Three clips one after another, seven seconds in all, piece by piece."""
    describer = Describer(trained)
    clips = sorted(folder.glob("train*.mp4"))[:40:13]
    parts = [np.repeat(frames_of(clip, describer.config), 14, axis=0)[:42] for clip in clips][:3]
    video = tmp_path / "long.mp4"
    encode(video, np.concatenate(parts), rate=18)
    assert cli.run(predict, [str(trained), str(video), "--every", "1s"]) == 0
    pieces = caption_pieces(describer, video, 1.0)
    assert pieces[0]["start"] == 0 and pieces[-1]["end"] == pytest.approx(7.0, abs=0.01)
    for one, other in itertools.pairwise(pieces):
        assert one["end"] == other["start"] and one["caption"] != other["caption"]
    table = capsys.readouterr().out
    srt, vtt = ((tmp_path / f"long.{kind}").read_text() for kind in ("srt", "vtt"))
    assert vtt.startswith("WEBVTT")
    for number, piece in enumerate(pieces, 1):
        assert piece["caption"] in table
        start, end = (f"00:00:{int(piece[name]):02d}" for name in ("start", "end"))
        assert re.search(rf"^{number}\n{start},\d+ --> {end},\d+\n{re.escape(piece['caption'])}\n", srt, re.MULTILINE)
        assert re.search(rf"{start}\.\d+ --> {end}\.\d+\n{re.escape(piece['caption'])}\n", vtt)


def test_pieces_are_captioned_as_clips_of_their_own_are(trained, tmp_path):
    describer = Describer(trained)
    generator = np.random.default_rng(0)
    frames = generator.integers(0, 256, (30, 1, 1, 3)) + np.zeros((30, 32, 32, 3), int)
    encode(tmp_path / "long.mkv", frames.astype("uint8"), rate=10)
    pieces = caption_pieces(describer, tmp_path / "long.mkv", 1.3)
    assert pieces[-1]["end"] == pytest.approx(3.0, abs=0.01)
    edges = {piece["start"] for piece in pieces} | {piece["end"] for piece in pieces}
    assert edges <= {0.0, 1.3, round(pieces[-1]["end"], 3)}, "a rest of less than half a piece is no piece"


def encoded_clip(frames, kind):
    """An animated GIF, or a JPEG of each frame, without loss to speak of."""
    pictures = [Image.fromarray(frame) for frame in frames]
    if kind == "gif":
        file = io.BytesIO()
        pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=100)
        return [file.getvalue()]
    parts = []
    for picture in pictures:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=100, subsampling=0)
        parts.append(file.getvalue())
    return parts


def test_export_alone_gives_what_predict_gives(trained, clips, expected, folder, tmp_path):
    """Frames as predict takes them, and whole clips of more frames, of which it must take the same."""
    shutil.copytree(trained / "export" / "1", tmp_path / "model")
    describer = Describer(trained)
    whole = []
    for clip in clips:
        video = open_video(clip)
        whole.append(np.stack(list(read_frames(video, np.arange(len(video.times))))))
    # What the captioner itself makes of those that it looks at.
    places = [choose_frames(np.arange(len(frames)), len(frames), "uniform", 4, 0) for frames in whole]
    assert any(len(frames) > 4 for frames in whole)
    chosen = [describer([frames[place]]) for frames, place in zip(whole, places, strict=True)]
    np.savez(tmp_path / "clips.npz", *whole)
    flat = np.array([40, 90, 200], "uint8") + np.zeros((6, 48, 64, 3), "uint8")
    parts = [encoded_clip(flat, "gif"), encoded_clip(flat, "jpeg")]
    padded = [[part.hex() for part in own] + [""] * (6 - len(own)) for own in parts]
    (tmp_path / "encoded.json").write_text(json.dumps(padded))
    done = subprocess.run(
        [sys.executable, "-c", CLEAN_CLIENT], capture_output=True, text=True, **clean_environment(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["together"] == answer["alone"] == [captions[0] for captions, _ in chosen]
    np.testing.assert_allclose(answer["scores"], [scores[0] for _, scores in chosen], atol=1e-4)
    own = describer([fit_all(flat[:4])])[0]
    assert answer["encoded"] == own * 2
    too_few, too_many, uneven, no_picture, nothing = answer["refused"]
    assert "lengths [0] must be from 1 to the 12 frames" in too_few and "lengths [13]" in too_many
    assert "2 clips, 1 lengths" in uneven and "Unknown image file format" in no_picture
    assert "nothing but empty strings" in nothing
    assert answer["must_compile"] == []


def fit_all(frames):
    return fit(frames, 32).numpy()


def test_onnx_writes_what_predict_writes(run_dir, expected):
    frames, captions, own = expected
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    assert cli.run(export, [str(run_dir), "--format", "onnx"]) == 0
    session = onnxruntime.InferenceSession(str(run_dir / "export" / "model.onnx"))
    describer = Describer(run_dir)
    lengths = np.array([len(part) for part in frames], "int32")
    padded = np.stack([np.pad(part, [(0, 4 - len(part)), *[(0, 0)] * 3]) for part in frames])
    tokens, scores = session.run(["tokens", "score"], {"frames": padded, "lengths": lengths})
    assert [text.decode() for text in describer.subwords.decode(tokens).numpy()] == captions
    np.testing.assert_allclose(scores, own, atol=1e-4)


def test_server_gives_what_predict_gives(trained, expected):
    frames, captions, scores = expected
    with serving(trained) as server:
        url = server.url
        assert url.endswith("/v1/models/video_captioner:predict")
        rows = [{"frames": part.tolist(), "lengths": len(part)} for part in frames[:2]]
        bad = requests.post(url, json={"instances": [{**rows[0], "lengths": 5}]}, timeout=60)
        assert bad.status_code == 400 and "must be from 1 to the 4 frames" in bad.json()["error"]
        answer = requests.post(url, json={"instances": rows}, timeout=60).json()["predictions"]
        assert [row["caption"] for row in answer] == captions[:2]
        np.testing.assert_allclose([row["score"] for row in answer], scores[:2], atol=1e-4)
        jpegs = [
            [{"b64": base64.b64encode(part).decode()} for part in encoded_clip(part, "jpeg")] for part in frames[:2]
        ]
        body = {"signature_name": "encoded", "inputs": jpegs}
        assert requests.post(url, json=body, timeout=60).json()["outputs"]["caption"] == captions[:2]


@pytest.mark.slow
def test_whole_story_runs_and_a_second_time_trains_no_more(run_dir, options):
    done = run_module(APP, "--run-dir", run_dir, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert "trained already" in done.stdout
    for heading in ("== evaluate", "nearest training clip", "== predict", "== export", "-m apps.serve"):
        assert heading in done.stdout
    assert (run_dir / "report.png").exists()


@pytest.mark.slow
def test_killed_training_goes_on_and_ends_as_an_unbroken_one(trained, tmp_path, options):
    assert_killed_training_resumes(APP, options, trained, tmp_path / "killed")


@pytest.fixture
def tuned(tmp_path, options):
    """Arguments for a training of a model of keras.applications, frozen and then fine-tuned; and it as it begins."""
    keras.utils.set_random_seed(7)
    backbone = build_backbone("MobileNetV3Small", 32)
    weights = tmp_path / "mine.weights.h5"
    backbone.layers[-1].save_weights(weights)
    arguments = ["--backbone", "MobileNetV3Small", "--weights", weights, "--epochs", 1, "--fine-tune-epochs", 1,
                 "--fine-tune-learning-rate", 1e-3, "--batch-size", 16]  # fmt: skip
    return [*options, *map(str, arguments)], backbone


@pytest.mark.slow
def test_frozen_then_fine_tuned(tmp_path, tuned, cache, monkeypatch):
    """The first phase leaves the backbone as it came from the file, the second moves its last layers."""
    arguments, backbone = tuned
    run_dir, frozen = tmp_path / "run", []
    begin = training._to_fine_tune

    def look_first(config, run_dir, splits):
        frozen.extend(load_model(run_dir / "checkpoint-0001.keras").backbone.get_weights())
        return begin(config, run_dir, splits)

    monkeypatch.setattr(training, "_to_fine_tune", look_first)
    assert cli.run(train, ["--run-dir", str(run_dir), *arguments]) == 0
    assert [row["epoch"] for row in runs.read_csv(run_dir / "history.csv")] == [1, 2]
    assert runs.read_json(run_dir / "finished.json")["kept"]["epoch"] == 2
    assert len(frozen) > 100
    for one, other in zip(frozen, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    model = load_model(run_dir / "model.keras")
    assert model.tuned_layers == 30
    moved = [not np.array_equal(one, other) for one, other in zip(frozen, model.backbone.get_weights(), strict=True)]
    assert any(moved) and not all(moved)
    assert cli.run(evaluate, [str(run_dir), "--cache", str(cache)]) == 0


@pytest.mark.slow
def test_fine_tuning_begins_alike_after_a_stop_in_between(tmp_path, tuned, monkeypatch):
    arguments, _ = tuned
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert cli.run(train, ["--run-dir", str(whole), *arguments]) == 0

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training, "_to_fine_tune", stop)
        assert cli.run(train, ["--run-dir", str(broken), *arguments]) == 130
    assert len(runs.read_csv(broken / "history.csv")) == 1
    assert cli.run(train, ["--run-dir", str(broken), *arguments]) == 0
    for one, other in zip(runs.read_csv(whole / "history.csv"), runs.read_csv(broken / "history.csv"), strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    assert cli.run(export, [str(whole)]) == 0


@pytest.mark.slow
def test_run_trained_on_jax_is_captioned_and_exported_by_tensorflow(tmp_path, options, clips):
    run_dir = tmp_path / "run"
    done = run_module(f"{APP}.train", "--run-dir", run_dir, *options, "--epochs", "2", env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    assert runs.read_json(run_dir / "finished.json")["backend"] == "jax"
    history = runs.read_csv(run_dir / "history.csv")
    assert history[1]["val_loss"] < history[0]["val_loss"]
    done = run_module(f"{APP}.predict", run_dir, *clips[:2], "--json", env=ON_JAX)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    describer = Describer(run_dir)
    captions, scores = describer([frames_of(clip, describer.config) for clip in clips[:2]])
    assert [answer["caption"] for answer in answers] == captions
    np.testing.assert_allclose([answer["score"] for answer in answers], scores, atol=1e-3)
    done = run_module(f"{APP}.export", run_dir, env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    assert (run_dir / "export" / "1" / "saved_model.pb").exists()


@pytest.mark.parametrize("model", [pytest.param("s2vt", marks=pytest.mark.slow), "mean"])
def test_other_models_run_through_every_verb(tmp_path, options, cache, clips, model):
    run_dir = str(tmp_path / "run")
    arguments = ["--model", model, "--epochs", "1", "--sampling", "fps", "--fps", "2"]
    assert cli.run(train, ["--run-dir", run_dir, *options, *arguments]) == 0
    assert cli.run(evaluate, [run_dir, "--cache", str(cache)]) == 0
    name = {"s2vt": "S2VT", "mean": "LSTM-YT"}[model]
    assert next(iter(runs.read_json(f"{run_dir}/metrics.json")["results"])) == f"{name}, beam 5"
    assert cli.run(predict, [run_dir, str(clips[0]), "--picture", str(tmp_path / "strip.png")]) == 0
    assert cli.run(export, [run_dir, "--beam", "1"]) == 0


@pytest.mark.parametrize("verb", [video_captioner, train, evaluate, predict, export])
def test_help_says_what_the_verb_does(verb, capsys):
    with pytest.raises(SystemExit) as end:
        cli.run(verb, ["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: python -m {verb.__module__.removesuffix('.__main__')}" in text
