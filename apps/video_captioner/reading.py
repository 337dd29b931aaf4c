"""Read a folder of clips and a file of captions, and check both."""

import functools
import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ..common.cli import UserError
from ..common.files import replacing
from ..common.tables import Summary
from ..common.words import counted, listed
from .caption_files import find_sources, source_of
from .captions import read_rows
from .clip_files import ClipFolder
from .gathering import Gathering
from .layouts import split_of

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".rar", ".7z")


@dataclass(frozen=True)
class Clips:
    """Clips with their captions.

    Attributes:
        paths: of their files.
        captions: list of strings for each clip, not empty.
        splits: `train`, `validation` or `test` for each clip; None for all if nothing names splits.
        summary: a `Summary` of what was read.
    """

    paths: list[Path]
    captions: list[list[str]]
    splits: list[str | None]
    summary: Summary | None = field(default=None, compare=False)

    def __len__(self):
        return len(self.paths)

    def take(self, rows):
        """Return the clips of some rows."""
        return Clips(*([part[row] for row in rows] for part in (self.paths, self.captions, self.splits)))

    @functools.cached_property
    def hashes(self):
        """SHA-256 of the content of each file."""
        return [_hash(path) for path in self.paths]

    @property
    def fingerprint(self):
        """SHA-256 of everything but the names of the files; the same data gives the same split."""
        rows = [self.hashes, self.captions, self.splits]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def read_clips(config, cache, strict=False):
    """Read the captions and find their clips, which are neither hashed nor decoded.

    Captions whose clip is missing, clips without captions, and empty or repeated captions are left out, and counted in
    the summary.

    Args:
        config: a `Config`.
        cache: folder in which the sample is made.
        strict: refuse to leave out a clip or the captions of one.

    Returns:
        `Clips`.

    Raises:
        UserError: names the file, the row and what to do.
    """
    folder = ClipFolder(_folder_of(config.data, cache))
    if not folder.clips and not folder.has_pictures:
        archives = [folder.name_of(path) for path in folder.others if path.suffix.lower() in ARCHIVES]
        advice = f"; unpack {listed(archives)}" if archives else ""
        raise UserError(f"{folder.folder}: no clips in it, such as .mp4 or .avi files, nor in its folders{advice}")
    if config.captions and Path(config.captions).is_dir():
        sources = find_sources(ClipFolder(config.captions))
    else:
        sources = [source_of(config.captions)] if config.captions else find_sources(folder)
    summary = Summary(", ".join(str(source.path) for source in sources), "")
    gathering = Gathering(config, folder, summary)
    for source in sources:
        base = source.path if source.beside is not None else source.path.parent
        for row in read_rows(source, config, folder, summary):
            gathering.add(row, source.path, base)
    name, found, missing = sources[0].path, gathering.found, gathering.missing
    gathering.require_whole_clips(name)
    captioned = {path: own for path, own in found.items() if own.captions}
    if not captioned:
        raise UserError(_why_none(name, folder, found, missing))
    _leave_out(list(missing), f"{name}: {len(missing)} of {len(found) + len(missing)} captioned clips are not in "
               f"{folder.folder}", strict, summary)  # fmt: skip
    others = [folder.name_of(path) for path in folder.clips if path not in captioned]
    _leave_out(others, f"{folder.folder}: {counted(len(others), 'clip')} without a caption in {name}", strict, summary)
    splits = _splits(name, captioned, folder, summary)
    return _summarized(captioned, splits, folder, summary)


def _folder_of(data, cache):
    """Return the folder of clips that a value of --data names."""
    if data == "sample":
        return _sample(cache)
    if data.startswith("tfds:"):
        raise UserError(f"--data {data}: TensorFlow Datasets has no clips with sentences; give a folder of clips")
    folder = Path(data)
    if not folder.exists():
        raise UserError(f"--data {data}: no such folder")
    if not folder.is_dir():
        raise UserError(
            f"--data {data}: a file, expected a folder of clips; unpack it if it is an archive, and if it has the "
            "captions, name it with --captions"
        )
    return folder


def _sample(cache):
    from .sample_data.make_clips import make_clips

    # Another version of the code makes another sample.
    folder = Path(cache) / f"sample-{_hash(Path(make_clips.__code__.co_filename))[:8]}"
    if not (folder / "captions.csv").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with replacing(folder) as part:
            part.mkdir()
            make_clips(part)
    return folder


def _why_none(name, folder, found, missing):
    """Return a message for captions of which none can be used."""
    if found:
        return f"{name}: every caption is empty, the first in {next(iter(found.values())).where}"
    if missing:
        some = listed(folder.name_of(path) for path in folder.clips[:3]) or "only pictures"
        return (
            f"{name}: none of its {counted(len(missing), 'clip')} is in {folder.folder}: {listed(list(missing)[:3])}; "
            f"there are {some}; if another column names the clips, give --clip-column"
        )
    return f"{name}: no captions in it; expected rows with a clip and a caption"


def _leave_out(names, message, strict, summary):
    """Note the clips that are left out, or refuse to leave them out."""
    if names and strict:
        raise UserError(f"{message}: {listed(names)}; correct that, or omit --strict")
    if names:
        summary.note(f"{message}, left out: {listed(names)}")


def _splits(name, captioned, folder, summary):
    """Return the split of each clip, as the captions or else its folder says; all None if nothing names one."""
    splits = [own.split for own in captioned.values()]
    without = next((path for path, own in captioned.items() if own.split is None), None)
    if any(splits):
        if without is not None:
            raise UserError(
                f"{name}: some clips have a split and {folder.name_of(without)!r} has none; give all or none"
            )
        summary.roles.setdefault("split", "the name of each file")
    else:
        # Perhaps a column that is empty.
        summary.roles.pop("split", None)
        splits = [_split_of_folder(folder, path) for path in captioned]
        if any(splits) and not all(splits):
            summary.note("not all clips are in folders called train, validation or test, so they are split at random")
            splits = [None] * len(splits)
        if any(splits):
            summary.use("split", "the folder of each clip")
    if any(splits):
        counts = Counter(splits)
        summary.use("split", f"{summary.roles['split']}: " + ", ".join(f"{counts[each]} {each}" for each in counts))
    return splits


def _split_of_folder(folder, path):
    parts = path.relative_to(folder.folder).parts[:-1]
    return next((split for part in parts if (split := split_of(part))), None)


def _summarized(captioned, splits, folder, summary):
    """Return the `Clips`, whose summary has two of them as examples."""
    captions = [own.captions for own in captioned.values()]
    number = sum(map(len, captions))
    summary.use("read", f"{counted(len(captioned), 'clip')} with {counted(number, 'caption')}")
    for (path, own), split in zip(captioned.items(), splits, strict=True):
        summary.example(
            own.where, clip=folder.name_of(path), captions=own.captions, **({"split": split} if split else {})
        )
    several = [own for own in captioned.values() if len(own.names) > 1]
    if several:
        names = listed(sorted(several[0].names))
        summary.note(f"{counted(len(several), 'clip')} with more than one name in the captions, the first: {names}")
    return Clips(list(captioned), captions, splits, summary)


def _hash(path):
    stat = path.stat()
    return _hash_of_content(path, stat.st_size, stat.st_mtime_ns)


@functools.cache
def _hash_of_content(path, size, modified):
    # Size and time of the last change, so that a file that changed is hashed again.
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
