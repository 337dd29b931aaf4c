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
# # Find spam in messages
#
# A bidirectional LSTM over tokens labels messages, next to a linear model over character n-grams.
#
# The trainings here are small, so that the notebook runs in minutes on two processor cores. The results of full
# trainings are in `apps/spam_detector/README.md`.

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
# One message a line, with its label. Here it is generated; yours may also be a table with other columns, mails or
# JSON.

# %%
import tempfile

from apps.spam_detector.sample_data.make_messages import make_messages

folder = Path(tempfile.mkdtemp())
data = folder / "messages.txt"
data.write_text("".join(f"{label}\t{text}\n" for _, label, text in make_messages()), encoding="utf-8")
print(*data.read_text(encoding="utf-8").splitlines()[:3], sep="\n")

# %% [markdown]
# ## Train
#
# Training shows two examples as it understood them, writes everything into the run directory, and resumes there if it
# was interrupted. Each field of `Config` is also an option of the command line, `python -m apps.spam_detector --help`.

# %%
from apps.common.options import TrainingOptions
from apps.spam_detector.config import Config
from apps.spam_detector.train import train

run_dir = folder / "run"
config = Config(data=str(data), epochs=6)
run = train(config, TrainingOptions(run_dir, overwrite=True))

# %% [markdown]
# ## Evaluate
#
# The table has the model and its baselines on the same test messages. Accuracy misleads where most messages are ham;
# MCC, precision and recall are next to it.

# %%
from apps.spam_detector.evaluate import evaluate

evaluate(run_dir)
show(run_dir / "report.png")

# %% [markdown]
# ## Predict
#
# Labels and probabilities of messages:

# %%
from apps.spam_detector.predict import predict

messages = ("WINNER!! You have won a cruise. Call 09065550123 now", "see you at the library at 5")
predict(run_dir, messages)

# %% [markdown]
# ## Export, load, answer
#
# The SavedModel takes strings and needs no code of this repository.

# %%
import tensorflow as tf

from apps.spam_detector.export import export

export(run_dir)
model = tf.saved_model.load(str(run_dir / "export" / "1"))
answer = model.signatures["serving_default"](text=tf.constant(messages))
for message, label, probability in zip(messages, answer["label"].numpy(), answer["probability"].numpy(), strict=True):
    print(label.decode(), f"{probability:.3f}", message)

# %% [markdown]
# `python -m apps.serve {run_dir}` serves the folder over HTTP and gRPC. To change the app, copy it: `python -m
# apps.new my_app --from spam_detector --to FOLDER`.
