"""Texts as people have them: files, folders, columns, packed, in blocks, and what is refused."""

import functools
import gzip
import json
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow_datasets as tfds

from apps.common.cli import UserError
from apps.common.tables import TableFormat, slices
from apps.language_model import reading
from apps.language_model.config import Config
from apps.language_model.data import encode_corpus, fit_vocabulary
from apps.language_model.reading import read_corpus
from apps.language_model.sample_data.make_text import make_text
from tests.conftest import assert_refused


def read(*sources, **settings):
    """Return the texts of the documents, and the corpus."""
    corpus = read_corpus(Config(data=tuple(map(str, sources)), **settings))
    texts = []
    for block in corpus.blocks():
        texts += [""] * block.starts
        texts[-1] += block.text
    assert corpus.documents == len(texts) and corpus.characters == sum(map(len, texts))
    return texts, corpus


REVIEWS = ["good, really\ngood", 'she said "no"', "naïve ☃"]


def write_csv(path):
    rows = ['id,review\n1,"good, really\ngood"\n2,"she said ""no"""\n3,naïve ☃\n4,\n']
    path.write_text("".join(rows), encoding="utf-8")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json", "a.parquet", "a.csv.gz"])
def test_columns_of_tables_are_documents(name, tmp_path):
    path = tmp_path / name
    rows = [{"id": n, "review": text} for n, text in enumerate([*REVIEWS, ""])]
    if name == "a.csv":
        write_csv(path)
    elif name == "a.csv.gz":
        write_csv(tmp_path / "b.csv")
        path.write_bytes(gzip.compress((tmp_path / "b.csv").read_bytes()))
    elif name == "a.jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    elif name == "a.json":
        path.write_text(json.dumps(rows))
    else:
        import pandas as pd

        pd.DataFrame(rows).to_parquet(path)
    texts, corpus = read(path)
    assert texts == REVIEWS and corpus.text_column == "review"
    assert "column 'review'" in "\n".join(corpus.summary.lines())
    assert read(path, text_column="review")[0] == REVIEWS


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_large_tables_are_read_in_slices(ending, tmp_path, monkeypatch):
    path = tmp_path / f"a.{ending}"
    texts = [f'row {n}, with "quotes"\nand a line' * (n % 5 + 1) for n in range(200)]
    if ending == "csv":
        quoted = (text.replace('"', '""') for text in texts)
        path.write_text("id,text\n" + "".join(f'{n},"{text}"\n' for n, text in enumerate(quoted)))
    else:
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    whole, corpus = read(path)
    assert whole == texts
    wheres = [block.where for block in corpus.blocks()]
    monkeypatch.setattr(reading, "read_slices", functools.partial(slices.read_slices, size=500))
    sliced, corpus = read(path)
    assert sliced == texts
    assert [block.where for block in corpus.blocks()] == wheres


def test_files_and_folders(tmp_path):
    folder = tmp_path / "texts" / "deep"
    folder.mkdir(parents=True)
    (tmp_path / "texts" / "b.txt").write_bytes(b"second\r\nline")
    (folder / "c.txt.gz").write_bytes(gzip.compress("third é".encode()))
    (tmp_path / "texts" / "a.md").write_text("first")
    (tmp_path / "texts" / "empty.txt").write_text(" \n")
    (tmp_path / "texts" / "picture.png").write_bytes(b"\x89PNG")
    assert read(tmp_path / "texts")[0] == ["first", "second\nline", "third é"]
    assert read(tmp_path / "texts" / "b.txt", tmp_path / "texts" / "a.md")[0] == ["second\nline", "first"]
    assert read(tmp_path / "texts" / "b.txt", documents="lines")[0] == ["second", "line"]
    (tmp_path / "wide.txt").write_bytes("naïve".encode("utf-16"))
    assert read(tmp_path / "wide.txt")[0] == ["naïve"]
    (tmp_path / "old.txt").write_bytes("naïve".encode("cp1252"))
    assert read(tmp_path / "old.txt", table=TableFormat(encoding="cp1252"))[0] == ["naïve"]


def test_blocks_of_a_large_file_are_one_document(tmp_path, monkeypatch):
    text = "word and another one\n" * 20_000
    (tmp_path / "large.txt").write_text(text)
    assert read(tmp_path / "large.txt")[0] == [text]
    config = Config(data=(str(tmp_path / "large.txt"),))
    before = read_corpus(config)
    whole = encode_corpus(before, fit_vocabulary(before, config), config)
    small = reading.read_blocks
    monkeypatch.setattr(reading, "read_blocks", lambda path, encoding: small(path, encoding, size=1000))
    after = read_corpus(config)
    assert len(list(after.blocks())) > 100 and after.fingerprint == before.fingerprint
    assert [block.starts for block in after.blocks()].count(True) == 1
    for name, tokens in encode_corpus(after, fit_vocabulary(after, config), config).items():
        np.testing.assert_array_equal(tokens.ids, whole[name].ids)


def test_sets_of_tensorflow_datasets_are_read(tmp_path, monkeypatch):
    from apps.common import tfds_sets

    rows = [{"text": b"one"}, {"text": "zwei é".encode()}]
    features = tfds.features.FeaturesDict({"id": tfds.features.Scalar(np.int64), "text": tfds.features.Text()})
    builder = SimpleNamespace(info=SimpleNamespace(features=features))
    monkeypatch.setattr(tfds_sets, "open_set", lambda name, split: builder)
    monkeypatch.setattr(tfds_sets, "rows", lambda builder, split: iter(rows))
    texts, corpus = read("tfds:lm1b")
    assert texts == ["one", "zwei é"] and "field 'text'" in "\n".join(corpus.summary.lines())
    features = tfds.features.FeaturesDict({"id": tfds.features.Scalar(np.int64)})
    builder.info.features = features
    with pytest.raises(UserError, match="no field of text, found id"):
        read("tfds:mnist")


MISTAKES = {
    "empty.txt": (b"", ["empty.txt: 0 characters"]),
    "one.txt": (b"x", ["one.txt: 1 character;"]),
    "blank.txt": (b" \n\n", ["blank.txt: 0 characters"]),
    "latin.txt": ("fine\ncaf\xe9 au lait".encode("latin-1"), ["row 2, byte 8: 0xe9", "--encoding cp1252"]),
    "zero.txt": (b"fine\nno\0t", ["row 2, byte 7", "NUL byte"]),
    "wide.txt": ("a text".encode("utf-16-le"), ["--encoding utf-16-le"]),
    "a.pdf": (b"%PDF-1.4 text", ["a PDF file"]),
    "short.txt": (b"hello world, this is short", ["expected 128 or more", "--chunk-length"]),
    "cut.txt.gz": (gzip.compress(b"text" * 999)[:30], ["not a complete packed file"]),
    "a.csv": (b"id,value\n1,2\n", ["no column for the text found", "--text-column", "'id', 'value'"]),
    "none.csv": (b"", ["none.csv", "expected"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_files_that_are_no_text_are_refused(name, tmp_path, capsys):
    from apps.language_model.train import train

    content, words = MISTAKES[name]
    (tmp_path / name).write_bytes(content)
    assert_refused(capsys, train, ["--data", tmp_path / name, "--run-dir", tmp_path / "run"], *words)
    assert not (tmp_path / "run").exists()


def test_folder_without_texts_and_unknown_set_are_refused(tmp_path, capsys):
    from apps.language_model.train import train

    (tmp_path / "folder").mkdir()
    assert_refused(capsys, train, ["--data", tmp_path / "folder"], "no text file in this folder", ".txt")
    assert_refused(capsys, train, ["--data", "tfds:no_such_set"], "no such data set")


def test_line_of_a_megabyte_is_read(tmp_path):
    (tmp_path / "long.txt").write_text("x" * 1_500_000)
    assert len(read(tmp_path / "long.txt")[0][0]) == 1_500_000


def test_sample_is_long_and_cannot_be_predicted_from_five_characters():
    from apps.language_model.baseline import NGrams

    text = make_text()
    assert len(text) >= 300_000 and text == make_text()
    ids = np.array([2, *(ord(character) - 6 for character in text)])
    cut = int(0.9 * len(ids))
    found = -np.log(NGrams(ids[:cut], 9, 130).probabilities(np.concatenate([[2], ids[cut:]]))).mean(axis=1)
    # What longer contexts know, a 5-gram does not.
    assert found[4] > 1.2 * found[8]
