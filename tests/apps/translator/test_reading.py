"""Pairs in the forms that people have become the same sentences, and what was read is shown."""

import gzip

import openpyxl
import pytest

from apps.common.cli import UserError
from apps.common.tables import TableFormat
from apps.translator.config import Config
from apps.translator.reading import read_pairs

SOURCES = ["A man sleeps.", "Two dogs run, fast", 'She said "no".']
TARGETS = ["Ein Mann schläft.", "Zwei Hunde rennen, schnell", "Sie sagte „nein“."]


def lines(pattern, head=""):
    """Return a line for each pair; in the pattern S and T are the texts, X and Y the same in quotes, N a number."""
    rows = []
    for number, (source, target) in enumerate(zip(SOURCES, TARGETS, strict=True), 1001):
        quoted = [f'"{text.replace(chr(34), 2 * chr(34))}"' for text in (source, target)]
        values = {"S": source, "T": target, "X": quoted[0], "Y": quoted[1], "N": str(number)}
        rows.append("".join(values.get(mark, mark) for mark in pattern) + "\n")
    return head + "".join(rows)


def json_lines(pattern):
    return lines(pattern).replace('""', '\\"')


UNITS = "".join(
    f'<tu><prop type="x">no</prop><tuv xml:lang="EN-US"><seg>{source}</seg></tuv><tuv xml:lang="de"><seg>{target}</seg>'
    "</tuv></tu>"
    for source, target in zip(SOURCES, TARGETS, strict=True)
).replace("sleeps", "<bpt i='1'>&lt;b&gt;</bpt>sle<hi>eps</hi><ept i='1'>&lt;/b&gt;</ept>")
TMX = f'<?xml version="1.0" encoding="UTF-8"?><tmx version="1.4"><header srclang="en"/><body>{UNITS}</body></tmx>'

READABLE = {
    "tab": ("pairs.tsv", lines("S\tT")),
    "manythings.org": ("deu.txt", lines("S\tT\tCC-BY 2.0 (France) Attribution: tatoeba.org #N (CK)")),
    "Tatoeba's pairs": ("pairs.tsv", lines("N\tS\tN\tT")),
    "Tatoeba's pairs with languages": ("pairs.tsv", lines("N\teng\tS\tN\tdeu\tT")),
    "scores first": ("wikimatrix.tsv", lines("1.0N\tS\tT")),
    "addresses first": ("paracrawl.tsv", lines("https://a.example/N\thttps://b.example/N\tS\tT\t0.9")),
    "header with languages": ("pairs.tsv", lines("S\tT", "English\tGerman\n")),
    "header with words and languages": (
        "eng_-ger.csv",
        lines("X,Y", "English words/sentences,German words/sentences\n"),
    ),
    "header with codes": ("pairs.csv", lines("X,Y", "en,de\n")),
    "header source and target": ("pairs.csv", lines("N,Y,X", "id,target,source\n")),
    "header of other names": ("pairs.csv", lines("N,X,Y", "id,question,answer\n")),
    "domains and addresses": ("ccaligned.tsv", lines("a.example\thttps://a.example/N\tS\thttps://b.example/N\tT")),
    "Anki's cards": ("cards.txt", lines("S\tT\tdeck", "#separator:tab\n#html:true\n#tags column:3\n")),
    "word alignments last": ("aligned.tsv", lines("S\tT\t0-0 1-1")),
    "languages first": ("pairs.tsv", lines("eng\tdeu\tS\tT")),
    "index": ("pairs.csv", lines("N,X,Y", ",en,de\n")),
    "no header": ("pairs.csv", lines("X,Y")),
    "semicolons": ("pairs.csv", lines("X;Y", "source;target\n")),
    "quotes of Excel": ("pairs.txt", lines("X\tY", "source\ttarget\n")),
    "translation objects": ("pairs.jsonl", json_lines('{"id": N, "translation": {"en": X, "de": Y}}')),
    "JSON list": ("pairs.json", "[" + ",".join(json_lines('{"source": X, "target": Y}').splitlines()) + "]"),
    "TMX": ("memory.tmx", TMX),
    "TMX, gzip": ("memory.tmx.gz", gzip.compress(TMX.encode())),
    "TMX, UTF-16": ("memory.tmx", TMX.replace("UTF-8", "UTF-16").encode("utf-16")),
}


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def read(*data, **options):
    return read_pairs(Config(data=data, **options))


def assert_read(pairs):
    assert (pairs.sources, pairs.targets) == (SOURCES, TARGETS)


@pytest.mark.parametrize("name", READABLE)
def test_every_form_gives_the_same_pairs(tmp_path, name):
    file, content = READABLE[name]
    pairs = read(write(tmp_path / file, content))
    assert_read(pairs)
    shown = pairs.summary.lines()
    assert any("source 'A man sleeps.', target 'Ein Mann schläft.'" in line for line in shown)
    assert sum(line.startswith(("  source: ", "  target: ")) for line in shown) == 2


def test_columns_and_languages_can_be_chosen(tmp_path):
    path = write(tmp_path / "a.csv", lines("Y,N,X,X", "deutsch,id,copy,english\n"))
    assert_read(read(path, source_column="english", target_column="deutsch"))
    assert_read(read(path, source_column="English"))
    path = write(tmp_path / "a.tsv", lines("T\tN\tS"))
    assert_read(read(path, source_column="3", target_column="1"))
    assert_read(read(path, reverse=True))
    many = TMX.replace('<tuv xml:lang="de">', '<tuv xml:lang="fr"><seg>x</seg></tuv><tuv xml:lang="de">')
    path = write(tmp_path / "many.tmx", many)
    with pytest.raises(UserError, match=r"3 languages: 'en-us', 'fr', 'de'; name two with --source-column"):
        read(path)
    assert_read(read(path, source_column="en", target_column="de"))
    with pytest.raises(UserError, match="0 languages are --source-column es"):
        read(path, source_column="es", target_column="de")


def test_excel_file_is_read(tmp_path):
    book = openpyxl.Workbook()
    for row in [["English", "German"], *zip(SOURCES, TARGETS, strict=True)]:
        book.active.append(row)
    book.save(tmp_path / "pairs.xlsx")
    assert_read(read(str(tmp_path / "pairs.xlsx")))


def test_files_that_are_no_pairs_are_refused(tmp_path):
    for name, content, words in (
        ("a.tsv", lines("N\teng\tS"), "3 columns, of which 1 hold sentences"),
        ("a.txt", lines("S"), "--data SOURCE TARGET"),
        ("a.tmx", TMX[:-30], "not complete XML"),
        ("a.tmx", TMX.replace("de", "en-us").replace("EN-US", "en-us"), "1 languages: 'en-us'"),
        ("a.csv", lines("X,Y,x") + "a,b\n", "2 fields, expected 3"),
    ):
        path = write(tmp_path / name, content)
        with pytest.raises(UserError) as refused:
            read(path)
        assert words in str(refused.value) and path in str(refused.value)
    source, target = write(tmp_path / "a.en.csv", "a\nb\n"), write(tmp_path / "a.de.csv", "c\nd\n")
    with pytest.raises(UserError, match="a table; expected one table of pairs"):
        read(source, target)


def test_surplus_fields_belong_to_the_last_text_only_with_lenient(tmp_path):
    path = write(tmp_path / "a.csv", "en,de\nyes,ja\nyes indeed,ja, gewiss\n")
    with pytest.raises(UserError, match=r"row 3: 3 fields.*--lenient"):
        read(path)
    assert read(path, table=TableFormat(lenient=True)).targets == ["ja", "ja, gewiss"]


def test_reversed_pairs_keep_the_column_of_their_sources(tmp_path):
    path = write(tmp_path / "a.csv", lines("X,Y", "en,de\n"))
    assert read(path).source_column == "en" and read(path, reverse=True).source_column == "de"
