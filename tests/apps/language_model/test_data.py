"""Splits, token files and strands: nothing is lost, nothing leaks, and the order depends only on the seed."""

import numpy as np
import pytest

from apps.common.cli import UserError
from apps.common.text import END_ID, START_ID
from apps.common.vocabularies import Vocabulary
from apps.language_model.config import Config
from apps.language_model.data import (
    Strands,
    Tokens,
    encode_corpus,
    fit_vocabulary,
    make_dataset,
    require_enough,
    split_blocks,
    steps_of_epoch,
)
from apps.language_model.reading import read_corpus


def tokens_of(*lengths):
    """Documents whose tokens, behind a start, are 10, 11, 12, ... through all of them."""
    ids, starts, value = [], [0], 10
    for length in lengths:
        ids += [START_ID, *range(value, value + length)]
        value += length
        starts.append(len(ids))
    return Tokens(np.array(ids), np.array(starts), sum(lengths), 0, 0)


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "text.txt").write_text("".join(chr(97 + n % 26) for n in range(1000)))
    return read_corpus(Config(data=(str(tmp_path / "text.txt"),)))


def test_split_by_position_is_the_end_and_stretches_of_the_rest(corpus):
    parts = list(split_blocks(corpus, Config(validation_fraction=0.18)))
    assert "".join(text for _, text, _, _ in parts) == next(corpus.blocks()).text
    sizes = {
        name: sum(len(text) for split, text, _, _ in parts if split == name) for name in ("train", "validation", "test")
    }
    assert sizes == {"train": 720, "validation": 180, "test": 100}
    # The training text reaches the test text.
    assert [split for split, *_ in parts] == ["validation", "train"] * 10 + ["test"]
    assert [starts for _, _, starts, _ in parts] == [True] + [False] * 20
    assert [ends for *_, ends in parts] == [False] * 20 + [True]


@pytest.mark.parametrize("fractions", [(0.1, 0.03), (0.0, 0.2), (0.5, 0.4)])
def test_split_by_position_loses_nothing_whatever_the_blocks(fractions, tmp_path, monkeypatch):
    text = "word " * 77
    (tmp_path / "text.txt").write_text(text)
    config = Config(data=(str(tmp_path / "text.txt"),), test_fraction=fractions[0], validation_fraction=fractions[1])
    from apps.language_model import reading

    monkeypatch.setattr(reading, "read_blocks", lambda path, encoding: (text[at : at + 9] for at in range(0, 385, 9)))
    corpus = read_corpus(config)
    parts = list(split_blocks(corpus, config))
    assert "".join(part for _, part, _, _ in parts) == text
    test = sum(len(part) for split, part, _, _ in parts if split == "test")
    assert abs(test - fractions[0] * len(text)) <= 0.5
    splits = encode_corpus(corpus, fit_vocabulary(corpus, config), config)
    assert sum(each.characters for each in splits.values()) == len(text)
    assert len(splits["validation"].starts) - 1 == 10
    assert (len(splits["test"].starts) - 1 == 1) == bool(fractions[0])


def test_split_by_documents_keeps_equal_ones_together(tmp_path):
    (tmp_path / "lines.txt").write_text("".join(f"document number {n % 300}\n" for n in range(600)))
    config = Config(data=(str(tmp_path / "lines.txt"),), documents="lines", test_fraction=0.3, validation_fraction=0.2)
    parts = list(split_blocks(read_corpus(config), config))
    assert len(parts) == 600 and all(starts and ends for *_, starts, ends in parts)
    texts = {name: {text for split, text, *_ in parts if split == name} for name in ("train", "validation", "test")}
    assert sum(map(len, texts.values())) == 300
    assert 60 < len(texts["test"]) < 120 and 35 < len(texts["validation"]) < 85
    other = list(split_blocks(read_corpus(config), Config(**{**vars(config), "seed": 1})))
    assert [split for split, *_ in parts] != [split for split, *_ in other]


def test_documents_have_starts_and_ends(tmp_path):
    (tmp_path / "lines.txt").write_text("ab\n\n  \nba\nc\n")
    config = Config(data=(str(tmp_path / "lines.txt"),), documents="lines")
    corpus = read_corpus(config)
    assert (corpus.documents, corpus.characters) == (3, 5)
    vocabulary = Vocabulary("characters", ["a", "b"])
    tokens = encode_corpus(corpus, vocabulary)["test"]
    assert tokens.ids.tolist() == [START_ID, 4, 5, END_ID, START_ID, 5, 4, END_ID, START_ID, 1, END_ID]
    assert (tokens.predictions, tokens.unknown, tokens.words) == (8, 1, 3)
    assert tokens.document(1).tolist() == [START_ID, 5, 4, END_ID]
    one = encode_corpus(read_corpus(Config(data=(str(tmp_path / "lines.txt"),))), vocabulary)["test"]
    assert END_ID not in one.ids


def read_strands(strands):
    """Return the inputs and targets of each row, padding and starts of strands left out, and the fresh flags."""
    rows = [[] for _ in range(strands.batch_size)]
    fresh = []
    for step in range(strands.steps):
        inputs, targets, flags = strands.batch(step)
        assert inputs.shape == targets.shape == (strands.batch_size, strands.chunk_length)
        assert ((inputs == 0) == (targets == 0)).all()
        fresh.append(flags)
        for row, pair in enumerate(zip(inputs, targets, strict=True)):
            rows[row] += [(int(i), int(t)) for i, t in zip(*pair, strict=True) if t]
    return rows, np.array(fresh)


@pytest.mark.parametrize("shuffle", [None, 0, 1])
@pytest.mark.parametrize("lengths", [(100,), (7, 1, 30, 4, 4, 12), (3,) * 50, (1,)])
@pytest.mark.parametrize("size", [(1, 4), (3, 4), (8, 16), (5, 1)])
def test_strands_read_every_token_once_after_its_predecessor(lengths, size, shuffle):
    tokens = tokens_of(*lengths)
    strands = Strands(tokens, *size, None if shuffle is None else np.random.default_rng(shuffle))
    rows, fresh = read_strands(strands)
    targets = sorted(target for row in rows for _, target in row)
    assert targets == [each for each in tokens.ids.tolist() if each != START_ID]
    predecessor = dict(zip(tokens.ids[1:].tolist(), tokens.ids[:-1].tolist(), strict=True))
    assert all(predecessor[target] == given for row in rows for given, target in row)
    assert fresh[0].all() and strands.steps == Strands(tokens, *size).steps
    if shuffle is None:
        assert [target for row in rows for _, target in row] == targets


def test_only_what_continues_is_not_fresh():
    tokens = tokens_of(10, 3, 9)
    strands = Strands(tokens, 2, 4, np.random.default_rng(3))
    last = [None, None]
    for step in range(strands.steps):
        inputs, targets, fresh = strands.batch(step)
        for row in range(2):
            if targets[row, 0]:
                assert fresh[row] == (last[row] != inputs[row, 0] or step == 0)
            known = targets[row][targets[row] > 0]
            last[row] = int(known[-1]) if len(known) == 4 else None
    # A padded chunk ends its document.
    assert strands.steps == -(-(3 + 1 + 3) // 2)


def test_resumed_epochs_are_the_same_and_passes_differ():
    tokens, config = tokens_of(40, 5, 60), Config(batch_size=4, chunk_length=5, epoch_tokens=60, forget=0.3)
    steps = steps_of_epoch(tokens, config)
    assert steps == 3 < Strands(tokens, 4, 5).steps
    whole = list(make_dataset(tokens, config, range(6)))
    later = list(make_dataset(tokens, config, range(4, 6)))
    assert len(whole) == 18 and len(later) == 6
    for (one, *_), (other, *_) in zip(whole[12:], later, strict=True):
        np.testing.assert_array_equal(one["tokens"], other["tokens"])
        np.testing.assert_array_equal(one["fresh"], other["fresh"])
    a_pass = Strands(tokens, 4, 5).steps
    assert not np.array_equal(whole[0][0]["tokens"], whole[a_pass][0]["tokens"])


def test_forgetting_makes_rows_fresh_and_hides_half_of_the_tokens_before():
    tokens, config = tokens_of(4000), Config(batch_size=10, chunk_length=10, forget=0.5)
    inputs = [batch[0] for batch in make_dataset(tokens, config, range(1))][1:]
    fresh = np.array([each["fresh"].numpy() for each in inputs]).astype(bool)
    started = np.array([each["tokens"].numpy()[:, 0] == START_ID for each in inputs])
    assert 0.4 < fresh.mean() < 0.6 and not started[~fresh].any()
    assert 0.4 < started[fresh].mean() < 0.6
    plain = [(batch[0]["fresh"].numpy() > 0) & (batch[1][:, 0].numpy() > 0) for batch in make_dataset(tokens, config)]
    assert np.sum(plain) == 10 and plain[0].all()


def test_too_little_text_is_refused(tmp_path):
    (tmp_path / "text.txt").write_text("tiny text here")
    config = Config(data=(str(tmp_path / "text.txt"),))
    corpus = read_corpus(config)
    splits = encode_corpus(corpus, fit_vocabulary(corpus, config), config)
    with pytest.raises(UserError, match=r"12 tokens for train, expected 128 or more .*--chunk-length"):
        require_enough(corpus, splits, config)
