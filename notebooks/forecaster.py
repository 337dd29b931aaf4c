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
# # Forecast time series
#
# A GRU reads segments of a window of series and forecasts the next steps with their quantiles, next to simple
# forecasts.
#
# The trainings here are small, so that the notebook runs in minutes on two processor cores. The results of full
# trainings are in `apps/forecaster/README.md`.

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
# One row an hour, a column with the time and one for each series. Here they are generated; training finds the columns,
# the steps and the gaps of your table.

# %%
import tempfile

from apps.forecaster.sample_data.make_series import make_series

folder = Path(tempfile.mkdtemp())
table = make_series()[["time", "market", "station"]][: 60 * 24]
data = folder / "riders.csv"
table.to_csv(data, index=False)
table.head(3)

# %% [markdown]
# ## Train
#
# Training shows two examples as it understood them, writes everything into the run directory, and resumes there if it
# was interrupted. Each field of `Config` is also an option of the command line, `python -m apps.forecaster --help`.

# %%
from apps.common.options import TrainingOptions
from apps.forecaster.config import Config
from apps.forecaster.train import train

run_dir = folder / "run"
config = Config(data=str(data), horizon=24, window_length=168, units=32, epochs=40, learning_rate=0.01)
run = train(config, TrainingOptions(run_dir, overwrite=True))

# %% [markdown]
# ## Evaluate
#
# Every window of the test rows is forecast by the model and by its baselines. Errors are in standard deviations of the
# training rows; the last columns are the fractions of values within the intervals.

# %%
from apps.forecaster.evaluate import evaluate

evaluate(run_dir)
show(run_dir / "report.png")

# %% [markdown]
# ## Predict
#
# The day after the last row, and its intervals:

# %%
from apps.forecaster.predict import predict

predict(run_dir, output=folder / "forecast.csv", plot=folder / "forecast.png")
print(*(folder / "forecast.csv").read_text().splitlines()[:4], sep="\n")
show(folder / "forecast.png")

# %% [markdown]
# ## Export, load, answer
#
# The SavedModel takes the last rows in your units and returns the forecast and its quantiles.

# %%
import tensorflow as tf

from apps.forecaster.export import export

export(run_dir)
model = tf.saved_model.load(str(run_dir / "export" / "1"))
recent = table[["market", "station"]].ffill().tail(168).to_numpy("float64")
answer = model.signatures["serving_default"](values=tf.constant(recent[None]))
print(answer["forecast"].numpy()[0, :3].round(1), answer["quantiles"].shape)

# %% [markdown]
# `python -m apps.serve {run_dir}` serves the folder over HTTP and gRPC. To change the app, copy it: `python -m
# apps.new my_app --from forecaster --to FOLDER`.
