"""Find the sound files of a folder by the names that transcripts give them.

Imports nothing slow, so that mistakes in the transcripts are answered at once.
"""

import functools
import os
import re
import unicodedata
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote, urlsplit

from ..common.cli import UserError
from ..common.words import listed

SOUNDS = tuple(f".{ending}" for ending in (
    "wav wave flac mp3 ogg oga opus m4a aac wma aiff aif aifc au amr sph caf ac3 3ga wv w64").split())  # fmt: skip
# Videos and other containers, whose sound is read.
VIDEOS = tuple(f".{ending}" for ending in "mp4 webm mkv mov avi m4v mpg mpeg 3gp flv wmv ts mka".split())
SUFFIXES = SOUNDS + VIDEOS
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".rar", ".7z")
# Folders that are not data: hidden ones, those of archives of macOS, and recordings without speech.
_LEFT_OUT = ("__MACOSX", "_background_noise_", "__pycache__")


class SoundFolder:
    """The files of a folder and its subfolders, listed when first needed.

    Args:
        folder: path.

    Attributes:
        guessed: {path found by the name of its file alone, in another folder: the name that was given}.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.guessed = {}
        self._found = {}

    @functools.cached_property
    def _files(self):
        return sorted(_files_below(self.folder))

    @functools.cached_property
    def sounds(self):
        """Paths of the sound files, sorted."""
        return [path for path in self._files if path.suffix.lower() in SUFFIXES]

    @functools.cached_property
    def others(self):
        """Paths of the other files, sorted."""
        return [path for path in self._files if path.suffix.lower() not in SUFFIXES]

    @functools.cached_property
    def _by_stem(self):
        """{stem without case: [(folders and stem, suffix, path)]}."""
        index = {}
        for path in self.sounds:
            parts = _folded(path.relative_to(self.folder).as_posix())
            index.setdefault(without_suffix(parts).rpartition("/")[2], []).append((without_suffix(parts), path))
        return index

    def find(self, name, base=None):
        """Return the path of a recording; None if it is not there.

        Args:
            name: as the transcripts have it: with or without folders, and with any ending or none.
            base: folder that the name may be relative to, beside the folder itself.

        Raises:
            UserError: several files may be meant.
        """
        name = str(name).strip()
        key = (name, base)
        if key not in self._found:
            self._found[key] = (self._direct(name, base) or self._listed(name, base)) if name else None
        return self._found[key]

    def holds(self, name):
        """Return whether a text is the name of a sound file of the folder."""
        if not name or len(name) > 400 or "\n" in name:
            return False
        try:
            return self.find(name) is not None
        except UserError:
            return True

    def _direct(self, name, base):
        if "\0" in name or not name.lower().endswith(SUFFIXES):
            return None
        for folder in (base, self.folder):
            if folder is not None:
                path = Path(folder) / name.replace("\\", "/")
                try:
                    if path.is_file():
                        return path
                except OSError:
                    return None
        return None

    def _listed(self, name, base):
        """Return the only path that ends as the name does, or else one of the same file name in other folders."""
        text = unquote(urlsplit(name).path) if re.match(r"\w+://", name) else name.replace("\\", "/")
        whole = without_suffix(_folded(text)).strip("/")
        found = self._by_stem.get(whole.rpartition("/")[2], [])
        if not found:
            return None
        folders = [part for part in whole.split("/")[:-1] if part not in ("", ".", "..")]
        scores = [_likeness(folders, own.split("/")[:-1]) for own, _ in found]
        best = [path for (_, path), score in zip(found, scores, strict=True) if score == max(scores)]
        if len(best) > 1:
            suffix = PureWindowsPath(text).suffix.lower()
            best = [path for path in best if base is not None and path.is_relative_to(base)] or best
            best = [path for path in best if path.suffix.lower() == suffix] or best
        if len(best) > 1:
            # A converted copy beside the original, as a.flac and a.mp3, has the same sound.
            if len({(path.parent, path.stem) for path in best}) > 1:
                raise UserError(
                    f"{self.folder}: {name!r} may be {listed(map(self.name_of, best))}; name the file with its folder, "
                    "or keep one of them"
                )
            best.sort(key=lambda path: SUFFIXES.index(path.suffix.lower()))
        if set(folders) & self._folder_names - set(_folded(best[0].parent.as_posix()).split("/")):
            # A folder that is named is there, but the file is not in it.
            return None
        if folders and not max(scores)[0] and best[0].parent != self.folder:
            self.guessed.setdefault(best[0], name)
        return best[0]

    @functools.cached_property
    def _folder_names(self):
        return {_folded(part) for path in self.sounds for part in path.relative_to(self.folder).parts[:-1]}

    def name_of(self, path):
        """Return the path of a file within the folder, for messages; the whole path if it is elsewhere."""
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else str(path)


def without_suffix(name):
    """Return a name without its ending, if it is that of a sound or video."""
    return name[: name.rfind(".")] if name.lower().endswith(SUFFIXES) else name


def _folded(text):
    # macOS writes names in the decomposed form of Unicode.
    return unicodedata.normalize("NFC", text).casefold()


def _likeness(folders, others):
    """Return how many folders two paths share at the end, and how many in all."""
    count = 0
    for one, other in zip(reversed(folders), reversed(others), strict=False):
        if one != other:
            break
        count += 1
    return count, len(set(folders) & set(others))


def _files_below(folder):
    """Yield the files of a folder, not the hidden ones; follows links, but none twice."""
    seen = set()
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(each for each in folders if not each.startswith(".") and each not in _LEFT_OUT)
        yield from (Path(parent) / name for name in names if not name.startswith("."))
