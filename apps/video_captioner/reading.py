"""Read a folder of clips and a file of captions, and check both."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from ..common import tables
from ..common.cli import UserError
from ..common.files import replacing
from .sample_data.make_clips import make_clips
from .video import SUFFIXES

COLUMNS = (
    tables.Column(None, ("clip", "video", "id", "video_id", "file", "filename"), "the header `clip`"),
    tables.Column(None, ("caption", "captions", "sentence", "text", "description"), "the header `caption`"),
    tables.Column(None, ("split", "subset"), "the header `split`", optional=True),
)
SPLITS = {"train": "train", "training": "train", "validation": "validation", "val": "validation", "valid": "validation",
          "test": "test", "testing": "test"}  # fmt: skip
# Number of names that a message lists.
NUM_LISTED = 5


@dataclass(frozen=True)
class Clips:
    """Clips with their captions.

    Attributes:
        paths: of their files.
        captions: list of strings for each clip, not empty.
        splits: `train`, `validation` or `test` for each clip; None for all if the captions name no splits.
        hashes: SHA-256 of the content of each file.
    """

    paths: list[Path]
    captions: list[list[str]]
    splits: list[str | None]
    hashes: list[str]

    def __len__(self):
        return len(self.paths)

    def take(self, rows):
        """Return the clips of some rows."""
        return Clips(*([part[row] for row in rows] for part in (self.paths, self.captions, self.splits, self.hashes)))

    @property
    def fingerprint(self):
        """SHA-256 of everything but the names of the files; the same data gives the same split."""
        rows = [self.hashes, self.captions, self.splits]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def read_clips(config, cache, data=None, captions=None, strict=False):
    """Read the captions and find their clips, which are hashed, but not decoded.

    Captions whose clip is missing, and clips without captions, are left out; a line says how many.

    Args:
        config: a `Config`.
        cache: folder in which the sample is made.
        data, captions: replace those of the config.
        strict: refuse to leave anything out.

    Returns:
        `Clips`.

    Raises:
        UserError: names the file, the row and what to do.
    """
    if data is None:
        data, captions = config.data, config.captions
    if data == "sample":
        data = _sample(cache)
    if data.startswith("tfds:"):
        raise UserError(f"--data {data}: TensorFlow Datasets has no clips with sentences; give a folder of clips")
    folder = Path(data)
    if not folder.is_dir():
        found = "a file" if folder.exists() else "no such folder"
        raise UserError(f"--data {data}: {found}, expected a folder of clips")
    file = Path(captions) if captions else _captions_file(folder)
    captioned = _captions_by_clip(file, config)
    found = {name: path for name in captioned if (path := _find(folder, name))}
    missing = [name for name in captioned if name not in found]
    used = set(found.values())
    others = [path.name for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and path not in used]
    _leave_out(missing, f"{file}: {len(missing)} of {len(captioned)} captioned clips are not in {folder}", strict)
    _leave_out(others, f"{folder}: {len(others)} clips have no caption in {file}", strict)
    if not found:
        first = next(iter(captioned))
        raise UserError(f"{file}: none of its {len(captioned)} clips is in {folder}; the first is {first!r}")
    captions, splits = zip(*(captioned[name] for name in found), strict=True)
    return Clips(list(found.values()), list(captions), list(splits), [_hash(path) for path in found.values()])


def _sample(cache):
    # Another version of the code makes another sample.
    folder = Path(cache) / f"sample-{_hash(Path(make_clips.__code__.co_filename))[:8]}"
    if not (folder / "captions.csv").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with replacing(folder) as part:
            part.mkdir()
            make_clips(part)
    return str(folder)


def _captions_file(folder):
    names = [f"captions{suffix}" for suffix in (".csv", ".jsonl", ".json")]
    found = [folder / name for name in names if (folder / name).exists()]
    if len(found) != 1:
        count = "none of" if not found else "more than one of"
        raise UserError(f"{folder}: {count} {', '.join(names)} in it; name the file with --captions")
    return found[0]


def _captions_by_clip(file, config):
    """Return {clip: (captions, split)} in the order of the file."""
    captioned = {}
    for where, (clip, sentences, split) in _rows(file):
        where = f"{file}: {where}"
        if not isinstance(clip, str) or not clip.strip():
            raise UserError(f"{where}: no clip is named ({clip!r}); expected a file name")
        if split is not None and split not in SPLITS:
            raise UserError(f"{where}: split {split!r}, expected train, validation or test")
        split = SPLITS.get(split)
        captions, before = captioned.setdefault(clip.strip(), ([], split))
        if split != before:
            raise UserError(f"{where}: {clip!r} is of split {split!r} here and {before!r} before; a clip has one")
        sentences = sentences if isinstance(sentences, list) else [sentences]
        for sentence in sentences or [""]:
            if not isinstance(sentence, str) or not normalize(sentence, config):
                raise UserError(f"{where}: the caption of {clip!r} is empty ({sentence!r}); delete the row")
            captions.append(normalize(sentence, config))
    if not captioned:
        raise UserError(f"{file}: no captions in it; expected rows with a clip and a caption")
    if 0 < sum(split is None for _, split in captioned.values()) < len(captioned):
        name = next(name for name, (_, split) in captioned.items() if split is None)
        raise UserError(f"{file}: some clips have a split and {name!r} has none; give all or none")
    return captioned


def _rows(file):
    """Return pairs of where a row is, for a message, and its values of `COLUMNS`."""
    text = tables.read_text(file)
    if file.suffix == ".csv":
        return ((f"row {row}", values) for row, values in tables.read_csv(file, text, COLUMNS))
    if file.suffix in (".jsonl", ".ndjson"):
        return ((f"row {row}", values) for row, values in tables.read_json_lines(file, text, COLUMNS))
    if file.suffix != ".json":
        raise UserError(f"{file}: captions in a {file.suffix or 'nameless'} file, expected .csv, .jsonl or .json")
    try:
        records = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not JSON ({error})") from None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise UserError(f'{file}: expected a list of objects, as [{{"id": "clip.avi", "caption": ["...", "..."]}}]')
    entries = [(f"entry {number}", record) for number, record in enumerate(records, 1)]
    return ((where, tables.fields_of(f"{file}: {where}", record, COLUMNS)) for where, record in entries)


def normalize(caption, config):
    """Return a caption with single spaces, without its full stop, and in lower case if the config says so."""
    caption = " ".join(caption.split()).rstrip(" .!")
    return caption.lower() if config.lowercase else caption


def _find(folder, name):
    path = folder / name
    if path.is_file():
        return path
    # MSVD's lists name clips without a suffix.
    return next((other for suffix in SUFFIXES if (other := folder / f"{name}{suffix}").is_file()), None)


def _leave_out(names, message, strict):
    """Print the names that are left out, or refuse to."""
    if not names:
        return
    rest = len(names) - NUM_LISTED
    listed = ", ".join(names[:NUM_LISTED]) + (f" and {rest} more" if rest > 0 else "")
    if strict:
        raise UserError(f"{message}: {listed}; correct that, or omit --strict")
    print(f"{message}, left out: {listed}")


def _hash(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
