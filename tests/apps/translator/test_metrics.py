"""Metrics of translations."""

import pytest

from apps.translator.metrics import sentence_chrf, translation_metrics


def test_corpus_metrics_have_values_intervals_and_signatures():
    references = ["the cat sat on the mat .", "a dog ran home quickly today ."]
    same = translation_metrics(references, references)
    assert {name: figures["value"] for name, figures in same.items()} == pytest.approx(
        {"bleu": 100, "bleu_lower": 100, "chrf": 100}
    )
    upper = translation_metrics([text.upper() for text in references], references)
    assert upper["bleu_lower"]["value"] == pytest.approx(100)
    assert upper["bleu"]["value"] < 20
    empty = translation_metrics(["", ""], references)
    assert empty["bleu"]["value"] == empty["chrf"]["value"] == 0
    assert "tok:13a" in same["bleu"]["signature"] and "case:lc" in same["bleu_lower"]["signature"]
    half = translation_metrics([references[0], "something else entirely was said here ."], references)
    low, high = half["bleu"]["interval"]
    assert low < half["bleu"]["value"] < high


def test_sentence_chrf_is_one_value_a_sentence():
    best, middle, worst = sentence_chrf(["a red house", "a red mouse", "zzz"], ["a red house"] * 3)
    assert best == pytest.approx(100)
    assert best > middle > 30 > worst
