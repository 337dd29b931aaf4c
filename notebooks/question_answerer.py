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
# # Answer questions about stories
#
# A network with an external memory, the DNC, reads a story and answers questions about it, next to a bag of words.
#
# The trainings here are small, so that the notebook runs in minutes on two processor cores. The results of full
# trainings are in `apps/question_answerer/README.md`.

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
# bAbI's format: numbered sentences, and questions with their answer and the numbers of the supporting facts. Here
# stories of two kinds are generated; tables with a column for the story, the question and the answer are read, too.

# %%
import tempfile

from apps.question_answerer.sample_data.make_stories import as_babi, make_stories

folder = Path(tempfile.mkdtemp())
data = folder / "stories"
data.mkdir()
stories = list(make_stories(1000, test_count=100))
for number, task in enumerate(("one_fact", "yes_no"), 1):
    for split in ("train", "test"):
        chosen = [story for story in stories if (story.task, story.split) == (task, split)]
        (data / f"qa{number}_{task}_{split}.txt").write_text(as_babi(chosen), encoding="utf-8")
print(*(data / "qa1_one_fact_train.txt").read_text(encoding="utf-8").splitlines()[:6], sep="\n")

# %% [markdown]
# ## Train
#
# Training shows two examples as it understood them, writes everything into the run directory, and resumes there if it
# was interrupted. Each field of `Config` is also an option of the command line, `python -m apps.question_answerer
# --help`.

# %%
from apps.common.options import TrainingOptions
from apps.question_answerer.config import Config
from apps.question_answerer.train import train

run_dir = folder / "run"
config = Config(
    data=(str(data),),
    embedding_dim=32,
    units=32,
    slot_size=16,
    memory_slots=12,
    thinking_steps=3,
    read_heads=1,
    epochs=20,
    learning_rate=0.003,
)
run = train(config, TrainingOptions(run_dir, overwrite=True))

# %% [markdown]
# ## Evaluate
#
# Accuracy of the model and its baselines on stories that were not in training, for each kind. The picture shows which
# sentences the DNC read to answer.

# %%
from apps.question_answerer.evaluate import evaluate

evaluate(run_dir)
show(run_dir / "memory.png")

# %% [markdown]
# ## Predict
#
# Answers to questions about a story, and how much of each sentence was read:

# %%
from apps.question_answerer.predict import predict

story = "Ada went to the kitchen. Ben hurried to the attic. Ada walked to the garden."
questions = ("Where is Ada?", "Is Ben in the attic?")
predict(run_dir, questions, story)

# %% [markdown]
# ## Export, load, answer
#
# The SavedModel takes stories and questions as strings.

# %%
import tensorflow as tf

from apps.question_answerer.export import export

export(run_dir)
model = tf.saved_model.load(str(run_dir / "export" / "1"))
answer = model.signatures["serving_default"](story=tf.constant([story] * 2), question=tf.constant(questions))
print(answer["answer"].numpy())

# %% [markdown]
# `python -m apps.serve {run_dir}` serves the folder over HTTP and gRPC. To change the app, copy it: `python -m apps.new
# my_app --from question_answerer --to FOLDER`.
