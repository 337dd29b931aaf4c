"""The speech recogniser, see `tests.apps.cases`."""

import csv

import numpy as np

from apps.speech_recognizer.audio import write_wav
from apps.speech_recognizer.recognizer import Recognizer

APP = "speech_recognizer"
OPTIONS = ["--rate", "8000", "--epochs", "12", "--units", "24", "--num-layers", "1", "--filters", "16",
           "--channels", "4", "--batch-size", "8", "--learning-rate", "0.01", "--dropout", "0",
           "--patience", "12"]  # fmt: skip
FILES = {"vocabulary.json", "search.json"}
SHOWN = "transcript 'ab'"
BASELINE = "nearest training recording"
SETTINGS = [
    (["--epochs", "0"], ["--epochs 0", "from 1 up"]),
    (["--rate", "100"], ["--rate 100", "4000 to 48000"]),
    (["--filters", "2"], ["--filters 2", "from 8 up"]),
    (["--dropout", "1"], ["--dropout 1.0"]),
    (["--max-seconds", "0.1"], ["--max-seconds 0.1"]),
    (["--test-fraction", "0.97"], ["--test-fraction 0.97", "--validation-fraction"]),
    (["--data", "absent"], ["absent", "no such file"]),
    (["--text-column", "said"], ["no column 'said'", "--text-column"]),
    (["--pattern", "{speaker}.wav"], ["--pattern {speaker}.wav", "{text}"]),
    (["--start-from", "absent"], ["absent", "no such"]),
    (["--language-model", "absent"], ["absent", "no such"]),
]
QUESTIONS = [
    (["absent.wav"], ["absent.wav", "no such file"]),
    (["absent.wav", "--beam", "0"], ["--beam 0", "from 1 to 1000"]),
    (["absent.wav", "--output", "x"], ["--srt"]),
    (["a/x.wav", "b/x.wav", "--srt", "--output", "."], ["the same name"]),
]
REFUSED = [
    ({"rate": [100, 100]}, ["rate", "1000"]),
    ({"rate": [8000, 16000]}, ["rate: expected one for all"]),
]
TOLERANCE = 1e-4
RATE = 8000
TONES = {"a": 400, "b": 1200, " ": 0}
TEXTS = ("ab", "ba", "a", "b", "a b", "aab", "bba", "b a")


def sound(text, draw):
    """Return tones of about 0.2 s, one for each letter."""
    parts = []
    for letter in text:
        time = np.arange(int(draw.uniform(0.17, 0.23) * RATE)) / RATE
        parts.append(0.3 * np.sin(2 * np.pi * TONES[letter] * time) * np.hanning(len(time)))
    samples = np.concatenate(parts)
    return (samples + draw.normal(0, 0.002, len(samples))).astype("float32")


def make_data(folder):
    """Write recordings of tones, of six speakers."""
    draw = np.random.default_rng(0)
    rows = []
    (folder / "clips").mkdir()
    for number in range(96):
        text = TEXTS[number % len(TEXTS)]
        write_wav(folder / "clips" / f"{number:03}.wav", sound(text, draw), RATE)
        rows.append((f"clips/{number:03}.wav", text, f"speaker {number // 8 % 6}"))
    _write(folder, rows)
    return ["--data", str(folder)]


def _write(folder, rows):
    with open(folder / "transcripts.csv", "w", newline="") as file:
        csv.writer(file).writerows([("file", "text", "speaker"), *rows])


def _rows(folder):
    with open(folder / "transcripts.csv", newline="") as file:
        return list(csv.reader(file))[1:]


def arguments(folder):
    return [str(folder / "clips" / "000.wav"), str(folder / "clips" / "004.wav"), "--json"]


def spoil(folder):
    (folder / "transcripts.csv").write_text("file,text\nclips/absent.wav,ab\n")
    return ["absent.wav"]


def change(folder):
    _write(folder, _rows(folder)[:-1])
    return ["not the recordings"]


def inputs(run_dir):
    draw = np.random.default_rng(5)
    parts = [sound(text, draw)[:3000] for text in ("ab", "ba")]
    shortest = min(map(len, parts))
    return {"samples": np.stack([part[:shortest] for part in parts]), "rate": np.full(2, RATE, "int32")}


def answers(run_dir, inputs):
    found = Recognizer(run_dir)(list(inputs["samples"]))
    return {
        "text": np.array([each.text for each in found], object),
        "confidence": np.array([each.confidence for each in found], "float32"),
    }
