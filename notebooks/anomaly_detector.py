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
# # Raise alarms on sensor readings
#
# A forecaster and a reconstructor learn the normal behaviour of sensors; what they cannot explain raises alarms.
#
# The trainings here are small, so that the notebook runs in minutes on two processor cores. The results of full
# trainings are in `apps/anomaly_detector/README.md`.

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
# One row for each time, a column for each sensor. A column of labels is used to evaluate only. Here two faults are put
# at the end of generated readings.

# %%
import tempfile

from apps.anomaly_detector.sample_data.make_readings import make_readings

folder = Path(tempfile.mkdtemp())
table = make_readings()[["time", "flow", "pressure", "power", "anomaly"]][:1800].copy()
table.loc[1300:1304, "pressure"] += 1.5
table.loc[1500:1560, "flow"] = table.loc[1500, "flow"]
table.loc[[*range(1300, 1305), *range(1500, 1561)], "anomaly"] = 1
data = folder / "pump.csv"
table.to_csv(data, index=False)
table.head(3)

# %% [markdown]
# ## Train
#
# Training shows two examples as it understood them, writes everything into the run directory, and resumes there if it
# was interrupted. Each field of `Config` is also an option of the command line, `python -m apps.anomaly_detector
# --help`.

# %%
from apps.anomaly_detector.config import Config
from apps.anomaly_detector.train import train
from apps.common.options import TrainingOptions

run_dir = folder / "run"
config = Config(
    data=(str(data),),
    window_length=24,
    chunk_length=96,
    stride=8,
    units=24,
    code_units=12,
    epochs=8,
    learning_rate=0.01,
)
run = train(config, TrainingOptions(run_dir, overwrite=True))

# %% [markdown]
# ## Evaluate
#
# How many of the faults the model and its baselines find, and how many false alarms they raise.

# %%
from apps.anomaly_detector.evaluate import evaluate

evaluate(run_dir)
show(run_dir / "report.png")

# %% [markdown]
# ## Predict
#
# The rows with alarms, and the sensors with the largest parts in them:

# %%
from apps.anomaly_detector.predict import predict

predict(run_dir, alarms_only=True, output=folder / "alarms.csv")
print(*(folder / "alarms.csv").read_text().splitlines()[:5], sep="\n")

# %% [markdown]
# ## Export, load, answer
#
# The SavedModel takes rows of readings and returns scores and alarms.

# %%
import tensorflow as tf

from apps.anomaly_detector.export import export

export(run_dir)
model = tf.saved_model.load(str(run_dir / "export" / "1"))
rows = table[["flow", "pressure", "power"]].to_numpy("float32")[1200:1320]
answer = model.signatures["serving_default"](values=tf.constant(rows[None]))
print("rows with alarms:", (1200 + answer["alarm"].numpy()[0].nonzero()[0]).tolist())

# %% [markdown]
# `python -m apps.serve {run_dir}` serves the folder over HTTP and gRPC. To change the app, copy it: `python -m
# apps.new my_app --from anomaly_detector --to FOLDER`.
