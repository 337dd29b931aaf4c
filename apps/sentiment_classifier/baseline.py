"""NB-SVM: a linear classifier over word pairs that are weighted by how much they speak for a class.

Wang and Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification", ACL 2012, section 2, with
logistic regression in place of the support vector machine, as its authors' later code has, so that it gives
probabilities.
"""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from .data import Encoder

NAME = "NB-SVM (word 1-2-grams)"


class LogCountRatio(ClassifierMixin, BaseEstimator):
    """Logistic regression of two classes on binary features times their log-count ratios.

    Args:
        alpha: smoothing of the counts.
        C: inverse strength of the regularization.
    """

    def __init__(self, alpha=1.0, C=1.0):
        self.alpha, self.C = alpha, C

    def fit(self, features, labels):
        """Fit to a sparse binary matrix, (rows, features), and labels 0 and 1."""
        counts = [np.asarray(features[labels == label].sum(axis=0))[0] + self.alpha for label in (0, 1)]
        negative, positive = (np.log(each / each.sum()) for each in counts)
        self.ratio_ = positive - negative
        self.classes_ = np.array([0, 1])
        # liblinear's dual solver is much the fastest with more features than rows.
        self.model_ = LogisticRegression(C=self.C, solver="liblinear", dual=True, max_iter=1000)
        self.model_.fit(features.multiply(self.ratio_).tocsr(), labels)
        return self

    def predict_proba(self, features):
        """Return the probabilities of both classes, (rows, 2)."""
        return self.model_.predict_proba(features.multiply(self.ratio_).tocsr())

    def predict(self, features):
        """Return the more likely class of each row."""
        return self.predict_proba(features).argmax(axis=1)


def fit_baseline(texts, labels):
    """Fit NB-SVM to the rows that the network learned from, one classifier for each class if there are more than two.

    Args:
        texts: list of strings.
        labels: int (rows,); classes 0 to the largest.

    Returns:
        Function of a list of texts that returns float probabilities, (texts, classes).
    """
    words = CountVectorizer(ngram_range=(1, 2), binary=True, token_pattern=r"\w+|[^\w\s]", dtype=np.float32)
    single = LogCountRatio()
    pipeline = make_pipeline(words, single if labels.max() == 1 else OneVsRestClassifier(single))
    pipeline.fit(_cleaned(texts), labels)
    return lambda texts: pipeline.predict_proba(_cleaned(texts))


def _cleaned(texts):
    return [text.decode() for text in Encoder.clean(texts).numpy()]
