"""Accuracy by task, and the baselines."""

import numpy as np
import pytest

from apps.question_answerer.babi import Question
from apps.question_answerer.baseline import fit_frequent, fit_words
from apps.question_answerer.metrics import interval, measure


def test_mean_error_is_of_tasks_and_not_of_questions():
    tasks = ["a"] * 90 + ["b"] * 10
    found = measure([True] * 90 + [True] * 4 + [False] * 6, tasks)
    assert found["accuracy"] == pytest.approx(0.94)
    assert found["mean_error"] == pytest.approx(0.3) and found["failed"] == 1
    assert found["tasks"]["b"] == {"value": 0.4, "interval": list(interval(4, 10)), "count": 10}


def test_five_percent_of_errors_are_no_failure():
    assert measure([True] * 95 + [False] * 5, ["a"] * 100)["failed"] == 0
    assert measure([True] * 94 + [False] * 6, ["a"] * 100)["failed"] == 1


def test_interval_holds_the_fraction_in_most_draws():
    # Wilson's for 8 of 10, by the formula: (0.4902, 0.9433).
    assert interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    draws = np.random.default_rng(0).binomial(200, 0.93, 500)
    covered = np.mean([low <= 0.93 <= high for low, high in (interval(int(right), 200) for right in draws)])
    assert 0.92 < covered < 0.98
    assert interval(0, 0) == (0.0, 1.0)


def questions_of(count):
    return [
        Question("", ("Ada ran.", f"Ben saw the {'lamp' if n % 3 else 'kite'}."),
                 f"What did {'Ada' if n % 2 else 'Ben'} see?", "", (), "sight")
        for n in range(count)
    ]  # fmt: skip


def test_baselines_answer_by_words_and_by_frequency():
    questions = questions_of(60)
    labels = np.array([int(n % 3 > 0) for n in range(60)])
    assert (fit_words(questions, labels)(questions) == labels).all()
    assert (fit_frequent(questions, labels)(questions) == 1).all()
    other = questions[0]._replace(task="unknown")
    assert fit_words(questions, labels)([other]).tolist() == [1] and fit_frequent(questions, labels)(
        [other]
    ).tolist() == [1]
