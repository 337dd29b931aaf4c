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
# # Translate sentences
#
# An encoder and a decoder with attention learn to translate from a file of sentence pairs, next to a dictionary.
#
# The trainings here are small, so that the notebook runs in minutes on two processor cores. The results of full
# trainings are in `apps/translator/README.md`.

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
# A sentence, a tab and its translation on each line. Here one grammar generates English and German.

# %%
import tempfile

from apps.translator.sample_data.make_pairs import make_pairs

folder = Path(tempfile.mkdtemp())
pairs = make_pairs()[:3000]
data = folder / "pairs.tsv"
data.write_text("".join(f"{source}\t{target}\n" for source, target in pairs), encoding="utf-8")
print(*data.read_text(encoding="utf-8").splitlines()[:3], sep="\n")

# %% [markdown]
# ## Train
#
# Training shows two examples as it understood them, writes everything into the run directory, and resumes there if it
# was interrupted. Each field of `Config` is also an option of the command line, `python -m apps.translator --help`.

# %%
from apps.common.options import TrainingOptions
from apps.translator.config import Config
from apps.translator.train import train

run_dir = folder / "run"
config = Config(
    data=(str(data),), units=96, embedding_dim=64, vocabulary_size=400, max_tokens=40, epochs=14, learning_rate=0.005
)
run = train(config, TrainingOptions(run_dir, overwrite=True))

# %% [markdown]
# ## Evaluate
#
# BLEU and chrF of the model and of a translation word for word. The picture shows what the model attended to.

# %%
from apps.translator.evaluate import evaluate

evaluate(run_dir)
show(run_dir / "attention.png")

# %% [markdown]
# ## Predict
#
# Translations of sentences that are not in the file:

# %%
from apps.translator.predict import predict

sentences = tuple(source for source, _ in make_pairs()[3000:3003])
predict(run_dir, sentences)

# %% [markdown]
# ## Export, load, answer
#
# The SavedModel takes strings; subwords and beam search are in it.

# %%
import tensorflow as tf

from apps.translator.export import export

export(run_dir)
model = tf.saved_model.load(str(run_dir / "export" / "1"))
answer = model.signatures["serving_default"](text=tf.constant(sentences))
print(*(text.decode() for text in answer["translation"].numpy()), sep="\n")

# %% [markdown]
# `python -m apps.serve {run_dir}` serves the folder over HTTP and gRPC. To change the app, copy it: `python -m
# apps.new my_app --from translator --to FOLDER`.
