"""Find the clips of a folder by the names that people write: with or without ending or folder, as numbers, as URLs.

Imports nothing slow, so that mistakes in the captions are answered at once.
"""

import os
import re
import unicodedata
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from ..common.cli import UserError
from ..common.words import listed

SUFFIXES = (".avi", ".mp4", ".webm", ".gif", ".mkv", ".mov", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".3gp",
            ".ogv")  # fmt: skip
# A picture is a clip of one frame; captions of pictures may also be those of clips made of them.
PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
# Words before the number of a clip, in files called video7.mp4 where the captions say 7, or the other way round.
_NUMBERED = re.compile(r"(video|clip|vid|file|image|img|gif|v)?[ _-]?(\d+)")


class ClipFolder:
    """The files of a folder and its subfolders, found by name.

    Args:
        folder: path of the folder.

    Attributes:
        clips: paths of its videos, sorted.
        others: paths of its other files, sorted.
        has_pictures: whether there are pictures, too.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        files = sorted(_files_below(self.folder))
        self.clips = [path for path in files if path.suffix.lower() in SUFFIXES]
        pictures = [path for path in files if path.suffix.lower() in PICTURES]
        self.others = [path for path in files if path.suffix.lower() not in SUFFIXES + PICTURES]
        self.has_pictures = bool(pictures)
        # Pictures last: beside a video of the same name they are its preview.
        # Captions name a clip again and again.
        self._found = {}
        self._indices = [index for paths in (self.clips, pictures) for index in self._index(paths)]

    def _index(self, paths):
        """Return dicts from a way to write a name to the paths it may mean, the most exact way first."""
        indices = [{} for _ in range(6)]
        for path in paths:
            relative = nfc(path.relative_to(self.folder).as_posix())
            whole, name = relative[: -len(path.suffix)] + path.suffix.lower(), nfc(path.stem)
            number = _NUMBERED.fullmatch(name.casefold())
            keys = [
                whole,
                name + path.suffix.lower(),
                whole[: -len(path.suffix)],
                name,
                name.casefold(),
                int(number[2]) if number else None,
            ]
            for index, key in zip(indices, keys, strict=True):
                if key is not None:
                    index.setdefault(key, []).append(path)
        return indices

    def find(self, name, base=None):
        """Return the path of a clip; None if it is not there.

        Args:
            name: as the captions have it.
            base: folder that the name may be relative to, beside the folder itself.

        Raises:
            UserError: several files may be meant.
        """
        key = (name, base)
        if key not in self._found:
            self._found[key] = self._named(name, base) or self._numbered(name)
        return self._found[key]

    def holds(self, name, numbers=True):
        """Return whether a text is the name of a clip, or of several; without `numbers` not if only numbers agree."""
        if not name.strip():
            return False
        try:
            return (self.find(name) if numbers else self._named(name, None)) is not None
        except UserError:
            return True

    def _named(self, name, base):
        for each in _spellings(str(name), self.folder, base):
            for index in self._indices:
                if found := index.get(each):
                    return self._only(name, found)
        return None

    def _numbered(self, name):
        """Return the path whose number is that of the name, if both have the same word before it, or one has none."""
        number = _NUMBERED.fullmatch(_stem(name).casefold())
        for index in self._indices if number else ():
            found = [
                path
                for path in index.get(int(number[2]), ())
                if not number[1] or _NUMBERED.fullmatch(nfc(path.stem).casefold())[1] in (None, number[1])
            ]
            if found:
                return self._only(name, found)
        return None

    def _only(self, name, found):
        if len(found) > 1:
            ending = os.path.splitext(name)[1].lower()
            found = [path for path in found if path.suffix.lower() == ending] or found
            folder, found = os.path.dirname(nfc(str(name)).replace("\\", "/")), found
            while folder and not (inside := [path for path in found if self._is_inside(path, folder)]):
                folder = folder.partition("/")[2]
            found = inside if folder else found
        if len(found) > 1:
            names = [self.name_of(path) for path in found]
            raise UserError(
                f"{self.folder}: {str(name)!r} may be {listed(names)}; name the clip with its ending and its folder, "
                "or keep one of them"
            )
        return found[0]

    def _is_inside(self, path, folder):
        return f"/{nfc(path.relative_to(self.folder).parent.as_posix())}".endswith(f"/{folder}")

    def name_of(self, path):
        """Return the path of a clip within the folder, for messages."""
        return path.relative_to(self.folder).as_posix()


def _files_below(folder):
    """Yield the files of a folder, not the hidden ones; follows links, but none twice."""
    seen = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each != "__MACOSX")
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (Path(parent) / name for name in names if not name.startswith("."))


def _spellings(name, folder, base):
    """Yield ways to write a name, the most exact first."""
    text = nfc(name.strip())
    if base is not None and base != folder and base.is_relative_to(folder):
        yield from _endings(f"{nfc(base.relative_to(folder).as_posix())}/{text}")
    if "://" in text:
        text = _of_url(text)
    text = re.sub(r"#\d+$", "", text.replace("\\", "/")).removeprefix("./").strip("/")
    while text:
        yield from _endings(text)
        text = text.partition("/")[2]
    last = _stem(name)
    yield last.casefold()


def _endings(text):
    """Yield a name with its ending in lower case, and without it if it is that of a video or picture."""
    stem, dot, suffix = text.rpartition(".")
    is_media = f".{suffix.lower()}" in SUFFIXES + PICTURES
    yield f"{stem}.{suffix.lower()}" if is_media else text
    yield stem if is_media else text
    if dot and suffix == "0" and stem.isdigit():
        # A whole number that became a decimal one in a table.
        yield stem


def _stem(name):
    text = nfc(str(name).strip())
    text = re.sub(r"#\d+$", "", (_of_url(text) if "://" in text else text).replace("\\", "/")).rstrip("/")
    return list(_endings(text.rpartition("/")[2]))[-1]


def _of_url(text):
    """Return the path in a URL, or the id of a video on YouTube."""
    parts = urlsplit(text)
    return parse_qs(parts.query).get("v", [unquote(parts.path)])[0]


def nfc(text):
    """Return a name in the composed form of Unicode; macOS writes names in the decomposed one."""
    return unicodedata.normalize("NFC", text)


def looks_like_clip(text):
    """Return whether a text is the name of a video or picture, or of a part as in MSVD, `NAME_START_END`."""
    text = re.sub(r"#\d+$", "", text.strip())
    return bool(re.search(rf"\.({'|'.join(each[1:] for each in SUFFIXES + PICTURES)})$", text, re.IGNORECASE)) or (
        re.fullmatch(r"\S+_\d+_\d+", text) is not None
    )
