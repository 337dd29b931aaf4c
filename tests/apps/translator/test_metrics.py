"""Metrics of translations."""

import pytest

from apps.common.cli import UserError
from apps.translator.metrics import choose_tokenizer, sentence_chrf, translation_metrics


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


@pytest.mark.parametrize(
    ("text", "tokenizer"),
    [
        ("Ein Mann schläft.", "13a"),
        ("Мужчина спит.", "13a"),
        ("一个男人在睡觉, OK", "zh"),
        ("男の人が公園で眠っています", "char"),
        ("한 남자가 자고 있다", "char"),
        ("ชายคนหนึ่งกำลังนอนหลับ", "char"),
        ("رجل ينام", "13a"),
        ("123", "13a"),
    ],
)
def test_tokenizer_follows_the_script(text, tokenizer, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert choose_tokenizer([text]) == tokenizer
    assert choose_tokenizer([text], "intl") == "intl"
    with pytest.raises(UserError, match="needs a package"):
        choose_tokenizer([text], "ja-mecab")


def test_chinese_is_measured_by_characters():
    references = ["一个男人在睡觉", "两只狗在跑"]
    translations = ["一个女人在睡觉", "两只狗在跑"]
    by_words = translation_metrics(translations, references)["bleu"]["value"]
    by_characters = translation_metrics(translations, references, choose_tokenizer(references))["bleu"]
    assert by_characters["value"] > by_words + 20 and "tok:zh" in by_characters["signature"]
