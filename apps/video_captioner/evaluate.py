"""Measures a video captioner beside the most frequent caption and the nearest training clip's."""

import sys
import time
from pathlib import Path

import numpy as np
import tyro

from ..common import cli, runs
from ..common.decoding import Search
from ..common.metrics import caption_metrics
from ..common.reports import figure, table
from .baseline import most_frequent, nearest
from .data import split_clips
from .features import Looked, features_of, frames_of
from .predict import DRAWN, TOGETHER, Describer, draw_strips
from .reading import read_clips
from .train import CACHE

TITLES = {
    **{f"bleu_{order}": f"BLEU-{order}" for order in range(1, 5)},
    "rouge_l": "ROUGE-L",
    "cider": "CIDEr",
    "meteor": "METEOR, no synonyms",
    "exact": "exactly a reference, %",
}
# Clips printed with what was said of them.
SHOWN = 5


def evaluate(
    run_dir: cli.RunDir,
    data: str | None = None,
    captions: str | None = None,
    cache: Path = CACHE,
    strict: bool = False,
    search: tyro.conf.OmitArgPrefixes[Search] = Search(),
):
    """Measure a trained captioner next to its baselines; writes metrics.json, captions.csv and pictures.

    Args:
        run_dir: Folder of a trained run.
        data: Folder of clips to measure on, all of them; the run's own test clips if not given.
        captions: Captions of the clips in --data, in a form that training takes.
        cache: Folder for what was seen of each clip.
        strict: Stop at a clip that cannot be read, or has no captions, or is not there.
        search: How the best caption is looked for.
    """
    if captions and not data:
        raise cli.UserError(f"--captions {captions}: give the folder of these clips as well, with --data")
    describer = Describer(run_dir, search)
    looked = look_as(describer, cache)
    train, test, files = _train_and_test(describer, looked, run_dir, data, captions, cache, strict)
    parts = [np.load(files[content], mmap_mode="r") for content in test.hashes]
    # Compiles whatever has to be.
    describer(parts[:TOGETHER])
    start = time.perf_counter()
    answers, scores = describer(parts)
    seconds = time.perf_counter() - start
    means = [mean_features(describer, [files[content] for content in part.hashes]) for part in (train, test)]
    model = {"attention": "SA-LSTM", "s2vt": "S2VT", "mean": "LSTM-YT"}[describer.config.model]
    told = {
        f"{model}, beam {search.beam}": answers,
        "nearest training clip": nearest(means[0], train.captions, means[1]),
        "most frequent caption": [most_frequent(train.captions)] * len(test),
    }
    results = {name: caption_metrics(said, test.captions) for name, said in told.items()}
    print(f"{len(test)} clips, {sum(map(len, test.captions))} captions")
    print(table([{"": title, **{name: f"{result[metric]:.1f}" for name, result in results.items()}}
                 for metric, title in TITLES.items()]))  # fmt: skip
    print(f"{len(test) / seconds:.0f} clips a second, decoding and resizing not counted")
    report = {"data": data or describer.config.data, "clips": len(test), "beam": search.beam}
    report |= {"clips_per_second": len(test) / seconds, "results": results}
    runs.write_json(Path(run_dir) / "metrics.json", report)
    right = _write_captions(run_dir, test, answers, scores)
    _draw(Path(run_dir), describer, test, answers, right)
    print(f"written: {run_dir}/metrics.json, captions.csv, report.png, learning.png")


def look_as(describer, cache):
    """How the run looks at clips: at a frozen backbone's features, which are in the cache, or else at frames."""
    config, model = describer.config, describer.model
    frozen = not config.trains_backbone and not model.tuned_layers
    return Looked(config, cache, model.backbone if frozen else None)


def mean_features(describer, files):
    """The mean over the frames of each clip of what the backbone makes of them, (clips, features)."""
    means = []
    for file in files:
        part = np.load(file)
        if part.ndim == 4:
            part = features_of(part, describer.model.backbone, describer.config.max_frames)
        means.append(part.mean(axis=0))
    return np.array(means)


def _train_and_test(describer, looked, run_dir, data, captions, cache, strict):
    config = describer.config
    own = read_clips(config, cache, strict=strict)
    if own.fingerprint != runs.open_run(run_dir)["fingerprint"]:
        raise cli.UserError(
            f"{config.data}: no longer the clips that {run_dir} was trained on, which the baselines and the split "
            "need; bring the folder back or train anew"
        )
    splits = split_clips(own, config)
    if not data and not len(splits["test"]):
        raise cli.UserError(f"{run_dir}: trained without test clips; give clips to measure on with --data")
    wanted = read_clips(config, cache, data, captions, strict) if data else splits["test"]
    train, files = looked(splits["train"], strict)
    test, more = looked(wanted, strict)
    if data and (seen := sum(content in files for content in test.hashes)):
        print(f"{data}: {seen} of {len(test)} clips are training clips")
    return train, test, files | more


def _write_captions(run_dir, test, answers, scores):
    """Writes captions.csv, prints some, and tells of each clip whether its caption is one of its references."""
    rows = []
    for place, answer in enumerate(answers):
        own = test.captions[place]
        cells = {"clip": test.paths[place].name, "caption": answer, "score": round(float(scores[place]), 4)}
        rows.append(cells | {"exact": int(answer in own), "reference": own[0]})
    runs.write_csv(Path(run_dir) / "captions.csv", rows)
    right = np.array([row["exact"] for row in rows], bool)
    order = np.argsort(scores, kind="stable")
    print("\nthe least sure")
    print(table([{name: rows[place][name] for name in ("clip", "caption", "reference")} for place in order[:SHOWN]]))
    print()
    return right


def _draw(run_dir, describer, test, answers, right):
    # Wrong ones teach more, right ones show that it can.
    wrong, good = np.flatnonzero(~right), np.flatnonzero(right)
    spread = good[np.linspace(0, len(good) - 1, min(DRAWN, len(good))).astype(int)] if len(good) else good
    chosen = [*wrong[: DRAWN // 2], *spread][:DRAWN]
    strips = [
        (
            frames_of(test.paths[place], describer.config),
            [f"“{answers[place]}”", f"true: {test.captions[place][0]}"],
            answers[place],
        )
        for place in chosen
    ]
    draw_strips(run_dir / "report.png", describer, strips)
    history = runs.read_csv(run_dir / "history.csv")
    epochs = [row["epoch"] for row in history]
    with figure(run_dir / "learning.png", columns=2) as (loss, accuracy):
        for axes, metric, label in (
            (loss, "loss", "cross-entropy per subword, nats"),
            (accuracy, "accuracy", "right next subwords, share"),
        ):
            for name, part in (("", "training clips, with dropout"), ("val_", "validation clips")):
                axes.plot(epochs, [row[name + metric] for row in history], marker="o", markersize=3, label=part)
            axes.set(xlabel="epoch", ylabel=label)
            axes.legend()
        loss.set(title="Learning")


if __name__ == "__main__":
    sys.exit(cli.run(evaluate))
