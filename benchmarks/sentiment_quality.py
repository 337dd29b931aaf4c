"""Quality and speed of the sentiment classifier on film reviews, with and without a language model, next to NB-SVM.

IMDB (Maas et al. 2011): trained on all 25,000 labelled reviews and on stratified samples of them, tested on the 12,500
of the official test set that --data has. SST-2 (Socher et al. 2013): the official splits.

The language model is a run of `apps.language_model` on reviews without labels; see the notes of the results. Each
training is a run directory under --runs-dir, so an interrupted benchmark resumes.
"""

import csv
import dataclasses
import gzip
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import tyro

from apps.common import cli, files
from apps.common.options import TrainingOptions
from apps.common.reports import figure
from apps.sentiment_classifier.baseline import fit_baseline
from apps.sentiment_classifier.classifier import Classifier
from apps.sentiment_classifier.config import Config
from apps.sentiment_classifier.data import split_examples
from apps.sentiment_classifier.reading import read_examples
from apps.sentiment_classifier.train import train

from .results import FOLDER, write_results

SIZES = (250, 1000, 5000, 25000)
NAMES = {"scratch": "from scratch", "transfer": "from the language model", "nbsvm": "NB-SVM, word 1-2-grams"}
NOTES = (
    "IMDB: test_even.csv.gz, half of the official test set. Published on all of it: Keras' BiLSTM example 84.3, NB-SVM "
    "on bigrams 91.22 (Wang and Manning 2012), SA-LSTM 92.76 (Dai and Le 2015), ULMFiT 95.4 (Howard and Ruder 2018).",
    "SST-2: the official test set; the data's own splits train and validate. Published, plain BiLSTM: 84.9 to 87.5.",
    "Rows: for training and validation together; the network validates on a tenth, NB-SVM learns from all. Nothing is "
    "chosen on the test rows.",
    "Training: all epochs. Documents a second: of training, per pass, and of predicting the test rows.",
)


def sentiment_quality(
    imdb: Path,
    language_model: Path | None = None,
    sst2: Path | None = None,
    config: tyro.conf.OmitArgPrefixes[Config] = Config(),
    sizes: tuple[int, ...] = SIZES,
    runs_dir: Path = Path("runs/sentiment_quality"),
):
    """Measure the sentiment classifier on IMDB and SST-2.

    Args:
        imdb: Folder with IMDB's train.csv.gz and test_even.csv.gz.
        language_model: Run directory of a language model of reviews. Without one, only the trainings from scratch are
            measured, and the results are written to sentiment_quality_scratch.
        sst2: Folder with SST-2's train.tsv, dev.tsv and test.tsv; not measured if not given.
        config: Settings of the app.
        sizes: Numbers of labelled rows to learn from.
        runs_dir: Folder for the trainings.
    """
    reviews = dataclasses.replace(config, data=str(imdb / "train.csv.gz"), test_fraction=0.0)
    examples = read_examples(reviews)
    test = read_examples(dataclasses.replace(reviews, data=str(imdb / "test_even.csv.gz")))
    starts = {"scratch": None} | ({"transfer": str(language_model)} if language_model else {})
    rows, curve = [], {name: [] for name in ("nbsvm", *starts)}
    for size in sizes:
        chosen = _sample(examples, size)
        file = _write(chosen, runs_dir / f"{size}.csv.gz")
        start = time.perf_counter()
        right = fit_baseline(chosen.texts, chosen.labels)(test.texts).argmax(axis=1) == test.labels
        rows.append(_row("IMDB", size, "nbsvm", right.mean(), minutes=(time.perf_counter() - start) / 60))
        curve["nbsvm"].append(right.mean())
        for name, start_from in starts.items():
            settings = dataclasses.replace(reviews, data=file, start_from=start_from)
            row = _measure("IMDB", size, name, settings, test, runs_dir / f"imdb-{size}-{name}")
            rows.append(row)
            curve[name].append(float(row["accuracy, %"]) / 100)
            print(row, flush=True)
    if sst2:
        phrases = dataclasses.replace(config, data=str(sst2))
        splits = split_examples(read_examples(phrases), phrases)
        learned = len(splits["train"]) + len(splits["validation"])
        right = fit_baseline(splits["train"].texts, splits["train"].labels)(splits["test"].texts)
        rows.append(_row("SST-2", learned, "nbsvm", np.mean(right.argmax(axis=1) == splits["test"].labels)))
        for name, start_from in starts.items():
            settings = dataclasses.replace(phrases, start_from=start_from)
            rows.append(_measure("SST-2", learned, name, settings, splits["test"], runs_dir / f"sst2-{name}"))
    name, options = "sentiment_quality", "--imdb IMDB_FOLDER" + (" --sst2 SST2_FOLDER" if sst2 else "")
    if sizes != SIZES:
        options += f" --sizes {' '.join(map(str, sizes))}"
    notes = (*NOTES, _long_note(runs_dir / f"imdb-{max(sizes)}-scratch", test))
    if language_model is None:
        name = "sentiment_quality_scratch"
    else:
        notes += (_language_model_note(language_model),)
        options += " --language-model RUN_DIR"
        if len(sizes) > 1:
            _draw(sizes, curve)
    title, packages = "Sentiment classifier on film reviews", ("tensorflow", "keras", "sklearn")
    write_results(name, title, rows, packages, None, notes, options, "sentiment_quality")


def _sample(examples, size):
    """Return a stratified sample, always the same."""
    if size >= len(examples):
        return examples
    order = np.random.default_rng(0).permutation(len(examples))
    each = size // len(examples.class_names)
    parts = [order[examples.labels[order] == label][:each] for label in range(len(examples.class_names))]
    return examples.take(np.sort(np.concatenate(parts)))


def _write(examples, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sentiment", "review"])
        rows = zip(examples.labels, examples.texts, strict=True)
        writer.writerows((examples.class_names[label], text) for label, text in rows)
    return str(path)


def _measure(data, size, name, config, test, run_dir):
    train(config, TrainingOptions(run_dir))
    classifier = Classifier(run_dir)
    classifier(test.texts[:64])  # compiles
    start = time.perf_counter()
    right = classifier(test.texts).argmax(axis=1) == test.labels
    predicted = len(test) / (time.perf_counter() - start)
    history = files.read_csv(run_dir / "history.csv")
    seconds = sum(row["seconds"] for row in history)
    read = max(config.epoch_rows, round((1 - config.validation_fraction) * size)) * len(history)
    return _row(data, size, name, right.mean(), seconds / 60, read / seconds, predicted)


def _row(data, size, name, accuracy, minutes=None, trained=None, predicted=None):
    def cell(value, digits=0):
        return "" if value is None else f"{value:,.{digits}f}"

    return {
        "data": data,
        "rows": f"{size:,}",
        "model": NAMES[name],
        "accuracy, %": f"{100 * accuracy:.2f}",
        "training, min": cell(minutes, 1),
        "trained/s": cell(trained),
        "predicted/s": cell(predicted),
    }


def _language_model_note(run_dir):
    saved, history = files.read_json(run_dir / "config.json"), files.read_csv(run_dir / "history.csv")
    best = min(row["val_loss"] for row in history)
    minutes = sum(row["seconds"] for row in history) / 60
    return (
        f"The language model: {Path(saved['data'][0]).name}, {saved['vocabulary_size']:,} {saved['unit']}, "
        f"{saved['num_layers']} {saved['cell']} layer of {saved['units']} units, {len(history)} epochs of "
        f"{saved['epoch_tokens']:,} tokens in {minutes:.0f} min, {best:.3f} nats per token of validation. Memory of "
        f"this benchmark: at most {_peak():.1f} GiB."
    )


def _long_note(run_dir, test):
    """Measure time and peak memory for one document of a megabyte, in a separate process."""
    text = " ".join(test.texts[:2000])[:1_000_000]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=cli.import_tensorflow) as process:
        tokens, seconds, memory = process.submit(_read_long, run_dir, text).result()
    return (
        f"A document of {len(text):,} characters, {tokens:,} tokens, from scratch: {seconds:.0f} s and "
        f"{memory:.1f} GiB more memory than a short one takes."
    )


def _read_long(run_dir, text):
    classifier = Classifier(run_dir)
    # Compiles, in chunks as the long one is read.
    classifier([text[:40_000]])
    before, start = _peak(), time.perf_counter()
    classifier([text])
    return len(classifier.encoder.rows([text])[0]), time.perf_counter() - start, _peak() - before


def _peak():
    """Return the largest memory that the process has had, in GiB."""
    # `resource` also counts what the process that started this one had.
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 2**20


def _draw(sizes, curve):
    with figure(FOLDER / "sentiment_quality.png", columns=1, width=6.5) as axes:
        for name, values in curve.items():
            axes.plot(sizes, [100 * value for value in values], marker="o", label=NAMES[name])
        axes.set(title="IMDB", xlabel="labelled reviews", ylabel="accuracy on test reviews, %", xscale="log")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes], minor=False)
        axes.minorticks_off()
        axes.legend(loc="lower right")


if __name__ == "__main__":
    sys.exit(cli.run(sentiment_quality))
