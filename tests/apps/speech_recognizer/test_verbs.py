"""The verbs on recordings of tones, and the parts of their answers."""

import csv
import json
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest
import tensorflow as tf

from apps.common.files import read_json
from apps.common.models import save_model
from apps.common.vocabularies import load_vocabulary
from apps.speech_recognizer.audio import decode, write_wav
from apps.speech_recognizer.config import Config
from apps.speech_recognizer.data import Encoder, Utterances, changed, colored_noise, have_single_words, make_dataset
from apps.speech_recognizer.evaluate import evaluate
from apps.speech_recognizer.export import export
from apps.speech_recognizer.model import build_model
from apps.speech_recognizer.predict import predict
from apps.speech_recognizer.reading import Recordings
from apps.speech_recognizer.recognizer import Recognizer
from apps.speech_recognizer.train import train
from tests.apps.cases.speech_recognizer import RATE, sound

DRAW = np.random.default_rng(3)
SMALL_STREAM = {"streaming": True, "units": 12, "num_layers": 2, "filters": 16, "channels": 4}


def test_small_recogniser_hears_the_tones(recognizer):
    texts = ["ab", "ba", "b", "aab", "a b"]
    found = recognizer([sound(text, DRAW) for text in texts])
    assert sum(one.text == text for one, text in zip(found, texts, strict=True)) >= 3
    for each in found:
        assert 0 <= each.confidence <= 1 and each.seconds > 0
        assert " ".join(word.text for word in each.words) == each.text
        times = [time for word in each.words for time in (word.start, word.end)]
        assert times == sorted(times) and all(0 <= time <= each.seconds + 0.05 for time in times)


def test_long_recordings_are_read_in_pieces(trained, recognizer):
    parts = [sound("ab", DRAW) if index % 2 else sound("ba", DRAW) for index in range(50)]
    pause = DRAW.normal(0, 0.001, int(0.4 * RATE)).astype("float32")
    long = np.concatenate([each for part in parts for each in (part, pause)])
    assert len(long) > recognizer.config.max_seconds * RATE
    (found,) = recognizer([long])
    starts = [word.start for word in found.words]
    assert starts == sorted(starts) and starts[-1] > len(long) / RATE - 3
    (empty,) = recognizer([np.zeros(0, "float32")])
    assert (empty.text, empty.words, empty.confidence) == ("", [], 0.0)


def test_predict_prints_words_with_times_and_writes_subtitles(run, trained, clips, tmp_path, capsys):
    chosen = [clips / "000.wav", clips / "004.wav"]
    assert run(predict, trained, *chosen, "--json", "--srt", "--output", tmp_path / "new") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    expected = Recognizer(trained)([decode(clip, RATE) for clip in chosen])
    assert [row["text"] for row in rows] == [each.text for each in expected]
    assert rows[0]["words"][0].keys() == {"text", "start", "end", "confidence"}
    assert (tmp_path / "new" / "000.srt").exists()
    assert run(predict, trained, *chosen, "--srt", "--output", tmp_path / "new") == 2
    assert "exists already" in capsys.readouterr().err


def test_predict_reads_standard_input_and_names_what_it_cannot_read(run, trained, clips, tmp_path, capsys):
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    assert run(predict, trained, clips / "000.wav", tmp_path / "broken.wav") == 2
    captured = capsys.readouterr()
    assert "000.wav" in captured.out and "left out" in captured.err and "1 of 2 recordings" in captured.err
    command = [sys.executable, "-m", "apps.speech_recognizer.predict", str(trained), "--json"]
    done = subprocess.run(command, input=(clips / "000.wav").read_bytes(), capture_output=True, check=True)
    (expected,) = Recognizer(trained)([decode(clips / "000.wav", RATE)])
    assert json.loads(done.stdout)["text"] == expected.text


def test_report_compares_with_baselines_by_speaker(run, trained, tmp_path, capsys):
    folder = shutil.copytree(trained, tmp_path / "run")
    assert run(evaluate, folder) == 0
    shown = capsys.readouterr().out
    assert "word error rate" in shown and "nearest training recording" in shown and "hidden Markov models" in shown
    found = read_json(folder / "metrics.json")
    assert (folder / "report.png").stat().st_size > 20_000
    with open(folder / "transcripts.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == found["recordings"]
    ours = next(iter(found["results"].values()))
    assert ours["wer_interval"][0] <= ours["wer"] <= ours["wer_interval"][1]
    assert sum(int(row["errors"]) for row in rows) == ours["substitutions"] + ours["deletions"] + ours["insertions"]
    assert sum(each["recordings"] for each in found["speakers"].values()) == len(rows)
    assert run(evaluate, folder, "--beam", "0") == 2


def test_export_answers_wav_files_of_any_rate(trained, clips, tmp_path):
    model = tf.saved_model.load(str(trained / "export" / "1"))
    content = (clips / "000.wav").read_bytes()
    samples = decode(clips / "000.wav", RATE)
    (expected,) = Recognizer(trained)([samples])
    answer = model.signatures["wav"](wav=tf.constant([content, content]))
    assert [text.decode() for text in answer["text"].numpy()] == [expected.text] * 2
    for rate in (16000, 44100):
        positions = np.arange(int(len(samples) * rate / RATE)) * RATE / rate
        write_wav(tmp_path / "a.wav", np.interp(positions, np.arange(len(samples)), samples).astype("float32"), rate)
        (text,) = model.signatures["wav"](wav=tf.constant([(tmp_path / "a.wav").read_bytes()]))["text"].numpy()
        assert text.decode() == expected.text


def make_recordings(folder, texts, seconds=None):
    paths = []
    for number, text in enumerate(texts):
        samples = sound(text, DRAW) if seconds is None else np.zeros(int(seconds[number] * RATE), "float32")
        paths.append(folder / f"{number}.wav")
        write_wav(paths[-1], samples, RATE)
    return Recordings(paths, list(texts), ["s"] * len(texts), [None] * len(texts))


def test_what_cannot_be_learned_is_named(tmp_path):
    config = Config(rate=RATE, max_seconds=2.0)
    recordings = make_recordings(tmp_path, ["ab", "aaab", "ab", "b"], [1.0, 0.2, 3.0, 1.0])
    (tmp_path / "3.wav").write_bytes(b"no sound")
    encoder = Encoder.fit(recordings.texts, config)
    found = Utterances(recordings, encoder, config)
    assert len(found) == 1 and found.recordings.texts == ["ab"]
    assert found.notes == [
        "1 recording left out, not readable, such as 3.wav",
        "1 recording left out, longer than --max-seconds 2, such as 2.wav",
        "1 recording left out, too short for their transcripts (a token takes 40 ms), such as 1.wav",
    ]


def test_batches_are_the_same_again_and_change_from_epoch_to_epoch(tmp_path):
    config = Config(rate=RATE, batch_size=3)
    recordings = make_recordings(tmp_path, ["ab", "ba", "b", "a b a b a", "a", "bb"])
    utterances = Utterances(recordings, Encoder.fit(recordings.texts, config), config)
    width = max(map(len, utterances.tokens))

    def batches(epochs):
        return [inputs for inputs, _ in make_dataset(utterances, width, config, epochs).as_numpy_iterator()]

    both, second = batches(range(2)), batches(range(1, 2))
    assert len(both) == 2 * len(second)
    for one, other in zip(both[len(second) :], second, strict=True):
        for name, value in one.items():
            np.testing.assert_array_equal(value, other[name])
    assert not np.array_equal(both[0]["samples"], second[0]["samples"])
    plain = batches(None)
    seen = sorted(
        (int(length), tokens.tobytes())
        for each in plain
        for length, tokens in zip(each["lengths"], each["tokens"], strict=True)
    )
    expected = sorted(
        (len(utterances.sounds[row]), np.pad(tokens, (0, width - len(tokens))).astype("int32").tobytes())
        for row, tokens in enumerate(utterances.tokens)
    )
    assert seen == expected
    for each in both:
        for samples, length in zip(each["samples"], each["lengths"], strict=True):
            assert np.all(samples[length:] == 0)


def test_changes_are_of_the_asked_size():
    samples = sound("ab", DRAW)
    same = changed(samples, np.random.default_rng(0), Config(speed_change=0.0, noise=False))
    np.testing.assert_array_equal(same, samples)
    config = Config(noise=False)
    lengths = [len(changed(samples, np.random.default_rng(seed), config)) / len(samples) for seed in range(50)]
    assert 0.9 <= min(lengths) < 0.93 and 1.07 < max(lengths) <= 1.1
    config, samples = Config(speed_change=0.0), np.tile(samples, 1 + config.rate // len(samples))
    noisy = [changed(samples, np.random.default_rng(seed), config, True) for seed in range(50)]
    cut = [len(samples) - len(each) for each in noisy]
    assert 0 < min(cut) < 0.02 * config.rate and 0.06 * config.rate < max(cut) <= 0.08 * config.rate
    assert len({each.std() for each in noisy}) == 50
    assert {len(changed(samples, np.random.default_rng(seed), config)) for seed in range(9)} == {len(samples)}


@pytest.mark.parametrize(
    "texts,utterances,expected",
    [
        (["seven"] * 9 + ["twenty one"], "auto", True),
        (["seven"] * 8 + ["twenty one"] * 2, "auto", False),
        (["seven"], "sentences", False),
        (["turn it on"], "words", True),
    ],
)
def test_single_words_are_found_by_their_transcripts(texts, utterances, expected):
    found = have_single_words(types.SimpleNamespace(texts=texts), Config(utterances=utterances))
    assert found is expected


def test_noise_falls_with_the_frequency():
    noise = np.stack([colored_noise(4096, np.random.default_rng(seed), (0.0, 2.0)) for seed in range(20)])
    np.testing.assert_allclose(np.square(noise).mean(axis=1), 1, rtol=1e-6)
    power = np.square(np.abs(np.fft.rfft(noise)))
    fall = power[:, 1:200].mean(axis=1) / power[:, -200:].mean(axis=1)
    assert fall.min() < 3 and fall.max() > 30


def test_training_continues_with_the_weights_of_another_run(run, trained, options, tmp_path, capsys):
    more = ["--start-from", trained, "--epochs", "1", "--learning-rate", "0.000001", "--run-dir", tmp_path / "new"]
    assert run(train, *options, *more) == 0
    assert f"the weights are those of {trained}" in capsys.readouterr().out
    one, other = (Recognizer(folder).model.get_weights() for folder in (trained, tmp_path / "new"))
    for before, after in zip(one, other, strict=True):
        np.testing.assert_allclose(before, after, atol=1e-3)
    assert run(train, *options, "--units", "8", "--start-from", trained, "--run-dir", tmp_path / "other") == 2
    assert "--units 8" in capsys.readouterr().err


def test_a_language_model_of_the_same_letters_is_tuned_and_kept(run, trained, options, tmp_path, capsys):
    from apps.language_model.train import train as train_language_model

    text = tmp_path / "texts.txt"
    text.write_text("\n".join(["ab", "ba", "a b", "aab", "bba", "b a"] * 200))
    small = ["--unit", "characters", "--units", "16", "--embedding-dim", "8", "--epochs", "1", "--epoch-tokens", "3000",
             "--batch-size", "4", "--chunk-length", "16"]  # fmt: skip
    assert run(train_language_model, "--data", text, *small, "--run-dir", tmp_path / "lm") == 0
    more = ["--start-from", trained, "--epochs", "1", "--language-model", tmp_path / "lm"]
    assert run(train, *options, *more, "--run-dir", tmp_path / "run") == 0
    found = read_json(tmp_path / "run" / "search.json")
    assert found["language_model"] is True and found["weight"] >= 0
    assert {"language_model.keras", "language_model.json"} <= {path.name for path in (tmp_path / "run").iterdir()}
    recognizer = Recognizer(tmp_path / "run")
    assert recognizer.decoder.language_model is not None
    assert isinstance(recognizer([sound("ab", DRAW)])[0].text, str)
    text.write_text("\n".join(["xyz", "zyx"] * 300))
    assert run(train_language_model, "--data", text, *small, "--run-dir", tmp_path / "others") == 0
    more[-1] = tmp_path / "others"
    assert run(train, *options, *more, "--run-dir", tmp_path / "refused") == 2
    assert "are not among its characters" in capsys.readouterr().err


def test_exported_stream_writes_what_the_whole_recording_gives(run, trained, tmp_path):
    folder = shutil.copytree(trained, tmp_path / "run")
    saved = read_json(folder / "config.json") | {"streaming": True}
    (folder / "config.json").write_text(json.dumps(saved))
    model = build_model(Config(**{**SMALL_STREAM, "rate": RATE}), load_vocabulary(folder).size)
    for weight in model.trainable_variables:
        weight.assign(DRAW.normal(0, 0.5, weight.shape))
    model.loc.assign(np.full(16, -10.0))
    model.scale.assign(np.full(16, 4.0))
    samples = sound("ab ba", DRAW)
    samples = samples[: len(samples) // model.hop * model.hop]
    # No token is always the likeliest, and of the special ones only "none" is said.
    usual = np.mean(model.logits(samples[None], np.array([len(samples)]))[0], axis=(0, 1))
    model.head.bias.assign(model.head.bias - usual - 50 * np.isin(np.arange(len(usual)), [1, 2, 3]))
    save_model(model, folder / "model.keras")
    assert run(export, folder, "--beam", "1") == 0
    step = tf.saved_model.load(str(folder / "export" / "1")).signatures["step"]
    recognizer = Recognizer(folder, beam=1)
    hop = recognizer.model.hop
    ((tokens, _),) = recognizer.read([samples])
    (expected,) = recognizer.encoder.vocabulary.decode(tf.constant([tokens], tf.int32)).numpy()
    size = step.structured_input_signature[1]["state"].shape[1]
    state, last, found = tf.zeros([1, size]), tf.zeros([1], tf.int32), b""
    for at in range(0, len(samples), hop):
        answer = step(samples=tf.constant(samples[None, at : at + hop]), state=state, last=last)
        state, last = answer["state"], answer["last"]
        found += answer["text"].numpy()[0]
    assert found == expected and found
