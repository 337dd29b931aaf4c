"""What is said about words: attention, effects, the same in the app, the exported model and the page."""

import io
import json

import numpy as np
import pytest
import tensorflow as tf

from apps.sentiment_classifier import classifier as classifiers
from apps.sentiment_classifier.classifier import Classifier
from apps.sentiment_classifier.explanation import colored, explain
from apps.sentiment_classifier.predict import predict
from tests.conftest import serving

TEXT = "I thought this would be a brilliant film for me, but it was really dull."


@pytest.fixture(scope="module")
def classifier(trained_once):
    from tests.apps.cases import sentiment_classifier

    return Classifier(trained_once(sentiment_classifier))


def test_effect_of_a_word_is_what_reading_without_it_changes(classifier):
    found = explain(classifier, TEXT)
    assert [each["word"] for each in found["words"]] == TEXT.split()
    assert abs(sum(each["attention"] for each in found["words"]) - 1) < 1e-4
    best = classifier.class_names.index(found["label"])
    odds = classifier.log_odds(classifier.logits([TEXT]), best)[0]
    for index in (3, 6, 10):
        without = " ".join(word for number, word in enumerate(TEXT.split()) if number != index)
        change = odds - classifier.log_odds(classifier.logits([without]), best)[0]
        assert abs(found["words"][index]["effect"] - change) < 1e-3
    assert max(abs(each["effect"]) for each in found["words"]) > 0.1


def test_effect_is_measured_of_the_words_with_most_attention(classifier):
    found = explain(classifier, TEXT, measured=3)["words"]
    measured = [each for each in found if each["effect"] is not None]
    least = min(each["attention"] for each in measured)
    assert len(measured) == 3 and all(each["attention"] <= least for each in found if each["effect"] is None)


def test_exported_model_explains_as_the_app(classifier, trained):
    texts = [TEXT, "dull", "", "日本 film\n\nbrilliant brilliant"]
    explained = tf.saved_model.load(str(trained / "export" / "1")).signatures["explain"](text=tf.constant(texts))
    for row, text in enumerate(texts):
        expected = explain(classifier, text)
        count = len(expected["words"])
        words = [word.decode() for word in explained["words"].numpy()[row]]
        assert words[:count] == [each["word"] for each in expected["words"]] and set(words[count:]) <= {""}
        for name in ("attention", "effect"):
            values = explained[name].numpy()[row]
            np.testing.assert_allclose(values[:count], [each[name] for each in expected["words"]], atol=1e-4)
            assert np.all(values[count:] == 0)
        assert explained["label"].numpy()[row].decode() == expected["label"]


def test_long_document_is_explained_in_chunks_as_whole(classifier, monkeypatch):
    text = " ".join([TEXT] * 3)
    whole = explain(classifier, text, measured=4)
    monkeypatch.setattr(classifiers, "LONG", 10)
    chunked = explain(classifier, text, measured=4)
    for name in ("attention", "effect"):
        pairs = zip(whole["words"], chunked["words"], strict=True)
        values = [(one[name], other[name]) for one, other in pairs if one[name] is not None]
        np.testing.assert_allclose(*zip(*values, strict=True), atol=1e-3)
    assert whole["label"] == chunked["label"]


def test_documents_of_all_lengths_are_read_in_their_order(classifier):
    texts = [TEXT, "", "dull", "tender film " * 2500, "brilliant " * 50, "x"]
    together = classifier(texts)
    singly = np.concatenate([classifier([text]) for text in texts])
    np.testing.assert_allclose(together, singly, atol=1e-5)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)


def test_words_are_colored_by_their_effect():
    words = [{"word": "dull", "effect": 2.0}, {"word": "but", "effect": -0.5}, {"word": "it", "effect": 0.1}]
    words.append({"word": "was", "effect": None})
    assert colored(words, False) == "dull [+2.0] but [-0.5] it was"
    assert colored(words, True) == "\x1b[32;1mdull\x1b[0m \x1b[31;22mbut\x1b[0m it was"


def test_predict_explains_arguments_and_files(run, trained, tmp_path, monkeypatch, capsys):
    assert run(predict, trained, "--explain", TEXT) == 0
    text = capsys.readouterr().out
    assert "%" in text and "brilliant" in text and "\x1b" not in text
    (tmp_path / "texts.txt").write_text(f"{TEXT}\n\ndull\n", encoding="utf-8")
    assert run(predict, trained, "--explain", "--json", "--file", tmp_path / "texts.txt") == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["text"] for answer in answers] == [TEXT, "", "dull"] and answers[1]["label"] is None
    assert [each["word"] for each in answers[2]["words"]] == ["dull"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a dull film\n\nfine\n")))
    assert run(predict, trained, "--json") == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert answers[1] == {"label": None, "probability": None, "probabilities": None, "text": ""}
    assert (
        answers[0]["label"] in answers[0]["probabilities"] and abs(sum(answers[0]["probabilities"].values()) - 1) < 1e-4
    )


@pytest.mark.xdist_group("server")
def test_page_shows_the_words_colored(visitor, trained):
    with serving(trained) as server:
        visitor.open(server.http)
        visitor.ask(TEXT)
        visitor.until(lambda: visitor.all(".explained span"))
        assert visitor.texts(".explained span") == TEXT.split()
        titles = [span.get_attribute("title") for span in visitor.all(".explained span")]
        assert all("effect" in title and "attention" in title for title in titles)
        colors = {span.value_of_css_property("background-color") for span in visitor.all(".explained span")}
        assert len(colors) > 3
        assert len(visitor.all(".bar")) == 3
