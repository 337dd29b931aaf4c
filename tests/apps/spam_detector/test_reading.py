"""Messages in the forms that people have become the same examples, and what was read is shown."""

import gzip
import mailbox
from email.message import EmailMessage

import numpy as np
import pytest

from apps.common import cli
from apps.common.cli import UserError
from apps.spam_detector.config import Config
from apps.spam_detector.data import split_examples
from apps.spam_detector.mails import mail_text
from apps.spam_detector.reading import read_examples
from apps.spam_detector.train import train
from tests.conftest import assert_refused, shared_data

TEXTS = ["see you at 5, ok?", "WIN cash now", "thanks"]

LABELS = ["ham", "spam", "ham"]


def lines(pattern, head=""):
    """Return a line for each message; in the pattern L is the label, T the text, Q the text in quotes, N a number."""
    rows = []
    for number, (label, text) in enumerate(zip(LABELS, TEXTS, strict=True)):
        values = {"L": label, "T": text, "Q": f'"{text}"', "N": str(7 * number)}
        rows.append("".join(values.get(mark, mark) for mark in pattern) + "\n")
    return head + "".join(rows)


READABLE = {
    "UCI, label tab text": ("sms.txt", lines("L\tT")),
    "text tab label": ("sms.txt", lines("T\tL")),
    "text and label with a header": ("sms.tsv", lines("T\tL", "sentence\tlabel\n")),
    "Kaggle, with empty columns": ("spam.csv", lines("L,Q,,,", "v1,v2,,,\n")),
    "Kaggle, other names": ("spam.csv", lines("L,Q", "Category,Message\n")),
    "with an index": ("spam.csv", lines("N,L,Q,N", ",label,text,label_num\n")),
    "six columns without a header": ("tweets.csv", lines("L,146N,mon 0N,no query,bob N,Q")),
    "semicolons": ("sms.csv", lines("T;L", "text;label\n")),
    "labels that differ in case": ("sms.txt", lines("L\tT").replace("ham\tthanks", " Ham \tthanks")),
    "rows without a text": ("sms.txt", lines("L\tT").replace("spam", "ham\t\nspam\t  \nspam")),
    "fastText": ("train.txt", lines("__label__L T")),
    "JSON lines": ("a.jsonl", lines('{"label": "L", "text": Q}')),
    "JSON with objects in it": ("a.json", "[" + lines('{"data": {"text": Q}, "label": "L"},')[:-2] + "]"),
    "gzip": ("sms.txt.gz", gzip.compress(lines("L\tT").encode())),
}


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def read(path, **options):
    return read_examples(Config(data=str(path), **options))


@pytest.mark.parametrize("name", READABLE)
def test_every_form_gives_the_same_messages(tmp_path, name):
    file, content = READABLE[name]
    options = {"text_column": "data.text"} if "objects" in name else {}
    examples = read(write(tmp_path / file, content), **options)
    assert examples.texts == TEXTS
    assert examples.labels.tolist() == [0, 1, 0] and examples.class_names == ("ham", "spam")
    shown = examples.summary.lines()
    assert shown[0].startswith(f"{tmp_path / file}: ")
    assert "label 'ham', text 'see you at 5, ok?'" in "\n".join(shown)
    assert "1 message of the class to detect, 'spam', and 2 'ham'" in shown[-1]


def test_summary_counts_what_was_left_out_and_changed(tmp_path):
    path = write(
        tmp_path / "a.csv", "id,label,text\n1,ham,hello\n2,SPAM,win\n3,spam,\n4,,cash\n5,spam,win 2\n6,spam,x\n"
    )
    shown = read(path).summary.lines()
    assert "  text: column 'text'" in shown and "  label: column 'label'" in shown
    assert "  1 row: no text, left out (row 4)" in shown and "  1 row: no label, left out (row 5)" in shown
    assert "  not read: 'id'" in shown
    assert "  'SPAM' taken as 'spam': the same but for case and blanks" in shown


def test_several_labels_are_one_class_if_named(tmp_path, capsys):
    path = write(tmp_path / "a.txt", "ham\thello\nsmishing\tpay\nspam\twin\nHam\tyou\n")
    assert_refused(capsys, train, ["--data", path], "3 labels", "'ham' (2)", "--positive-label smishing spam")
    examples = read(path, positive_label=("Smishing", "spam"))
    assert examples.labels.tolist() == [0, 1, 1, 0] and examples.class_names == ("ham", "smishing/spam")
    examples_classes = examples.label_classes
    assert examples_classes == {"ham": 0, "smishing": 1, "spam": 1}
    examples = read(path, positive_label=("spam",))
    assert examples.labels.tolist() == [0, 0, 1, 0] and examples.class_names == ("ham/smishing", "spam")
    with pytest.raises(UserError, match="names all labels"):
        read(path, positive_label=("spam", "ham", "smishing"))
    saved = {
        "negative_class": "ham",
        "positive_class": "smishing/spam",
        "label_classes": {"ham": 0, "smishing": 1, "spam": 1},
    }
    later = write(tmp_path / "later.txt", "SPAM\twin\nham\tyou\nsmishing\tpay\n")
    assert read_examples(Config(data=later), saved).labels.tolist() == [1, 0, 1]


def test_column_of_ids_is_no_label(tmp_path):
    rows = "".join(f"{number},x{number},message {number}\n" for number in range(50))
    with pytest.raises(UserError, match=r"50 different labels in 50 rows.*--label-column"):
        read(write(tmp_path / "a.csv", "class,name,text\n" + rows))
    with pytest.raises(UserError, match=r"none of which is clearly the label.*--label-column 1"):
        read(write(tmp_path / "b.csv", rows))
    with pytest.raises(UserError, match=r"holds 7, expected a string.*--text-column"):
        read(write(tmp_path / "a.jsonl", '{"label": "ham", "text": 7}\n{"label": "spam", "text": 8}\n'))


def test_splits_of_the_data_are_respected(tmp_path):
    words = "alpha beta gamma delta zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau psi phi chi".split()
    rows = [(label, f"{word} {label}", split) for split, part in (("Train", words[:14]), ("test", words[14:]))
            for word in part for label in ("ham", "spam")]  # fmt: skip
    path = write(tmp_path / "a.csv", "label,text,split\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    examples = read(path)
    assert any(line == "  split as the data says: 28 train, 12 test" for line in examples.summary.lines())
    splits = split_examples(examples, Config())
    assert splits["test"].texts == [text for _, text, split in rows if split == "test"]
    assert 2 <= len(splits["validation"]) <= 4 and len(splits["train"]) + len(splits["validation"]) == 28
    path = write(tmp_path / "b.csv", "label,text,split\n" + "".join(f"{a},{b},7\n" for a, b, _ in rows))
    examples = read(path)
    assert examples.splits is None and any(
        "'7', expected train, validation or test" in line for line in examples.summary.lines()
    )


def mail(subject, text, html=None, attached=None):
    message = EmailMessage()
    message["Subject"], message["From"] = subject, "a@example.org"
    message.set_content(text or "", charset="utf-8") if text else message.set_content(html, subtype="html")
    if text and html:
        message.add_alternative(html, subtype="html")
    if attached:
        message.add_attachment(attached.encode(), maintype="text", subtype="plain", filename="a.txt")
    return message


def test_folders_of_mails_are_read_a_folder_a_class(tmp_path):
    for label in ("ham", "spam"):
        (tmp_path / "mails" / label / "inner").mkdir(parents=True)
    folder = tmp_path / "mails"
    write(folder / "ham" / "1.eml", mail("Größe", "see you", "<p>not this</p>", "nor this").as_bytes())
    write(folder / "ham" / "inner" / "2", b"Subject: lunch\nX: y\n\ncaf\xe9 at 1\n")
    write(folder / "ham" / ".hidden", b"no")
    html = "<html><head><style>p {}</style></head><p>WIN&nbsp;<b>cash</b></p><script>x()</script></html>"
    write(folder / "spam" / "3.eml", mail("free", None, html).as_bytes())
    write(folder / "spam" / "4.txt", "just text: no mail")
    examples = read(folder)
    assert [" ".join(text.split()) for text in examples.texts] == [
        "Größe see you", "lunch café at 1", "free WIN cash", "just text: no mail"]  # fmt: skip
    assert examples.labels.tolist() == [0, 0, 1, 1]
    assert "a folder of mails" in examples.summary.lines()[0]
    parts = tmp_path / "parts"
    for part in ("train", "test"):
        (parts / part).mkdir(parents=True)
        for label in ("spam", "ham"):
            box = mailbox.mbox(parts / part / f"{label}.mbox")
            box.add(mail(f"{label} in {part}", "one"))
            box.add(mail(f"{label} in {part}", "two"))
            box.close()
    examples = read(parts)
    assert len(examples) == 8 and sorted(set(examples.splits)) == ["test", "train"]
    assert examples.texts[0] == "ham in test\none" and examples.splits[0] == "test"
    with pytest.raises(UserError, match="expected a folder of mails for each class"):
        (tmp_path / "flat").mkdir()
        write(tmp_path / "flat" / "a.eml", b"Subject: x\n\ny")
        read(tmp_path / "flat")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\n\nhi", ["Grüße", "hi"]),
        (b"Subject: x\nContent-Type: text/plain; charset=klingon\n\ncaf\xc3\xa9", ["café"]),
        (b"Subject: x\nContent-Transfer-Encoding: base64\n\naGVsbG8gd29ybGQ=", ["hello world"]),
        (b"Subject: x\nContent-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: text/plain\n\nopen", ["open"]),
        (b"Subject: only this\n\n", ["only this"]),
        (b"no mail\x00 at all \xff", ["no mail", "at all"]),
        (b"", []),
    ],
)
def test_damaged_mails_give_what_text_they_have(content, words):
    text = mail_text(content)
    assert "\0" not in text and text.encode().decode() == text
    for word in words:
        assert word in text


def test_real_collection_keeps_its_5574_rows_and_their_quotes(capsys):
    path = shared_data("sms_spam/SMSSpamCollection")
    assert cli.run(train, ["--data", str(path), "--check"]) == 0
    assert "5,574 rows" in capsys.readouterr().out
    examples = read(path)
    assert len(examples) == 5574 and np.sum(examples.labels) == 747
    assert sum(text.startswith('"') for text in examples.texts) == 54
