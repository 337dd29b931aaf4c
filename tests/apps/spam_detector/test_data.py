"""Reading, checking, splitting and batching messages."""

import json
import zipfile
from collections import Counter
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from apps.common import tfds_sets
from apps.common.cli import UserError
from apps.common.splits import cluster_key, clusters
from apps.common.tables import TableFormat
from apps.spam_detector.config import Config
from apps.spam_detector.data import (
    Encoder,
    make_dataset,
    split_examples,
)
from apps.spam_detector.reading import Examples, read_examples
from apps.spam_detector.sample_data.make_messages import make_messages
from apps.spam_detector.sms_spam import sms_spam_dataset_builder
from tests.conftest import shared_data

CONFIG = Config()

ROWS = [("ham", "see you at 5"), ("spam", 'WIN "cash", now'), ("ham", "ok, fine"), ("spam", "call 0900")]


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def read(path, **options):
    return read_examples(Config(data=str(path), **options))


def assert_read(examples):
    assert examples.texts == [text for _, text in ROWS]
    assert examples.labels.tolist() == [0, 1, 0, 1]
    assert examples.class_names == ("ham", "spam")


def test_uci_layout_is_read_to_the_letter(tmp_path):
    assert_read(read(write(tmp_path / "sms", "".join(f"{label}\t{text}\n" for label, text in ROWS))))
    assert_read(read(write(tmp_path / "dos.txt", "".join(f"{label}\t{text}\r\n" for label, text in ROWS))))
    odd = "ham\ta b\u2028c\x85d\nspam\t  x \n"
    assert read(write(tmp_path / "odd.txt", odd)).texts == ["a b\u2028c\x85d", "  x "]
    surplus = write(tmp_path / "surplus.txt", "ham\ta\tb\nspam\tx\nham\ty\n")
    assert read(surplus, table=TableFormat(lenient=True)).texts == ["a\tb", "x", "y"]


@pytest.mark.parametrize(("label", "text"), [("label", "text"), ("v1", "v2"), ("Category", "Message")])
def test_csv_columns_are_found_by_name(tmp_path, label, text):
    body = f'id,{text},{label}\n1,see you at 5,ham\n2,"WIN ""cash"", now",spam\n3,"ok, fine",ham\n4,call 0900,spam\n'
    assert_read(read(write(tmp_path / "a.csv", "\ufeff" + body)))


def test_csv_columns_can_be_named(tmp_path):
    path = write(tmp_path / "a.csv", "text,body,kind\nx,hello,good\ny,win,bad\n")
    examples = read(path, text_column="body", label_column="kind", positive_label=("bad",))
    assert examples.texts == ["hello", "win"]
    assert examples.class_names == ("good", "bad")


def test_json_lines_are_read(tmp_path):
    rows = "\n".join(json.dumps({"text": text, "label": label}) for label, text in ROWS)
    assert_read(read(write(tmp_path / "a.jsonl", rows + "\n\n")))
    numbers = '{"message": "hello", "spam": 0}\n{"message": "win", "spam": 1}\n'
    assert read(write(tmp_path / "b.jsonl", numbers)).class_names == ("0", "1")


def test_other_encodings_are_read_when_named(tmp_path):
    path = write(tmp_path / "a.txt", "ham\tcaf\xe9\nspam\t\xa3100\n".encode("latin-1"))
    assert read(path, table=TableFormat(encoding="latin-1")).texts == ["café", "£100"]


@pytest.mark.parametrize(
    ("labels", "option", "expected"),
    [
        (["ham", "spam", "spam"], None, "spam"),
        (["legit", "Junk", "Junk"], None, "Junk"),
        (["0", "1", "1"], None, "1"),
        (["alpha", "alpha", "beta"], None, "beta"),
        (["ham", "spam", "spam"], ("ham",), "ham"),
    ],
)
def test_positive_class_is_inferred_or_named(tmp_path, labels, option, expected):
    path = write(tmp_path / "a", "".join(f"{label}\tmessage {n}\n" for n, label in enumerate(labels)))
    examples = read(path, positive_label=option or ())
    assert examples.class_names[1] == expected
    assert examples.labels.tolist() == [int(label == expected) for label in labels]


@pytest.mark.parametrize(
    ("name", "content", "options", "words"),
    [
        ("empty", "", {}, ["no messages"]),
        ("blank", "\n\n  \n", {}, ["no messages"]),
        ("one_field", "ham\tx\nspam only\n", {}, ["row 2", "1 field", "expected 2"]),
        ("one_class", "ham\tx\nham\ty\n", {}, ["1 label,", "'ham' (2)"]),
        ("three", "a\tx\nb\ty\nc\tz\n", {}, ["3 labels", "expected 2"]),
        ("nul", "ham\tx\nspam\ta\0b\n", {}, ["row 2", "NUL"]),
        ("latin", b"ham\tx\nspam\tcaf\xe9\n", {}, ["row 2", "0xe9", "--encoding"]),
        ("ok", "ham\tx\nspam\ty\n", {"table": TableFormat(encoding="klingon")}, ["--encoding klingon"]),
        ("ok", "ham\tx\nspam\ty\n", {"positive_label": ("junk",)}, ["'junk'", "'ham', 'spam'"]),
        ("a.csv", "", {}, ["no messages"]),
        ("a.csv", "id,words\n1,x\n", {}, ["--label-column", "'id', 'words'"]),
        ("a.csv", "label,text\nham,x\n", {"text_column": "body"}, ["no column 'body'", "'label', 'text'"]),
        ("a.csv", "label,text\nham,x\nspam\n", {}, ["row 3", "1 field", "expected 2 as in the header"]),
        ("a.csv", "label,text\nham,x\nspam,y, z\n", {}, ["row 3", "3 fields", "expected 2", "--lenient"]),
        ("a.csv", 'label,text\nham,"x\nspam,y\n', {}, ["row 3", "not CSV"]),
        ("a.jsonl", '{"label": "ham"', {}, ["row 1", "not JSON"]),
        ("a.jsonl", "[1]\n", {}, ["row 1", "list"]),
        ("a.jsonl", '{"label": "ham"}\n{"label": "spam"}\n', {}, ["--text-column", "'label'"]),
        ("a.jsonl", '{"label": "ham", "text": 5}\n', {}, ["row 1", "expected a string"]),
        ("a.jsonl", '{"label": "ham", "text": "\\ud800"}\n', {}, ["row 1", "surrogate"]),
    ],
)
def test_bad_file_is_refused_with_its_row(tmp_path, name, content, options, words):
    path = write(tmp_path / name, content)
    with pytest.raises(UserError) as refusal:
        read(path, **options)
    for word in words:
        assert word in str(refusal.value)
    assert path in str(refusal.value) or "--encoding" in str(refusal.value)


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read(tmp_path / "absent.csv")
    with pytest.raises(UserError, match="folder"):
        read(tmp_path)


def test_message_of_a_megabyte_is_read_and_cut_by_the_model(tmp_path):
    long = "win " * 250_000
    path = write(tmp_path / "a.csv", f'label,text\nham,hello\nspam,"{long}"\n')
    examples = read(path)
    assert len(examples.texts[1]) == 1_000_000
    encoder = Encoder(["=win"], CONFIG)
    assert encoder(examples.texts).shape == (2, CONFIG.max_tokens, CONFIG.max_features)
    one_word = encoder(["w" * 1_000_000])
    assert one_word.shape == (1, 1, CONFIG.max_features)


def test_near_duplicates_share_a_key():
    same = ["Call 0900-1234 NOW!", "call 0911 5678 now", "CALL  0123.4567 Now..."]
    assert len({cluster_key(text) for text in same}) == 1
    assert cluster_key("call 0900 1234 later") != cluster_key(same[0])
    assert clusters([same[0], "other", same[1]]).tolist() == [0, 1, 0]


def test_split_keeps_near_duplicates_together_and_classes_in_proportion():
    examples = read_examples(CONFIG)
    splits = split_examples(examples, CONFIG)
    assert sum(len(part.texts) for part in splits.values()) == len(examples.texts)
    sides = {}
    for name, part in splits.items():
        for text in part.texts:
            sides.setdefault(cluster_key(text), set()).add(name)
    assert len(sides) > 500
    assert all(len(names) == 1 for names in sides.values())
    assert len(examples.texts) - len(sides) > 100
    for name, share in (("train", 0.7), ("validation", 0.1), ("test", 0.2)):
        assert abs(len(splits[name].texts) / len(examples.texts) - share) < 0.02
        assert abs(splits[name].labels.mean() - examples.labels.mean()) < 0.03


def test_split_is_the_same_for_the_same_seed_and_another_for_another():
    examples = read_examples(CONFIG)
    first, again = (split_examples(examples, CONFIG)["test"].texts for _ in range(2))
    other = split_examples(examples, Config(seed=1))["test"].texts
    assert first == again
    assert first != other


def test_split_refuses_too_few_messages():
    examples = Examples([f"message {word}" for word in "abcdef"], np.array([0, 0, 0, 0, 0, 1]), ("ham", "spam"), "")
    with pytest.raises(UserError, match=r"5 'ham' and 1 'spam'"):
        split_examples(examples, Config())


def test_no_test_rows_when_none_are_asked_for():
    config = Config(test_fraction=0)
    splits = split_examples(read_examples(config), config)
    assert splits["test"].texts == []
    assert len(splits["train"].texts) > 8 * len(splits["validation"].texts)


def test_vocabulary_comes_from_what_it_is_fitted_on():
    encoder = Encoder.fit(["free money", "free cash", "money"], CONFIG)
    assert {"=free", "=money", " fr", "#x"} <= set(encoder.vocabulary)
    assert "=cash" not in encoder.vocabulary, "seen in one message alone"
    numbers = encoder(["free zzz"]).numpy()
    assert numbers.shape == (1, 2, CONFIG.max_features)
    assert (numbers[0, 0] > 1).sum() > (numbers[0, 1] > 1).sum()
    assert set(numbers[0, 1][numbers[0, 1] > 0]) >= {1}, "unknown features are 1"


def test_encoding_a_batch_equals_encoding_each_text():
    encoder = Encoder.fit([text for _, _, text in make_messages(200)], CONFIG)
    texts = ["Free CASH £100!!", "", "hi", "ñandú 87121 http://a.example/b \x00 \u2028 😀"]
    together = encoder(texts).numpy()
    for row, text in enumerate(texts):
        alone = encoder([text]).numpy()[0]
        np.testing.assert_array_equal(together[row, : len(alone)], alone)
        assert not together[row, len(alone) :].any()
    assert encoder(tf.constant([], tf.string)).shape == (0, 1, CONFIG.max_features)


def test_dataset_gives_every_row_once_an_epoch_in_an_order_of_its_own():
    examples = read_examples(CONFIG).take(np.arange(150))
    encoder = Encoder.fit(examples.texts, CONFIG)

    def labelled_rows(batches):
        return [
            (features[row].tobytes().rstrip(b"\0"), label[row, 0])
            for features, label in batches
            for row in range(len(label))
        ]

    plain = list(make_dataset(examples, encoder, CONFIG).as_numpy_iterator())
    both = make_dataset(examples, encoder, CONFIG, range(2, 4))
    steps = int(both.cardinality()) // 2
    assert len(plain) == steps
    batches = list(both.as_numpy_iterator())
    assert len(batches) == 2 * steps
    first, second = labelled_rows(batches[:steps]), labelled_rows(batches[steps:])
    assert Counter(first) == Counter(second) == Counter(labelled_rows(plain))
    assert first != second
    resumed = make_dataset(examples, encoder, CONFIG, range(3, 4))
    assert labelled_rows(resumed.as_numpy_iterator()) == second
    assert {features.shape[1] for features, _ in batches} <= {16, 32, 64, 128}


def test_sample_is_made_anew_the_same_and_is_varied():
    rows = list(make_messages())
    assert rows == list(make_messages())
    assert len(rows) >= 600
    assert len({text for _, _, text in rows}) > 0.9 * len(rows)
    assert Counter(label for _, label, _ in rows)["spam"] > 150


class TestSmsSpam(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = sms_spam_dataset_builder.SmsSpam
    SPLITS = {"train": 12}  # noqa: RUF012
    DL_EXTRACT_RESULT = ""


@pytest.fixture
def served_archive(tmp_path, monkeypatch):
    """An archive of the collection's form on a local server, in the place of the real one."""
    archive = tmp_path / "sms.zip"
    with zipfile.ZipFile(archive, "w") as folder:
        folder.writestr("SMSSpamCollection", "".join(f"{label}\t{text}\n" for _, label, text in make_messages(60)))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(archive.read_bytes())

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/sms.zip"
    monkeypatch.setattr(sms_spam_dataset_builder, "_URL", url)
    monkeypatch.setattr("apps.common.tfds_sets._PROBE", url)
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(tmp_path / "tfds"))
    yield url, archive
    server.shutdown()


def test_tfds_set_is_downloaded_checked_and_read(served_archive, monkeypatch):
    import hashlib

    url, archive = served_archive
    content = archive.read_bytes()
    right = tfds.download.checksums.UrlInfo(len(content), hashlib.sha256(content).hexdigest(), "sms.zip")
    monkeypatch.setattr(sms_spam_dataset_builder.SmsSpam, "url_infos", {url: right})
    examples = read_examples(Config(data="tfds:sms_spam"))
    assert examples.texts == [text for _, _, text in make_messages(60)]
    assert examples.class_names == ("ham", "spam")
    with pytest.raises(UserError, match="no split 'test'; --split takes train"):
        read_examples(Config(data="tfds:sms_spam", split="test"))


def test_tfds_set_with_another_checksum_is_refused(served_archive, monkeypatch):
    url, archive = served_archive
    wrong = tfds.download.checksums.UrlInfo(archive.stat().st_size, "0" * 64, "sms.zip")
    monkeypatch.setattr(sms_spam_dataset_builder.SmsSpam, "url_infos", {url: wrong})
    with pytest.raises(UserError, match="cannot be downloaded"):
        read_examples(Config(data="tfds:sms_spam"))


def test_tfds_offline_fails_at_once_with_a_word(tmp_path, monkeypatch):
    monkeypatch.setattr("apps.common.tfds_sets._PROBE", "http://127.0.0.1:9/")
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(tmp_path))
    with pytest.raises(UserError, match="no network"):
        read_examples(Config(data="tfds:imdb_reviews"))
    with pytest.raises(UserError, match="no such data set"):
        read_examples(Config(data="tfds:nonesuch_set"))


def test_tfds_set_of_another_kind_is_refused(monkeypatch):
    builder = tfds.testing.DummyDataset
    monkeypatch.setattr(tfds_sets, "open_set", lambda name, split: builder(data_dir="/nonexistent"))
    with pytest.raises(UserError, match="not text classification"):
        read_examples(Config(data="tfds:dummy"))


def test_real_collection_is_read_whole():
    examples = read(shared_data("sms_spam/SMSSpamCollection"))
    assert len(examples.texts) == 5574
    assert int(examples.labels.sum()) == 747
    assert len(examples.texts) - len(set(examples.texts)) == 403
    assert len(examples.texts) - len(set(clusters(examples.texts))) == 471
