"""Figures for a two-class detector and for translations, with how far chance alone would move them."""

import numpy as np
from sacrebleu.metrics import BLEU, CHRF
from sklearn import metrics


def binary_metrics(labels, predicted, scores):
    """What a detector gets right.

    Args:
        labels: int (rows,), 1 for the class to detect; both classes must occur.
        predicted: int (rows,), the detector's labels.
        scores: float (rows,), higher for the class to detect; any scale.

    Returns:
        Dict of floats from 0 to 1 (mcc from -1). A ratio over nothing is 0.
    """
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        labels, predicted, average="binary", zero_division=0
    )
    return {
        "accuracy": float(np.mean(labels == predicted)),
        "mcc": float(metrics.matthews_corrcoef(labels, predicted)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "false_positive_rate": float(np.mean(predicted[labels == 0])),
        "roc_auc": float(metrics.roc_auc_score(labels, scores)),
        "pr_auc": float(metrics.average_precision_score(labels, scores)),
    }


def bootstrap_intervals(metric, labels, *arrays, resamples=500, confidence=0.95, seed=0):
    """Percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13).

    Args:
        metric: function of the labels and the arrays that returns a dict of floats.
        labels: (rows,); a draw that lacks one of them is drawn again.
        arrays: (rows, ...) each.

    Returns:
        Dict of (low, high).
    """
    generator = np.random.default_rng(seed)
    classes = len(np.unique(labels))
    drawn = []
    while len(drawn) < resamples:
        rows = generator.integers(len(labels), size=len(labels))
        if len(np.unique(labels[rows])) == classes:
            drawn.append(metric(labels[rows], *(array[rows] for array in arrays)))
    tails = 50 * (1 - confidence), 50 * (1 + confidence)
    bounds = {name: np.percentile([row[name] for row in drawn], tails) for name in drawn[0]}
    return {name: (float(low), float(high)) for name, (low, high) in bounds.items()}


def translation_metrics(translations, references, tokenizer="13a"):
    """How near translations come to reference translations, of a whole corpus.

    Args:
        translations, references: strings, as many of each.
        tokenizer: sacrebleu's, by which BLEU counts words; `zh`, `char` and others for languages without spaces.

    Returns:
        Dict of dicts with `value`, `interval` (95 %, bootstrap) and sacrebleu's `signature`: `bleu` (Papineni et
        al., ACL 2002) and `chrf` (Popović, WMT 2015), from 0 to 100, and `bleu_lower`, BLEU of the lower-cased
        text, as most of the literature on small sets has it.
    """
    kinds = {
        "bleu": BLEU(tokenize=tokenizer),
        "bleu_lower": BLEU(tokenize=tokenizer, lowercase=True),
        "chrf": CHRF(),
    }
    figures = {}
    for name, metric in kinds.items():
        score = metric.corpus_score(translations, [references], n_bootstrap=500)
        figures[name] = {
            "value": score.score,
            "interval": [float(score._mean + side * score._ci) for side in (-1, 1)],
            "signature": str(metric.get_signature()),
        }
    return figures


def sentence_chrf(translations, references):
    """chrF of each translation, float (translations,), from 0 to 100."""
    metric = CHRF()
    pairs = zip(translations, references, strict=True)
    return np.array([metric.sentence_score(translation, [reference]).score for translation, reference in pairs])
