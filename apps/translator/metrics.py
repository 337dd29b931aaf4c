"""Metrics of translations."""

import numpy as np
from sacrebleu.metrics import BLEU, CHRF


def translation_metrics(translations, references, tokenizer="13a"):
    """Compute the metrics of a corpus of translations.

    Args:
        translations, references: lists of strings of the same length.
        tokenizer: sacrebleu's tokenizer for BLEU; `zh`, `char` and others for languages without spaces.

    Returns:
        Dict of dicts with `value`, `interval` (95 %, bootstrap) and sacrebleu's `signature`: `bleu` (Papineni et al.,
        ACL 2002) and `chrf` (Popović, WMT 2015), from 0 to 100, and `bleu_lower`, BLEU of the lower-cased text, which
        most of the literature on small sets reports.
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
            "interval": [float(score._mean + sign * score._ci) for sign in (-1, 1)],
            "signature": str(metric.get_signature()),
        }
    return figures


def sentence_chrf(translations, references):
    """Compute chrF of each translation, float (translations,), from 0 to 100."""
    metric = CHRF()
    pairs = zip(translations, references, strict=True)
    return np.array([metric.sentence_score(translation, [reference]).score for translation, reference in pairs])
