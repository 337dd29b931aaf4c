"""Quality and speed of the speech recogniser: spoken digits of a speaker that it never heard, and sentences.

Free Spoken Digits (Jackson et al., 2,500 recordings at 8 kHz): one speaker is left out in turn, next to a support
vector machine on cepstral coefficients, hidden Markov models and the nearest recording, which learn from the same.

The sample: sentences of three voices that were not learned from, with and without a language model of 20,000 sentences
of the same grammar, which is trained here.

AN4 (CMU): ten real utterances of letters, numbers and commands, as a recogniser of the sample's synthetic voices hears
them, before and after it learned from 30 others.

Each training is a run directory under --runs-dir, so an interrupted benchmark resumes.
"""

import dataclasses
import sys
import time
from pathlib import Path

import numpy as np
import tyro
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from apps.common import cli, files
from apps.common.options import TrainingOptions
from apps.language_model.config import Config as LanguageConfig
from apps.language_model.train import train as train_language_model
from apps.speech_recognizer.baseline import cepstra, fit_baselines
from apps.speech_recognizer.config import Config
from apps.speech_recognizer.fit import fit
from apps.speech_recognizer.metrics import count_errors, interval
from apps.speech_recognizer.reading import read_recordings
from apps.speech_recognizer.recognizer import NO_LANGUAGE_MODEL, Recognizer
from apps.speech_recognizer.sample_data.sentences import CONFUSABLE, make_texts
from apps.speech_recognizer.sounds import Sounds
from apps.speech_recognizer.splitting import split_recordings
from apps.speech_recognizer.train import train

from .results import write_results

WORDS = "zero one two three four five six seven eight nine".split()
# Words are short, so a batch can have more of them.
DIGITS = {"pattern": "{text}_{speaker}_{n}.wav", "rate": 8000, "batch_size": 32, "epochs": 30, "learning_rate": 2e-3}
# Sentences of the grammar from which the language model learns, none of them chosen by the recordings.
TEXTS = 20_000
LANGUAGE = {"unit": "characters", "epochs": 6, "epoch_tokens": 900_000}
NOTES = (
    "Free Spoken Digits: each speaker in turn is the test, a tenth of the others' recordings the validation. An SVM "
    "elsewhere: 73.1 % with a speaker left out, 95.7 % on the official split, which has every speaker on both sides.",
    "Sample and AN4: word error rates with 95 % intervals over recordings; words that sound alike: the share of those "
    "in the test sentences that were written right.",
)


def speech_quality(
    digits: Path | None = None,
    an4: Path | None = None,
    sample: bool = True,
    config: tyro.conf.OmitArgPrefixes[Config] = Config(),
    runs_dir: Path = Path("runs/speech_quality"),
):
    """Measure the speech recogniser on digits, the sample, and real utterances.

    Args:
        digits: Folder of the recordings of Free Spoken Digits; not measured if not given.
        an4: Folder with AN4's train.csv, test.csv and their recordings; needs the sample; not measured if not given.
        sample: Measure on the sample.
        config: Settings of the app.
        runs_dir: Folder for the trainings.
    """
    rows, notes = [], list(NOTES)
    if digits:
        rows += _measure_digits(digits, config, runs_dir)
    if sample:
        found, note = _measure_sample(config, runs_dir)
        rows, notes = rows + found, [*notes, note]
        if an4:
            rows += _measure_an4(an4, config, runs_dir)
    packages = ("tensorflow", "keras", "sklearn")
    options = f"{'--digits DIGITS_FOLDER ' * bool(digits)}{'--an4 AN4_FOLDER' * bool(an4)}"
    write_results("speech_quality", "Speech recogniser on digits and sentences", rows, packages, None, notes, options)


def _row(data, recogniser, cells):
    names = ("accuracy, %", "word errors, %", "95 % interval", "sound alike, right %", "training, min")
    return {"data": data, "recogniser": recogniser} | dict.fromkeys(names, "") | cells


def _measure_digits(folder, config, runs_dir):
    config = dataclasses.replace(config, data=str(folder), **DIGITS)
    recordings = read_recordings(config)
    sounds = Sounds(recordings.paths, config.rate)
    features = np.array([_summary(cepstra(sounds[row], config.rate)) for row in range(len(recordings))])
    texts, speakers = np.array(recordings.texts), np.array(recordings.speakers)
    found, minutes = {}, []
    for speaker in sorted(set(recordings.speakers)):
        drawn = np.random.default_rng(0).random(len(recordings)) < config.validation_fraction
        splits = np.where(speakers == speaker, "test", np.where(drawn, "validation", "train"))
        run_dir = runs_dir / f"digits-{speaker}"
        fit(config, TrainingOptions(run_dir), dataclasses.replace(recordings, splits=splits.tolist()))
        minutes.append(_minutes(run_dir))
        learned, test = np.flatnonzero(splits != "test"), np.flatnonzero(splits == "test")
        recognizer = Recognizer(run_dir)
        answers = {"GRU with CTC": [each.text for each in recognizer([sounds[row] for row in test])]}
        machine = make_pipeline(StandardScaler(), SVC(C=10)).fit(features[learned], texts[learned])
        answers["SVM on cepstral coefficients"] = machine.predict(features[test])
        baselines = fit_baselines([sounds[row] for row in learned], texts[learned].tolist(), config.rate)
        answers |= {name: [answer(sounds[row]) for row in test] for name, answer in baselines.items()}
        for name, own in answers.items():
            found.setdefault(name, {})[speaker] = 100 * np.mean(np.asarray(own) == texts[test])
        print(speaker, {name: round(own[speaker], 1) for name, own in found.items()}, flush=True)
    rows = []
    for name, own in found.items():
        cells = {"training, min": f"{np.mean(minutes):.1f}"} if name == "GRU with CTC" else {}
        rows.append(
            _row("digits, mean of speakers", name, {"accuracy, %": f"{np.mean(list(own.values())):.1f}"} | cells)
        )
    for speaker in next(iter(found.values())):
        each = " / ".join(f"{own[speaker]:.1f}" for own in found.values())
        rows.append(_row(f"digits, {speaker}", "the same, in this order", {"accuracy, %": each}))
    return rows


def _summary(features):
    """Return means and deviations of cepstral coefficients over five parts of a word."""
    parts = np.array_split(features, 5) if len(features) >= 10 else [features] * 5
    return np.concatenate([np.r_[part.mean(axis=0), part.std(axis=0)] for part in parts])


def _minutes(run_dir):
    return sum(row["seconds"] for row in files.read_csv(run_dir / "history.csv")) / 60


def _measure_sample(config, runs_dir):
    language = runs_dir / "language"
    text = runs_dir / "texts.txt"
    runs_dir.mkdir(parents=True, exist_ok=True)
    text.write_text("\n".join(make_texts(TEXTS, seed=1)), encoding="utf-8")
    train_language_model(LanguageConfig(data=(str(text),), **LANGUAGE), TrainingOptions(language))
    rows, note = [], ""
    for name, streaming in (("GRU with CTC", False), ("causal, --streaming", True)):
        run_dir = runs_dir / ("sample-streaming" if streaming else "sample")
        settings = dataclasses.replace(config, language_model=str(language), streaming=streaming)
        train(settings, TrainingOptions(run_dir))
        test = split_recordings(read_recordings(settings), settings)["test"]
        sounds = Sounds(test.paths, config.rate)
        samples = [sounds[row] for row in range(len(test))]
        for more, search in (("", NO_LANGUAGE_MODEL), (", with the language model", None)):
            recognizer = Recognizer(run_dir, search=search)
            recognizer(samples)  # compiles
            start = time.perf_counter()
            answers = [each.text for each in recognizer(samples)]
            speed = sounds.lengths.sum() / config.rate / (time.perf_counter() - start)
            cells = _errors(test.texts, answers) | {"sound alike, right %": f"{100 * _alike(test.texts, answers):.1f}"}
            if not more:
                cells["training, min"] = f"{_minutes(run_dir):.1f}"
            rows.append(_row("sample", name + more, cells))
            print(rows[-1], f"{speed:.0f} seconds of sound a second", flush=True)
            if not streaming:
                note += f"Recognised{more}: {speed:.0f} seconds of sound a second. "
        if not streaming:
            learned = 60 * len(files.read_csv(run_dir / "history.csv")) * _sound_minutes(settings)
            note += f"Learned from: {learned / (60 * _minutes(run_dir)):.0f} seconds of sound a second. "
    return rows, note + _latency(runs_dir / "sample-streaming")


def _sound_minutes(config):
    recordings = split_recordings(read_recordings(config), config)["train"]
    return Sounds(recordings.paths, config.rate).lengths.sum() / config.rate / 60


def _errors(texts, answers):
    counts = count_errors(texts, answers)
    low, high = interval(counts.word_rows)
    return {
        "word errors, %": f"{100 * counts.words.rate:.1f}",
        "95 % interval": f"{100 * low:.1f} to {100 * high:.1f}",
    }


def _alike(texts, answers):
    """Return the share of the words that sound like others which were written right, where the length is right."""
    alike = {word for group in CONFUSABLE for word in group}
    right = total = 0
    for text, answer in zip(texts, answers, strict=True):
        said, heard = text.split(), answer.split()
        for place, word in enumerate(said):
            if word in alike:
                total += 1
                right += len(heard) == len(said) and heard[place] == word
    return right / max(1, total)


def _latency(run_dir):
    """Return a sentence on the latency of a stream."""
    import tensorflow as tf

    model = Recognizer(run_dir, beam=1).model
    step = tf.function(model.step)
    state = [np.zeros((1, *shape), "float32") for shape in model.state_shapes]
    samples, times = np.zeros((1, model.hop), "float32"), []
    for _ in range(200):
        start = time.perf_counter()
        _, state = step(samples, state)
        times.append(time.perf_counter() - start)
    return (
        f"Streaming reads 40 ms of sound at a time, without a look ahead, in {1000 * np.median(times):.1f} ms (median)."
    )


def _measure_an4(folder, config, runs_dir):
    real = dataclasses.replace(config, data=str(folder), validation_fraction=0.2)
    recordings = read_recordings(real)
    test = split_recordings(recordings, real)["test"]
    sounds, rows = Sounds(test.paths, config.rate), []
    tuned = runs_dir / "an4"
    more = {"start_from": str(runs_dir / "sample"), "learning_rate": config.learning_rate / 3, "batch_size": 8}
    train(dataclasses.replace(real, **more), TrainingOptions(tuned))
    for name, run_dir in (("learned from the sample only", runs_dir / "sample"), ("after 30 real utterances", tuned)):
        answers = [
            each.text
            for each in Recognizer(run_dir, search=NO_LANGUAGE_MODEL)([sounds[row] for row in range(len(test))])
        ]
        rows.append(_row("AN4, 10 utterances", name, _errors(test.texts, answers)))
        print(list(zip(test.texts, answers, strict=True)), flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(cli.run(speech_quality))
