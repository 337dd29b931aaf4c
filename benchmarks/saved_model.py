"""Forward pass of exported layers: ours, Keras' layers, and the compiled kernel as the bound.

A SavedModel must not need XLA, so it cannot hold the compiled kernel of `predict`. Here each layer is exported with
unknown batch and time, loaded again and called; the compiled kernel runs in the same process as the bound.
"""

import importlib
import itertools
import sys
from pathlib import Path

from apps.common import cli
from apps.common.options import TrainingOptions

from .results import write_results
from .speed import Measure, geometric_mean, milliseconds
from .speed_worker import FAMILIES, GRID, cases


def saved_model(folder: Path = Path("runs/saved_model"), seconds: float = 2.0):
    """Measure the forward pass of SavedModels of the layers, and of the first four apps.

    Args:
        folder: Keeps each measurement, so that an interrupted benchmark resumes, and a run of each app.
        seconds: How long the functions of a case take turns, at least five times each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    measure = Measure(folder, "benchmarks.saved_model_worker")
    layers(measure, seconds)
    apps(measure, seconds)


def layers(measure, seconds):
    rows, found = [], []
    for family, (shape, masked) in itertools.product(FAMILIES, cases(GRID)):
        times = measure("tensorflow", "saved", family=family, shape=shape, masked=masked, seconds=seconds)
        found.append(times)
        rows.append(
            {
                "layer": family,
                "batch, time, features, units": ", ".join(map(str, shape)),
                "mask": "yes" if masked else "",
                "SavedModel: ours": milliseconds(times["graph"]),
                "Keras' loop": milliseconds(times["portable"]),
                "Keras": milliseconds(times["keras"]),
                "compiled kernel": milliseconds(times["compiled"]),
                "Keras/ours": f"{times['keras'] / times['graph']:.2f}",
                "ours/compiled": f"{times['graph'] / times['compiled']:.2f}",
            }
        )
    notes = [note(found, *pair) for pair in (("keras", "graph"), ("portable", "graph"), ("graph", "compiled"))]
    notes.append("Keras' loop: our layers with `use_kernel('portable')`. Medians of calls in turns, milliseconds.")
    title = "Forward pass of a SavedModel"
    write_results("saved_model", title, rows, ("keras", "tensorflow"), None, notes, f"--seconds {seconds}")


def apps(measure, seconds):
    rows = []
    for app, batch in itertools.product(APPS, (1, 32)):
        run_dir = measure.folder / app
        if not (run_dir / "finished.json").exists():
            package = f"apps.{app}"
            config = importlib.import_module(".config", package).Config(epochs=1)
            importlib.import_module(".train", package).train(config, TrainingOptions(run_dir))
        times = measure("tensorflow", "saved_app", app=app, run_dir=str(run_dir), batch=batch, seconds=seconds)
        rows.append(
            {
                "app": app,
                "batch": batch,
                "graph kernel": milliseconds(times["graph"]),
                "Keras' loop": milliseconds(times["portable"]),
                "Keras' loop/graph kernel": f"{times['portable'] / times['graph']:.2f}",
            }
        )
    notes = (
        "`serving_default` of the SavedModel of a run of one epoch on the sample. Medians of calls in turns, in ms.",
        "Only layers with derived equations have the graph kernel; decoding steps call cells.",
    )
    title = "SavedModels of the apps"
    write_results("saved_model_apps", title, rows, ("keras", "tensorflow"), None, notes, module="saved_model")


APPS = ("spam_detector", "translator", "forecaster", "video_captioner")
NAMES = {"keras": "Keras' layers", "portable": "Keras' loop", "graph": "the SavedModel of ours", "compiled": "compiled"}


def note(found, one, other):
    ratios = [times[one] / times[other] for times in found]
    return (
        f"Time of {NAMES[one]} over that of {NAMES[other]}: geometric mean {geometric_mean(ratios):.2f}, from "
        f"{min(ratios):.2f} to {max(ratios):.2f}."
    )


if __name__ == "__main__":
    sys.exit(cli.run(saved_model))
