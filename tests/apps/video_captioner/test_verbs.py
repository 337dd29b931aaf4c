"""What only the video captioner's verbs do; `test_contract.py` has what those of all apps do."""

import io
import itertools
import json
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from apps.common import cli, files
from apps.common.options import Search
from apps.video_captioner import __main__ as story
from apps.video_captioner import evaluation
from apps.video_captioner import fit as training
from apps.video_captioner.backbone import build_backbone
from apps.video_captioner.captioner import Captioner
from apps.video_captioner.evaluate import evaluate
from apps.video_captioner.export import export
from apps.video_captioner.features import sample_frames
from apps.video_captioner.model import load_model
from apps.video_captioner.predict import predict
from apps.video_captioner.sample_data.make_clips import encode
from apps.video_captioner.segments import caption_segments
from apps.video_captioner.train import train
from apps.video_captioner.video import fit
from tests.apps.cases.video_captioner import APP
from tests.conftest import ON_JAX, ROOT, assert_killed_training_resumes, run_module


def run(verb, *arguments):
    return cli.run(verb, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def clips(folder):
    return sorted(folder.glob("test*.mp4"))[:5]


@pytest.fixture(scope="module")
def expected(captioner, clips):
    frames = [sample_frames(clip, captioner.config) for clip in clips]
    return frames, *captioner(frames)


def test_evaluate_prints_the_model_beside_the_baselines(run_dir, cache, capsys):
    assert run(evaluate, run_dir, "--cache", cache, "--beam", 2) == 0
    text = capsys.readouterr().out
    metrics = files.read_json(run_dir / "metrics.json")
    assert list(metrics["results"]) == ["SA-LSTM, beam 2", "nearest training clip", "most frequent caption"]
    for figures in metrics["results"].values():
        names = ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider", "meteor", "exact"]
        assert list(figures) == names and all(0 <= figures[name] <= 1000 for name in names)
        assert f"{figures['bleu_4']:.1f}" in text
    assert "BLEU-4" in text and "METEOR, no synonyms" in text and "lowest scores" in text
    lines = (run_dir / "captions.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "clip,caption,score,exact,reference" and len(lines) == metrics["clips"] + 1 > 5
    for name in ("report.png", "learning.png"):
        assert (run_dir / name).read_bytes().startswith(b"\x89PNG")


def test_evaluate_takes_other_clips_and_says_which_were_seen(
    run_dir, cache, folder, captioner, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(evaluation, "Captioner", lambda run_dir, search: captioner)
    other = tmp_path / "other"
    other.mkdir()
    for clip in sorted(folder.glob("train*.mp4"))[:3]:
        shutil.copy(clip, other)
    rows = "".join(f"{path.name},a red circle grows\n" for path in sorted(other.iterdir()))
    (tmp_path / "mine.csv").write_text("clip,caption\n" + rows)
    assert run(evaluate, run_dir, "--cache", cache, "--data", other, "--captions", tmp_path / "mine.csv") == 0
    assert "3 of 3 clips are training clips" in capsys.readouterr().out
    assert files.read_json(run_dir / "metrics.json")["clips"] == 3


def test_predict_prints_caption_and_score_of_each_clip(trained, compiled, clips, expected, tmp_path, capsys):
    picture = tmp_path / "strips.png"
    assert run(predict, trained, *clips, "--picture", picture) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert len(rows) == len(clips)
    for row, clip, caption, score in zip(rows, clips, *expected[1:], strict=True):
        assert re.split(r"\s{2,}", row) == [str(clip), caption, str(round(float(score), 4))]
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert run(predict, trained, *clips, "--json") == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["caption"] for answer in answers] == expected[1]
    assert all(answer["score"] < 0 for answer in answers)


def test_many_clips_are_captioned_as_one_is(captioner, folder):
    """More than are captioned at a time."""
    frames = [sample_frames(clip, captioner.config) for clip in sorted(folder.glob("*.mp4"))[:20]]
    captions, scores = captioner(frames)
    assert len(captions) == 20 and len(set(captions)) > 2
    for index in (0, 15, 16, 19):
        alone = captioner(frames[index : index + 1])
        assert alone[0] == [captions[index]]
        np.testing.assert_allclose(alone[1][0], scores[index], atol=1e-4)
    assert captioner([])[0] == []


def test_wider_beam_finds_more_likely_captions(trained, folder):
    greedy, wide = (Captioner(trained, Search(beam=beam, length_penalty=0)) for beam in (1, 8))
    frames = [sample_frames(clip, greedy.config) for clip in sorted(folder.glob("*.mp4"))[:16]]
    scores = [captioner(frames)[1] for captioner in (greedy, wide)]
    assert scores[1].mean() > scores[0].mean()
    assert (scores[1] > scores[0] + 1e-3).any()


def test_long_video_becomes_subtitles(trained, captioner, compiled, folder, tmp_path, capsys):
    """Three clips one after another, seven seconds in all, in segments of one second."""
    clips = sorted(folder.glob("train*.mp4"))[:40:13]
    parts = [np.repeat(sample_frames(clip, captioner.config), 14, axis=0)[:42] for clip in clips][:3]
    video = tmp_path / "long.mp4"
    encode(video, np.concatenate(parts), rate=18)
    assert run(predict, trained, video, "--every", "1s") == 0
    segments = caption_segments(captioner, video, 1.0)
    assert segments[0]["start"] == 0 and segments[-1]["end"] == pytest.approx(7.0, abs=0.01)
    for one, other in itertools.pairwise(segments):
        assert one["end"] == other["start"] and one["caption"] != other["caption"]
    table = capsys.readouterr().out
    srt, vtt = ((tmp_path / f"long.{kind}").read_text() for kind in ("srt", "vtt"))
    assert vtt.startswith("WEBVTT")
    for number, segment in enumerate(segments, 1):
        assert segment["caption"] in table
        start, end = (f"00:00:{int(segment[name]):02d}" for name in ("start", "end"))
        caption = re.escape(segment["caption"])
        assert re.search(rf"^{number}\n{start},\d+ --> {end},\d+\n{caption}\n", srt, re.MULTILINE)
        assert re.search(rf"{start}\.\d+ --> {end}\.\d+\n{caption}\n", vtt)


def test_remainder_of_less_than_half_a_segment_is_no_segment(captioner, tmp_path):
    generator = np.random.default_rng(0)
    frames = generator.integers(0, 256, (30, 1, 1, 3)) + np.zeros((30, 32, 32, 3), int)
    encode(tmp_path / "long.mkv", frames.astype("uint8"), rate=10)
    segments = caption_segments(captioner, tmp_path / "long.mkv", 1.3)
    assert segments[-1]["end"] == pytest.approx(3.0, abs=0.01)
    edges = {segment["start"] for segment in segments} | {segment["end"] for segment in segments}
    assert edges <= {0.0, 1.3, round(segments[-1]["end"], 3)}


def encoded_clip(frames, kind):
    """Encode frames as an animated GIF, or each as a JPEG, almost without loss."""
    images = [Image.fromarray(frame) for frame in frames]
    if kind == "gif":
        file = io.BytesIO()
        images[0].save(file, "GIF", save_all=True, append_images=images[1:], duration=100)
        return [file.getvalue()]
    parts = []
    for image in images:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=100, subsampling=0)
        parts.append(file.getvalue())
    return parts


def test_export_takes_encoded_clips(trained, captioner):
    answer = tf.saved_model.load(str(trained / "export" / "1")).signatures["encoded"]
    # Each differs, since a GIF may store equal frames as one.
    frames = np.zeros((6, 48, 64, 3), "uint8")
    frames[:, 12:36, 16:48] = np.array([220, 50, 47]) - 4 * np.arange(6)[:, None, None, None]
    parts = [encoded_clip(frames, "gif"), encoded_clip(frames, "jpeg")]
    padded = [own + [b""] * (6 - len(own)) for own in parts]
    answers = answer(encoded=tf.constant(padded))
    captions, scores = captioner([fit(frames[[0, 2, 3, 5]], 32).numpy()])
    assert [caption.decode() for caption in answers["caption"].numpy()] == captions * 2
    np.testing.assert_allclose(answers["score"], [scores[0]] * 2, atol=0.01)
    assert answer(encoded=tf.zeros([0, 1], tf.string))["caption"].shape == [0]
    for wrong, words in (["no image"], "Unknown image file format"), (["", ""], "only empty strings"):
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            answer(encoded=tf.constant([wrong]))


@pytest.mark.slow
def test_onnx_model_generates_what_predict_generates(run_dir, captioner, expected):
    frames, captions, scores = expected
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    assert run(export, run_dir, "--format", "onnx") == 0
    session = onnxruntime.InferenceSession(str(run_dir / "export" / "model.onnx"))
    lengths = np.array([len(clip) for clip in frames], "int32")
    padded = np.stack([np.pad(clip, [(0, 4 - len(clip)), *[(0, 0)] * 3]) for clip in frames])
    tokens, found = session.run(["tokens", "score"], {"frames": padded, "lengths": lengths})
    assert [text.decode() for text in captioner.subwords.decode(tokens).numpy()] == captions
    np.testing.assert_allclose(found, scores, atol=1e-4)


def stop(*_):
    raise KeyboardInterrupt


def test_backbone_is_frozen_and_then_fine_tuned(tmp_path, options, cache, small_application, monkeypatch):
    """Interrupted between the two phases; the first leaves the backbone unchanged, the second trains its last layers.

    It also is the mean model, with frames at a constant rate, in every verb but export.
    """
    keras.utils.set_random_seed(7)
    backbone = build_backbone("any", 32)
    backbone.layers[-1].save_weights(tmp_path / "mine.weights.h5")
    run_dir = tmp_path / "run"
    arguments = ["--run-dir", run_dir, *options, "--backbone", "any", "--weights", tmp_path / "mine.weights.h5",
                 "--epochs", 1, "--fine-tune-epochs", 1, "--fine-tune-layers", 3, "--fine-tune-learning-rate", 1e-3,
                 "--model", "mean", "--sampling", "fps", "--fps", 2]  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(training, "fine_tuning_model", stop)
        assert run(train, *arguments) == 130
    frozen = load_model(run_dir / "checkpoint-0001.keras").backbone.get_weights()
    assert len(frozen) == 8
    for one, other in zip(frozen, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert run(train, *arguments) == 0
    assert [row["epoch"] for row in files.read_csv(run_dir / "history.csv")] == [1, 2]
    assert files.read_json(run_dir / "finished.json")["best"]["epoch"] == 2
    model = load_model(run_dir / "model.keras")
    assert model.tuned_layers == 3
    changed = [not np.array_equal(one, other) for one, other in zip(frozen, model.backbone.get_weights(), strict=True)]
    # The first layer stays frozen, and so do the statistics of batch normalization.
    assert changed == [False, False, True, True, False, False, True, True]
    assert run(evaluate, run_dir, "--cache", cache) == 0
    assert next(iter(files.read_json(run_dir / "metrics.json")["results"])) == "LSTM-YT, beam 5"
    assert (run_dir / "report.png").exists()


@pytest.mark.slow
def test_fine_tuning_begins_alike_after_an_interruption(tmp_path, options, monkeypatch):
    keras.utils.set_random_seed(7)
    build_backbone("MobileNetV3Small", 32).layers[-1].save_weights(tmp_path / "mine.weights.h5")
    arguments = [*options, "--backbone", "MobileNetV3Small", "--weights", tmp_path / "mine.weights.h5", "--epochs", 1,
                 "--fine-tune-epochs", 1, "--fine-tune-learning-rate", 1e-3, "--batch-size", 16]  # fmt: skip
    whole, interrupted = tmp_path / "whole", tmp_path / "interrupted"
    assert run(train, "--run-dir", whole, *arguments) == 0
    with monkeypatch.context() as patch:
        patch.setattr(training, "fine_tuning_model", stop)
        assert run(train, "--run-dir", interrupted, *arguments) == 130
    assert len(files.read_csv(interrupted / "history.csv")) == 1
    assert run(train, "--run-dir", interrupted, *arguments) == 0
    histories = [files.read_csv(path / "history.csv") for path in (whole, interrupted)]
    for one, other in zip(*histories, strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    assert run(export, whole) == 0


@pytest.mark.slow
def test_killed_training_resumes_and_ends_as_an_uninterrupted_one(trained, tmp_path, options):
    assert_killed_training_resumes(APP, options, trained, tmp_path / "killed")


@pytest.mark.slow
def test_run_trained_on_jax_is_used_by_tensorflow(tmp_path, options, clips):
    run_dir = tmp_path / "run"
    done = run_module(f"apps.{APP}.train", "--run-dir", run_dir, *options, "--epochs", "2", env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    assert files.read_json(run_dir / "finished.json")["backend"] == "jax"
    history = files.read_csv(run_dir / "history.csv")
    assert history[1]["val_loss"] < history[0]["val_loss"]
    done = run_module(f"apps.{APP}.predict", run_dir, *clips[:2], "--json", env=ON_JAX)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    captioner = Captioner(run_dir)
    captions, scores = captioner([sample_frames(clip, captioner.config) for clip in clips[:2]])
    assert [answer["caption"] for answer in answers] == captions
    np.testing.assert_allclose([answer["score"] for answer in answers], scores, atol=1e-3)
    done = run_module(f"apps.{APP}.export", run_dir, env=ON_JAX)
    assert (done.returncode, done.stderr) == (0, "")
    assert (run_dir / "export" / "1" / "saved_model.pb").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("model", "name"), [("s2vt", "S2VT"), ("mean", "LSTM-YT")])
def test_other_models_run_through_every_verb(tmp_path, options, cache, clips, model, name):
    run_dir = tmp_path / "run"
    assert run(train, "--run-dir", run_dir, *options, "--model", model, "--epochs", 1) == 0
    assert run(evaluate, run_dir, "--cache", cache) == 0
    assert next(iter(files.read_json(run_dir / "metrics.json")["results"])) == f"{name}, beam 5"
    assert run(predict, run_dir, clips[0], "--picture", tmp_path / "strip.png") == 0
    assert run(export, run_dir, "--beam", 1) == 0


def test_check_shows_what_is_read_and_imports_no_framework(folder, tmp_path):
    code = (
        "import sys; from apps.common import cli; from apps.video_captioner.train import train\n"
        f"status = cli.run(train, ['--data', {str(folder)!r}, '--run-dir', {str(tmp_path / 'run')!r}, '--check'])\n"
        "print(status, {'keras', 'tensorflow', 'sklearn', 'av', 'jax', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "60 clips with 120 captions" in done.stdout and "column 'split'" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 set()" and not done.stderr
    assert not (tmp_path / "run").exists()


def test_story_goes_on_after_a_clip_that_cannot_be_read(
    tmp_path, folder, trained, compiled, bad_clips, options, monkeypatch, capsys
):
    """The first test clip is truncated; the others are captioned, and the model is exported."""
    mine = shutil.copytree(folder, tmp_path / "mine")
    first = min(mine.glob("test*.mp4"))
    shutil.copy(bad_clips["cut.mp4"], first)
    stages = []
    placement = SimpleNamespace(process=0)
    monkeypatch.setattr(story, "train", lambda *_: SimpleNamespace(placement=placement))
    monkeypatch.setattr(story, "evaluate", lambda *_, **__: stages.append("evaluate"))
    monkeypatch.setattr(story, "export", lambda *_: stages.append("export"))
    arguments = [option.replace(str(folder), str(mine)) for option in options]
    assert run(getattr(story, APP), "--run-dir", trained, *arguments) == 0
    shown = capsys.readouterr().out
    assert stages == ["evaluate", "export"]
    assert first.name not in shown and len(re.findall(r"test_\d+\.mp4", shown)) == 4
