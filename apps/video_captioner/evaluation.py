"""Compare a captioner with the most frequent caption and with that of the most similar training clip."""

import time
from pathlib import Path

import numpy as np

from ..common import runs
from ..common.cli import UserError
from ..common.files import read_csv, write_csv, write_json
from ..common.reports import figure, plot_epochs, repetitions, table, verdict
from ..common.words import counted
from .baseline import most_frequent, nearest
from .captioner import BATCH_SIZE, Captioner
from .data import split_clips
from .features import ClipCache, compute_features, sample_frames
from .metrics import caption_metrics
from .reading import read_clips
from .strips import NUM_STRIPS, draw_strips

TITLES = {
    **{f"bleu_{order}": f"BLEU-{order}" for order in range(1, 5)},
    "rouge_l": "ROUGE-L",
    "cider": "CIDEr",
    "meteor": "METEOR, no synonyms",
    "exact": "exactly a reference, %",
}
MODELS = {"attention": "SA-LSTM", "s2vt": "S2VT", "mean": "LSTM-YT"}
# Number of clips that are printed.
NUM_PRINTED = 5


def write_report(run_dir, data, measured, cache, strict, search):
    """Measure a captioner next to its baselines; print a table, write metrics.json, captions.csv and figures.

    Args:
        run_dir: folder of a trained run.
        data: folder of clips; None for the run's test clips.
        measured: the `Clips` in `data`; None without it.
        cache: folder for the frames or features of each clip.
        strict: refuse a clip that cannot be read, is missing, or has no captions.
        search: a `Search`.
    """
    captioner = Captioner(run_dir, search)
    train, test, files = _train_and_test(captioner, run_dir, measured, cache, strict)
    arrays = [np.load(files[content], mmap_mode="r") for content in test.hashes]
    # Compiles the search.
    captioner(arrays[:BATCH_SIZE])
    start = time.perf_counter()
    answers, scores = captioner(arrays)
    clips_per_second = len(test) / (time.perf_counter() - start)
    means = [mean_features(captioner, [files[content] for content in part.hashes]) for part in (train, test)]
    predicted = {
        f"{MODELS[captioner.config.model]}, beam {search.beam}": answers,
        "nearest training clip": nearest(means[0], train.captions, means[1]),
        "most frequent caption": [most_frequent(train.captions)] * len(test),
    }
    results = {name: caption_metrics(own, test.captions) for name, own in predicted.items()}
    print(f"{counted(len(test), 'clip')}, {counted(sum(map(len, test.captions)), 'caption')}")
    print(table([{"": title, **{name: f"{result[metric]:.1f}" for name, result in results.items()}}
                 for metric, title in TITLES.items()]))  # fmt: skip
    print(f"{clips_per_second:.0f} clips a second, without decoding and resizing")
    values = {name: result["cider"] for name, result in results.items()}
    found = verdict("CIDEr", values, flaw=repetitions(answers, [tuple(own) for own in test.captions]))
    report = {"data": data or captioner.config.data, "clips": len(test), "beam": search.beam, "verdict": found}
    write_json(Path(run_dir) / "metrics.json", {**report, "clips_per_second": clips_per_second, "results": results})
    exact = _write_captions(run_dir, test, answers, scores)
    _draw_strips(run_dir, captioner, test, answers, exact)
    _draw_learning(run_dir)
    print(f"written: {run_dir}/metrics.json, captions.csv, report.png, learning.png")
    print(found)


def cache_of(captioner, cache):
    """Return the `ClipCache` of a run: of the features of a backbone that stayed frozen, else of frames."""
    config, model = captioner.config, captioner.model
    frozen = not config.trains_backbone and not model.tuned_layers
    return ClipCache(config, cache, model.backbone if frozen else None)


def mean_features(captioner, files):
    """Return the backbone's features of each clip, averaged over its frames, (clips, features)."""
    means = []
    for file in files:
        array = np.load(file)
        if array.ndim == 4:
            array = compute_features(array, captioner.model.backbone, captioner.config.max_frames)
        means.append(array.mean(axis=0))
    return np.array(means)


def _train_and_test(captioner, run_dir, measured, cache, strict):
    config = captioner.config
    own = read_clips(config, cache, strict)
    if own.fingerprint != runs.open_run(run_dir, __package__)["fingerprint"]:
        raise UserError(
            f"{config.data}: not the clips that {run_dir} was trained on, which the baselines and the split need; "
            "restore the folder or train again"
        )
    splits = split_clips(own, config)
    if measured is None and not len(splits["test"]):
        raise UserError(f"{run_dir}: trained without test clips; give clips to measure on with --data")
    clip_cache = cache_of(captioner, cache)
    train, files = clip_cache(splits["train"], strict)
    test, test_files = clip_cache(splits["test"] if measured is None else measured, strict)
    if measured is not None and (seen := sum(content in files for content in test.hashes)):
        print(f"{seen} of {len(test)} clips are training clips")
    return train, test, files | test_files


def _write_captions(run_dir, test, answers, scores):
    """Write captions.csv, print some rows, and return whether each caption is one of its references, bool (clips,)."""
    rows = []
    for index, answer in enumerate(answers):
        own = test.captions[index]
        cells = {"clip": test.paths[index].name, "caption": answer, "score": round(float(scores[index]), 4)}
        rows.append(cells | {"exact": int(answer in own), "reference": own[0]})
    write_csv(Path(run_dir) / "captions.csv", rows)
    lowest = np.argsort(scores, kind="stable")[:NUM_PRINTED]
    print("\nlowest scores")
    print(table([{name: rows[index][name] for name in ("clip", "caption", "reference")} for index in lowest]))
    print()
    return np.array([row["exact"] for row in rows], bool)


def _draw_strips(run_dir, captioner, test, answers, exact):
    # Half of them wrong, which are more instructive, and the rest from all of the right ones.
    wrong, right = np.flatnonzero(~exact), np.flatnonzero(exact)
    if len(right):
        right = right[np.linspace(0, len(right) - 1, min(NUM_STRIPS, len(right))).astype(int)]
    strips = [
        (
            sample_frames(test.paths[index], captioner.config),
            [f"“{answers[index]}”", f"true: {test.captions[index][0]}"],
            answers[index],
        )
        for index in [*wrong[: NUM_STRIPS // 2], *right][:NUM_STRIPS]
    ]
    draw_strips(Path(run_dir) / "report.png", captioner, strips)


def _draw_learning(run_dir):
    history = read_csv(Path(run_dir) / "history.csv")
    with figure(Path(run_dir) / "learning.png", columns=2) as (loss, accuracy):
        for axes, metric, label in (
            (loss, "loss", "cross-entropy per subword, nats"),
            (accuracy, "accuracy", "fraction of correct next subwords"),
        ):
            plot_epochs(axes, history, {metric: "training clips, with dropout", f"val_{metric}": "validation clips"})
            axes.set(ylabel=label)
        loss.set(title="Learning")
