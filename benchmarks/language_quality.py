"""Quality and speed of the language model on tiny_shakespeare, next to an n-gram model and Keras' layers.

The task: the plays that Karpathy selected, 1,115,394 characters, the first 90 % for training and the last 10 % for
testing, as nanoGPT splits them. Validation text is ten stretches of the training part, 3 % in all; nothing is chosen on
the test text.

Each training is a run directory under --runs-dir, so an interrupted benchmark resumes.
"""

import dataclasses
import math
import statistics
import sys
import time
from pathlib import Path

import keras
import requests
import tyro

from apps.common import cli, files
from apps.common.options import TrainingOptions
from apps.language_model import model as networks
from apps.language_model.config import Config
from apps.language_model.data import encode_corpus, fit_vocabulary, make_dataset
from apps.language_model.evaluation import write_report
from apps.language_model.fit import compile_model
from apps.language_model.options import Limits, Sampling
from apps.language_model.reading import read_corpus
from apps.language_model.saved_model import write_export
from apps.language_model.train import train
from apps.language_model.writer import Writer

from .results import write_results
from .serving_load import serving

NOTES = (
    "Nats per character of the last 10 % of the text: with the state carried through it, and reset every 256 "
    "characters, as nanoGPT measures. Mixture: of the network with the state carried and the n-gram; its weight and "
    "the order of the n-gram are chosen on the validation text.",
    "Published, reset every 256: nanoGPT 1.4697 (10.65 M weights), minGRU 1.548, minLSTM 1.555, Mamba 1.575.",
    "Training: all epochs. Characters a second: of the training text in training, and generated one at a time in the "
    "app, batch 1.",
)
# Settings that differ from the defaults.
SETTINGS = {
    "lstm": {},
    "gru": {"cell": "gru"},
    # No other rate was tried.
    "simple_rnn": {"cell": "simple_rnn", "learning_rate": 1e-3},
}
# Steps of a timed part of an epoch, and how often each layer is timed.
STEPS, REPEATS = 6, 12


def language_quality(
    config: tyro.conf.OmitArgPrefixes[Config] = Config(data=("tiny_shakespeare/input.txt",)),
    trainings: tuple[str, ...] = ("lstm-0", "lstm-1", "lstm-2", "gru-0", "simple_rnn-0"),
    runs_dir: Path = Path("runs/language_quality"),
):
    """Train and measure language models.

    Args:
        config: Settings of the app; --data is the file of tiny_shakespeare.
        trainings: Each a cell and a seed.
        runs_dir: Folder for the trainings.
    """
    rows = []
    for name in trainings:
        cell, seed = name.rsplit("-", 1)
        settings = dataclasses.replace(config, **SETTINGS[cell], seed=int(seed))
        train(settings, TrainingOptions(runs_dir / name))
        write_report(runs_dir / name)
        rows.append(_row(name, runs_dir / name))
        if name == trainings[0]:
            order, baseline = _baseline(runs_dir / name)
    blank = dict.fromkeys(rows[0], "")
    rows.append({**blank, "model": f"Kneser-Ney {order}-gram", "carried": f"{baseline:.4f}"})
    notes = [*NOTES, _spread(rows), _layers_note(config), _server_note(runs_dir / trainings[0])]
    title = "Language model on tiny_shakespeare"
    write_results("language_quality", title, rows, ("tensorflow", "keras"), None, notes, f"--data {config.data[0]}")


def _row(name, run_dir):
    report, history = files.read_json(run_dir / "metrics.json"), files.read_csv(run_dir / "history.csv")
    carried, reset, mixture = (value["nats_per_character"] for value in list(report["results"].values())[:3])
    writer = Writer(run_dir)
    config = writer.config
    training_fraction = 1 - config.test_fraction - config.validation_fraction
    characters = training_fraction * read_corpus(config).characters
    sampling = Sampling(length=1000)
    "".join(writer.generate("ROMEO:", sampling))
    start = time.perf_counter()
    generated = len("".join(writer.generate("ROMEO:", sampling)))
    speed = generated / (time.perf_counter() - start)
    weights = sum(math.prod(variable.shape) for variable in writer.model.trainable_variables)
    return {
        "model": name.replace("-", ", seed "),
        "carried": f"{carried:.4f}",
        "reset every 256": f"{reset:.4f}",
        "mixture with the n-gram": f"{mixture:.4f}",
        "weights": f"{weights / 1e6:.2f} M",
        "training, min": f"{sum(row['seconds'] for row in history) / 60:.0f}",
        "trained, characters/s": f"{characters / statistics.median(row['seconds'] for row in history):,.0f}",
        "generated, characters/s": f"{speed:,.0f}",
    }


def _baseline(run_dir):
    report = files.read_json(run_dir / "metrics.json")
    (name,) = (each for each in report["results"] if each.startswith("Kneser-Ney"))
    return report["order"], report["results"][name]["nats_per_character"]


def _spread(rows):
    values = [float(row["carried"]) for row in rows if row["model"].startswith("lstm")]
    return f"LSTM, mean of {len(values)} seeds: {statistics.mean(values):.4f} ({min(values):.4f} to {max(values):.4f})."


def _layers_note(config):
    """Time parts of an epoch of the default model with this project's layers and with Keras' in their place."""
    corpus = read_corpus(config)
    vocabulary = fit_vocabulary(corpus, config)
    tokens = encode_corpus(corpus, vocabulary, config)["train"]
    found = []
    for cell, kind in {
        "lstm": keras.layers.LSTM,
        "gru": keras.layers.GRU,
        "simple_rnn": keras.layers.SimpleRNN,
    }.items():
        settings, own = dataclasses.replace(config, cell=cell), networks.CELLS[cell]
        models = []
        for each in (own, kind):
            networks.CELLS[cell] = each
            models.append(networks.build_model(settings, vocabulary.size))
            compile_model(models[-1], settings, 1000)
        networks.CELLS[cell] = own
        data = make_dataset(tokens, settings, range(1)).take(STEPS).cache()
        times = [[], []]
        for repeat in range(REPEATS + 1):
            for model, seconds in zip(models, times, strict=True):
                start = time.perf_counter()
                model.fit(data, verbose=0, shuffle=False)
                # The first compiles.
                seconds += [time.perf_counter() - start] * bool(repeat)
        ratio = statistics.median(theirs / ours for ours, theirs in zip(*times, strict=True))
        found.append(f"{cell} {ratio:.2f} ({statistics.median(times[0]) * 1000 / STEPS:.0f} ms a step)")
    return f"Time of an epoch with Keras' layers in the same model, over ours: {', '.join(found)}."


def _server_note(run_dir):
    """Time requests for 100 characters of one client."""
    write_export(run_dir, Limits())
    row = {"prompt": "ROMEO:", "length": 100, "temperature": 0.8, "seed": 0}
    times = []
    with serving(run_dir) as (_, port), requests.Session() as session:
        url = f"http://127.0.0.1:{port}/v1/models/language_model:predict"
        for seed in range(60):
            start = time.perf_counter()
            answer = session.post(url, json={"instances": [{**row, "seed": seed}]}, timeout=60)
            times.append(1000 * (time.perf_counter() - start))
            assert len(answer.json()["predictions"][0]) == 100
    times = times[10:]
    return (
        f"A request for 100 characters from the server over HTTP, one client, model lstm: median "
        f"{statistics.median(times):.0f} ms, slowest of {len(times)} {max(times):.0f} ms."
    )


if __name__ == "__main__":
    sys.exit(cli.run(language_quality))
