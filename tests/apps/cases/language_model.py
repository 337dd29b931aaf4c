"""The language model, see `tests.apps.cases`."""

import numpy as np

from apps.language_model.options import Sampling
from apps.language_model.sample_data.make_text import make_text
from apps.language_model.writer import Writer

APP = "language_model"
OPTIONS = ["--epochs", "4", "--units", "32", "--embedding-dim", "16", "--batch-size", "16", "--chunk-length", "32",
           "--learning-rate", "0.01", "--dropout", "0.05", "--num-layers", "2"]  # fmt: skip
FILES = {"vocabulary.json", "trunk.keras"}
SHOWN = "1 document, "
BASELINE = "Kneser-Ney"
SETTINGS = [
    (["--epochs", "0"], ["--epochs 0", "from 1 up"]),
    (["--units", "-4"], ["--units -4"]),
    (["--chunk-length", "0"], ["--chunk-length 0"]),
    (["--test-fraction", "0.98"], ["--test-fraction 0.98", "--validation-fraction"]),
    (["--forget", "1"], ["--forget 1.0"]),
    (["--output-dropout", "1"], ["--output-dropout 1.0"]),
    (["--clip-norm", "0"], ["--clip-norm 0.0"]),
    (["--cell", "simple_rnn", "--normalization"], ["--normalization True", "simple_rnn"]),
    (["--data", "absent.txt"], ["absent.txt", "no such file"]),
    (["--start-from", "absent"], ["absent", "no such run directory"]),
    (["--chunk-length", "100000"], ["expected 100000 or more", "--chunk-length"]),
]
QUESTIONS = [
    (["generate", "x", "--temperature", "-1"], ["--temperature -1.0"]),
    (["generate", "x", "--temperature", "inf"], ["--temperature inf"]),
    (["generate", "x", "--length", "0"], ["--length 0"]),
    (["generate", "x", "--top-p", "0"], ["--top-p 0.0"]),
    (["generate", "x", "--top-k", "-1"], ["--top-k -1"]),
    (["complete"], ["no text"]),
    (["complete", "x", "--words", "0"], ["--words 0"]),
    (["score", "x", ""], ["text 2 of 2 is empty"]),
    (["score", "x", "--file", "x.txt"], ["--file x.txt", "not both"]),
    (["score", "--file", "absent.txt"], ["absent.txt", "no such file"]),
]
PROMPTS = ["At the harbour Ada the ", "", "Größe ☃ \u2028 naïve", "x" * 3000]
REFUSED = [
    ({"length": [0, 1, 1, 1]}, ["length 0, expected 1 to 1000"]),
    ({"length": [1, 1, 1000000, 1]}, ["length 1000000, expected 1 to 1000"]),
    ({"temperature": [1.0, -0.5, 1.0, 1.0]}, ["temperature -0.5"]),
    ({"prompt": ["", "", "", "x" * 20_000]}, ["text 4 has 20000 characters", "at most 10,000"]),
    ({"prompt": [1.0, 1.0, 1.0, 1.0]}, ["prompt", "string"]),
]
TOLERANCE = 1e-4


def make_data(folder):
    (folder / "text.txt").write_text(make_text(250), encoding="utf-8")
    return ["--data", str(folder / "text.txt")]


def arguments(folder):
    return ["generate", "The", "--length", "30"]


def spoil(folder):
    (folder / "text.txt").write_bytes(b"line\n\xff")
    return ["text.txt", "row 2, byte 5", "--encoding"]


def change(folder):
    (folder / "text.txt").write_text(make_text(249), encoding="utf-8")
    return ["text.txt", "not the text"]


def inputs(run_dir):
    return {
        "prompt": np.array(PROMPTS, object),
        "length": np.array([30, 12, 7, 1], "int32"),
        "temperature": np.array([0.8, 0.0, 1.0, 2.0], "float32"),
        "seed": np.array([0, 1, 2, 3], "int32"),
    }


def answers(run_dir, inputs):
    writer = Writer(run_dir)
    found = []
    for prompt, length, temperature, seed in zip(*inputs.values(), strict=True):
        sampling = Sampling(length=int(length), temperature=float(temperature), seed=int(seed))
        found.append("".join(writer.generate(prompt, sampling)))
    return {"continuation": np.array(found, object)}
