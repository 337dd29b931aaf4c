"""Files as people have them become the same table, or are refused with one line that says what they are."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile

import openpyxl
import pandas as pd
import pytest

from apps.common.cli import UserError
from apps.common.tables import Column, TableFormat, is_table_name, read_questions, read_table
from apps.common.tables.contents import read_lines, stored_bytes

COLUMNS = (
    Column("label", None, ("label", "class", "v1"), "--label-column"),
    Column("text", None, ("text", "message", "v2"), "--text-column"),
)
ROWS = [["ham", "see you, at 5"], ["spam", 'WIN "cash" now'], ["ham", "café £5"]]
PLAIN = 'label,text\nham,"see you, at 5"\nspam,"WIN ""cash"" now"\nham,café £5\n'
UNPACKED = PLAIN.encode()
HEAD, *LINES = PLAIN.splitlines()
QUOTED = '"label","text"\n"ham","see you, at 5"\n"spam","WIN ""cash"" now"\n"ham","café £5"\n'
INDEXED = [f"{number},{line}\n" for number, line in enumerate(LINES)]


def archive(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, content in files.items():
            packed.writestr(name.replace("_", "."), content)
    return buffer.getvalue()


def tar(compression):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{compression}") as packed:
        for name in ("a.txt", "b.txt"):
            entry = tarfile.TarInfo(name)
            entry.size = 1
            packed.addfile(entry, io.BytesIO(b"x"))
    return buffer.getvalue()


def excel(rows, above=(), sheets=("Sheet1",)):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, title in enumerate(sheets):
        sheet = book.create_sheet(title)
        for row in [*above, ["label", "text"], *rows] if number == len(sheets) - 1 else ():
            sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def frame():
    return pd.DataFrame(ROWS, columns=["label", "text"])


def parquet(table, **options):
    buffer = io.BytesIO()
    table.to_parquet(buffer, **options)
    return buffer.getvalue()


def write(tmp_path, content, name="data.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def records():
    return [dict(zip(("label", "text"), row, strict=True)) for row in ROWS]


READABLE = {
    "comma": ("data.csv", PLAIN),
    "ending in capitals": ("DATA.CSV", PLAIN),
    "no ending": ("data", PLAIN),
    "BOM": ("data.csv", "\ufeff" + PLAIN),
    "CRLF": ("data.csv", PLAIN.replace("\n", "\r\n")),
    "CR": ("data.csv", PLAIN.replace("\n", "\r")),
    "no last line end": ("data.csv", PLAIN.rstrip("\n")),
    "UTF-16 with BOM": ("data.csv", PLAIN.encode("utf-16")),
    "UTF-16 big-endian": ("data.csv", b"\xfe\xff" + PLAIN.encode("utf-16-be")),
    "UTF-32": ("data.csv", PLAIN.encode("utf-32")),
    "semicolon": ("data.csv", 'label;text\nham;see you, at 5\nspam;"WIN ""cash"" now"\nham;café £5\n'),
    "pipe": ("data.txt", 'label|text\nham|see you, at 5\nspam|"WIN ""cash"" now"\nham|café £5\n'),
    "tab with header": ("data.tsv", 'label\ttext\nham\tsee you, at 5\nspam\tWIN "cash" now\nham\tcafé £5\n'),
    "tab as Excel writes it": (
        "data.txt",
        'label\ttext\nham\t"see you, at 5"\nspam\t"WIN ""cash"" now"\nham\tcafé £5\n',
    ),
    "everything in quotes": ("data.csv", QUOTED),
    "tabs and everything in quotes": ("data.tsv", QUOTED.replace('","', '"\t"')),
    "backslashes before quotes": ("data.csv", PLAIN.replace('""', '\\"')),
    "blanks before quotes": ("data.csv", "label, text\n" + "\n".join(LINES).replace(",", ", ", 1).replace("m,", "m, ")),
    "separator named by Excel": ("data.csv", "sep=;\n" + QUOTED.replace('","', '";"')),
    "blank lines": ("data.csv", PLAIN.replace("\n", "\n\n") + "   \n"),
    "title above": ("data.csv", "Export of 3 messages\n\n" + PLAIN),
    "comments above": ("data.csv", "# made by hand\n# licence: none\n" + PLAIN),
    "index of pandas": ("data.csv", f",{HEAD}\n" + "".join(INDEXED)),
    "index written twice": ("data.csv", f"Unnamed: 0,{HEAD}\n" + "".join(INDEXED)),
    "empty columns without names": ("data.csv", PLAIN.replace("\n", ",,,\n")),
    "header repeated": ("data.csv", PLAIN.replace("spam,", "label,text\nspam,")),
    "JSON lines": ("data.jsonl", "\n".join(map(json.dumps, records()))),
    "JSON lines in .json": ("data.json", "\n".join(map(json.dumps, records())) + "\n"),
    "JSON lines in .txt": ("data.txt", "\n".join(map(json.dumps, records())) + "\n\n"),
    "JSON list": ("data.json", json.dumps(records(), indent=1)),
    "JSON list of a key": ("data.json", json.dumps({"version": "1.1", "data": records()})),
    "JSON of columns": ("data.json", json.dumps(frame().to_dict("list"))),
    "JSON as pandas writes it": ("data.json", frame().to_json()),
    "JSON split": ("data.json", frame().to_json(orient="split")),
    "JSON lists": ("data.json", json.dumps([["label", "text"], *ROWS])),
    "Parquet": ("data.parquet", parquet(frame())),
    "Parquet without an ending": ("data", parquet(frame())),
    "Parquet with an index": ("data.parquet", parquet(frame().set_index(pd.Index([5, 6, 9])))),
    "Excel": ("data.xlsx", excel(ROWS)),
    "Excel called CSV": ("data.csv", excel(ROWS)),
    "Excel with a title": ("data.xlsx", excel(ROWS, above=[["Messages of May"], []])),
    "Excel's second sheet": ("data.xlsx", excel(ROWS, sheets=("Empty", "Messages"))),
    "gzip": ("data.csv.gz", gzip.compress(UNPACKED)),
    "gzip called CSV": ("data.csv", gzip.compress(UNPACKED)),
    "bzip2": ("data.csv.bz2", bz2.compress(UNPACKED)),
    "xz": ("data.csv.xz", lzma.compress(UNPACKED)),
    "zip": ("data.zip", archive(data_csv=UNPACKED)),
    "zip made on a Mac": ("data.zip", archive(data_csv=UNPACKED, **{"__MACOSX/._data_csv": b"x"})),
    "zip in gzip": ("data.gz", gzip.compress(archive(data_csv=UNPACKED))),
}  # fmt: skip


@pytest.mark.parametrize("name", READABLE)
def test_every_form_gives_the_same_rows(tmp_path, name):
    file, content = READABLE[name]
    table = read_table(write(tmp_path, content, file), columns=COLUMNS)
    assert table.names == ["label", "text"] and table.header
    assert table.cells == ROWS
    assert len(table.rows) == 3 and table.rows == sorted(table.rows)


@pytest.mark.parametrize(
    ("content", "names", "header", "cells"),
    [
        ("ham\thi\nspam\twin\n", ["1", "2"], False, [["ham", "hi"], ["spam", "win"]]),
        ("spam\twin\nham\thi\n", ["1", "2"], False, [["spam", "win"], ["ham", "hi"]]),
        ("good,hi\nbad,win\ngood,you\n", ["1", "2"], False, [["good", "hi"], ["bad", "win"], ["good", "you"]]),
        ("0,x\n4,y\n", ["1", "2"], False, [["0", "x"], ["4", "y"]]),
        ("kind,words\na,x y\nb,z\n", ["kind", "words"], True, [["a", "x y"], ["b", "z"]]),
        ("day,a\n2024-01-01,1\n", ["day", "a"], True, [["2024-01-01", "1"]]),
        ("2024-01-01,1\n2024-01-02,2\n", ["1", "2"], False, [["2024-01-01", "1"], ["2024-01-02", "2"]]),
        ("when\tcount\n3\t1\n4\t2\n", ["when", "count"], True, [["3", "1"], ["4", "2"]]),
        ("Country,2000,2001,2002\nPeru,1,2,3\n", ["Country", "2000", "2001", "2002"], True, [["Peru", "1", "2", "3"]]),
        ("# x y\n# a, b\n1,2\n", ["a", "b"], True, [["1", "2"]]),
        ("TOA5,CR1000,prog\nTIME,RECORD,T,RH\n1,2,3,4\n", ["TIME", "RECORD", "T", "RH"], True, [["1", "2", "3", "4"]]),
        (",a\n2024-01-01,1\n2024-01-02,2\n", ["time", "a"], True, [["2024-01-01", "1"], ["2024-01-02", "2"]]),
        (",a\n1990,1\n1991,2\n", ["column 1", "a"], True, [["1990", "1"], ["1991", "2"]]),
        ("label,text,\nham,x,more\n", ["label", "text", "column 3"], True, [["ham", "x", "more"]]),
    ],
)  # fmt: skip
def test_header_is_told_from_data(tmp_path, content, names, header, cells):
    table = read_table(write(tmp_path, content, "data.txt"), columns=COLUMNS)
    assert (table.names, table.header, table.cells) == (names, header, cells)


def test_quotes_of_texts_stay_where_the_file_is_not_written_with_quotes(tmp_path):
    texts = ['"hi" she said', '"open', 'he said "no"', '"all of it"']
    path = write(tmp_path, "".join(f"ham\t{text}\n" for text in texts), "data.txt")
    assert read_table(path, columns=COLUMNS).texts(1) == texts
    for text in texts:
        path = write(tmp_path, f"ham\t{text}\nspam\tx\n", "data.txt")
        assert read_table(path, columns=COLUMNS).texts(1) == [text, "x"]


def test_options_say_what_is_not_found(tmp_path):
    path = write(tmp_path, "a:b\nc:d\n")
    assert read_table(path, TableFormat(separator=":", header=False)).cells == [["a", "b"], ["c", "d"]]
    for separator in ("\t", "\\t"):
        path = write(tmp_path, "a\tb,c\nd\te\n")
        assert read_table(path, TableFormat(separator=separator)).cells == [["a", "b,c"], ["d", "e"]]
    path = write(tmp_path, "label,text\nham,see you, at 5\n")
    table = read_table(path, TableFormat(lenient=True), COLUMNS)
    assert table.cells == [["ham", "see you, at 5"]] and table.joined == [2]
    path = write(tmp_path, excel(ROWS, sheets=("Old", "New")), "a.xlsx")
    assert read_table(path, TableFormat(sheet="Old")).cells == []
    path = write(tmp_path, "label,text\nham,caf\xe9 \u201c5\u201d\n".encode("cp1252"))
    assert read_table(path, TableFormat(encoding="cp1252"), COLUMNS).cells == [["ham", "café “5”"]]
    for wrong in ("::", "", '"'):
        with pytest.raises(UserError, match="--separator"):
            TableFormat(separator=wrong)


def test_objects_in_json_are_columns_of_their_own(tmp_path):
    path = write(
        tmp_path, '{"translation": {"en": "a", "de": "b"}}\n{"translation": {"en": "c"}, "id": 7}\n', "a.jsonl"
    )
    table = read_table(path)
    assert table.names == ["translation.en", "translation.de", "id"]
    assert table.cells == [["a", "b", None], ["c", None, 7]]
    assert table.texts(2) == ["", "7"]


def test_json_lists_of_splits_get_a_column_for_the_split(tmp_path):
    path = write(tmp_path, json.dumps({"train": records()[:2], "test": records()[2:]}), "a.json")
    table = read_table(path)
    assert table.names == ["label", "text", "split"] and table.texts(2) == ["train", "train", "test"]
    with pytest.raises(UserError, match="2 lists, of the keys 'a', 'b'; keep one"):
        read_table(write(tmp_path, json.dumps({"a": records(), "b": records()}), "a.json"))


def test_class_labels_of_hugging_face_get_their_names(tmp_path):
    import pyarrow
    from pyarrow import parquet as pq

    table = pyarrow.table({"text": ["a", "b"], "label": [1, 0]})
    features = {"info": {"features": {"label": {"names": ["ham", "spam"], "_type": "ClassLabel"}}}}
    pq.write_table(
        table.replace_schema_metadata({b"huggingface": json.dumps(features).encode()}), tmp_path / "a.parquet"
    )
    assert read_table(tmp_path / "a.parquet").texts(1) == ["spam", "ham"]


REFUSED = {
    "too many fields": (
        "label,text\nham,a\nspam,b, c\n",
        ["row 3", "3 fields, expected 2 as in the header", "--lenient"],
    ),
    "too few fields": ("label,text\nham,a\nspam\n", ["row 3", "1 field, expected 2", "complete the row"]),
    "too many in a quoted record": ('label,text\nham,"a\nb"\nspam,b,c\n', ["row 4", "3 fields"]),
    "open quote": ('label,text\nham,"a\n', ["row 2", "not CSV"]),
    "cp1252": (
        "label,text\nham,\u201cfree\u201d £5\n".encode("cp1252"),
        ["row 2", "0x93", "--encoding cp1252", "“free” £5"],
    ),
    "Latin letters": ("label,text\nham,caf\xe9\n".encode("latin-1"), ["row 2", "0xe9", "--encoding cp1252", "café"]),
    "Cyrillic": (
        "label,text\nham,привет как дела\nspam,хорошо спасибо\n".encode("cp1251"),
        ["--encoding cp1251", "привет"],
    ),
    "Chinese": ("label,text\nham,你好世界今天天气很好我们去公园\n".encode("gb18030"), ["--encoding gb18030", "你好"]),
    "UTF-16 without BOM": (PLAIN.encode("utf-16-le"), ["--encoding utf-16-le"]),
    "one damaged row": (UNPACKED + b"ham,\xff\n" + UNPACKED, ["row 5", "most of the file is"]),
    "PDF": (b"%PDF-1.4 ...", ["a PDF file"]),
    "web page": (b"\n<!DOCTYPE html><html><body>login", ["a web page"]),
    "pointer of LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", ["Git LFS"]),
    "SQLite": (b"SQLite format 3\0...", ["SQLite"]),
    "pickle": (b"\x80\x04\x95...", ["pickle"]),
    "zip of several": (archive(a_csv="x", b_csv="y"), ["a zip of 2 files: 'a.csv', 'b.csv'", "name one", "/a.csv"]),
    "tar": (tar(""), ["a tar archive of 2 files: 'a.txt', 'b.txt'", "unpack"]),
    "tar in gzip": (tar("gz"), ["a tar archive of 2 files"]),
    "damaged gzip": (gzip.compress(UNPACKED)[:-9], ["not a complete gzip file"]),
    "damaged zip": (archive(a_csv=UNPACKED)[:60], ["not a complete zip file"]),
    "damaged Parquet": (parquet(frame())[:-20], ["not a complete Parquet file"]),
    "damaged Excel": (excel(ROWS)[:-30], ["not a complete"]),
    "old Word": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), ["not a complete Excel file"]),
    "JSON of something else": ('{\n"a": 1,\n"b": {"c": 2}}\n', ["JSON object", "'a', 'b'"]),
    "damaged JSON": ('[{"label": "ham"', ["not JSON"]),
    "JSON of numbers": ("[1, 2]", ["entry 1", "int", "expected an object"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_named(tmp_path, name):
    content, words = REFUSED[name]
    is_json = isinstance(content, str) and content[:1] in "[{"
    path = write(tmp_path, content, "data.json" if is_json else "data.csv")
    with pytest.raises(UserError) as refused:
        read_table(path, columns=COLUMNS)
    message = str(refused.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    for word in words:
        assert word in message


def test_file_in_an_archive_is_named_like_one_in_a_folder(tmp_path):
    path = write(tmp_path, archive(a_csv=UNPACKED, b_txt="x"), "all.zip")
    assert read_table(path / "a.csv", columns=COLUMNS).cells == ROWS
    with pytest.raises(UserError, match=r"all\.zip: no file 'c\.csv' in this zip; it has 'a\.csv', 'b\.txt'"):
        stored_bytes(path / "c.csv")
    with pytest.raises(UserError, match="no such file"):
        stored_bytes(tmp_path / "none.zip" / "a.csv")
    with pytest.raises(UserError, match="this is a folder"):
        stored_bytes(tmp_path)


def test_doubtful_encodings_are_noted(tmp_path):
    path = write(tmp_path, "label,text\nham,\u201cfree\u201d\n".encode("cp1252"))
    notes = read_table(path, TableFormat(encoding="latin-1"), COLUMNS).notes
    assert any("--encoding cp1252 reads '“'" in note for note in notes)
    path = write(tmp_path, "label,text\nham,itâ€™s cafÃ\u00a9\n")
    assert any("encoded twice" in note for note in read_table(path, columns=COLUMNS).notes)


def test_errors_list_at_most_ten_names(tmp_path):
    names = [f"c{number}" for number in range(200)]
    path = write(tmp_path, ",".join(names) + "\n" + ",".join("x" * 200) + "\n")
    with pytest.raises(UserError) as refused:
        read_table(path).find(COLUMNS[0])
    assert "'c9' and 190 more" in str(refused.value) and "'c10'" not in str(refused.value)
    assert "--label-column" in str(refused.value)


def test_columns_are_found_without_regard_to_case_and_marks(tmp_path):
    column = Column("text", None, ("message text",), "--text-column")
    for name in ("Message_Text", "message-text", " MESSAGE TEXT "):
        assert column.index(["id", name]) == 1
    assert Column("text", "Body", (), "--text-column").index(["body", "Body"]) == 1
    with pytest.raises(UserError, match="two columns are called 'text'"):
        COLUMNS[1].find("x", ["text", "text"])


def test_lines_end_only_at_line_ends():
    assert read_lines("a\u2028b\x85c\r\nd\n\n") == ["a\u2028b\x85c", "d", ""]
    assert read_lines("a\rb") == ["a", "b"]
    assert read_lines("") == []


def test_questions_are_lines_or_the_column_that_was_trained_on(tmp_path, capsys):
    column = Column("message", "v2", (), "--text-column")
    path = write(tmp_path, 'hello, you\n\nand "me"\n', "in.txt")
    assert read_questions(path, column) == ["hello, you", "", 'and "me"']
    assert capsys.readouterr().err == ""
    path = write(tmp_path, 'v1,v2\nham,"a, b"\nspam,\n', "in.csv")
    assert read_questions(path, column) == ["a, b", ""]
    assert "message: column 'v2'" in capsys.readouterr().err
    with pytest.raises(UserError, match="no column 'v2'"):
        read_questions(write(tmp_path, "text\na\nb\n", "in.csv"), column)
    # Lines of a table are no messages.
    path = write(tmp_path, "ham\ta\nspam\tb\n", "in.txt")
    assert read_questions(path, Column("message", "2", (), "--text-column")) == ["a", "b"]
    with pytest.raises(UserError, match="no column 'v2'"):
        read_questions(path, column)
    with pytest.raises(UserError, match="nothing in it"):
        read_questions(write(tmp_path, "\n \n", "in.txt"), column)


def test_names_of_tables_are_known():
    assert all(map(is_table_name, ("a.csv", "a.TSV.gz", "b.xlsx", "c.parquet", "d.json")))
    assert not any(map(is_table_name, ("a.txt", "a.gz", "a", "csv", "a.mp4")))
