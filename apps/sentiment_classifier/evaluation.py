"""Compare a classifier with NB-SVM, and with always answering the most frequent class."""

import dataclasses
from pathlib import Path

import numpy as np

from ..common import runs
from ..common.cli import UserError
from ..common.files import write_json
from ..common.reports import table, verdict
from ..common.splits import cluster_key
from ..common.words import counted, listed
from .baseline import NAME as BASELINE
from .baseline import fit_baseline
from .calibration import expected_calibration_error
from .classifier import Classifier
from .data import split_examples
from .metrics import measure
from .plots import draw_report
from .reading import read_examples

TITLES = {
    "accuracy": "accuracy, %",
    "macro_f1": "macro F1, %",
    "kappa": "kappa, quadratic",
    "mae": "mean absolute error",
}
# Classes that are printed one by one.
_PRINTED = 20


def write_report(run_dir, data=None):
    """Measure a classifier; print a table, write metrics.json and report.png.

    Args:
        run_dir: folder of a trained run.
        data: labelled documents; None for the run's test rows.
    """
    classifier, run_dir = Classifier(run_dir), Path(run_dir)
    train, test = _train_and_test(classifier, run_dir, data)
    names, is_ordered = test.class_names, classifier.config.ordered
    logits = classifier.logits(test.texts)
    answers = {_name(classifier.config): classifier.probabilities(logits)}
    answers[BASELINE] = fit_baseline(train.texts, train.labels)(test.texts)
    counts = np.bincount(train.labels, minlength=len(names))
    answers[f"all {names[counts.argmax()]}"] = np.tile(counts / counts.sum(), (len(test), 1))
    results = {}
    for name, probabilities in answers.items():
        results[name] = measure(test.labels, probabilities.argmax(axis=1), len(names), is_ordered)
        results[name]["ece"] = expected_calibration_error(test.labels, probabilities)
    model = next(iter(results))
    uncalibrated = np.asarray(classifier.model.probabilities(logits, 1.0))
    results[model]["ece_uncalibrated"] = expected_calibration_error(test.labels, uncalibrated)
    print(f"{counted(len(test), 'document')}; in brackets: 95 % intervals (bootstrap)")
    print(table(_rows(results)))
    print(_classes(results[model], names, test.labels))
    print(
        f"temperature {classifier.temperature:.2f} from the validation rows; without it the calibration error would be "
        f"{100 * results[model]['ece_uncalibrated']:.1f} %"
    )
    values = {name: result["macro_f1"]["value"] for name, result in results.items()}
    found = verdict("macro F1", values, flaw=_flaw(answers[model], names))
    report = {"data": data or classifier.config.data, "rows": len(test), "temperature": classifier.temperature}
    write_json(run_dir / "metrics.json", {**report, "results": results, "verdict": found})
    draw_report(run_dir, test, answers, results)
    print(f"written: {run_dir}/metrics.json, {run_dir}/report.png")
    print(found)


def _name(config):
    return f"bidirectional {config.cell.upper()} with attention"


def _flaw(probabilities, names):
    predicted = set(probabilities.argmax(axis=1).tolist())
    return f"every document is labelled {names[predicted.pop()]!r}" if len(predicted) == 1 else None


def _train_and_test(classifier, run_dir, data):
    saved = runs.open_run(run_dir, __package__)
    config = classifier.config
    own = read_examples(config, saved)
    if own.fingerprint != saved["fingerprint"]:
        raise UserError(
            f"{config.data}: not the documents that {run_dir} was trained on, which the baseline and the split need; "
            "restore the file or train again"
        )
    splits = split_examples(own, config)
    test = splits["test"]
    if data is not None and data != config.data:
        test = read_examples(dataclasses.replace(config, data=data), saved)
        test.summary.print()
        known = {cluster_key(text) for text in splits["train"].texts}
        seen = sum(cluster_key(text) in known for text in test.texts)
        if seen:
            print(f"{data}: {seen} of {len(test)} documents are near-duplicates of training documents")
        absent = [name for index, name in enumerate(own.class_names) if index not in set(test.labels.tolist())]
        if absent:
            print(f"{data}: no documents of {listed(absent)}")
    elif not len(test):
        raise UserError(f"{run_dir}: trained with --test-fraction 0; give documents to measure on with --data")
    return splits["train"], test


def _rows(results):
    def cell(title, figure):
        factor, digits = (100, 1) if "%" in title else (1, 3)
        value, (low, high) = factor * figure["value"], (factor * bound for bound in figure["interval"])
        return f"{value:.{digits + 1 if factor == 100 else digits}f} ({low:.{digits}f} to {high:.{digits}f})"

    rows = [
        {"": title, **{name: cell(title, result[metric]) for name, result in results.items()}}
        for metric, title in TITLES.items()
        if metric in next(iter(results.values()))
    ]
    return [*rows, {"": "calibration error, %", **{n: f"{100 * r['ece']:.1f}" for n, r in results.items()}}]


def _classes(result, names, labels):
    """Return a table of precision and recall of the classes, the least well found first if there are many."""
    order = range(len(names))
    if len(names) > _PRINTED:
        order = sorted(order, key=lambda index: result["recall"][index]["value"])[:_PRINTED]

    def cell(figure):
        low, high = figure["interval"]
        return f"{100 * figure['value']:.1f} ({100 * low:.1f} to {100 * high:.1f})"

    counts = np.bincount(labels, minlength=len(names))
    rows = [
        {"class": names[index], "rows": f"{counts[index]:,}", "precision, %": cell(result["precision"][index]),
         "recall, %": cell(result["recall"][index])}
        for index in order
    ]  # fmt: skip
    more = f"\n{len(names) - _PRINTED} more classes in metrics.json" if len(names) > _PRINTED else ""
    return table(rows) + more
