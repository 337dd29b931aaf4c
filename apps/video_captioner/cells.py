"""Take the clip, the captions and the times out of the cells of a row, whatever a program wrote into them."""

import ast
import json

from ..common.tables import Column
from ..common.tables.table import as_text
from .layouts import CAPTION_NAMES


def clip_of(value):
    """Return the name of a clip in a cell: a text, a number, or a list of one."""
    value = unpacked(value)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        value = next((value[key] for key in ("path", "video", "file_name") if value.get(key)), "")
    return as_text(value).strip()


def captions_of(value):
    """Return the captions in a cell: a text, a list of texts or objects, a conversation, or a list written as text."""
    value = unpacked(value)
    if isinstance(value, dict):
        index = Column("", None, (*CAPTION_NAMES, "value", "content"), "").index(list(value))
        return [] if index is None else captions_of(list(value.values())[index])
    if not isinstance(value, list):
        return [value]
    if value and all(isinstance(each, dict) and {"from", "role"} & each.keys() for each in value):
        answers = [each for each in value if each.get("from", each.get("role")) in ("gpt", "assistant", "model", "bot")]
        # The first answer describes the clip, further ones answer questions.
        return [_said(answers[0].get("value", answers[0].get("content")))] if answers else [None]
    if value and all(isinstance(each, list) and all(isinstance(word, str) for word in each) for each in value):
        return [" ".join(words) for words in value]
    return [each for inner in value for each in captions_of(inner)] or [None]


def _said(content):
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content


def unpacked(value):
    """Return a list that a program wrote into a cell as text, or an array; other values as they are."""
    if isinstance(value, str) and value.startswith("[") and value.rstrip().endswith("]"):
        for parse in (json.loads, ast.literal_eval):
            try:
                found = parse(value)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            return found if isinstance(found, list) else value
    return value


def parts_of(cells, columns):
    """Return (start, end) of each part of the clip that a row describes; an empty list for the whole clip."""
    if columns.times is not None:
        times = unpacked(cells[columns.times])
        if isinstance(times, list) and times and all(isinstance(each, list) and len(each) == 2 for each in times):
            return [tuple(map(as_text, each)) for each in times]
        if isinstance(times, list) and len(times) == 2:
            return [tuple(map(as_text, times))]
    for index in columns.captions:
        value = unpacked(cells[index])
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            found = [each[key] for each in value for key in ("segment", "timestamp") if key in each]
            if len(found) == len(value) and all(isinstance(each, list) and len(each) == 2 for each in found):
                return [tuple(map(as_text, each)) for each in found]
    if columns.start is not None and columns.end is not None:
        start, end = unpacked(cells[columns.start]), unpacked(cells[columns.end])
        if isinstance(start, list) and isinstance(end, list):
            return [(as_text(one), as_text(other)) for one, other in zip(start, end, strict=False)]
        return [(as_text(cells[columns.start]).strip(), as_text(cells[columns.end]).strip())]
    return []
