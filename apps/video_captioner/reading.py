"""From a folder of clips and a file of captions to clips with what is said of them, or one line on what is wrong."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from ..common import runs, tables
from ..common.cli import UserError
from .sample_data.make_clips import make_clips
from .video import SUFFIXES

COLUMNS = (
    tables.Column(None, ("clip", "video", "id", "video_id", "file", "filename"), "the header `clip`"),
    tables.Column(None, ("caption", "captions", "sentence", "text", "description"), "the header `caption`"),
    tables.Column(None, ("split", "subset"), "the header `split`", optional=True),
)
SPLITS = {"train": "train", "training": "train", "validation": "validation", "val": "validation", "valid": "validation",
          "test": "test", "testing": "test"}  # fmt: skip
# Names that a message lists before it counts.
LISTED = 5


@dataclass(frozen=True)
class Clips:
    """Clips and what is said of them.

    Attributes:
        paths: of their files.
        captions: for each a list of strings, not empty.
        splits: for each `train`, `validation` or `test`; None for all where the captions name none.
        hashes: SHA-256 of what is in each file.
    """

    paths: list[Path]
    captions: list[list[str]]
    splits: list[str | None]
    hashes: list[str]

    def __len__(self):
        return len(self.paths)

    def take(self, rows):
        return Clips(*([part[row] for row in rows] for part in (self.paths, self.captions, self.splits, self.hashes)))

    @property
    def fingerprint(self):
        """SHA-256 of it all but the files' names; the same data gives the same split."""
        rows = [self.hashes, self.captions, self.splits]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def read_clips(config, cache, data=None, captions=None, strict=False):
    """Reads the captions and finds their clips; neither decodes nor looks into one.

    Captions of clips that are not there, and clips without captions, are left out and told of in a line each.

    Args:
        cache: folder in which the sample is made.
        data, captions: in the place of the config's.
        strict: refuse to leave anything out.

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
        raise UserError(
            f"--data {data}: {'a file' if folder.exists() else 'no such folder'}, expected a folder of clips"
        )
    file = Path(captions) if captions else _captions_file(folder)
    said = _grouped(file, config)
    found = {name: path for name in said if (path := _find(folder, name))}
    absent = [name for name in said if name not in found]
    used = set(found.values())
    silent = [path.name for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES and path not in used]
    _tell(absent, f"{file}: {len(absent)} of {len(said)} captioned clips are not in {folder}", strict)
    _tell(silent, f"{folder}: {len(silent)} clips have no caption in {file}", strict)
    if not found:
        raise UserError(f"{file}: not one of its {len(said)} clips is in {folder}; the first is {next(iter(said))!r}")
    names = list(found)
    hashes = [_hash(found[name]) for name in names]
    return Clips([found[name] for name in names], [said[name][0] for name in names], [said[name][1] for name in names],
                 hashes)  # fmt: skip


def _sample(cache):
    # A sample that an older version of the code made is another one.
    folder = Path(cache) / f"sample-{_hash(Path(make_clips.__code__.co_filename))[:8]}"
    if not (folder / "captions.csv").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with runs.replacing(folder) as part:
            part.mkdir()
            make_clips(part)
    return str(folder)


def _captions_file(folder):
    names = [f"captions{suffix}" for suffix in (".csv", ".jsonl", ".json")]
    found = [folder / name for name in names if (folder / name).exists()]
    if len(found) != 1:
        what = "none of" if not found else "more than one of"
        raise UserError(f"{folder}: {what} {', '.join(names)} in it; name the file with --captions")
    return found[0]


def _grouped(file, config):
    """{clip: (captions, split)} in the order of the file."""
    said = {}
    for where, (clip, sentences, split) in _rows(file):
        where = f"{file}: {where}"
        if not isinstance(clip, str) or not clip.strip():
            raise UserError(f"{where}: no clip is named ({clip!r}); expected a file name")
        if split is not None and split not in SPLITS:
            raise UserError(f"{where}: split {split!r}, expected train, validation or test")
        split = SPLITS.get(split)
        captions, before = said.setdefault(clip.strip(), ([], split))
        if split != before:
            raise UserError(f"{where}: {clip!r} is of split {split!r} here and {before!r} before; a clip has one")
        sentences = sentences if isinstance(sentences, list) else [sentences]
        for sentence in sentences or [""]:
            if not isinstance(sentence, str) or not normalised(sentence, config):
                raise UserError(f"{where}: the caption of {clip!r} is empty ({sentence!r}); delete the row")
            captions.append(normalised(sentence, config))
    if not said:
        raise UserError(f"{file}: no captions in it; expected rows with a clip and a caption")
    if 0 < sum(split is None for _, split in said.values()) < len(said):
        name = next(name for name, (_, split) in said.items() if split is None)
        raise UserError(f"{file}: some clips have a split and {name!r} has none; give all or none")
    return said


def _rows(file):
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
    places = [f"entry {number}" for number in range(1, len(records) + 1)]
    return ((where, tables.fields_of(f"{file}: {where}", record, COLUMNS)) for where, record in zip(places, records,
            strict=True))  # fmt: skip


def normalised(caption, config):
    """A caption as it is learned and measured: spaces single, no full stop, in lower case if so configured."""
    caption = " ".join(caption.split()).rstrip(" .!")
    return caption.lower() if config.lowercase else caption


def _find(folder, name):
    path = folder / name
    if path.is_file():
        return path
    # As MSVD's lists have them, without a suffix.
    return next((other for suffix in SUFFIXES if (other := folder / f"{name}{suffix}").is_file()), None)


def _tell(names, message, strict):
    if not names:
        return
    rest = len(names) - LISTED
    listed = ", ".join(names[:LISTED]) + (f" and {rest} more" if rest > 0 else "")
    if strict:
        raise UserError(f"{message}: {listed}; mend that, or leave out --strict")
    print(f"{message}, left out: {listed}")


def _hash(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
