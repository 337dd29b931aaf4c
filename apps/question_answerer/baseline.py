"""Baselines: a logistic regression on the words of story and question, and the most frequent answer."""

from collections import Counter

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, FunctionTransformer, make_pipeline

NAME = "bag of words"
FREQUENT = "most frequent answer"


def fit_words(questions, labels):
    """Fit a logistic regression for each task, on which words are in the story, in its last sentence, in the question.

    One model of all tasks would give answers of one task to questions of another.

    Args:
        questions: list of training `Question`s.
        labels: int (questions,), classes of their answers.

    Returns:
        Function of a list of `Question`s that returns their classes, int (questions,).
    """
    fallback = int(np.bincount(labels).argmax())
    models = {}
    for task in dict.fromkeys(each.task for each in questions):
        rows = [index for index, each in enumerate(questions) if each.task == task]
        models[task] = _fit_task([questions[row] for row in rows], labels[rows])

    def predict(rows):
        found = np.full(len(rows), fallback)
        for task, model in models.items():
            at = [index for index, each in enumerate(rows) if each.task == task]
            if at:
                found[at] = model([rows[index] for index in at])
        return found

    return predict


def _fit_task(questions, labels):
    if len(set(labels.tolist())) < 2:
        return lambda rows: np.full(len(rows), labels[0])
    parts = {
        "story": lambda each: " ".join(each.story),
        "last": lambda each: each.story[-1],
        "question": lambda each: each.question,
    }
    features = FeatureUnion([(name, _words(part)) for name, part in parts.items()])
    return make_pipeline(features, LogisticRegression(C=0.3, max_iter=300)).fit(questions, labels).predict


def _words(part):
    chosen = FunctionTransformer(lambda rows: [part(each) for each in rows])
    return make_pipeline(chosen, CountVectorizer(binary=True, token_pattern=r"\w+", dtype=np.float32))


def fit_frequent(questions, labels):
    """Return a function as `fit_words` does, that answers what questions that begin alike have most often."""

    def kind(each):
        return each.task, *each.question.casefold().split()[:2]

    counts = {}
    for each, label in zip(questions, labels, strict=True):
        counts.setdefault(kind(each), Counter())[int(label)] += 1
    fallback = Counter(labels.tolist()).most_common(1)[0][0]
    best = {key: values.most_common(1)[0][0] for key, values in counts.items()}
    return lambda rows: np.array([best.get(kind(each), fallback) for each in rows])
