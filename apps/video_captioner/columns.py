"""Find the columns of clips, captions, splits and languages in a table."""

import dataclasses
import re
from dataclasses import dataclass, field

from ..common.cli import UserError
from ..common.tables import Column
from ..common.tables.columns import fold
from ..common.words import listed
from .cells import clip_of
from .languages import caption_columns, choose_language
from .layouts import CAPTION_NAMES, CLIP_NAMES, SPLIT_NAMES, is_sentence

SPLIT = Column("split", None, SPLIT_NAMES, "")
LANGUAGE = Column("language", None, ("language", "lang", "locale"), "")
START = Column("start", None, ("start", "start time", "start sec", "start seconds", "begin", "start timestamp"), "")
END = Column("end", None, ("end", "end time", "end sec", "end seconds", "stop", "end timestamp"), "")
TIMES = Column("times", None, ("timestamps", "timestamp", "segments", "segment", "times", "relevant windows"), "")
# Columns that may also count the rows.
UNSURE = ("id", "key", "name", "item", "link", "image id")
_NUMBER = re.compile(r"\s*[-+]?[\d.,]*\d[\d.,]*\s*")
_NUMBERED = re.compile(rf"({'|'.join(CAPTION_NAMES)}) ?\d+")


@dataclass
class Columns:
    """Indices of the columns of a table; None, or an empty list, for those that it has not."""

    clip: int
    captions: list[int]
    split: int | None
    language: int | None
    start: int | None
    end: int | None
    times: int | None
    notes: list[str] = field(default_factory=list)


def clip_column(config):
    """Return the `Column` of the clips."""
    return Column("clip", config.clip_column, CLIP_NAMES, "--clip-column")


def caption_column(config):
    """Return the `Column` of the captions."""
    return Column("captions", config.caption_column, CAPTION_NAMES, "--caption-column")


def find_columns(table, config, folder):
    """Return the `Columns` of a table.

    Raises:
        UserError: clip or captions are not found, or several columns may be meant.
    """
    if not table.names or not table.cells:
        raise UserError(f"{table.name}: no captions in it; expected rows with a clip and a caption")
    captions = find_captions(table, config, folder)
    clip = find_clip(table, config, folder, captions)
    captions = captions or [guess_captions(table, clip)]
    if clip in captions:
        raise UserError(
            f"{table.name}: {table.origin(clip)} has both clip and caption; name the others with --clip-column and "
            f"--caption-column; the columns are {listed(table.names)}"
        )
    if config.caption_column is None and all(
        _NUMBER.fullmatch(text) for index in captions for text in table.texts(index)
    ):
        raise UserError(
            f"{table.name}: {listed_origins(table, captions)} has numbers, expected captions; name their column with "
            f"--caption-column; the columns are {listed(table.names)}"
        )
    notes = []
    if any(fold(table.names[index]) in ("conversations", "conversation", "messages") for index in captions):
        notes.append("of a conversation only the first answer is a caption")
    others = [column.index(table.names) for column in (SPLIT, LANGUAGE, START, END, TIMES)]
    return Columns(clip, captions, *(None if index in (clip, *captions) else index for index in others), notes)


def find_captions(table, config, folder):
    """Return the indices of the columns of captions; an empty list if none has a known name."""
    column = caption_column(config)
    if config.caption_column is not None:
        several = [dataclasses.replace(column, name=name.strip()) for name in config.caption_column.split(",")]
        return [table.find(each) for each in (several if column.index(table.names) is None else [column])]
    tagged = caption_columns(table.names)
    free = ["" if any(index in own for own in tagged.values()) else name for index, name in enumerate(table.names)]
    plain = column.index(free)
    # Web sets have the caption in `name` or `title`, others the clip.
    if plain is not None and fold(table.names[plain]) in ("name", "title") and count_files(table, plain, folder):
        plain = None
    if tagged and (plain is None or config.language is not None):
        return tagged[choose_language(set(tagged), config.language, table.name)]
    numbered = {index for index, name in enumerate(table.names) if _NUMBERED.fullmatch(fold(name))}
    same = {
        index for index, name in enumerate(table.names) if plain is not None and fold(name) == fold(table.names[plain])
    }
    return sorted(numbered | same)


def find_clip(table, config, folder, captions):
    """Return the index of the column of clips: that of a known name whose cells are files, else of any name."""
    column = clip_column(config)
    if column.name is not None:
        return table.find(column)
    names = [fold(name) for name in table.names]
    known = [names.index(name) for name in CLIP_NAMES if name in names and names.index(name) not in captions]
    sure = [index for index in known if names[index] not in UNSURE]
    for index in sure:
        if count_files(table, index, folder):
            return index
    rest = known + [index for index in range(len(names)) if index not in known and index not in captions]
    hits = {index: count_files(table, index, folder) for index in rest}
    if any(hits.values()):
        return max(rest, key=hits.get)
    if known:
        return known[0]
    return 0 if not table.header and len(names) > 1 else table.find(column)


def guess_captions(table, clip):
    """Return the index of the only column, beside that of the clips, that has texts.

    Raises:
        UserError: there is none, or more than one.
    """
    others = [index for index in range(len(table.names)) if index != clip]
    if len(others) == 1:
        return others[0]
    sample = {index: table.texts(index)[:200] for index in others}
    texts = [index for index in others if sum(map(is_sentence, sample[index])) > len(sample[index]) / 2]
    if len(texts) == 1:
        return texts[0]
    raise UserError(
        f"{table.name}: {caption_column_words(table, texts)}; name it with --caption-column; the columns are "
        f"{listed(table.names)}"
    )


def caption_column_words(table, texts):
    """Return what is wrong with the columns that may have captions."""
    if texts:
        return f"{listed_origins(table, texts)} may have the captions"
    return "no column for the captions found"


def count_files(table, index, folder):
    """Return how many cells of a column are names of clips in the folder; numbers, which any column has, count less."""
    names = {clip_of(row[index]) for row in table.cells}
    return sum(folder.holds(name) + folder.holds(name, numbers=False) for name in names)


def listed_origins(table, indices):
    """Return words for some columns."""
    if len(indices) == 1:
        return table.origin(indices[0])
    return f"columns {listed(table.names[index] if table.header else index + 1 for index in indices)}"
