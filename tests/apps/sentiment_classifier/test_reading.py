"""Documents in the forms that people have become the same examples, and classes get their order."""

import gzip

import pytest

from apps.common.cli import UserError
from apps.sentiment_classifier.config import Config
from apps.sentiment_classifier.data import split_examples
from apps.sentiment_classifier.reading import read_examples
from tests.conftest import shared_data

TEXTS = ["fine, really", "so so<br />at best", "dull"]
LABELS = ["positive", "neutral", "negative"]


def lines(pattern, head="", labels=LABELS):
    """Return a line for each document; in the pattern L is the label, T the text in quotes, N a number."""
    rows = []
    for number, (label, text) in enumerate(zip(labels, TEXTS, strict=True)):
        values = {"L": label, "T": f'"{text}"', "N": str(7 * number)}
        rows.append("".join(values.get(mark, mark) for mark in pattern) + "\n")
    return head + "".join(rows)


READABLE = {
    "IMDB of Kaggle": ("a.csv", lines("T,L", "review,sentiment\n")),
    "tweets on airlines": ("a.csv", lines("N,L,x,T", "tweet_id,airline_sentiment,name,text\n")),
    "tweets of the pandemic": ("a.csv", lines("N,T,L", "UserName,OriginalTweet,Sentiment\n")),
    "gzip": ("a.csv.gz", gzip.compress(lines("T,L", "review,sentiment\n").encode())),
    "JSON lines": ("a.jsonl", lines('{"sentiment": "L", "review body": T}')),
    "fastText": ("a.txt", "".join(f"__label__{each} {text}\n" for each, text in zip(LABELS, TEXTS, strict=True))),
}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def read(path, saved=None, **options):
    return read_examples(Config(data=str(path), **options), saved)


@pytest.mark.parametrize("name", READABLE)
def test_every_form_gives_the_same_documents(tmp_path, name):
    file, content = READABLE[name]
    examples = read(write(tmp_path / file, content))
    assert examples.texts == TEXTS
    assert examples.class_names == ("negative", "neutral", "positive")
    assert examples.labels.tolist() == [2, 1, 0]
    shown = "\n".join(examples.summary.lines())
    assert "label 'positive', text 'fine, really'" in shown
    assert "3 classes: 1 'positive', 1 'neutral', 1 'negative'" in shown


def test_columns_without_a_header_are_found_by_their_content(tmp_path):
    rows = "".join(f"text {number}\t{LABELS[number % 3]}\n" for number in range(6))
    examples = read(write(tmp_path / "a.tsv", rows))
    assert examples.texts[5] == "text 5" and examples.labels.tolist() == [2, 1, 0, 2, 1, 0]


ORDERS = {
    "numbers": (["10", "9", "1.0"], ["1.0", "9", "10"]),
    "stars": (["5 stars", "1 star", "3.5 stars"], ["1 star", "3.5 stars", "5 stars"]),
    "parts": (["4/5", "10/5", "1 out of 5"], ["1 out of 5", "4/5", "10/5"]),
    "number words": (["Two stars", "five stars", "One Star"], ["One Star", "Two stars", "five stars"]),
    "star signs": (["\u2605\u2605\u2606", "\u2605\u2606\u2606", "\u2b50\u2b50\u2b50"], None),
    "signs": (["1", "-1", "0"], ["-1", "0", "1"]),
    "words": (["Very Positive", "negative", "neutral"], ["negative", "neutral", "Very Positive"]),
    "quality": (["good", "excellent", "bad"], ["bad", "good", "excellent"]),
    "underscores": (["very_high", "low", "medium"], ["low", "medium", "very_high"]),
}


@pytest.mark.parametrize("name", ORDERS)
def test_order_of_classes_is_found(tmp_path, name):
    labels, order = ORDERS[name]
    order = order or [labels[1], labels[0], labels[2]]
    path = write(tmp_path / "a.csv", lines("T,L", "text,stars\n", labels))
    examples = read(path, ordered=True)
    assert list(examples.class_names) == order
    assert [examples.class_names[label] for label in examples.labels] == labels
    assert f"  in their order: {', '.join(order)}" in examples.summary.lines()


def test_unknown_order_must_be_given(tmp_path):
    labels = ["gold", "silver", "bronze"]
    path = write(tmp_path / "a.csv", lines("T,L", "text,label\n", labels))
    assert read(path).class_names == ("bronze", "gold", "silver")
    with pytest.raises(UserError, match=r"order of the labels 'gold', 'silver', 'bronze' is not known.*--label-order"):
        read(path, ordered=True)
    examples = read(path, ordered=True, label_order=("Bronze", "silver", "gold"))
    assert examples.class_names == ("bronze", "silver", "gold") and examples.labels.tolist() == [2, 1, 0]
    with pytest.raises(UserError, match="--label-order lacks 'gold'"):
        read(path, label_order=("bronze", "silver"))


def test_whole_numbers_with_and_without_a_point_are_one_class(tmp_path):
    path = write(tmp_path / "a.csv", "text,rating\na,4\nb,4.0\nc,5.00\nd,5\ne,4\n")
    examples = read(path)
    assert len(examples.class_names) == 2 and examples.labels.tolist() == [0, 0, 1, 1, 0]
    assert any("taken as '4'" in line for line in examples.summary.lines())


def test_folder_of_the_movie_review_dataset_is_read(tmp_path):
    for split in ("train", "test"):
        for label in ("pos", "neg"):
            for number, word in enumerate(("one", "two", "three")):
                write(tmp_path / "aclImdb" / split / label / f"{number}_7.txt", f"Warning: {label} {split} {word}")
        write(tmp_path / "aclImdb" / split / "labeledBow.feat", "9 0:9")
    write(tmp_path / "aclImdb" / "train" / "unsup" / "0_0.txt", "without a label")
    write(tmp_path / "aclImdb" / "README", "about")
    examples = read(tmp_path / "aclImdb")
    assert len(examples) == 12 and examples.class_names == ("neg", "pos")
    assert examples.splits.count("test") == 6 and "Warning: pos train two" in examples.texts
    shown = "\n".join(examples.summary.lines())
    assert "not read: 4 files or folders" in shown and "split as the data says" in shown
    splits = split_examples(examples, Config())
    assert sorted(splits["test"].splits) == ["test"] * 6


def test_folder_of_tables_is_read_with_its_splits(tmp_path):
    for name, count in (("train", 5), ("dev", 2), ("test", 3)):
        rows = "".join(f"{name} text {each}\t{each % 2}\n" for each in range(count))
        write(tmp_path / f"{name}.tsv", f"sentence\tlabel\n{rows}")
    write(tmp_path / "notes.txt", "nothing")
    examples = read(tmp_path)
    assert [examples.splits.count(name) for name in ("train", "validation", "test")] == [5, 2, 3]
    assert examples.text_column == "sentence" and examples.texts[0] == "dev text 0"
    write(tmp_path / "test.tsv", "sentence\tlabel\nx\t0\ny\t7\n")
    examples = read(tmp_path)
    with pytest.raises(UserError, match="no training rows of '7'"):
        split_examples(examples, Config())


def test_number_of_classes_is_checked(tmp_path):
    one = write(tmp_path / "one.csv", "text,label\na,x\nb,x\n")
    with pytest.raises(UserError, match=r"one.csv: found one class, 'x' \(2\), expected 2 to 100"):
        read(one)
    rows = "".join(f"text {number},class {number % 101}\n" for number in range(303))
    with pytest.raises(UserError, match=r"101 different labels in 303 rows.*expected at most 100.*--label-column"):
        read(write(tmp_path / "many.csv", f"text,label\n{rows}"))
    rows = "".join(f"text {number},class {number % 100}\n" for number in range(300))
    examples = read(write(tmp_path / "hundred.csv", f"text,label\n{rows}"))
    assert len(examples.class_names) == 100
    assert "and 90 more classes" in "\n".join(examples.summary.lines())


def test_class_that_training_did_not_know_is_named(tmp_path):
    path = write(tmp_path / "a.csv", "text,label\na,good\nb,bad\nc,ugly\n")
    with pytest.raises(UserError, match="row 4: class 'ugly', expected one of 'bad', 'good'"):
        read(path, saved={"class_names": ["bad", "good"]})
    with pytest.raises(UserError, match="row 2: class 'good'"):
        read(path, saved={"class_names": ["bad", "ugly"]})


def test_long_and_short_documents_are_read_whole(tmp_path):
    text = "word " * 200_000
    path = write(tmp_path / "a.csv", f"text,label\n{text},x\nword,y\n,x\n")
    examples = read(path)
    assert [len(each) for each in examples.texts] == [len(text), 4]
    assert any("no text, left out (row 4)" in line for line in examples.summary.lines())


def test_real_reviews_are_read():
    examples = read(shared_data("imdb/test_even.csv.gz"))
    assert len(examples) == 12_500 and examples.class_names == ("negative", "positive")
    examples = read(shared_data("sst2"))
    assert [examples.splits.count(name) for name in ("train", "validation", "test")] == [6920, 872, 1821]


def test_text_with_two_labels_is_refused(tmp_path):
    path = write(tmp_path / "a.txt", "__label__good fine\n__label__bad __label__dull no\n")
    with pytest.raises(UserError, match="row 2: two labels, __label__bad and __label__dull, expected one"):
        read(path)
