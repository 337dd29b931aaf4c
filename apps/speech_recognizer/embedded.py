"""Write sounds that are not in files, of tables and of TensorFlow Datasets, into a cache of sound files."""

import hashlib
import re
from pathlib import Path, PurePosixPath

import numpy as np

from ..common import tfds_sets
from ..common.cli import UserError
from ..common.files import replacing
from ..common.words import listed
from .columns import SPEAKER_NAMES, TEXT_NAMES, fold, split_of
from .sound_files import SUFFIXES
from .transcript_files import Row


def write_content(row, cache):
    """Write the sound of a row, bytes, and return the path; a file that is there is not written again."""
    suffix = PurePosixPath(row.file.replace("\\", "/")).suffix.lower()
    path = Path(cache) / "sounds" / hashlib.sha256(row.content).hexdigest()[:32]
    path = path.with_suffix(suffix if suffix in SUFFIXES else ".wav")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_bytes(row.content)
    return path


def rows_of_tfds(name, config, cache, summary):
    """Return the `Row`s of a set of TensorFlow Datasets, whose sounds are written as WAV files into the cache.

    All splits are read whose names begin with train, validation, dev or test.

    Raises:
        UserError: the set has no sounds or no transcripts.
    """
    builder = tfds_sets.open_set(name, None)
    features = builder.info.features
    audio, text, speaker = _fields(name, features, config)
    splits = {each: split_of(each) for each in builder.info.splits if split_of(each)}
    if not splits:
        raise UserError(f"tfds:{name}: splits {listed(builder.info.splits)}, expected train, validation or test")
    summary.kind = f"splits {listed(splits)} of TensorFlow Datasets"
    summary.use("recording", f"field {audio!r}")
    summary.use("transcript", f"field {text!r}")
    if speaker:
        summary.use("speaker", f"field {speaker!r}")
    rate = getattr(features[audio], "sample_rate", None) or 16000
    version = re.sub(r"[^\w.-]+", "-", f"{name}-{getattr(builder.info, 'version', '')}")
    rows = []
    for part, split in splits.items():
        folder = Path(cache) / "tfds" / version / part
        for number, row in enumerate(tfds_sets.rows(builder, part), 1):
            path = folder / f"{number:07d}.wav"
            if not path.exists():
                _write(path, row[audio], rate)
            who = _text_of(features[speaker], row[speaker]) if speaker else None
            text_of_row = _text_of(features[text], row[text])
            where = f"{part} row {number}"
            if re.fullmatch(r"_\w+_", text_of_row):
                summary.count(f"{text_of_row} is no word, left out", where)
                continue
            rows.append(Row(where, str(path.absolute()), text_of_row, who, split))
    return rows


def _fields(name, features, config):
    kinds = {field: type(feature).__name__ for field, feature in features.items()}
    audio = config.file_column or next((field for field, kind in kinds.items() if kind == "Audio"), None)
    wanted = [config.text_column] if config.text_column else TEXT_NAMES
    text = next((field for each in wanted for field in kinds if field == each or fold(field) == each), None)
    wanted = [config.speaker_column] if config.speaker_column else SPEAKER_NAMES
    speaker = next((field for each in wanted for field in kinds if field == each or fold(field) == each), None)
    if audio not in kinds or text is None:
        found = ", ".join(f"{field} ({kind})" for field, kind in kinds.items())
        raise UserError(
            f"tfds:{name}: not speech recognition: expected an Audio and its Text or ClassLabel, found {found}; other "
            "fields can be named with --file-column and --text-column"
        )
    return audio, text, speaker


def _write(path, samples, rate):
    from .audio import write_wav

    samples = np.asarray(samples)
    if np.issubdtype(samples.dtype, np.integer):
        samples = samples / 32768
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        write_wav(part, samples, rate)


def _text_of(feature, value):
    if hasattr(feature, "int2str"):
        return feature.int2str(int(value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
