"""Find the file of captions in a folder of clips: by common names, else the only file that may be it."""

import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from ..common.cli import UserError
from ..common.tables import is_table_name
from ..common.words import listed
from .clip_files import SUFFIXES
from .layouts import SPLITS

# Names of files with a clip a line, whose captions are the lines of another file.
LISTS = ("videos.txt", "video.txt", "clips.txt", "files.txt", "filenames.txt", "video_paths.txt", "videos.list")
# Endings of a file of captions beside each clip, the most likely first.
BESIDE = (".txt", ".caption", ".json")
# Endings of archives, which may also hold the clips.
PACKED = (".zip", ".gz", ".bz2", ".xz")
_ANY_SPLIT = "|".join(sorted(SPLITS, key=len, reverse=True))
_SPLIT_WORD = re.compile(rf"(?<![a-z])(?:public_)?({_ANY_SPLIT})(20\d\d)?(?![a-z])")
# Names of common data sets, and what people call such files.
_KNOWN = re.compile(
    r".*videodatainfo.*|metadata|video_corpus|all_?video_?descriptions|.*token|results|vatex.*|msr.?vtt.*|msvd.*|"
    r"annotations?|.*captions?.*|.*descriptions?|prompts?|dataset.*|tgif.*|activitynet.*|lsmdc.*|.*sents.*|"
)
_NO_CAPTIONS = re.compile(r"(readme|license|licence|requirements|changelog|notes).*", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """A file of captions.

    Attributes:
        path: of the file; of the folder if there is a file beside each clip.
        split: that its name or folder names; None if it names none.
        clips: file with the clips of its lines, if it has only captions.
        beside: {clip: its own file of captions}.
    """

    path: Path
    split: str | None = None
    clips: Path | None = None
    beside: dict | None = None


def source_of(path):
    """Return the `Source` of a file that the user named."""
    path = Path(path)
    names = next((path.with_name(name) for name in LISTS if path.with_name(name).is_file()), None)
    is_text = path.suffix.lower() in (".txt", "") and names is not None and names.name != path.name
    return Source(path, clips=names if is_text else None)


def find_sources(folder):
    """Return the `Source`s of the captions in a `ClipFolder`: one, or one for each split.

    Raises:
        UserError: there is none, or several may be meant.
    """
    beside = _beside(folder)
    stems = {clip.stem for clip in beside}
    candidates = [path for path in folder.others if path.name.split(".")[0] not in stems and _rank(path) is not None]
    top = [path for path in candidates if path.parent == folder.folder]
    for ranks in ((0, 1), (2, 3)):
        if ranks == (2, 3) and 2 * len(beside) > len(folder.clips):
            break
        for group, rank in itertools.product((top, candidates), ranks):
            if found := [path for path in group if _rank(path) == rank]:
                return _one_or_splits(folder, found)
    if beside:
        return [Source(folder.folder, beside=beside)]
    above = sorted(path for path in folder.folder.absolute().parent.iterdir() if path.is_file())
    near = [path for path in above if _rank(path) in (0, 1)]
    hint = f", for example --captions {folder.folder.parent / near[0].name}" if near else ""
    raise UserError(
        f"{folder.folder}: no file of captions in it, such as captions.csv, or CLIP.txt beside each clip; name it with "
        f"--captions{hint}"
    )


def _beside(folder):
    """Return {clip: the file of captions that has its name}, in its folder or the only one in another."""
    by_place, by_name = {}, {}
    for path in folder.others:
        if path.suffix.lower() in BESIDE:
            # CLIP.txt or CLIP.mp4.txt.
            stem = path.with_suffix("").stem if path.stem.lower().endswith(SUFFIXES) else path.stem
            by_place.setdefault((path.parent, stem), []).append(path)
            by_name.setdefault(stem, []).append(path)
    found = {}
    for clip in folder.clips:
        own = by_place.get((clip.parent, clip.stem)) or by_name.get(clip.stem, [])
        if own and len({path.parent for path in own}) == 1:
            found[clip] = min(own, key=lambda path: BESIDE.index(path.suffix.lower()))
    return found


def _one_or_splits(folder, found):
    if len(found) == 1:
        return [source_of(found[0])]
    splits = [_splits(path, folder.folder) for path in found]
    if len({_base(path) for path in found}) == 1 and all(splits) and len(set().union(*splits)) > 1:
        # The file of MSR-VTT's training and validation names the splits itself.
        return [Source(path, min(own) if len(own) == 1 else None) for path, own in zip(found, splits, strict=True)]
    names = listed(folder.name_of(path) for path in found)
    raise UserError(f"{folder.folder}: {len(found)} files may hold the captions: {names}; name one with --captions")


def _splits(path, folder):
    """Return the splits that the name of a file, or else its folder below `folder`, names."""
    words = _SPLIT_WORD.findall(path.name.casefold())
    if not words and path.parent != folder:
        words = _SPLIT_WORD.findall(path.parent.name.casefold())
    return {SPLITS[word] for word, _ in words}


def _base(path):
    """Return the name of a file without splits and ending."""
    return _SPLIT_WORD.sub("", path.name.casefold().split(".")[0]).strip("_- ")


def _rank(path):
    """Return how likely a file has the captions, from 0; None if it has not."""
    name = path.name.casefold()
    if name in LISTS or _NO_CAPTIONS.fullmatch(name):
        return None
    is_table, is_text = is_table_name(path), path.suffix.lower() in (".txt", ".token", "")
    if not (is_table or is_text or path.suffix.lower() in PACKED):
        return None
    if re.fullmatch(r"captions?", _base(path)):
        return 0
    stem = _SPLIT_WORD.sub("", name.rsplit(".", 1)[0]).strip("_- ")
    if _KNOWN.fullmatch(_base(path)) or _KNOWN.fullmatch(stem):
        return 1
    return 2 if is_table else 3 if is_text else None
