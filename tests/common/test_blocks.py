"""Text files in blocks: nothing is lost, words stay whole, and what is no text is refused with its place."""

import bz2
import codecs
import gzip
import lzma
import zipfile
from itertools import pairwise

import pytest

from apps.common.cli import UserError
from apps.common.tables.blocks import lines_of, read_blocks

TEXT = "Zwölf Boxkämpfer jagen\nViktor quer ☃ über den Sylter Deich. " * 50


def packed(content):
    return {"gz": gzip.compress(content), "bz2": bz2.compress(content), "xz": lzma.compress(content)}


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_blocks_joined_are_the_text(size, encoding, tmp_path):
    text = TEXT if encoding != "cp1252" else TEXT.replace("☃", "é")
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    blocks = list(read_blocks(tmp_path / "a.txt", encoding if encoding == "cp1252" else "utf-8", size))
    assert "".join(blocks) == text
    assert (len(blocks) > 1) == (size < 10_000)
    if size == 100:
        assert all(block[0] == " " or before[-1] == "\n" for before, block in pairwise(blocks))


def test_packed_files_and_line_ends(tmp_path):
    for ending, content in packed(TEXT.encode()).items():
        (tmp_path / f"a.{ending}").write_bytes(content)
        assert "".join(read_blocks(tmp_path / f"a.{ending}", size=50)) == TEXT
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("one.txt", TEXT)
    assert "".join(read_blocks(tmp_path / "a.zip")) == TEXT
    assert "".join(read_blocks(tmp_path / "a.zip" / "one.txt")) == TEXT
    (tmp_path / "mac.txt").write_bytes(codecs.BOM_UTF8 + b"a\r\nb\rc")
    assert list(read_blocks(tmp_path / "mac.txt")) == ["a\nb\nc"]
    assert list(lines_of(["a\nb", "c\n\nd", "\n"])) == ["a", "bc", "", "d"]


@pytest.mark.parametrize("rows", [0, 3, 60_000])
def test_invalid_bytes_are_named_with_row_and_offset(rows, tmp_path):
    start = b"line\n" * rows
    for content, words in (
        (start + b"caf\xe9 x\n", f"row {rows + 1}, byte {len(start) + 3}: 0xe9 is not utf-8; give --encoding"),
        (start + b"ok\0", f"row {rows + 1}, byte {len(start) + 2}: a NUL byte"),
        (start + "é".encode()[:1], "ends within a character|row"),
    ):
        (tmp_path / "a.txt").write_bytes(content)
        with pytest.raises(UserError, match=words):
            list(read_blocks(tmp_path / "a.txt"))


def test_files_that_cannot_be_read_are_refused(tmp_path):
    for name, content, words in (
        ("a.gz", packed(TEXT.encode())["gz"][:40], "not a complete packed file"),
        ("a.xz", packed(TEXT.encode())["xz"][:-40], "not a complete packed file"),
        ("a.txt", b"%PDF-1.5", "a PDF file"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError, match=words):
            list(read_blocks(tmp_path / name))
    for path, words in ((tmp_path, "this is a folder"), (tmp_path / "absent", "no such file")):
        with pytest.raises(UserError, match=words):
            list(read_blocks(path))
    with pytest.raises(UserError, match="no such encoding"):
        (tmp_path / "b.txt").write_text("x")
        list(read_blocks(tmp_path / "b.txt", "utf-99"))
