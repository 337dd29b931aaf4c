"""Metrics of translations."""

import importlib.util
import unicodedata
from collections import Counter

import numpy as np
from sacrebleu.metrics import BLEU, CHRF

from ..common.cli import UserError

# Scripts that are written without blanks between words, by the start of Unicode's names.
SCRIPTS = {"CJK": "zh", "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "THAI": "char", "LAO": "char",
           "KHMER": "char", "MYANMAR": "char", "TIBETAN": "char"}  # fmt: skip
# Tokenizers of sacrebleu that need a package: its module, and how it is installed.
PACKAGES = {
    "ja-mecab": ("MeCab", 'pip install "sacrebleu[ja]"'),
    "ko-mecab": ("mecab_ko", 'pip install "sacrebleu[ko]"'),
}


def choose_tokenizer(references, tokenizer="auto"):
    """Return sacrebleu's tokenizer for the script of the references.

    Args:
        references: list of strings.
        tokenizer: name of a tokenizer; `auto` chooses `zh`, `ja-mecab`, `ko-mecab` or `char` for languages without
            blanks between words (`char` where a package is not installed), else `13a`.

    Raises:
        UserError: the tokenizer needs a package that is not installed.
    """
    if tokenizer == "auto":
        tokenizer = f"{_script(references)}-mecab" if _script(references) in ("ja", "ko") else _script(references)
        return "char" if tokenizer in PACKAGES and not importlib.util.find_spec(PACKAGES[tokenizer][0]) else tokenizer
    if tokenizer in PACKAGES and not importlib.util.find_spec(PACKAGES[tokenizer][0]):
        raise UserError(f"--bleu-tokenizer {tokenizer}: needs a package, {PACKAGES[tokenizer][1]}; char needs none")
    return tokenizer


def _script(texts):
    letters = [letter for text in texts[:1000] for letter in text if letter.isalpha()]
    found = Counter(SCRIPTS.get(unicodedata.name(letter, "?").split()[0]) for letter in letters)
    others, blanks = found.pop(None, 0), sum(found.values())
    if blanks <= others:
        return "13a"
    # Japanese has more characters of Chinese origin than kana.
    return "ja" if found["ja"] > 0.1 * blanks else found.most_common(1)[0][0]


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
