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
# # Continue text
#
# A language model learns to continue, complete and score text, next to a Kneser-Ney n-gram model.
#
# The trainings here are small, so that the notebook runs in minutes on two processor cores. The results of full
# trainings are in `apps/language_model/README.md`.

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
# Any text. Here scenes are generated whose words depend on words many sentences before.

# %%
import tempfile

from apps.language_model.sample_data.make_text import make_text

folder = Path(tempfile.mkdtemp())
data = folder / "text.txt"
data.write_text(make_text(400), encoding="utf-8")
print(data.read_text(encoding="utf-8")[:300])

# %% [markdown]
# ## Train
#
# Training shows two examples as it understood them, writes everything into the run directory, and resumes there if it
# was interrupted. Each field of `Config` is also an option of the command line, `python -m apps.language_model
# --help`.

# %%
from apps.common.options import TrainingOptions
from apps.language_model.config import Config
from apps.language_model.train import train

run_dir = folder / "run"
config = Config(
    data=(str(data),), units=96, embedding_dim=32, num_layers=1, batch_size=16, epochs=10, learning_rate=0.01
)
run = train(config, TrainingOptions(run_dir, overwrite=True))

# %% [markdown]
# ## Evaluate
#
# Nats per character of the last tenth of the text; lower is better.

# %%
from apps.language_model.evaluate import evaluate

evaluate(run_dir)
show(run_dir / "report.png")

# %% [markdown]
# ## Predict
#
# A continuation, and the likeliest words after what has been typed:

# %%
from apps.language_model.options import Sampling
from apps.language_model.predict import Complete, Generate, predict

predict(run_dir, Generate("The ", sampling=Sampling(length=200, seed=0)))
predict(run_dir, Complete(("She wa",)))

# %% [markdown]
# ## Export, load, answer
#
# The SavedModel has a signature for each task; this one completes words.

# %%
import tensorflow as tf

from apps.language_model.export import export

export(run_dir)
model = tf.saved_model.load(str(run_dir / "export" / "1"))
answer = model.signatures["complete"](text=tf.constant(["The bak"]))
print({name: value.numpy().tolist() for name, value in answer.items()})

# %% [markdown]
# `python -m apps.serve {run_dir}` serves the folder over HTTP and gRPC. To change the app, copy it: `python -m
# apps.new my_app --from language_model --to FOLDER`.
