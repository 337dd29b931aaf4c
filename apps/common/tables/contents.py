"""Open files by their content: unpack them, name what is not text, and decode what is."""

import bz2
import codecs
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from ..cli import UserError
from ..words import listed

# First bytes of files that are not text, with a name for a message.
FOREIGN = (
    (b"%PDF", "a PDF file"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"\x89HDF\r\n", "an HDF5 file"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x28\xb5\x2f\xfd", "a file packed by zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"{\\rtf", "an RTF document"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"\x80\x02", "a Python pickle"),
    (b"\x80\x03", "a Python pickle"),
    (b"\x80\x04", "a Python pickle"),
    (b"\x80\x05", "a Python pickle"),
    (b"CDF\x01", "a NetCDF file"),
    (b"CDF\x02", "a NetCDF file"),
    (b"\x7fELF", "a program"),
    (b"<?xml", "an XML file"),
    (b"<!DOCTYPE html", "a web page (HTML), perhaps of a download that needs a login"),
    (b"<!doctype html", "a web page (HTML), perhaps of a download that needs a login"),
    (b"<html", "a web page (HTML), perhaps of a download that needs a login"),
    (b"version https://git-lfs", "a pointer of Git LFS; fetch the file itself with git lfs pull"),
)
PACKED = (
    (b"\x1f\x8b", "gzip", gzip.decompress),
    (b"BZh", "bzip2", bz2.decompress),
    (b"\xfd7zXZ\0", "xz", lzma.decompress),
)
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Encodings to suggest for a text that is mostly not ASCII; Western ones have few such bytes.
OTHER_ENCODINGS = "cp1251 koi8_r cp1253 cp1255 cp1256 cp874 shift_jis euc_jp gb18030 big5 euc_kr".split()
# Text that was encoded as UTF-8, then read as cp1252, then encoded again.
_TWICE = re.compile("â€[\u0080-\u00bf\u2018-\u203a\u02dc\u0152-\u0178\u2122œžŸ]|Ã[\u0080-\u00bf]")


@dataclass(frozen=True)
class Text:
    """The text of a file.

    Attributes:
        name: of the file, for messages.
        text: without byte order mark.
        encoding: that it was read in.
        notes: what the user should know, strings.
    """

    name: str
    text: str
    encoding: str
    notes: tuple[str, ...] = ()


def stored_bytes(path: str | Path) -> bytes:
    """Return the content of a file, unpacked.

    Unpacks gzip, bzip2, xz and a zip of one file, by content and not by name. `ARCHIVE.zip/NAME` is one of several.

    Raises:
        UserError: there is no such file, or it is damaged, a folder, or an archive of several.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except IsADirectoryError:
        raise UserError(f"{path}: this is a folder, expected a file") from None
    except (FileNotFoundError, NotADirectoryError):
        return _zip_member(path)
    return _unpacked(path, content)


def _unpacked(name, content):
    for magic, kind, unpack in PACKED:
        if content.startswith(magic):
            try:
                content = unpack(content)
            except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
                raise UserError(f"{name}: not a complete {kind} file ({error}); fetch it again, or unpack it") from None
            if content[257:262] == b"ustar":
                _refuse_tar(name, content)
            return _unpacked(name, content)
    if content.startswith(b"PK\x03\x04") and not is_office(content):
        return _only_member(name, content)
    if content[257:262] == b"ustar":
        _refuse_tar(name, content)
    return content


def is_office(content: bytes) -> bool:
    """Return whether bytes are a zip archive that is an Excel or OpenDocument file."""
    try:
        names = set(zipfile.ZipFile(io.BytesIO(content)).namelist())
    except zipfile.BadZipFile:
        return False
    return (
        bool(names & {"xl/workbook.xml", "xl/workbook.bin", "word/document.xml", "ppt/presentation.xml"})
        or {
            "mimetype",
            "content.xml",
        }
        <= names
    )


def _members(name, content):
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile as error:
        raise UserError(f"{name}: not a complete zip file ({error}); fetch it again, or unpack it") from None
    hidden = re.compile(r"(^|/)(__MACOSX/|\.)")
    return archive, [each for each in archive.namelist() if not each.endswith("/") and not hidden.search(each)]


def _only_member(name, content):
    archive, names = _members(name, content)
    if len(names) != 1:
        raise UserError(
            f"{name}: a zip of {len(names)} files{': ' if names else ''}{listed(names)}; name one, "
            f"as {name}/{names[0] if names else 'NAME'}"
        )
    return _read_member(name, archive, names[0])


def _zip_member(path):
    for parent in path.parents:
        if parent.is_file() and zipfile.is_zipfile(parent):
            archive, names = _members(parent, parent.read_bytes())
            name = path.relative_to(parent).as_posix()
            if name not in names:
                raise UserError(f"{parent}: no file {name!r} in this zip; it has {listed(names)}")
            return _read_member(path, archive, name)
    raise UserError(f"{path}: no such file")


def _read_member(name, archive, member):
    try:
        return _unpacked(name, archive.read(member))
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise UserError(f"{name}: cannot be unpacked ({error}); unpack it") from None


def _refuse_tar(name, content):
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        names = archive.getnames()
    raise UserError(f"{name}: a tar archive of {len(names)} files: {listed(names)}; unpack it and name one")


def require_text(name: str | Path, content: bytes) -> None:
    """Raise `UserError` that names the kind of a file that is not text."""
    start = content[:512].lstrip()
    for magic, kind in FOREIGN:
        if content.startswith(magic) or start.startswith(magic):
            raise UserError(f"{name}: {kind}, expected a text file or a table")
    if content.startswith(b"\xd0\xcf\x11\xe0") or is_office(content):
        raise UserError(f"{name}: an Excel, Word or OpenDocument file, expected text")
    if content.startswith((b"PAR1", b"ARROW1")):
        raise UserError(f"{name}: a {'Parquet' if content[0] == 80 else 'Arrow'} file, expected text")


def read_text(path: str | Path, encoding: str = "utf-8") -> str:
    """Return the content of a text file, unpacked and decoded."""
    return open_text(path, encoding).text


def open_text(path: str | Path, encoding: str = "utf-8") -> Text:
    """Return the `Text` of a file, unpacked and decoded."""
    content = stored_bytes(path)
    require_text(path, content)
    return decode(path, content, encoding)


def decode(name: str | Path, content: bytes, encoding: str = "utf-8") -> Text:
    """Decode bytes.

    A byte order mark tells the encoding, whatever `encoding` is.

    Returns:
        A `Text`.

    Raises:
        UserError: no such encoding, or an invalid byte; names its row, and the encoding that would fit.
    """
    chosen = encoding_of(content, encoding)
    try:
        text = content.decode(chosen).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UserError(_refusal(name, content, chosen, error)) from None
    if "\0" in text and (wide := wide_encoding(content)):
        raise UserError(f"{name}: half of its bytes are zero: probably {wide}; give --encoding {wide}")
    return Text(str(name), text, chosen, tuple(_doubts(text, chosen)))


def encoding_of(content: bytes, encoding: str) -> str:
    """Return the name of the encoding of bytes: what a byte order mark says, else `encoding`.

    Raises:
        UserError: no such encoding.
    """
    marked = next((kind for mark, kind in BOMS if content.startswith(mark)), None)
    try:
        return codecs.lookup(marked or encoding).name
    except LookupError:
        raise UserError(f"--encoding {encoding}: no such encoding; utf-8 and cp1252 are common") from None


def _doubts(text, encoding):
    if encoding in ("iso8859-1", "latin-1") and (found := re.search(r"[\x80-\x9f]", text)):
        fixed = found[0].encode("latin-1").decode("cp1252", "replace")
        yield f"has the byte 0x{ord(found[0]):02x}, a control character in latin-1; --encoding cp1252 reads {fixed!r}"
    if found := _TWICE.search(text):
        row = text.count("\n", 0, found.start()) + 1
        yield f"row {row} has {found[0]!r}: text that was probably encoded twice"


def _refusal(name, content, encoding, error):
    row = content.count(b"\n", 0, error.start) + 1
    start = content.rfind(b"\n", 0, error.start) + 1
    line = content[max(start, error.start - 30) : error.start + 30].split(b"\n")[0].strip()
    message = f"{name}: row {row}: byte 0x{content[error.start]:02x} is not {encoding}"
    if encoding == "utf-8":
        if _is_mostly_utf8(content):
            return f"{message}, although most of the file is; correct this row"
        return f"{message}; {advice(content, encoding, line)}"
    return f"{message}; {advice(content, encoding)}"


def advice(content: bytes, encoding: str, line: bytes = b"") -> str:
    """Return words that say in which encoding bytes that are not in `encoding`, `line` among them, may be."""
    if encoding != "utf-8":
        return "save the file as UTF-8, or name its encoding with --encoding"
    if wide := wide_encoding(content):
        return f"half of the bytes are zero: probably --encoding {wide}"
    suggested = _suggest(content)
    shown = f", with which it reads {line.decode(suggested, 'replace')!r}" if line else ""
    return f"give --encoding {suggested}{shown}"


def _is_mostly_utf8(content):
    lines = [line for line in content.split(b"\n") if not line.isascii()]
    invalid = sum("\ufffd" in line.decode("utf-8", "replace") for line in lines)
    return len(lines) > 2 * invalid


def wide_encoding(content: bytes) -> str | None:
    """Return the encoding of UTF-16 without a byte order mark; None if it is not that."""
    sample = content[:4096]
    for encoding, high in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        if high.count(0) > max(3, 0.3 * len(high)):
            return encoding
    return None


def _suggest(content):
    sample = b"\n".join([line for line in content.split(b"\n") if not line.isascii()][:200])
    letters = sum(byte > 127 or 64 < byte & 223 < 91 for byte in sample)
    if sum(byte > 127 for byte in sample) > 0.4 * letters:
        import charset_normalizer

        best = charset_normalizer.from_bytes(sample, cp_isolation=OTHER_ENCODINGS).best()
        if best is not None:
            return best.encoding.replace("_", "-")
    return "cp1252"


def read_lines(text: str) -> list[str]:
    """Return the lines of a text, ended by LF, CRLF or CR, and by nothing else."""
    if "\n" not in text:
        text = text.replace("\r", "\n")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
