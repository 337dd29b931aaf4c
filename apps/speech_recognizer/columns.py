"""Find the columns of recordings, transcripts, speakers and splits in a table."""

import re
from dataclasses import dataclass

from ..common.cli import UserError
from ..common.tables import SPLITS, Column, fold
from ..common.tables.table import as_text
from ..common.words import listed
from .sound_files import SUFFIXES

FILE_NAMES = (
    *"audio filepath|audio file path|audio path|audio file|audio filename|wav filename|wav file|wav path|file name|"
    "filename|filepath|file path|file|path|wav|audio|clip path|clip file|clip|clip name|sound file|sound|recording|"
    "recording path|recording file|audio id|utterance id|utt id|utt|uttid|utterance|segment id|fileid|file id|id|key|"
    "name|source|url".split("|"),
)
TEXT_NAMES = (
    *"sentence|normalized text|normalised text|normalized transcription|normalized transcript|normalized|text|"
    "transcript|transcription|transcripts|transcriptions|transcribed text|text normalized|trans|reference|"
    "ground truth|target text|utterance text|sentences|prompt|prompts|phrase|caption|raw transcription|raw text|"
    "raw transcript|orthographic|orthography|content|words|word|wrd|label|labels|command|target|txt".split("|"),
)
SPEAKER_NAMES = (
    *"speaker|speaker id|speakerid|client id|spk|spk id|spkid|spkr|spkr id|speaker name|speakers|user id|userid|user|"
    "participant|participant id|reader|reader id|worker id|workerid|voice|narrator".split("|"),
)
SPLIT_NAMES = ("split", "subset", "partition", "set")
# Columns of the part of a recording that a row describes; the names of durations are not among them.
START_NAMES = ("offset", "start", "start time", "begin", "start sec", "start seconds", "segment start")
BYTES = Column("sound", None, ("audio bytes", "bytes", "speech bytes", "wav bytes", "sound bytes"), "")
SPLIT = Column("split", None, SPLIT_NAMES, "")
START = Column("start", None, START_NAMES, "")
_SPLIT_WORD = re.compile(rf"({'|'.join(sorted(SPLITS, key=len, reverse=True))})(?![a-z])")


@dataclass(frozen=True)
class Columns:
    """Indices of the columns of a table; None for those that it has not.

    `content` is that of the bytes of sound files. `file` or `content` is given.
    """

    file: int | None
    text: int
    speaker: int | None
    split: int | None
    start: int | None
    content: int | None


def split_of(name):
    """Return the split that a name begins with, as in `train-clean-100`; None if there is none."""
    found = _SPLIT_WORD.match(str(name).strip().casefold())
    return SPLITS[found[1]] if found else None


def wanted(config):
    """Return the `Column`s of the recordings, transcripts and speakers."""
    return (
        Column("recordings", config.file_column, FILE_NAMES, "--file-column"),
        Column("transcripts", config.text_column, TEXT_NAMES, "--text-column"),
        Column("speakers", config.speaker_column, SPEAKER_NAMES, "--speaker-column"),
    )


def find_columns(table, config, folder):
    """Return the `Columns` of a table.

    Raises:
        UserError: recordings or transcripts are not found, or several columns may be meant.
    """
    file, text, speaker = wanted(config)
    content = BYTES.index(table.names)
    if content is not None and not any(isinstance(cell, bytes) for cell in table.column(content)):
        content = None
    named = table.find(text) if text.name is not None else None
    found = _file_column(table, file, folder, content, named)
    index = named if named is not None else _text_column(table, text, {found, content})
    if index == found:
        raise UserError(
            f"{table.name}: {table.origin(index)} has both recording and transcript; name the others with "
            f"--file-column and --text-column; the columns are {listed(table.names)}"
        )
    others = [each.index(table.names) for each in (SPLIT, START)]
    who = table.find(speaker) if speaker.name is not None else speaker.index(table.names)
    rest = [None if each in (found, index, content) else each for each in (who, *others)]
    return Columns(found, index, *rest, content)


def _file_column(table, column, folder, content, text):
    """Return the index of the column whose cells are names of sound files."""
    if column.name is not None:
        return table.find(column)
    folded = [fold(name) for name in table.names]
    known = [folded.index(name) for name in FILE_NAMES if name in folded and folded.index(name) != text]
    for index in known:
        if count_sounds(table, index, folder):
            return index
    if content is not None:
        return next((index for index in known if folded[index].endswith("path")), None)
    others = [index for index in range(len(folded)) if index not in known and index != text]
    hits = {index: count_sounds(table, index, folder) for index in others}
    if any(hits.values()):
        return max(others, key=hits.get)
    if known:
        return known[0]
    return table.find(column)


def count_sounds(table, index, folder, most=200):
    """Return how many of some cells, from all parts of a column, are sound files or look like such."""
    cells = table.cells[:: max(1, len(table.cells) // most)]
    names = {as_text(row[index]) for row in cells if not isinstance(row[index], bytes)}
    return sum(name.lower().endswith(SUFFIXES) or folder.holds(name) for name in names)


def _text_column(table, column, taken):
    """Return the index of the transcripts: a column with a known name, else the only one with texts.

    Without a header, of two columns with texts the second, which is the normalized one.
    """
    names = ["" if index in taken else name for index, name in enumerate(table.names)]
    if table.header and (index := column.index(names)) is not None:
        if names.count(names[index]) > 1:
            return table.find(column)
        return index
    others = [index for index in range(len(names)) if index not in taken and any(table.texts(index))]
    if len(others) == 1 and not table.header:
        return others[0]
    sentences = [index for index in others if _share(table, index, is_sentence) > 0.5]
    if table.header:
        if len(sentences) == 1:
            return sentences[0]
        raise UserError(f"{table.name}: {column.absent()}; the columns are {listed(table.names)}")
    if sentences:
        return sentences[min(1, len(sentences) - 1)]
    words = [index for index in others if _share(table, index, lambda cell: re.search(r"[^\W\d_]", cell)) > 0.5]
    if len(words) == 1:
        return words[0]
    found = f"columns {listed(index + 1 for index in words)} may have the transcripts" if words else column.absent()
    raise UserError(f"{table.name}: {found}; name it with --text-column; the columns are {listed(table.names)}")


def _share(table, index, holds):
    cells = [as_text(row[index]) for row in table.cells[:500]]
    return sum(bool(holds(cell)) for cell in cells) / max(1, len(cells))


def is_sentence(text):
    """Return whether a text has several words; in a script without blanks, several letters."""
    return re.search(r"[^\W\d_]\s+\S*[^\W\d_]", text) is not None or len(re.findall(r"[^\W\d_\x00-\x7f]", text)) > 1
