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
# # Caption video clips
#
# A convolutional network reads frames, an LSTM with attention writes what happens, next to the nearest training clip.
#
# The trainings here are small, so that the notebook runs in minutes on two processor cores. The results of full
# trainings are in `apps/video_captioner/README.md`.

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
# A folder of clips and a table of captions. Here squares of a colour are drawn, some of which change it.

# %%
import tempfile

import av
import numpy as np

folder = Path(tempfile.mkdtemp())
clips = folder / "clips"
clips.mkdir()
COLOURS = {"red": (220, 40, 40), "green": (40, 200, 60), "blue": (50, 70, 220), "yellow": (230, 220, 50)}
draw = np.random.default_rng(0)


def write_clip(path, names, count=4):
    """Frames of a noisy square in each of the colours."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width = stream.height = 32
        for name in names:
            for _ in range(count):
                frame = draw.integers(0, 40, (32, 32, 3))
                frame[8:24, 8:24] += np.array(COLOURS[name]) * 4 // 5
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.astype("uint8"), format="rgb24")))
        container.mux(stream.encode())


rows = ["clip,caption,split"]
for number in range(72):
    split = ("test", "validation", *["train"] * 4)[number % 6]
    first, second = draw.choice(list(COLOURS), 2, replace=False)
    last = first if number % 4 else second
    write_clip(clips / f"{split}_{number:02}.mp4", [first, last])
    rows.append(f"{split}_{number:02}.mp4,{f'all {first}' if first == last else f'{first} to {last}'},{split}")
(clips / "captions.csv").write_text("\n".join(rows) + "\n")
rows[:4]

# %% [markdown]
# ## Train
#
# Training shows two examples as it understood them, writes everything into the run directory, and resumes there if it
# was interrupted. Each field of `Config` is also an option of the command line, `python -m apps.video_captioner
# --help`.

# %%
from apps.common.options import TrainingOptions
from apps.video_captioner.config import Config
from apps.video_captioner.train import train

run_dir = folder / "run"
config = Config(
    data=str(clips),
    units=32,
    embedding_dim=24,
    max_frames=4,
    frame_size=32,
    batch_size=4,
    epochs=25,
    learning_rate=0.003,
    dropout=0.0,
)
run = train(config, TrainingOptions(run_dir, overwrite=True), cache=folder / "cache")

# %% [markdown]
# ## Evaluate
#
# Captions of clips that were not in training, by the model and by the nearest training clip.

# %%
from apps.video_captioner.evaluate import evaluate

evaluate(run_dir, cache=folder / "cache")
show(run_dir / "report.png")

# %% [markdown]
# ## Predict
#
# A caption for a clip, and its score:

# %%
from apps.video_captioner.predict import predict

write_clip(folder / "new.mp4", ["red", "blue"])
predict(run_dir, (folder / "new.mp4",))

# %% [markdown]
# ## Export, load, answer
#
# The SavedModel takes frames of any size.

# %%
import tensorflow as tf

from apps.video_captioner.export import export

export(run_dir)
model = tf.saved_model.load(str(run_dir / "export" / "1"))
frames = np.zeros((1, 8, 32, 32, 3), "uint8")
frames[:, :, 8:24, 8:24] = COLOURS["green"]
answer = model.signatures["serving_default"](frames=tf.constant(frames), lengths=tf.constant([8]))
print(answer["caption"].numpy()[0].decode())

# %% [markdown]
# `python -m apps.serve {run_dir}` serves the folder over HTTP and gRPC. To change the app, copy it: `python -m
# apps.new my_app --from video_captioner --to FOLDER`.
