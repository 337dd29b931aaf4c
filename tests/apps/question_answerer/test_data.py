"""Splits, sentences and words in the graph, batches."""

import numpy as np
import pytest
import tensorflow as tf

from apps.question_answerer.babi import Question, split_sentences
from apps.question_answerer.config import Config
from apps.question_answerer.data import Answers, Encoder, make_dataset, split_examples
from apps.question_answerer.reading import Examples, Summary, read_examples

TEXTS = ["Ada slept.  Ben ran!\nWho?\r\n\n Cleo, too", "x.y z", "One. ", "A?\tB! C", "ÄRGER. über\u2028Öl.\x0bEnd"]


@pytest.fixture
def encoder():
    questions = [Question("", ("Ada went to the kitchen.", "Ben ran."), "Where is Ada?", "kitchen")]
    return Encoder.fit(questions, Config())


def test_sentences_in_the_graph_are_those_of_reading(encoder):
    found = encoder.sentences(tf.constant(TEXTS)).to_list()
    assert [[each.decode() for each in row] for row in found] == [split_sentences(text) for text in TEXTS]
    again = encoder.sentences(tf.constant(["\n".join(split_sentences(text)) for text in TEXTS])).to_list()
    assert again == found


def test_words_are_compared_without_case_and_marks(encoder):
    one, other, unknown = encoder(tf.constant(["Ada, went; to THE kitchen?!", "ada went to the kitchen", "Zoe went"]))
    np.testing.assert_array_equal(one, other)
    assert len(set(one.numpy()[:5].tolist())) == 5 and not one.numpy()[5:].any()
    assert unknown.numpy()[0] == 1 and unknown.numpy()[1] == one.numpy()[1]
    assert encoder.unknown(["Zoe went", "to Zoe's ☃ kitchen"]) == ["zoe", "s"]


def test_stories_are_padded_before_the_first_sentence(encoder):
    ids, texts = encoder.stories(tf.constant(["Ada went. Ben ran.", "Ben ran."]))
    assert texts.numpy().tolist() == [[b"Ada went.", b"Ben ran."], [b"", b"Ben ran."]]
    assert not ids.numpy()[1, 0].any()
    np.testing.assert_array_equal(ids[0, 1], ids[1, 1])
    np.testing.assert_array_equal(ids[0, 1], encoder(tf.constant(["Ben ran."]))[0])
    encoder.max_sentences = 1
    assert encoder.stories(tf.constant(["Ada went. Ben ran."]))[1].numpy().tolist() == [[b"Ben ran."]]


def questions_of(count, stories=10, split=None):
    return [
        Question(f"row {n}", (f"word{n % stories} sat.",) * (1 + n % stories), f"Who sat{n}?", f"word{n % 4}",
                 (), "ab"[n % 2], split, str(n % stories))
        for n in range(count)
    ]  # fmt: skip


def test_split_keeps_stories_together_and_what_the_data_names():
    examples = Examples(questions_of(200), "", summary=Summary("data", ""))
    splits = split_examples(examples, Config(test_fraction=0.3, validation_fraction=0.2))
    groups = [{each.group for each in part.questions} for part in splits.values()]
    assert sum(map(len, groups)) == 10 and all(groups)
    assert sum(map(len, splits.values())) == 200
    named = [*questions_of(100, split="train"), *questions_of(7, split="test")]
    splits = split_examples(Examples(named, "", summary=Summary("data", "")), Config())
    assert len(splits["test"]) == 7 and splits["validation"].questions and len(splits["train"]) > 50


def test_batches_hold_every_question_once_whatever_its_length():
    questions = questions_of(90)
    answers, config = Answers.fit(questions), Config(batch_size=16)
    encoder = Encoder.fit(questions, config)
    labels = answers.indices(questions)
    seen, shapes = [], set()
    for inputs, targets in make_dataset(questions, labels, encoder, config, range(1)):
        story, question = inputs["story"].numpy(), inputs["question"].numpy()
        lengths = story.any(axis=-1).sum(axis=-1)
        # Padding comes first.
        assert (np.diff(story.any(axis=-1).astype(int), axis=-1) >= 0).all()
        words = [encoder.vocabulary.pieces[row[1] - 4] for row in question]
        seen += zip(words, lengths.tolist(), targets.numpy().tolist(), strict=True)
        shapes.add(story.shape[1])
    expected = zip((f" sat{n}" for n in range(90)), (1 + n % 10 for n in range(90)), labels.tolist(), strict=True)
    by_number = [(" sat", length, label) for _, length, label in expected]
    assert sorted((" sat", length, label) for _, length, label in seen) == sorted(by_number)
    assert shapes == {8, 12}
    first, second = (
        [targets.numpy().tolist() for _, targets in make_dataset(questions, labels, encoder, config, range(epoch, 2))]
        for epoch in (0, 1)
    )
    # Epochs differ in their order, and a resumed training sees the second one again.
    assert first[len(second) :] == second != first[: len(second)]


def test_answers_ignore_case_and_know_what_is_new():
    answers = Answers.fit(
        [Question("", (), "", "North,East"), Question("", (), "", "north,east"), Question("", (), "", "no")]
    )
    assert answers.names == ["no", "North,East"]
    found = answers.indices([Question("", (), "", "NO"), Question("", (), "", "west")])
    assert found.tolist() == [0, -1]


def test_sample_holds_out_pairs_but_no_words():
    examples = read_examples(Config())
    splits = split_examples(examples, Config())
    train, test = (splits[name].questions for name in ("train", "test"))
    words = [
        {word.strip(".?").lower() for each in part for text in (*each.story, each.question) for word in text.split()}
        for part in (train, test)
    ]
    assert words[1] <= words[0]
    assert {each.answer for each in test} - {each.answer for each in train} == set()
    pairs = [
        {(text.split()[0], text.split()[-1]) for each in part if each.task == "one_fact" for text in each.story}
        for part in (train, test)
    ]
    assert len(pairs[1]) > 50 and not pairs[0] & pairs[1]
