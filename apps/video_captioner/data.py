"""From a folder of clips and a file of captions to batches of frames, or features, and subword numbers."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
from sklearn.model_selection import GroupShuffleSplit

from ..common import runs, tables
from ..common.cli import UserError
from ..common.text import END_ID, START_ID, Subwords
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
# MSVD's names: what of a longer video it is, from second to second.
_PART = re.compile(r"(.+)_\d+_\d+")


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
    folder = Path(cache) / "sample"
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


def split_clips(clips, config):
    """Cuts the clips into train, validation and test, as the captions say or by chance.

    By chance, clips of the same content, and clips named as parts of the same video (`NAME_START_END`, as MSVD's are),
    stay together.

    Returns:
        Dict of `Clips`; `test` may be empty.
    """
    rows = np.arange(len(clips))
    if clips.splits[0] is not None:
        named = np.array(clips.splits)
        parts = {name: rows[named == name] for name in ("train", "validation", "test")}
    else:
        groups = _groups(clips)
        rest, test = _hold_out(rows, groups, config.test_fraction, config.seed)
        train, held = _hold_out(rest, groups, config.validation_fraction / (1 - config.test_fraction), config.seed)
        parts = {"train": train, "validation": held, "test": test}
    for name, part in parts.items():
        if not len(part) and name != "test":
            raise UserError(
                f"{config.data}: too few clips to split: {len(clips)} leave none for {name}; give more, or name every "
                "clip's split in a column `split`"
            )
    return {name: clips.take(part) for name, part in parts.items()}


def _groups(clips):
    """Int (clips,): those that must stay together have the same number."""
    of_video, of_content = {}, {}
    found = []
    for path, content in zip(clips.paths, clips.hashes, strict=True):
        part = _PART.fullmatch(path.stem)
        video = part[1] if part else path.name
        group = of_video.setdefault(video, of_content.get(content, len(found)))
        found.append(of_content.setdefault(content, group))
    return np.array(found)


def _hold_out(rows, groups, fraction, seed):
    if fraction == 0 or len(np.unique(groups[rows])) < 2:
        return rows, rows[:0]
    cut = GroupShuffleSplit(1, test_size=fraction, random_state=seed)
    kept, held = next(cut.split(rows, groups=groups[rows]))
    return rows[kept], rows[held]


def fit_subwords(clips, config):
    """The subwords of the training clips' captions."""
    try:
        return Subwords.fit([caption for row in clips.captions for caption in row], config.vocabulary_size)
    except ValueError as error:
        raise UserError(
            f"--vocabulary-size {config.vocabulary_size}: too few for the characters of the captions ({error})"
        ) from None


def load_subwords(run_dir):
    """The subwords of a run."""
    path = Path(run_dir) / "vocabulary.json"
    pieces = runs.read_json(path)
    if not isinstance(pieces, list) or not pieces:
        raise UserError(f"{path}: not a list of subwords; train into a new run directory")
    return Subwords(pieces)


def make_dataset(clips, files, subwords, config, epochs=None):
    """Batches of clips with some of their captions.

    Args:
        files: by a clip's hash the file with its frames or features, see `features.py`.
        epochs: the epochs to run through, a range, each with clips in an order and captions drawn by chances that hang
            on the seed and the epoch alone, so that a resumed training sees what an unbroken one would. If absent, the
            clips come once as they stand, with their first captions.

    Returns:
        A tf.data.Dataset of ((frames, lengths, given), target, weights): uint8 (batch, frames, height, width, 3) or
        float32 (batch, frames, features); int32 (batch,); int32 (batch, captions, time) twice, of which `given` is
        the target one step later with the start before it; float32 like it, 0 on padding. Its cardinality is the
        number of batches over all epochs.
    """
    captions = _encoded(clips, subwords, config)
    arrays = [files[content] for content in clips.hashes]
    rows = np.array([row for row, own in enumerate(captions) if own])
    if not len(rows):
        raise UserError(f"--max-tokens {config.max_tokens}: all captions are longer; give more")
    steps = -(-len(rows) // config.batch_size)

    def batch(number):
        epoch, place = divmod(int(number), steps)
        # Of the epoch the order; of the batch, besides, which captions.
        order = rows if epochs is None else np.random.default_rng([config.seed, epochs[epoch]]).permutation(rows)
        drawing = None if epochs is None else np.random.default_rng([config.seed, epochs[epoch], place])
        chosen = order[place * config.batch_size : (place + 1) * config.batch_size]
        return _batch(
            [arrays[row] for row in chosen], [_drawn(captions[row], config, drawing) for row in chosen], config
        )

    # TensorFlow wants to know types and shapes before it sees a batch.
    sample = np.load(arrays[rows[0]], mmap_mode="r")
    of_frames, of_text = (None, config.max_frames, *sample.shape[1:]), (None, config.captions_per_clip, None)

    def load(number):
        parts = tf.numpy_function(batch, [number], [sample.dtype, tf.int32, tf.int32, tf.int32])
        shapes = (of_frames, (None,), of_text, of_text)
        frames, lengths, given, target = (
            tf.ensure_shape(part, shape) for part, shape in zip(parts, shapes, strict=True)
        )
        return (frames, lengths, given), target, tf.cast(tf.not_equal(target, 0), tf.float32)

    # Not `from_generator`, which makes TensorFlow give memory back all the time: steps took 1.4 times as long.
    numbers = tf.data.Dataset.range(steps * (1 if epochs is None else len(epochs)))
    return numbers.map(load, num_parallel_calls=2, deterministic=True).prefetch(2)


def _encoded(clips, subwords, config):
    """For each clip its captions that are not too long, as lists of numbers with the end."""
    flat = [caption for own in clips.captions for caption in own]
    parts = [subwords.encode(tf.constant(flat[at : at + 1024])).to_list() for at in range(0, len(flat), 1024)]
    numbers = iter([row for part in parts for row in part])
    encoded = [[[*next(numbers), END_ID] for _ in own] for own in clips.captions]
    fitting = [[row for row in own if len(row) <= config.max_tokens + 1] for own in encoded]
    if dropped := len(flat) - sum(map(len, fitting)):
        print(f"left out {dropped} of {len(flat)} captions: longer than --max-tokens {config.max_tokens} subwords")
    return fitting


def _drawn(captions, config, generator):
    count = min(len(captions), config.captions_per_clip)
    chosen = range(count) if generator is None else generator.permutation(len(captions))[:count]
    return [captions[place] for place in chosen]


def _batch(files, written, config):
    loaded = [np.load(file) for file in files]
    frames = padded_frames(loaded, config.max_frames)
    longest = max(len(caption) for own in written for caption in own)
    # Few lengths are few shapes to compile for.
    target = np.zeros((len(files), config.captions_per_clip, -(-longest // 8) * 8), "int32")
    for clip, own in enumerate(written):
        for place, caption in enumerate(own):
            target[clip, place, : len(caption)] = caption
    given = np.pad(target[..., :-1], [[0, 0], [0, 0], [1, 0]], constant_values=START_ID)
    lengths = np.array([len(part) for part in loaded], "int32")
    return frames, lengths, given, target


def padded_frames(parts, count):
    """Arrays (frames, ...) of different lengths -> (parts, count, ...), zeros behind them."""
    padded = np.zeros((len(parts), count, *parts[0].shape[1:]), parts[0].dtype)
    for place, part in enumerate(parts):
        padded[place, : len(part)] = part
    return padded
