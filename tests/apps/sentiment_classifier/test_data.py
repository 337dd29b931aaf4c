"""The sample, splits, cleaning, words of tokens, and batches."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from apps.common.cli import UserError
from apps.common.vocabularies import Vocabulary
from apps.sentiment_classifier.baseline import fit_baseline
from apps.sentiment_classifier.config import Config
from apps.sentiment_classifier.data import Encoder, class_weights, make_dataset, passes, split_examples
from apps.sentiment_classifier.reading import Examples
from apps.sentiment_classifier.sample_data.make_reviews import HARD, LABELS, make_reviews


def test_sample_is_the_same_every_time_and_has_the_kinds_it_says():
    rows = list(make_reviews())
    assert rows == list(make_reviews()) and len(rows) == 3000
    assert {label for _, label, _, _ in rows} == set(LABELS)
    assert abs(np.mean([hard for *_, hard in rows]) - HARD) < 0.03
    lengths = [len(text.split()) for _, _, text, _ in rows]
    assert min(lengths) < 8 and max(lengths) > 150
    assert sum("<br />" in text for _, _, text, _ in rows) > 100


def test_counts_of_words_are_chance_on_the_hard_reviews_of_the_sample():
    rows = list(make_reviews())
    labels = np.array([LABELS.index(label) for _, label, _, _ in rows])
    texts, hard = [text for _, _, text, _ in rows], np.array([hard for *_, hard in rows])
    predicted = fit_baseline(texts[:2000], labels[:2000])(texts[2000:]).argmax(axis=1)
    right = predicted == labels[2000:]
    assert right[~hard[2000:]].mean() > 0.97
    assert 0.4 < right[hard[2000:]].mean() < 0.65


def examples(counts, splits=None):
    labels = np.repeat(np.arange(len(counts)), counts).astype("int32")
    texts = [f"text {chr(97 + row % 26)}{chr(97 + row // 26)}" for row in range(len(labels))]
    return Examples(texts, labels, tuple(f"class {index}" for index in range(len(counts))), "", splits)


def test_rare_classes_stay_in_training():
    parts = split_examples(examples([100, 60, 2, 1]), Config())
    assert {len(part) for part in parts.values()} == {len(parts["train"]), len(parts["validation"]), len(parts["test"])}
    assert sum(map(len, parts.values())) == 163
    assert 0.15 < len(parts["test"]) / 163 < 0.25 and 0.05 < len(parts["validation"]) / 163 < 0.15
    assert set(parts["train"].labels.tolist()) == {0, 1, 2, 3}
    assert set(parts["validation"].labels.tolist()) >= {0, 1}


def test_too_few_documents_are_refused():
    with pytest.raises(UserError, match="too few documents to split: 2 rows of 2 classes"):
        split_examples(examples([1, 1]), Config())


def test_hundred_classes_are_split():
    parts = split_examples(examples([5] * 100), Config())
    assert len(set(parts["train"].labels.tolist())) == 100 and len(parts["test"]) > 50


def encoder(unit="subwords", texts=None):
    return Encoder(Vocabulary.fit(unit, texts or ["good film, really good film. bad"] * 3, 60))


def test_html_and_blanks_are_one_space():
    texts = ["good<br /><br />film", "good\r\n\n film", " good < BR >film ", "<p>good</p>film", "good\u00a0film\u3000"]
    assert set(Encoder.clean(tf.constant(texts)).numpy()) == {b"good film"}
    ids = encoder()(tf.constant(texts)).to_list()
    assert all(row == ids[0] for row in ids)
    assert Encoder.clean(tf.constant(["a < b and b <br> c <brave>"])).numpy()[0] == b"a < b and b c <brave>"


@pytest.mark.parametrize("unit", ["subwords", "words", "characters"])
def test_words_of_tokens_are_those_of_the_text(unit):
    coder = encoder(unit)
    texts = ["good film, really!", "", "x", "unknown ☃ Größe", "  bad\n<br />bad "]
    words, of_tokens = coder.words(tf.constant(texts))
    words = [[word.decode() for word in row] for row in words.to_list()]
    assert words == [["good", "film,", "really!"], [], ["x"], ["unknown", "☃", "Größe"], ["bad", "bad"]]
    ids = coder(tf.constant(texts))
    assert of_tokens.row_lengths().numpy().tolist() == ids.row_lengths().numpy().tolist()
    for row, found in zip(words, of_tokens.to_list(), strict=True):
        assert sorted(set(found)) == list(range(len(row))) and found == sorted(found)


@pytest.mark.parametrize("unit", ["subwords", "words", "characters"])
def test_tokens_without_a_word_are_those_of_the_text_without_it(unit):
    coder = encoder(unit)
    text = "good film, really bad film."
    ids, of_tokens = coder(tf.constant([text])).to_list()[0], coder.words(tf.constant([text]))[1].to_list()[0]
    for index in range(1, 5):
        rest = " ".join(word for number, word in enumerate(text.split()) if number != index)
        expected = coder(tf.constant([rest])).to_list()[0]
        assert [each for each, word in zip(ids, of_tokens, strict=True) if word != index] == expected


def test_scripts_without_spaces_are_cut_into_tokens():
    coder = encoder("characters", ["映画は良い film"])
    words, _ = coder.words(tf.constant(["映画は 良い film"]))
    assert [word.decode() for word in words.to_list()[0]] == ["映", "画", "は", "良", "い", "film"]


def test_batches_end_with_the_last_tokens_and_carry_what_is_before():
    ids = [np.arange(1, length + 1, dtype="int32") for length in (3, 70, 700, 1500)]
    config = Config(gradient_tokens=512, max_tokens=1024, batch_size=2, epoch_rows=1)
    rows = 0
    for inputs, targets, weights in make_dataset(ids, np.array([0, 1, 2, 1]), np.array([1.0, 2.0, 3.0]), config):
        tokens, before = inputs["tokens"].numpy(), inputs["before"].numpy()
        assert tokens.shape[1] <= 512 and before.shape[1] >= 1
        for last, first, target, weight in zip(tokens, before, targets.numpy(), weights.numpy(), strict=True):
            document = np.concatenate([first[first > 0], last[last > 0]])
            assert document.tolist() == ids[[3, 70, 700, 1024].index(len(document))][:1024].tolist()
            assert last[-1] == len(document) and (len(document) <= 512) == (first.max() == 0)
            assert weight == 1 + target.argmax()
            rows += 1
    assert rows == 4


def test_short_documents_need_nothing_before():
    ids = [np.ones(length, "int32") for length in (1, 5, 64)]
    (batch, *_) = next(iter(make_dataset(ids, np.array([0, 1, 0]), np.ones(2), Config(epoch_rows=1))))
    assert set(batch) == {"tokens"} and batch["tokens"].shape == (3, 64)


def test_few_rows_are_read_several_times_in_an_epoch():
    config = Config(epoch_rows=10, batch_size=2)
    assert passes(4, config) == 3 and passes(10, config) == 1 and passes(11, config) == 1
    ids, labels = [np.array([row + 1], "int32") for row in range(4)], np.zeros(4, "int32")
    both = list(make_dataset(ids, labels, np.ones(2), config, range(2)))
    second = list(make_dataset(ids, labels, np.ones(2), config, range(1, 2)))
    assert len(both) == 12 and len(second) == 6
    read = [batch["tokens"].numpy()[:, -1].tolist() for batch, *_ in both]
    assert read[6:] == [batch["tokens"].numpy()[:, -1].tolist() for batch, *_ in second]
    assert sorted(itertools.chain(*read)) == sorted(6 * [1, 2, 3, 4])


def test_balanced_classes_weigh_the_same():
    labels = np.repeat([0, 1, 2], [70, 20, 10])
    weights = class_weights(labels, 3, "balanced")
    np.testing.assert_allclose(weights * [70, 20, 10], 100 / 3, rtol=1e-6)
    assert class_weights(labels, 3, "none").tolist() == [1, 1, 1]
