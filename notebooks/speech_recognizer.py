# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Recognize speech
#
# A GRU over the spectrum of recordings, trained with CTC, writes what is said, next to the nearest training recording.
#
# The trainings here are small, so that the notebook runs in minutes on two processor cores. The results of full
# trainings are in `apps/speech_recognizer/README.md`.

# %%
# In Colab set this to the address of Engram's repository. In a copy of the repository nothing is installed.
REPOSITORY = ""

import importlib.util
import subprocess
import sys
from pathlib import Path

if (Path.cwd().parent / "layers" / "lstm.py").exists():
    sys.path.insert(0, str(Path.cwd().parent))
elif importlib.util.find_spec("layers") is None:
    if not REPOSITORY:
        raise SystemExit("REPOSITORY is empty: set it to the address of Engram's repository")
    subprocess.run(["git", "clone", "--depth", "1", REPOSITORY, "engram"], check=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--requirement", "engram/requirements.txt"]
    subprocess.run(pip, check=True)
    sys.path.insert(0, str(Path("engram").resolve()))


def show(picture):
    """Show a picture file below the cell, in few colours; outside a notebook, print its name."""
    if importlib.util.find_spec("IPython") is None:
        print(picture)
        return
    from IPython.display import display
    from PIL import Image

    image = Image.open(picture).convert("RGB").quantize(48)
    image.thumbnail((900, 2000))
    display(image)


# %% [markdown]
# ## Data
#
# A folder of recordings and a table of what is said in them. Here two letters are tones; `--data sample`, the default
# of the app, is spoken by synthetic voices and takes longer.

# %%
import csv
import tempfile

import numpy as np

from apps.speech_recognizer.audio import write_wav

folder = Path(tempfile.mkdtemp())
draw, rate, tones = np.random.default_rng(0), 8000, {"a": 500.0, "b": 1500.0}


def speak(text):
    """A tone of a fifth of a second for each letter, silence for a blank, and noise."""
    time = np.arange(rate // 5) / rate
    parts = [0.3 * np.sin(2 * np.pi * tones[letter] * time) if letter in tones else 0 * time for letter in f" {text} "]
    return (np.concatenate(parts) + 0.003 * draw.normal(size=len(parts) * len(time))).astype("float32")


rows = [("file", "text", "speaker")]
for number in range(96):
    text = ("ab", "ba", "a b", "aab", "bba", "b a")[number % 6]
    write_wav(folder / f"{number:03}.wav", speak(text), rate)
    rows.append((f"{number:03}.wav", text, f"speaker {number // 8 % 6}"))
with open(folder / "transcripts.csv", "w", newline="") as file:
    csv.writer(file).writerows(rows)
rows[:4]

# %% [markdown]
# ## Train
#
# Training shows two examples as it understood them, writes everything into the run directory, and resumes there if it
# was interrupted. Each field of `Config` is also an option of the command line, `python -m apps.speech_recognizer
# --help`.

# %%
from apps.common.options import TrainingOptions
from apps.speech_recognizer.config import Config
from apps.speech_recognizer.train import train

run_dir = folder / "run"
config = Config(
    data=str(folder),
    rate=rate,
    units=24,
    num_layers=1,
    filters=16,
    channels=4,
    batch_size=8,
    epochs=30,
    learning_rate=0.01,
    dropout=0.0,
    patience=30,
)
run = train(config, TrainingOptions(run_dir, overwrite=True))

# %% [markdown]
# ## Evaluate
#
# Errors in words and in characters of the model and its baselines, on speakers that were not in training.

# %%
from apps.speech_recognizer.evaluate import evaluate

evaluate(run_dir)
show(run_dir / "report.png")

# %% [markdown]
# ## Predict
#
# What is said in two recordings, and how certain that is:

# %%
from apps.speech_recognizer.predict import predict

predict(run_dir, (folder / "000.wav", folder / "002.wav"))

# %% [markdown]
# ## Export, load, answer
#
# The SavedModel takes samples and their rate.

# %%
import tensorflow as tf

from apps.speech_recognizer.export import export

export(run_dir)
model = tf.saved_model.load(str(run_dir / "export" / "1"))
samples = speak("abba")
answer = model.signatures["serving_default"](samples=tf.constant(samples[None]), rate=tf.constant([rate]))
print(answer["text"].numpy()[0].decode())

# %% [markdown]
# `python -m apps.serve {run_dir}` serves the folder over HTTP and gRPC. To change the app, copy it: `python -m
# apps.new my_app --from speech_recognizer --to FOLDER`.
