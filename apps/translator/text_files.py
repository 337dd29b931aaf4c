"""Read text files, plain or packed by gzip."""

import gzip
import zlib
from pathlib import Path

from ..common import tables
from ..common.cli import UserError


def read_text(path, encoding="utf-8"):
    """Return the content of a text file, unpacked if its name ends in `.gz`.

    Raises:
        UserError: the file does not exist, is damaged, or is not in this encoding.
    """
    path = Path(path)
    if path.suffix != ".gz" or not path.is_file():
        return tables.read_text(path, encoding)
    try:
        return tables.decode(path, gzip.decompress(path.read_bytes()), encoding)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: not a complete gzip file ({error}); fetch it again, or unpack it") from None
