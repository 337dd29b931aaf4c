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
# # Classify documents
#
# LSTMs in both directions and attention over all that they read classify long documents, next to NB-SVM.
#
# The trainings here are small, so that the notebook runs in minutes on two processor cores. The results of full
# trainings are in `apps/sentiment_classifier/README.md`.

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
# A label and a text in each row. Here reviews are generated in which the order of the words decides.

# %%
import tempfile

import pandas as pd

from apps.sentiment_classifier.sample_data.make_reviews import make_reviews

folder = Path(tempfile.mkdtemp())
reviews = pd.DataFrame([(label, text) for _, label, text, _ in make_reviews(1200)], columns=["sentiment", "review"])
data = folder / "reviews.csv"
reviews.to_csv(data, index=False)
reviews.head(3)

# %% [markdown]
# ## Train
#
# Training shows two examples as it understood them, writes everything into the run directory, and resumes there if it
# was interrupted. Each field of `Config` is also an option of the command line, `python -m apps.sentiment_classifier
# --help`.

# %%
from apps.common.options import TrainingOptions
from apps.sentiment_classifier.config import Config
from apps.sentiment_classifier.train import train

run_dir = folder / "run"
config = Config(data=str(data), unit="words", units=32, embedding_dim=32, num_layers=1, epochs=5, learning_rate=0.005)
run = train(config, TrainingOptions(run_dir, overwrite=True))

# %% [markdown]
# ## Evaluate
#
# Accuracy, macro F1 and calibration of the model and of its baselines on the same test reviews.

# %%
from apps.sentiment_classifier.evaluate import evaluate

evaluate(run_dir)
show(run_dir / "report.png")

# %% [markdown]
# ## Predict
#
# A label, and which words speak for it:

# %%
from apps.sentiment_classifier.predict import predict

predict(
    run_dir,
    ("I thought this would be a dull film for me, but sitting there I saw it would be a witty film for me.",),
    explain=True,
)

# %% [markdown]
# ## Export, load, answer
#
# The SavedModel takes strings and returns labels and probabilities.

# %%
import tensorflow as tf

from apps.sentiment_classifier.export import export

export(run_dir)
model = tf.saved_model.load(str(run_dir / "export" / "1"))
answer = model.signatures["serving_default"](text=tf.constant(reviews["review"][:3].tolist()))
print(answer["label"].numpy(), answer["probability"].numpy().round(3), reviews["sentiment"][:3].tolist())

# %% [markdown]
# `python -m apps.serve {run_dir}` serves the folder over HTTP and gRPC. To change the app, copy it: `python -m
# apps.new my_app --from sentiment_classifier --to FOLDER`.
