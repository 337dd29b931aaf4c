"""Figures for detectors, translations, captions and forecasts, some with how far chance alone would move them."""

import re

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


def caption_metrics(captions, references):
    """How near captions come to what people say of the same clip, by the measures of the COCO caption evaluation.

    Words are lower-cased and parted from marks, which do not count.

    Args:
        captions: strings.
        references: for each a list of strings, not empty.

    Returns:
        Dict of floats from 0 to 100 (CIDEr to 1000), one value for all captions: `bleu_1` to `bleu_4` (Papineni et al.,
        ACL 2002), `rouge_l` (Lin, 2004), `cider` (CIDEr-D: Vedantam et al., CVPR 2015; its word frequencies are those
        of these references), `meteor` (Banerjee and Lavie, 2005; NLTK's, matches of words and stems without synonyms,
        so lower than METEOR 1.5, which needs Java), and `exact`, captions that are word for word one of their
        references.
    """
    # Slow to import, and needed for captions alone.
    from nltk.translate.meteor_score import meteor_score
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    given = [_caption_words(caption) for caption in captions]
    truths = [[_caption_words(reference) for reference in own] for own in references]
    results = {number: [" ".join(words)] for number, words in enumerate(given)}
    known = {number: [" ".join(words) for words in own] for number, own in enumerate(truths)}
    bleu, _ = Bleu(4).compute_score(known, results, verbose=0)
    meteor = [
        meteor_score(own, words, wordnet=_NoSynonyms()) if words else 0.0
        for words, own in zip(given, truths, strict=True)
    ]
    figures = {f"bleu_{order}": value for order, value in enumerate(bleu, 1)}
    figures |= {
        "rouge_l": Rouge().compute_score(known, results)[0],
        "cider": Cider().compute_score(known, results)[0],
        "meteor": np.mean(meteor),
        "exact": np.mean([words in own for words, own in zip(given, truths, strict=True)]),
    }
    return {name: 100 * float(value) for name, value in figures.items()}


def _caption_words(text):
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower())


class _NoSynonyms:
    """Stands in the place of WordNet, which would have to be downloaded."""

    def synsets(self, word):
        return []


class ForecastErrors:
    """How far forecasts of series are from the truth, added up batch by batch.

    Args:
        levels: the quantiles that a forecast has, rising; empty for a mean alone.
        deviation: float (series,), of the training rows; errors in units of it can be averaged over series.
        naive_error: float (series,), mean absolute error of the seasonal naive forecast in the training rows.
        horizon: steps of a forecast.
    """

    def __init__(self, levels, deviation, naive_error, horizon):
        self.levels, self.deviation, self.naive_error = np.array(levels), deviation, naive_error
        shape = horizon, len(deviation)
        names = ("count", "squared", "absolute", "symmetric", "pinball")
        self._sums = {name: np.zeros(shape) for name in names} | {"below": np.zeros((*shape, len(levels)))}
        self._inside = {percent: np.zeros(shape) for percent in self._intervals()}

    def _intervals(self):
        """Places of the two quantiles that an interval of so many percent lies between."""
        pairs = {}
        for low, level in enumerate(self.levels):
            high = np.flatnonzero(np.isclose(self.levels, 1 - level))
            if level < 0.5 and len(high):
                pairs[round(100 * (1 - 2 * level))] = low, int(high[0])
        return pairs

    def add(self, truth, observed, point, quantiles=None):
        """Takes in some windows.

        Args:
            truth: float (windows, horizon, series).
            observed: bool like truth; False where the truth is not known, which then does not count.
            point: like truth.
            quantiles: (windows, horizon, series, levels); if absent, there are none.
        """
        error = np.where(observed, truth - point, 0.0)
        size = np.where(observed, np.abs(truth) + np.abs(point), 0.0)
        symmetric = np.divide(200 * np.abs(error), size, out=np.zeros_like(error), where=size > 0)
        parts = {"count": observed, "squared": error**2, "absolute": np.abs(error), "symmetric": symmetric}
        if quantiles is not None and len(self.levels):
            behind = np.where(observed, truth, 0.0)[..., None] - np.where(observed[..., None], quantiles, 0.0)
            parts["pinball"] = 2 * np.maximum(self.levels * behind, (self.levels - 1) * behind).mean(axis=-1)
            parts["below"] = (behind <= 0) & observed[..., None]
            for percent, (low, high) in self._intervals().items():
                inside = (behind[..., low] >= 0) & (behind[..., high] <= 0) & observed
                self._inside[percent] += inside.sum(axis=0)
        for name, part in parts.items():
            self._sums[name] += part.sum(axis=0)

    def figures(self, axis=None):
        """The figures.

        Args:
            axis: None for one of each over all, 0 for one a series, 1 for one a step of the horizon.

        Returns:
            Dict of floats, or of float arrays: `mse`, `mae` and `pinball` (twice the mean pinball loss over the levels,
            which with many even levels is the CRPS) in deviations of the training rows; `rmse` likewise, for a series
            in its own unit; `mase` (Hyndman and Koehler, International Journal of Forecasting 22, 2006); `smape` in
            percent; `coverage_80` and so on, the share of truths within the interval; `below` (..., levels), the share
            below each quantile. Those of quantiles are left out where there are none.
        """
        sums, own = self._sums, axis == 0
        count = sums["count"].sum(axis=axis)

        def mean(total):
            total = total.sum(axis=(0, 1) if axis is None and total.ndim == 3 else axis)
            divisor = np.reshape(count, (*np.shape(count), *[1] * (np.ndim(total) - np.ndim(count))))
            return np.divide(total, divisor, out=np.full(np.shape(total), np.nan), where=divisor > 0)

        naive = np.where(self.naive_error > 0, self.naive_error, np.nan)
        figures = {
            "mse": mean(sums["squared"] / self.deviation**2),
            "mae": mean(sums["absolute"] / self.deviation),
            "rmse": np.sqrt(mean(sums["squared"] / (1.0 if own else self.deviation**2))),
            "mase": mean(sums["absolute"] / naive),
            "smape": mean(sums["symmetric"]),
        }
        if own:
            figures["mae_own_unit"] = mean(sums["absolute"])
        if sums["below"].any():
            figures["pinball"] = mean(sums["pinball"] / self.deviation)
            figures |= {f"coverage_{percent}": mean(inside) for percent, inside in self._inside.items()}
            figures["below"] = mean(sums["below"])
        return {name: float(value) if np.ndim(value) == 0 else value for name, value in figures.items()}
