"""Compare a detector with a linear model over character n-grams, and with labelling everything as ham."""

import dataclasses
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import confusion_matrix, precision_recall_curve
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from ..common import runs
from ..common.cli import UserError
from ..common.files import read_csv, read_json, write_json
from ..common.reports import figure, plot_epochs, table, verdict
from ..common.splits import cluster_key
from ..common.words import counted
from .data import split_examples
from .detector import Detector
from .metrics import binary_metrics, bootstrap_intervals
from .reading import read_examples

TITLES = {
    "accuracy": "accuracy",
    "mcc": "MCC",
    "precision": "precision",
    "recall": "recall (spam caught)",
    "f1": "F1",
    "false_positive_rate": "ham blocked",
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
}


def write_report(run_dir, data, threshold):
    """Measure a detector next to its baselines; print a table, write metrics.json and report.png.

    Args:
        run_dir: folder of a trained run.
        data: labelled messages; None for the run's test rows.
        threshold: probability from which a message is labelled as the class to detect.
    """
    detector = Detector(run_dir)
    train, test = _train_and_test(detector, run_dir, data)
    scores = detector(test.texts)
    baseline_predicted, baseline_scores = fit_baseline(train)(test.texts)
    zeros = np.zeros(len(test), "int32")
    answers = {
        "bidirectional LSTM": (np.int32(scores >= threshold), scores),
        "char n-grams + SVM": (baseline_predicted, baseline_scores),
        f"all {test.class_names[0]}": (zeros, zeros),
    }
    results = {name: _measure(test.labels, *answer) for name, answer in answers.items()}
    negative, positive = test.class_names
    print(f"{counted(len(test), 'message')}, {int(test.labels.sum())} {positive!r}; threshold {threshold:.4g}")
    print("in brackets: 95 % intervals (bootstrap)")
    print(table(_rows(results)))
    (passed, blocked), (missed, caught) = results["bidirectional LSTM"]["confusion"]
    print(f"{negative!r}: {passed} passed, {blocked} blocked; {positive!r}: {caught} caught, {missed} missed")
    found = _verdict(answers, results, test.class_names)
    report = {"data": data or detector.config.data, "rows": len(test), "threshold": threshold, "results": results}
    report["verdict"] = found
    write_json(Path(run_dir) / "metrics.json", report)
    _draw(Path(run_dir), test, answers, results)
    print(f"written: {run_dir}/metrics.json, {run_dir}/report.png")
    print(found)


def _verdict(answers, results, class_names):
    predicted = set(next(iter(answers.values()))[0].tolist())
    flaw = f"every message is labelled {class_names[predicted.pop()]!r}" if len(predicted) == 1 else None
    return verdict("MCC", {name: result["mcc"]["value"] for name, result in results.items()}, flaw=flaw)


def fit_baseline(train):
    """Fit TF-IDF of character 2- to 5-grams and a linear SVM on the rows that the network learned from.

    Returns:
        Function of texts that returns int labels and float scores, (texts,) each.
    """
    pipeline = make_pipeline(TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5)), LinearSVC(C=10))
    pipeline.fit(train.texts, train.labels)

    def answer(texts):
        scores = pipeline.decision_function(texts)
        return np.int32(scores > 0), scores

    return answer


def _train_and_test(detector, run_dir, data):
    saved = runs.open_run(run_dir, __package__)
    own = read_examples(detector.config, saved)
    if own.fingerprint != saved["fingerprint"]:
        raise UserError(
            f"{detector.config.data}: not the messages that {run_dir} was trained on, which the baseline and "
            "the split need; restore the file or train again"
        )
    splits = split_examples(own, detector.config)
    test = splits["test"]
    if data is not None and data != detector.config.data:
        test = read_examples(dataclasses.replace(detector.config, data=data), saved)
        test.summary.print()
        known = {cluster_key(text) for text in splits["train"].texts}
        seen = sum(cluster_key(text) in known for text in test.texts)
        if seen:
            print(f"{data}: {seen} of {len(test)} messages are near-duplicates of training messages")
    if len(np.unique(test.labels)) < 2:
        source = data or f"{detector.config.data}, test rows"
        raise UserError(f"{source}: expected messages of both classes; give some with --data")
    return splits["train"], test


def _measure(labels, predicted, scores):
    intervals = bootstrap_intervals(binary_metrics, labels, predicted, scores)
    values = binary_metrics(labels, predicted, scores)
    confusion = confusion_matrix(labels, predicted).tolist()
    return {
        **{name: {"value": value, "interval": intervals[name]} for name, value in values.items()},
        "confusion": confusion,
    }


def _rows(results):
    def cell(figure):
        low, high = (f"{100 * bound:.1f}" for bound in figure["interval"])
        return f"{100 * figure['value']:.2f} ({low} to {high})"

    return [
        {"%": title, **{name: cell(result[metric]) for name, result in results.items()}}
        for metric, title in TITLES.items()
    ]


def _draw(run_dir, test, answers, results):
    with figure(run_dir / "report.png", columns=3) as (curve, matrix, learning):
        for name, (_, scores) in list(answers.items())[:2]:
            precision, recall, _ = precision_recall_curve(test.labels, scores)
            curve.plot(100 * recall, 100 * precision, label=f"{name}, area {results[name]['pr_auc']['value']:.3f}")
        curve.set(
            title="Precision and recall",
            xlabel=f"{test.class_names[1]} caught, %",
            ylabel=f"{test.class_names[1]} among the flagged, %",
            xlim=(50, 101),
            ylim=(50, 101),
        )
        curve.legend(loc="lower left")
        _draw_confusion(matrix, test.class_names, np.array(next(iter(results.values()))["confusion"]))
        history = read_csv(run_dir / "history.csv")
        plot_epochs(learning, history, {"loss": "training rows, with dropout", "val_loss": "validation rows"})
        if runs.is_finished(run_dir):
            best = read_json(run_dir / "finished.json")["best"]
            learning.axvline(best["epoch"], color="0.6", linestyle=":", label="best")
        learning.set(title="Learning", ylabel="cross-entropy per message, nats", ylim=(0, None))
        learning.legend()


def _draw_confusion(axes, names, counts):
    axes.imshow(counts / counts.sum(axis=1, keepdims=True), cmap="Blues", vmin=0, vmax=1.4)
    for (row, column), count in np.ndenumerate(counts):
        fraction = count / counts[row].sum()
        color = "white" if fraction > 0.5 else "black"
        axes.text(column, row, f"{count}\n{100 * fraction:.1f} %", ha="center", va="center", fontsize=13, color=color)
    axes.set(title="Confusion matrix", xlabel="predicted", ylabel="true")
    axes.set_xticks([0, 1], names)
    axes.set_yticks([0, 1], names)
    axes.grid(False)
