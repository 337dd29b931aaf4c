"""Compare a question answerer with a bag of words, and with always giving the most frequent answer."""

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np

from ..common import runs
from ..common.cli import UserError
from ..common.files import write_json
from ..common.reports import table, verdict
from ..common.words import counted, listed
from .answerer import Answerer
from .baseline import FREQUENT, fit_frequent, fit_words
from .baseline import NAME as BASELINE
from .data import split_examples
from .memory_pictures import draw_memory
from .metrics import FAILED, measure
from .plots import draw_report
from .reading import read_examples


def write_report(run_dir, data=()):
    """Measure a network; print a table, write metrics.json, report.png and, of a DNC, memory.png.

    Args:
        run_dir: folder of a trained run.
        data: files or folders of questions; empty for the run's test questions.
    """
    answerer, run_dir = Answerer(run_dir), Path(run_dir)
    splits, test = _questions(answerer, run_dir, data)
    train, validation = splits["train"].questions, splits["validation"].questions
    learned, labels = answerer.answers.indices(train), answerer.answers.indices(test)
    found = {_name(answerer.config): answerer([q.story for q in test], [q.question for q in test]).argmax(axis=1)}
    found[BASELINE], found[FREQUENT] = (fit(train, learned)(test) for fit in (fit_words, fit_frequent))
    tasks = [each.task for each in test]
    results = {name: measure(answers == labels, tasks) for name, answers in found.items()}
    checked = answerer([q.story for q in validation], [q.question for q in validation]).argmax(axis=1)
    on_validation = measure(checked == answerer.answers.indices(validation), [each.task for each in validation])
    print(f"{counted(len(test), 'question')}; in brackets: 95 % intervals")
    print(table(_rows(results)))
    print(
        f"validation, stories of the same kind as in training: accuracy {100 * on_validation['accuracy']:.1f} %, mean "
        f"error {100 * on_validation['mean_error']:.1f} %"
    )
    unseen = _print_unseen(test, labels)
    errors = {name: 100 * result["mean_error"] for name, result in results.items()}
    judged = verdict("mean error, %", errors, lower_is_better=True, flaw=_flaw(found, answerer))
    report = {"data": list(data or answerer.config.data), "rows": len(test), "unseen_answers": unseen}
    write_json(run_dir / "metrics.json", {**report, "results": results, "validation": on_validation, "verdict": judged})
    draw_report(run_dir, results)
    written = [run_dir / "metrics.json", run_dir / "report.png"]
    if answerer.has_memory:
        written.append(_draw_example(run_dir / "memory.png", answerer, test, labels, next(iter(found.values()))))
    print(f"written: {', '.join(map(str, written))}")
    print(judged)


def _name(config):
    return config.model.upper()


def _flaw(found, answerer):
    given = set(next(iter(found.values())).tolist())
    return f"every answer is {answerer.answers.names[given.pop()]!r}" if len(given) == 1 else None


def _questions(answerer, run_dir, data):
    """Return the splits of the run's data, and the questions to measure on."""
    saved, config = runs.open_run(run_dir, __package__), answerer.config
    own = read_examples(config)
    if own.fingerprint != saved["fingerprint"]:
        raise UserError(
            f"{' '.join(config.data)}: not the questions that {run_dir} was trained on, which the baselines and the "
            "split need; restore the file or train again"
        )
    splits = split_examples(own, config)
    if data and tuple(data) != config.data:
        test = read_examples(dataclasses.replace(config, data=tuple(data), tasks=()))
        test.summary.print()
        return splits, test.questions
    if not len(splits["test"]):
        raise UserError(f"{run_dir}: trained with --test-fraction 0; give questions to measure on with --data")
    return splits, splits["test"].questions


def _rows(results):
    def cell(figure):
        low, high = (100 * bound for bound in figure["interval"])
        return f"{100 * figure['value']:.1f} ({low:.1f} to {high:.1f})"

    tasks = next(iter(results.values()))["tasks"]
    rows = [
        {"accuracy, %": task, "questions": f"{each['count']:,}",
         **{name: cell(result["tasks"][task]) for name, result in results.items()}}
        for task, each in tasks.items()
    ]  # fmt: skip
    mean = {name: f"{100 * result['mean_error']:.1f}" for name, result in results.items()}
    failed = {name: f"{result['failed']} of {len(tasks)}" for name, result in results.items()}
    return [
        *rows,
        {"accuracy, %": "mean error of the tasks, %", "questions": "", **mean},
        {"accuracy, %": f"failed tasks (error above {100 * FAILED:.0f} %)", "questions": "", **failed},
    ]


def _print_unseen(test, labels):
    """Print which answers do not occur in training, and count as wrong; return {answer: count}."""
    unseen = Counter(each.answer for each, label in zip(test, labels, strict=True) if label < 0)
    if unseen:
        named = listed(answer for answer, _ in unseen.most_common())
        count = counted(unseen.total(), "question")
        print(f"{count} counted as wrong, whose answers do not occur in training: {named}")
    return dict(unseen)


def _draw_example(path, answerer, test, labels, answers):
    """Draw the memory for a question that was answered rightly and needs several facts, if there is one."""
    right = np.flatnonzero(answers == labels)
    chosen = max(right, key=lambda row: len(test[row].supporting), default=0)
    each = test[chosen]
    draw_memory(
        path, each.story, each.question, answerer.answers.names[answers[chosen]],
        answerer.trace(each.story, each.question),
    )  # fmt: skip
    return path
