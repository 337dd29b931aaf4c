"""Read recordings with their transcripts, in the layouts that people have, and check both."""

import functools
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ..common.cli import UserError
from ..common.tables import Summary
from ..common.words import counted, listed, shorten
from .columns import split_of
from .embedded import rows_of_tfds, write_content
from .layouts import speaker_of_folder
from .sound_files import SUFFIXES, SoundFolder
from .sources import read_file, read_folder
from .texts import normalize_text

# Folder for the sample, and for sounds that are not in files.
CACHE = Path("runs/speech_recognizer_cache")
# Fraction of the recordings that may have two transcripts; with more, something else is wrong.
MAX_CONFLICTS = 0.1
# Bytes at the start and at the end of a file that tell it from others.
_ENDS = 1 << 16


@dataclass(frozen=True)
class Recordings:
    """Recordings with their transcripts.

    Attributes:
        paths: of the sound files.
        texts: transcripts, normalized, not empty.
        speakers: name of the speaker of each; None if unknown.
        splits: `train`, `validation` or `test` for each; None for all if nothing names splits.
        summary: a `Summary` of what was read.
    """

    paths: list[Path]
    texts: list[str]
    speakers: list[str | None]
    splits: list[str | None]
    summary: Summary | None = field(default=None, compare=False)

    def __len__(self):
        return len(self.paths)

    def take(self, rows):
        """Return the recordings of some rows."""
        parts = (self.paths, self.texts, self.speakers, self.splits)
        return Recordings(*([part[row] for row in rows] for part in parts))

    @functools.cached_property
    def fingerprint(self):
        """SHA-256 of everything but the names of the files; of a file its size, its start and its end."""
        rows = [[_hash(path) for path in self.paths], self.texts, self.speakers, self.splits]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def read_recordings(config, data=None, cache=CACHE):
    """Read transcripts and find their recordings, which are not decoded.

    Left out, and counted in the summary: recordings that are missing or have no transcript, empty transcripts,
    repeated rows, and recordings with two different transcripts.

    Args:
        config: a `Config`.
        data: folder, table, `sample` or `tfds:NAME`; that of the config if None.
        cache: folder for the sample and for sounds that are not in files.

    Returns:
        `Recordings`.

    Raises:
        UserError: names the file, the row and what to do.
    """
    data = str(config.data if data is None else data)
    summary = Summary(data, "")
    path = _sample(cache) if data == "sample" else Path(data)
    if data.startswith("tfds:"):
        folder = SoundFolder(Path(cache) / "tfds")
        rows = rows_of_tfds(data.removeprefix("tfds:"), config, cache, summary)
    elif path.is_dir():
        folder = SoundFolder(path)
        rows = read_folder(folder, config, summary)
    else:
        folder = SoundFolder(_folder_of_file(data, path, config))
        rows = read_file(path, folder, config, summary)
    found = _found(rows, data, config, cache, folder, summary)
    if path.is_dir():
        for sound in folder.sounds:
            if sound not in found.named:
                summary.count("sound file without a transcript, left out", folder.name_of(sound))
    return _checked(found, data, folder, summary)


def _sample(cache):
    from .sample_data import make_recordings

    # Another version of the code makes another sample.
    code = "".join(_hash(path) for path in sorted(Path(make_recordings.__file__).parent.glob("*.py")))
    folder = Path(cache) / f"sample-{hashlib.sha256(code.encode()).hexdigest()[:8]}"
    if not (folder / "transcripts.csv").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        make_recordings.write_recordings(folder)
    return folder


def _folder_of_file(data, path, config):
    """Return the folder of a table that --data names."""
    if not any(each.is_file() for each in (path, *path.parents)):
        raise UserError(f"--data {data}: no such file or folder")
    if config.pattern is not None:
        raise UserError(f"--data {data}: a file, but --pattern reads the names of the files of a folder; give a folder")
    advice = ", expected a folder or a table of transcripts"
    if path.suffix.lower() in SUFFIXES:
        raise UserError(f"--data {data}: a sound file{advice}")
    if path.is_file() and path.name.lower().endswith((".zip", ".tar", ".tgz", ".rar", ".7z", ".tar.gz", ".tar.bz2")):
        raise UserError(f"--data {data}: an archive{advice}; unpack it")
    return path.parent


@dataclass
class _Found:
    """Recordings by path.

    Attributes:
        rows: {path: (row, normalized transcript)}.
        named: paths that have a row, whatever became of it.
        conflicts: {path: words for the places of two different transcripts}.
        missing: names of recordings that are not there.
        empty: number of rows with an empty transcript.
    """

    rows: dict = field(default_factory=dict)
    named: set = field(default_factory=set)
    conflicts: dict = field(default_factory=dict)
    missing: list = field(default_factory=list)
    empty: int = 0


def _found(rows, data, config, cache, folder, summary):
    """Find the recording of each row and check its transcript."""
    found = _Found()
    for row in rows:
        if not row.file.strip() and row.content is None:
            summary.count("no recording named, left out", row.where)
            continue
        path = folder.find(row.file, row.base) if row.content is None else write_content(row, cache)
        if path is None:
            found.missing.append(row.file)
            summary.count(f"recording not found, left out, the first {shorten(found.missing[0])}", row.where)
            continue
        found.named.add(path)
        text = normalize_text(row.text, config.lowercase, config.keep_punctuation)
        if not text:
            found.empty += 1
            summary.count("empty transcript, left out", row.where)
        elif path not in found.rows:
            found.rows[path] = (row, text)
        elif found.rows[path][1] != text:
            first, own = found.rows[path]
            found.conflicts.setdefault(path, f"{first.where} has {shorten(own)}, {row.where} {shorten(text)}")
        elif row.split in (found.rows[path][0].split, None):
            summary.count("repeated row, left out", row.where)
        else:
            first = found.rows[path][0]
            raise UserError(
                f"{data}: {row.where}: {row.file!r} is of split {row.split!r} here and {first.split!r} in "
                f"{first.where}; a recording has one"
            )
    return found


def _checked(found, data, folder, summary):
    """Return the `Recordings` of what was found, unless none or too few can be used."""
    if len(found.conflicts) > MAX_CONFLICTS * len(found.rows):
        path, words = next(iter(found.conflicts.items()))
        raise UserError(
            f"{data}: {counted(len(found.conflicts), 'recording')} of {len(found.rows)} with different transcripts: of "
            f"{folder.name_of(path)}, {words}; keep one row for each, or name the right columns with --file-column and "
            "--text-column"
        )
    for path, words in found.conflicts.items():
        summary.count(f"different transcripts of a recording, left out, such as {words}", folder.name_of(path))
    kept = {path: each for path, each in found.rows.items() if path not in found.conflicts}
    if not kept:
        raise UserError(_why_none(found, data, folder))
    if folder.guessed:
        path, name = next(iter(folder.guessed.items()))
        summary.note(
            f"{counted(len(folder.guessed), 'recording')} found in another folder than the transcripts say, such as "
            f"{name!r} as {folder.name_of(path)!r}"
        )
    splits = _splits(kept, folder, summary)
    speakers = _speakers(kept, folder, summary)
    summary.use("read", f"{counted(len(kept), 'recording')} with transcripts")
    for (path, (row, text)), speaker, split in zip(kept.items(), speakers, splits, strict=True):
        named = {"speaker": speaker, "split": split}
        summary.example(row.where, recording=folder.name_of(path), transcript=text,
                        **{role: value for role, value in named.items() if value})  # fmt: skip
    return Recordings(list(kept), [text for _, text in kept.values()], speakers, splits, summary)


def _why_none(found, data, folder):
    if found.empty:
        return f"{data}: every transcript is empty after normalization; name their column with --text-column"
    if found.missing:
        some = listed([folder.name_of(path) for path in folder.sounds[:3]]) or "no sound files"
        return (
            f"{data}: none of its {counted(len(found.missing), 'recording')} is in {folder.folder}: "
            f"{listed(found.missing[:3])}; there are {some}; put them there, or if another column names them, give "
            "--file-column"
        )
    return f"{data}: no recordings with transcripts in it; expected rows with a recording and its transcript"


def _splits(kept, folder, summary):
    """Return the split of each recording, as the rows or else the folders say; None for all if not all have one."""
    splits = [row.split for row, _ in kept.values()]
    origin = summary.roles.pop("split", "the names of the files of transcripts")
    if any(splits) and not all(splits):
        where = next(row.where for (row, _), split in zip(kept.values(), splits, strict=True) if not split)
        raise UserError(f"{summary.name}: some recordings have a split and that of {where} has none; give all or none")
    if not any(splits):
        origin = "the folder of each recording"
        splits = [_split_of_folder(folder, path) for path in kept]
    if any(splits) and not all(splits):
        summary.note("not all recordings are in folders called train, validation or test, so they are split anew")
        splits = [None] * len(splits)
    counts = Counter(splits)
    if any(splits) and len(counts) == 1:
        summary.note(f"all recordings are of the split {splits[0]!r}, so they are split anew")
        splits = [None] * len(splits)
    if any(splits):
        summary.use("split", f"{origin}: " + ", ".join(f"{counts[each]} {each}" for each in counts))
    return splits


def _split_of_folder(folder, path):
    if not path.is_relative_to(folder.folder):
        return None
    parts = path.relative_to(folder.folder).parts[:-1]
    return next((split for part in parts if (split := split_of(part))), None)


def _speakers(kept, folder, summary):
    """Return the speaker of each recording, as the rows or else the folders say; None where unknown."""
    speakers = [row.speaker for row, _ in kept.values()]
    if not any(speakers):
        speakers = [speaker_of_folder(folder, path) for path in kept]
        if any(speakers):
            summary.use("speaker", "the folder that the name of each file has, too")
    if any(speakers):
        number = len(set(speakers) - {None})
        origin = summary.roles.get("speaker", "the data")
        summary.use("speaker", f"{origin}: {counted(number, 'speaker')}")
    else:
        summary.roles.pop("speaker", None)
    return speakers


def _hash(path):
    stat = path.stat()
    return _hash_of_ends(path, stat.st_size, stat.st_mtime_ns)


@functools.cache
def _hash_of_ends(path, size, modified):
    # Size and time of the last change, so that a file that changed is hashed again.
    content = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        content.update(file.read(_ENDS))
        if size > 2 * _ENDS:
            file.seek(-_ENDS, 2)
        content.update(file.read())
    return content.hexdigest()
