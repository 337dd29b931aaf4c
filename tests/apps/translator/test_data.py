"""Reading, checking, splitting and batching sentence pairs."""

import gzip
import re

import numpy as np
import pytest
import tensorflow_datasets as tfds

from apps.common.cli import UserError
from apps.common.text import END_ID, START_ID
from apps.translator import reading
from apps.translator.baseline import Dictionary
from apps.translator.config import Config
from apps.translator.data import (
    clusters,
    encode_pairs,
    fit_subwords,
    load_subwords,
    make_dataset,
    padded_lengths,
    split_pairs,
)
from apps.translator.reading import Pairs, read_pairs
from apps.translator.sample_data.make_pairs import make_pairs, number_words
from tests.conftest import shared_data

PAIRS = [("A man sleeps.", "Ein Mann schläft."), ("Two dogs run", "Zwei Hunde rennen"), ("Yes.", "Ja.")]


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def read(*data, **options):
    return read_pairs(Config(data=data, **options))


def parallel(tmp_path, sources, targets):
    return write(tmp_path / "a.en", sources), write(tmp_path / "a.de", targets)


def assert_read(pairs):
    assert list(zip(pairs.sources, pairs.targets, strict=True)) == PAIRS


@pytest.mark.parametrize("end", ["\n", "\r\n", "\tCC-BY somebody\n"])
def test_tab_separated_file_is_read(tmp_path, end):
    assert_read(read(write(tmp_path / "pairs.tsv", "".join(f"{a}\t{b}{end}" for a, b in PAIRS))))


@pytest.mark.parametrize("packed", [False, True])
def test_parallel_files_are_read_plain_and_packed(tmp_path, packed):
    names = []
    for side, suffix in ((0, "en"), (1, "de")):
        content = "\n".join(pair[side] for pair in PAIRS).encode()
        path = tmp_path / f"a.{suffix}{'.gz' * packed}"
        names.append(write(path, gzip.compress(content) if packed else content))
    assert_read(read(*names))
    backwards = read(*names, reverse=True)
    assert list(zip(backwards.targets, backwards.sources, strict=True)) == PAIRS


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a\tb\nno tab here\n", ["row 2", "1 field", "expected 2"]),
        ("one sentence\na line\n", ["row 1", "1 column", "SOURCE TARGET"]),
        ("a\tb\0\n", ["row 1", "NUL"]),
        ("\n\n", ["no pairs of sentences"]),
        (b"a\tcaf\xe9\n", ["row 1", "0xe9", "--encoding"]),
    ],
)
def test_bad_row_is_named(tmp_path, content, words):
    path = write(tmp_path / "pairs.tsv", content)
    with pytest.raises(UserError) as error:
        read(path)
    assert path in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_bad_files_are_named(tmp_path):
    source, target = parallel(tmp_path, "a\nb\n", "c\n")
    with pytest.raises(UserError, match=r"a\.en has 2 lines and .*a\.de has 1"):
        read(source, target)
    with pytest.raises(UserError, match="3 names, expected one file"):
        read(source, target, source)
    with pytest.raises(UserError, match="no such file"):
        read(str(tmp_path / "absent.gz"))
    packed = write(tmp_path / "b.gz", gzip.compress(b"a\tb\n" * 1000)[:-12])
    with pytest.raises(UserError, match="not a complete gzip file"):
        read(packed)
    with pytest.raises(UserError, match="this is a folder; name a file"):
        read(str(tmp_path))


def test_pairs_of_unequal_lengths_are_dropped_and_counted(tmp_path):
    rows = [*PAIRS, ("@@", "This is certainly no translation of that"), ("No", "Keineswegs, nein")]
    path = write(tmp_path / "pairs.tsv", "".join(f"{a}\t{b}\n" for a, b in rows))
    assert len(read_pairs(Config(), [path], keep_all=True)) == 5
    pairs = read(path)
    assert len(pairs) == 4 and "@@" not in pairs.sources
    assert "  1 row: one sentence is over 9 times as long as the other, left out (--max-length-ratio) (row 4)" in (
        pairs.summary.lines()
    )


def test_pairs_with_an_empty_side_are_left_out_and_counted(tmp_path):
    for data in (
        parallel(tmp_path, "a\n\nb\n", "c\nd\n \n"),
        [write(tmp_path / "pairs.tsv", "a\tc\n\td\nb\t \n")],
    ):
        pairs = read(*data)
        assert (pairs.sources, pairs.targets) == (["a"], ["c"])
        assert "  2 rows: one sentence or both are empty, left out (row 2, row 3)" in pairs.summary.lines()


def test_pairs_that_share_a_sentence_stay_together():
    sources = ["a b", "c", "A  B", "d", "e", "f"]
    targets = ["x", "y", "z", "y", "w", "v"]
    groups = clusters(Pairs(sources, targets))
    assert groups[0] == groups[2] and groups[1] == groups[3]
    assert len(set(groups)) == 4
    many = Pairs([f"s{number // 3}" for number in range(300)], [f"t{number}" for number in range(300)])
    splits = split_pairs(many, Config(test_fraction=0.2, validation_fraction=0.1))
    assert [len(part) for part in splits.values()] == [210, 30, 60]
    sides = [set(part.sources) for part in splits.values()]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    again = split_pairs(many, Config(test_fraction=0.2, validation_fraction=0.1))
    assert again["test"].targets == splits["test"].targets
    other = split_pairs(many, Config(test_fraction=0.2, validation_fraction=0.1, seed=1))
    assert other["test"].targets != splits["test"].targets


def test_other_validation_pairs_are_the_validation_split():
    many, few = Pairs(list("abcdefghij"), list("klmnopqrst")), Pairs(["x"], ["y"])
    splits = split_pairs(many, Config(test_fraction=0), few)
    assert splits["validation"] is few
    assert (len(splits["train"]), len(splits["test"])) == (10, 0)
    with pytest.raises(UserError, match="too few pairs"):
        split_pairs(Pairs(["a"], ["b"]), Config())


def test_decoder_inputs_are_the_target_one_step_later(pairs_file):
    config = Config(data=(str(pairs_file),), vocabulary_size=300, max_tokens=40, batch_size=32)
    pairs = read_pairs(config)
    subwords = fit_subwords(pairs, config)
    seen, shapes = [], set()
    for (source, decoder_inputs), target, weights in make_dataset(encode_pairs(pairs, subwords, config), config):
        np.testing.assert_array_equal(decoder_inputs[:, 0], START_ID)
        np.testing.assert_array_equal(decoder_inputs[:, 1:], target[:, :-1])
        np.testing.assert_array_equal(weights, target != 0)
        for ids in (source, target):
            lengths = (ids != 0).numpy().sum(axis=1)
            assert (ids.numpy()[np.arange(len(lengths)), lengths - 1] == END_ID).all()
        texts = (side.decode(ids).numpy() for side, ids in zip(subwords, (source, target), strict=True))
        seen += [tuple(text.decode() for text in pair) for pair in zip(*texts, strict=True)]
        shapes.add(target.shape[1])
    assert sorted(seen) == sorted(zip(pairs.sources, pairs.targets, strict=True))
    assert shapes <= set(padded_lengths(config)) and len(shapes) > 1


def test_long_pairs_are_left_out_and_counted(pairs_file, capsys):
    config = Config(data=(str(pairs_file),), vocabulary_size=300, max_tokens=9)
    pairs = read_pairs(config)
    subwords = fit_subwords(pairs, config)
    encoded = encode_pairs(pairs, subwords, config)
    assert 0 < len(encoded) < 480
    assert f"left out {480 - len(encoded)} of 480 pairs" in capsys.readouterr().out
    assert sum(len(target) for _, target, _ in make_dataset(encoded, config)) == len(encoded)
    with pytest.raises(UserError, match="all 480 pairs are longer"):
        encode_pairs(pairs, subwords, Config(max_tokens=1))


def test_too_small_a_vocabulary_is_refused():
    with pytest.raises(UserError, match="--vocabulary-size 10: too few for the characters"):
        fit_subwords(Pairs(["abcdefghijkl"], ["x"]), Config(vocabulary_size=10))


def test_vocabulary_of_one_language_is_refused(tmp_path):
    write(tmp_path / "vocabulary.json", '{"source": ["a"]}')
    with pytest.raises(UserError, match=r"vocabulary\.json: not the subwords of two languages"):
        load_subwords(tmp_path)


def test_sample_follows_the_grammar_of_both_languages():
    pairs = make_pairs()
    assert len(pairs) == len({source for source, _ in pairs}) == 4000
    assert pairs == make_pairs() and pairs[:50] != make_pairs(50, seed=1)
    assert [number_words(number) for number in (2, 12, 20, 21, 99)] == [
        ("two", "zwei"),
        ("twelve", "zwölf"),
        ("twenty", "zwanzig"),
        ("twenty-one", "einundzwanzig"),
        ("ninety-nine", "neunundneunzig"),
    ]
    for source, target in pairs:
        assert source[0].isupper() and target[0].isupper() and source[-1] == target[-1]
        assert re.findall(r"\d+", source) == re.findall(r"\d+", target)
        because = re.search(r" (der|die|das|den) (\w+ )?(\w+) \w+, weil (er|sie|es) ", target)
        if because:
            assert {"den": "er", "die": "sie", "das": "es"}[because[1]] == because[4], target
    assert sum("weil" in target for _, target in pairs) > 100


def test_dictionary_learns_translations_of_words():
    rows = [("the house", "das Haus"), ("the book", "das Buch"), ("a book", "ein Buch"), ("a house.", "ein Haus.")]
    dictionary = Dictionary(Pairs(*map(list, zip(*rows, strict=True))))
    assert dictionary(["a the house", "book, Zurich.", ""]) == ["ein das Haus", "Buch, Zurich.", ""]


class Translations(tfds.core.GeneratorBasedBuilder):
    """A set like those of ted_hrlr_translate, with three pairs."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = tfds.features.Translation(languages=("en", "de"))
        return self.dataset_info_from_configs(features=features, supervised_keys=("de", "en"))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for number, (english, german) in enumerate(PAIRS):
            yield number, {"en": english, "de": german}


def test_tfds_translations_are_read(tmp_path, monkeypatch):
    builder = Translations(data_dir=str(tmp_path))
    builder.download_and_prepare()
    monkeypatch.setattr(reading.tfds_sets, "open_set", lambda name, split: builder)
    pairs = read("tfds:translations")
    assert sorted(zip(pairs.targets, pairs.sources, strict=True)) == sorted(PAIRS)


def test_tfds_set_of_another_kind_is_refused(monkeypatch):
    monkeypatch.setattr(
        reading.tfds_sets, "open_set", lambda name, split: tfds.testing.DummyDataset(data_dir="/nonexistent")
    )
    with pytest.raises(UserError, match="not pairs of sentences"):
        read("tfds:dummy")


def test_real_files_are_read_completely(capsys):
    names = [str(shared_data(f"multi30k/train.{language}.gz")) for language in ("de", "en")]
    pairs = read(*names)
    assert len(pairs) == 28_998
    assert pairs.summary.lines()[-1].startswith("  2 rows: one sentence is over 9 times")
    assert pairs.sources[0].startswith("Zwei junge weiße Männer")
    assert pairs.targets[0].startswith("Two young, White males")
