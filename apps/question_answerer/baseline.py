"""Baselines: a logistic regression on the words of story and question, and the most frequent answer."""

from collections import Counter

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, FunctionTransformer, make_pipeline

NAME = "bag of words"
FREQUENT = "most frequent answer"


def fit_words(questions, labels):
    """Fit a logistic regression on which words are in the story, in its last sentence, and in the question.

    Args:
        questions: list of training `Question`s.
        labels: int (questions,), classes of their answers.

    Returns:
        Function of a list of `Question`s that returns their classes, int (questions,).
    """
    parts = {
        "story": lambda each: " ".join(each.story),
        "last": lambda each: each.story[-1],
        "question": lambda each: each.question,
    }

    def counts(part):
        chosen = FunctionTransformer(lambda rows: [part(each) for each in rows])
        return make_pipeline(chosen, CountVectorizer(binary=True, token_pattern=r"\w+", dtype=np.float32))

    if len(set(labels.tolist())) < 2:
        return lambda rows: np.full(len(rows), labels[0])
    features = FeatureUnion([(name, counts(part)) for name, part in parts.items()])
    # One model of all tasks would give answers of one task to questions of another.
    models, fallback = {}, int(np.bincount(labels).argmax())
    for task in dict.fromkeys(each.task for each in questions):
        rows = [index for index, each in enumerate(questions) if each.task == task]
        chosen = labels[rows]
        if len(set(chosen.tolist())) < 2:
            models[task] = int(chosen[0])
            continue
        model = make_pipeline(features, LogisticRegression(C=0.3, max_iter=300))
        models[task] = _fitted(model, [questions[row] for row in rows], chosen)

    def predict(rows):
        found = np.full(len(rows), fallback)
        for task, model in models.items():
            at = [index for index, each in enumerate(rows) if each.task == task]
            if at:
                found[at] = model if isinstance(model, int) else model([rows[index] for index in at])
        return found

    return predict


def _fitted(model, questions, labels):
    from sklearn.base import clone

    return clone(model).fit(questions, labels).predict


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
