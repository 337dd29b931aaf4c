"""Metrics of captions."""

import re

import numpy as np
from nltk.translate.meteor_score import meteor_score
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge


def caption_metrics(captions, references):
    """Compare captions with references for the same clips by the metrics of the COCO caption evaluation.

    Words are converted to lower case; punctuation is ignored.

    Args:
        captions: strings.
        references: list of strings for each caption, not empty.

    Returns:
        Dict of floats from 0 to 100 (CIDEr to 1000), one value for all captions: `bleu_1` to `bleu_4` (Papineni et al.,
        ACL 2002), `rouge_l` (Lin, 2004), `cider` (CIDEr-D: Vedantam et al., CVPR 2015; with the word frequencies of
        these references), `meteor` (Banerjee and Lavie, 2005; NLTK's, which matches words and stems but not synonyms,
        so lower than METEOR 1.5, which needs Java), and `exact`, the percentage of captions that equal one of their
        references word for word.
    """
    words = [_caption_words(caption) for caption in captions]
    reference_words = [[_caption_words(reference) for reference in own] for own in references]
    results = {row: [" ".join(caption)] for row, caption in enumerate(words)}
    expected = {row: [" ".join(reference) for reference in own] for row, own in enumerate(reference_words)}
    bleu, _ = Bleu(4).compute_score(expected, results, verbose=0)
    meteor = [
        meteor_score(own, caption, wordnet=_NoSynonyms()) if caption else 0.0
        for caption, own in zip(words, reference_words, strict=True)
    ]
    figures = {f"bleu_{order}": value for order, value in enumerate(bleu, 1)}
    figures |= {
        "rouge_l": Rouge().compute_score(expected, results)[0],
        "cider": Cider().compute_score(expected, results)[0],
        "meteor": np.mean(meteor),
        "exact": np.mean([caption in own for caption, own in zip(words, reference_words, strict=True)]),
    }
    return {name: 100 * float(value) for name, value in figures.items()}


def _caption_words(text):
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower())


class _NoSynonyms:
    """Replaces WordNet, which would have to be downloaded."""

    def synsets(self, word):
        return []
