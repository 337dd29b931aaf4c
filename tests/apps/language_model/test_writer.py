"""Texts that are continued, completed and scored, in the app and in the exported model."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from apps.common.text import START_ID
from apps.common.vocabularies import Vocabulary
from apps.language_model.answers import Answers
from apps.language_model.config import Config
from apps.language_model.generation import draw, uniforms
from apps.language_model.model import build_model
from apps.language_model.options import Limits, Sampling
from apps.language_model.scoring import Scorer, positions, sequence_nats, token_nats
from tests.apps.language_model.test_data import tokens_of

BETTER = Sampling(length=40, temperature=0.7)


@pytest.fixture(scope="module")
def exported(trained):
    return tf.saved_model.load(str(trained / "export" / "1")).signatures


def probabilities(writer, text):
    """Return the probabilities of the tokens behind a text, computed without states."""
    ids = np.concatenate([[START_ID], writer.encode([text])[0]])
    states = [np.zeros((1, size), "float32") for size in writer.model.state_sizes]
    outputs, _ = writer.model.run(ids[None].astype("int32"), states)
    return ops.convert_to_numpy(ops.softmax(writer.model.logits(outputs)))[0, -1].astype("float64")


def test_draws_follow_the_probabilities():
    logits = np.log(np.tile([[0.1, 0.1, 0.1, 0.05, 0.35, 0.3]], (4000, 1))).astype("float32")
    uniform = np.random.default_rng(0).random(4000).astype("float32")
    found = ops.convert_to_numpy(draw(logits, uniform, np.ones(4000, "float32")))
    # Padding, unknown and start are never drawn.
    np.testing.assert_allclose(np.bincount(found, minlength=6) / 4000, [0, 0, 0, 1 / 14, 0.5, 3 / 7], atol=0.03)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"top_k": 1}, {4}),
        ({"top_k": 2}, {4, 5}),
        ({"top_p": 0.4}, {4}),
        ({"top_p": 0.51}, {4, 5}),
        ({"top_p": 1e-6}, {4}),
        ({"top_k": 99}, {3, 4, 5}),
    ],
)
def test_limits_of_draws(options, expected):
    logits = np.log(np.tile([[0.1, 0.1, 0.1, 0.05, 0.35, 0.3]], (500, 1))).astype("float32")
    uniform = np.linspace(0, 1, 500, dtype="float32")
    found = ops.convert_to_numpy(draw(logits, uniform, np.full(500, 1.0, "float32"), **options))
    assert set(found.tolist()) == expected


def test_draws_at_extreme_temperatures():
    logits = np.array([[0, 0, 0, -2.0, 1.0, 0.5]] * 300, "float32")
    uniform = np.linspace(0, 1, 300, dtype="float32")
    assert set(ops.convert_to_numpy(draw(logits, uniform, np.zeros(300, "float32"))).tolist()) == {4}
    hot = ops.convert_to_numpy(draw(logits, uniform, np.full(300, 1e6, "float32")))
    np.testing.assert_allclose(np.bincount(hot)[3:] / 300, 1 / 3, atol=0.02)
    assert set(ops.convert_to_numpy(draw(logits, uniform, np.full(300, 1e-6, "float32"))).tolist()) == {4}


def test_uniform_numbers_depend_only_on_seed_and_index():
    many = uniforms(tf.constant([3, 4, 3]), 1700).numpy()
    np.testing.assert_array_equal(many[0], many[2])
    np.testing.assert_array_equal(many[:1, :20], uniforms(tf.constant([3]), 20).numpy())
    assert len(np.unique(many[:2])) > 3390 and 0.48 < many.mean() < 0.52


def test_top_k_of_one_is_greedy(writer):
    greedy = "".join(writer.generate("At the ", Sampling(length=40, temperature=0)))
    assert "".join(writer.generate("At the ", Sampling(length=40, top_k=1, seed=5))) == greedy
    text = "At the "
    for character in greedy[:10]:
        assert writer.vocabulary.texts[4 + int(np.argmax(probabilities(writer, text)[4:]))] == character
        text += character


def test_generated_text_depends_on_the_seed_and_comes_in_parts(writer):
    parts = list(writer.generate("At the ", BETTER))
    assert len(parts) == 2 and sum(map(len, parts)) == 40
    again = "".join(writer.generate("At the ", BETTER))
    assert again == "".join(parts) != "".join(writer.generate("At the ", Sampling(length=40, temperature=0.7, seed=1)))
    longer = "".join(writer.generate("At the ", Sampling(length=60, temperature=0.7)))
    assert longer.startswith(again) and len(longer) == 60


@pytest.mark.parametrize("size", [1, 2, 3])
def test_stop_text_ends_the_text_and_is_not_in_it(writer, size):
    whole = "".join(writer.generate("At the ", Sampling(length=60, temperature=0.7)))
    # Across the border of what is generated at once, too.
    for at in (5, 19, 30):
        stop = whole[at : at + size]
        found = "".join(writer.generate("At the ", Sampling(length=60, temperature=0.7, stop=stop)))
        assert found == whole[: whole.index(stop)]


def test_score_is_that_of_the_tokens_one_by_one(writer):
    texts = ["At the harbour", "", "x☃", "The fog is thick. " * 40]
    found = writer.score(texts)
    assert [len(each) for each in found] == [14, 0, 2, 720]
    for text in texts[:3]:
        expected = [-np.log(probabilities(writer, text[:at])[writer.encode([text])[0][at]]) for at in range(len(text))]
        np.testing.assert_allclose(found[texts.index(text)], expected, atol=1e-4)
    assert writer.unknown("x☃") == 1


def test_reset_every_window_scores_windows_alone(writer):
    tokens = tokens_of(30, 7)
    tokens = type(tokens)(np.where(tokens.ids > 3, 4 + tokens.ids % 20, tokens.ids), tokens.starts, 37, 0, 0)
    found = token_nats(writer.scorer, tokens, window=8)
    first, second = tokens.document(0), tokens.document(1)
    expected = [first[0:9], first[8:17], first[16:25], first[24:31], second]
    np.testing.assert_allclose(found, np.concatenate(sequence_nats(writer.scorer, expected)), atol=1e-5)
    assert positions(tokens, 8).tolist() == [*range(8), *range(8), *range(8), *range(6), *range(7)]
    carried = token_nats(writer.scorer, tokens)
    np.testing.assert_allclose(carried[:8], found[:8], atol=1e-5)
    assert not np.allclose(carried[8:16], found[8:16])


def test_step_by_step_equals_score_at_once(exported, writer):
    text = "At the harbour Ada the baker waits."
    size = sum(writer.model.state_sizes)
    given = {"length": tf.constant([0]), "temperature": tf.constant([1.0]), "seed": tf.constant([0])}
    state, nats = tf.zeros([1, size]), 0.0
    for part in ("At", " the harbour Ada", "", " the bak", "er waits."):
        answer = exported["step"](text=tf.constant([part]), state=state, **given)
        state, nats = answer["state"], nats + answer["nats"].numpy()[0]
        assert answer["continuation"].numpy().tolist() == [b""]
    whole = exported["score"](text=tf.constant([text]))
    assert nats == pytest.approx(whole["nats"].numpy()[0], rel=1e-4)
    assert nats == pytest.approx(writer.score([text])[0].sum(), rel=1e-4)
    assert whole["characters"].numpy()[0] == 35
    best = probabilities(writer, text)
    np.testing.assert_allclose(answer["probabilities"].numpy()[0], np.sort(best)[::-1][:10], atol=1e-4)
    assert answer["next"].numpy()[0, 0].decode() == writer.vocabulary.texts[int(np.argmax(best))]


def test_state_continues_a_generated_text(exported, writer):
    size = sum(writer.model.state_sizes)
    choices = {"temperature": tf.constant([0.0]), "seed": tf.constant([0])}
    text, state, found = "At the ", tf.zeros([1, size]), ""
    for _ in range(3):
        answer = exported["step"](text=tf.constant([text]), state=state, length=tf.constant([8]), **choices)
        state, text, found = answer["state"], "", found + answer["continuation"].numpy()[0].decode()
    whole = exported["serving_default"](prompt=tf.constant(["At the "]), length=tf.constant([24]), **choices)
    assert found == whole["continuation"].numpy()[0].decode()


def words_by_enumeration(writer, text, typed, letters):
    """Return {word: probability} of all words of up to three further letters, given what was typed."""
    inside = [index for index, each in enumerate(writer.vocabulary.texts) if each in letters and each]
    found = {}
    for length in range(4):
        for tokens in itertools.product(inside, repeat=length):
            spelled = "".join(writer.vocabulary.texts[token] for token in tokens)
            if not typed + spelled:
                continue
            p = 1.0
            for at, token in enumerate(tokens):
                p *= probabilities(writer, text + spelled[:at])[token]
            if p > 1e-3:
                rest = probabilities(writer, text + spelled)
                found[typed + spelled] = p * (1 - rest[inside].sum() - rest[[0, START_ID]].sum())
    return found


class Letters:
    """An untrained model of a few letters, with confident predictions."""

    def __init__(self):
        keras.utils.set_random_seed(3)
        self.vocabulary = Vocabulary("characters", [" ", "a", "b", "."])
        self.model = build_model(Config(units=6, embedding_dim=4, batch_size=1), self.vocabulary.size)
        for variable in self.model.trainable_variables:
            variable.assign(3 * variable.numpy())
        self.scorer = Scorer(self.model)

    def encode(self, texts):
        return [self.vocabulary.encode(tf.constant(texts)).values.numpy()]


@pytest.mark.parametrize(("text", "typed"), [("", ""), ("a b.", ""), ("b ", ""), ("b a", "a"), ("ab", "ab")])
def test_completions_are_the_most_likely_words(text, typed):
    writer = Letters()
    # In a text that has just begun, or behind a point, a space may come before the word.
    expected = words_by_enumeration(writer, text, typed, "ab")
    if not typed and not text.endswith(" "):
        space = probabilities(writer, text)[4]
        for word, p in words_by_enumeration(writer, f"{text} ", "", "ab").items():
            expected[word] = expected.get(word, 0) + space * p
    words, found = Answers(writer.model, writer.vocabulary, Limits(words=3)).completer(tf.constant([text]))
    order = sorted((word for word in expected if len(word) <= len(typed) + 3), key=lambda word: -expected[word])[:3]
    assert [word.decode() for word in words.numpy()[0]] == order
    np.testing.assert_allclose(found.numpy()[0], [expected[word] for word in order], rtol=0.01)


def test_completions_of_a_trained_model(writer):
    first, second, none = writer.complete(["At the harb", "The ", "☃☃"], 4)
    for words in (first, second):
        assert 1 <= len(words) <= 4 and 0 < sum(p for _, p in words) <= 1
        assert [p for _, p in words] == sorted((p for _, p in words), reverse=True)
    assert all(word.startswith("harb") for word, _ in first)
    assert len(none) <= 4
    long = "x" * 100
    assert len(writer.complete([long], 2)[0]) <= 2


@pytest.mark.parametrize("unit", ["words", "subwords"])
def test_completions_in_larger_units(unit):
    keras.utils.set_random_seed(0)
    lines = ["the king kills the knight. ", "a kind king sings. ", "the knight knows the kitchen. "] * 40
    vocabulary = Vocabulary.fit(unit, lines, 60)
    model = build_model(Config(units=8, embedding_dim=8, batch_size=1), vocabulary.size)
    words, found = Answers(model, vocabulary, Limits(words=6)).completer(tf.constant(["the ki", "the ", ""]))
    words = [[word.decode() for word in row if word] for row in words.numpy()]
    assert words[0] and all(word.startswith("ki") for word in words[0])
    assert len(set(words[1])) == len(words[1]) == 6
    assert (found.numpy().sum(axis=1) <= 1 + 1e-5).all() and found.numpy()[0].sum() > 0.2
    if unit == "words":
        ids = vocabulary.encode(tf.constant(["the"])).to_tensor()
        states = model.run(
            tf.concat([[[START_ID]], ids], 1), [np.zeros((1, size), "float32") for size in model.state_sizes]
        )
        p = ops.convert_to_numpy(ops.softmax(model.next_logits(states[1])))[0]
        possible = {text[1:]: p[index] for index, text in enumerate(vocabulary.texts) if text.startswith(" ki")}
        total = sum(possible.values())
        assert set(words[0]) == set(possible)
        np.testing.assert_allclose(
            found.numpy()[0, : len(words[0])], [possible[word] / total for word in words[0]], rtol=1e-4
        )


def test_generation_ends_at_the_end_of_a_document():
    writer = Letters()
    writer.model.output_bias.assign([0, 0, 0, 50, 0, 0, 0, 0])
    answers = Answers(writer.model, writer.vocabulary, Limits())
    text, _ = answers.generate(
        answers.start(tf.constant(["a"])), tf.constant([9]), tf.constant([1.0]), tf.constant([0]), 1
    )
    assert text.numpy().tolist() == [b""]
