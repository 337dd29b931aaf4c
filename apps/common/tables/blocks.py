"""Read a text file in blocks, so that memory does not grow with the file."""

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..cli import UserError
from . import contents

# Characters of a block, about.
BLOCK = 1 << 20
_OPENERS = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile)


def read_blocks(path: str | Path, encoding: str = "utf-8", size: int = BLOCK) -> Iterator[str]:
    """Yield the text of a file in blocks that end between words where that is possible; line breaks become LF.

    Unpacks gzip, bzip2, xz, and a zip of one file, by content. A byte order mark tells the encoding.

    Raises:
        UserError: there is no such file, it is not text, or has an invalid byte or a NUL byte; names row and byte.
    """
    rest = ""
    with _opened(path) as file:
        start = file.read(4096)
        contents.require_text(path, start)
        encoding = contents.encoding_of(start, encoding)
    with _opened(path) as file:
        # Removes a byte order mark, too.
        text_file = io.TextIOWrapper(file, "utf-8-sig" if encoding == "utf-8" else encoding)
        try:
            while text := text_file.read(size):
                if "\0" in text:
                    _refuse(path, encoding)
                rest += text
                if len(rest) >= size and (cut := _last_break(rest)):
                    yield rest[:cut]
                    rest = rest[cut:]
        except UnicodeDecodeError:
            _refuse(path, encoding)
    if rest:
        yield rest


@contextlib.contextmanager
def _opened(path):
    """Yield the unpacked bytes of a file as a file."""
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path}: this is a folder, expected a file")
    try:
        with contextlib.ExitStack() as stack:
            if not path.is_file():
                # Perhaps of a zip archive.
                yield io.BytesIO(contents.stored_bytes(path))
                return
            file = stack.enter_context(path.open("rb"))
            magic = file.read(6)
            file.seek(0)
            kind = next((kind for start, kind, _ in contents.PACKED if magic.startswith(start)), None)
            if magic.startswith(b"PK\x03\x04"):
                yield io.BytesIO(contents.stored_bytes(path))
            else:
                yield stack.enter_context(_OPENERS[kind](file)) if kind else file
    except _DAMAGED as error:
        raise UserError(f"{path}: not a complete packed file ({error}); fetch it again, or unpack it") from None


def _last_break(text):
    """Return the index behind the last line break, or space, of the second half of a text; 0 if there is none."""
    half = len(text) // 2
    for mark in ("\n", " "):
        if (found := text.rfind(mark, half)) >= 0:
            # A word keeps the space before it.
            return found + (mark == "\n")
    return 0


def _refuse(path, encoding):
    """Raise `UserError` that names the row and the offset of the first byte that is no text."""
    decoder, row, offset = codecs.getincrementaldecoder(encoding)(), 1, 0
    with _opened(path) as file:
        while content := file.read(1 << 16):
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(content)
            except UnicodeDecodeError as error:
                # The bytes that could not be decoded before are part of the error's.
                at = offset - pending + error.start
                row += error.object[: error.start].count(b"\n")
                raise UserError(
                    f"{path}: row {row}, byte {at}: 0x{error.object[error.start]:02x} is not {encoding}; "
                    f"{contents.advice(content, encoding)}"
                ) from None
            if "\0" in text:
                at = offset + content.index(b"\0")
                row += text[: text.index("\0")].count("\n")
                wide = contents.wide_encoding(content)
                hint = f"half of the bytes are zero: probably --encoding {wide}" if wide else "is this a text file?"
                raise UserError(f"{path}: row {row}, byte {at}: a NUL byte; {hint}")
            offset, row = offset + len(content), row + text.count("\n")
    raise UserError(f"{path}: ends within a character of {encoding}; is the file complete?")


def lines_of(blocks: Iterable[str]) -> Iterator[str]:
    """Yield the lines of blocks, without their ends."""
    rest = ""
    for block in blocks:
        *lines, rest = (rest + block).split("\n")
        yield from lines
    if rest:
        yield rest
