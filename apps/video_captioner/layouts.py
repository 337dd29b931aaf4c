"""Turn the layouts of caption files that are no tables into tables: JSON documents, lines, files side by side.

JSON of captioning sets comes in few shapes: a list of objects, a list of clips beside a list of sentences (MSR-VTT,
COCO), an object of clips (MSVD, ActivityNet), and a part for each split. Each becomes a `Table` whose cells are what
the file has; `captions.py` takes clips, captions and splits out of it.
"""

import json
import re

from ..common.cli import UserError
from ..common.tables import Column, Table
from ..common.tables.structured import flatten
from ..common.words import counted, listed
from .clip_files import looks_like_clip
from .languages import caption_columns

# Name of the column of an object's keys.
KEY = "key of the object"
CLIP_NAMES = (
    KEY, *"clip|clips|clip name|clip path|clip file|video|videos|video name|video path|video file|video filename|"
    "file name|filename|file|video id|videoid|clip id|vid key|vid|video path rel|path|filepath|file path|videos path|"
    "image|images|image name|image path|image file|image id|gif|gif name|gif url|url|video url|contenturl|media|"
    "media path|video link|link|item|name|id|key".split("|"))  # fmt: skip
CAPTION_NAMES = tuple(
    "caption|captions|golden caption|golden captions|gold caption|ref captions|references|reference|sentence|"
    "sentences|description|descriptions|text|texts|encap|english caption|english captions|caption text|caption en|"
    "prompt|prompts|comment|comments|cap|caps|raw|raw caption|annotation|annotations|query|narration|utterance|summary|"
    "conversations|messages|conversation|transcript|label|labels|title|name".split("|")
)
SPLIT_NAMES = ("split", "subset", "partition", "split name")
SPLITS = {
    **dict.fromkeys("train training trn restval".split(), "train"),
    **dict.fromkeys("validation val valid validate validating dev development eval".split(), "validation"),
    **dict.fromkeys("test testing tst".split(), "test"),
}
# Keys of an object that holds clips or captions beside other things.
_WRAPPERS = (
    "annotations captions data database videos clips images items rows records examples sentences samples results"
).split()
_ITEMS, _SENTENCES = ("videos", "images", "clips", "video"), ("sentences", "annotations", "captions")
_LINKS = ("video_id", "image_id", "clip_id", "media_id", "videoid", "vid_id", "vid", "id")
_FILES = ("file_name", "filename", "video_path", "path", "file", "video", "video_name", "name", "video_id", "clip_id")


def split_of(text):
    """Return `train`, `validation` or `test`; None if a text is no name of a split."""
    return SPLITS.get(str(text).strip().casefold())


def is_object_of_splits(document):
    """Return whether a JSON object has a list or object for each split."""
    return (
        isinstance(document, dict)
        and bool(document)
        and all(split_of(key) and isinstance(value, list | dict) for key, value in document.items())
    )


def table_of_document(name, document):
    """Return the `Table` of a JSON document.

    Raises:
        UserError: it has no captions in a layout that is known.
    """
    kind, records = _records(name, document)
    flat = [flatten(record) for record in records]
    names = list(dict.fromkeys(key for record in flat for key in record))
    cells = [[record.get(key) for key in names] for record in flat]
    return Table(str(name), kind, names, True, list(range(1, len(flat) + 1)), cells)


def table_of_json_lines(name, lines):
    """Return the `Table` of lines that are JSON each; None if some are not.

    Args:
        name: of the file.
        lines: (row, line) of the lines that are not blank.
    """
    try:
        values = [json.loads(line) for _, line in lines]
    except (ValueError, RecursionError):
        return None
    table = table_of_document(name, values)
    table.kind = "JSON lines"
    if len(table.rows) == len(lines):
        table.rows = [row for row, _ in lines]
    return table


def _records(name, document):
    """Return words for the layout of a document, and its records, dicts."""
    if isinstance(document, list):
        return "a JSON list", _of_list(name, document)
    if not isinstance(document, dict):
        raise UserError(f"{name}: a JSON {type(document).__name__}, expected a list or an object of clips")
    if is_object_of_splits(document):
        parts = [(key, *_records(name, part)) for key, part in document.items()]
        return f"{parts[0][1]} for each split", [{**each, "split": key} for key, _, own in parts for each in own]
    if (joined := _joined(document)) is not None:
        return joined
    if (columns := _columns(document)) is not None:
        return columns
    for key in sorted(document, key=lambda key: _WRAPPERS.index(key) if key in _WRAPPERS else len(_WRAPPERS)):
        value = document[key]
        is_only = sum(map(_holds_records, document.values())) == 1
        if _holds_records(value) and (key in _WRAPPERS or (is_only and _has(value[0], CLIP_NAMES))):
            return f"a JSON list, of the key {key!r}", _of_list(name, value)
        if isinstance(value, dict) and key in _WRAPPERS:
            return _records(name, value)
    return "a JSON object of clips", _of_clips(name, document)


def _of_list(name, values):
    """Yield a record of each value of a list: an object with fields, an object {clip: captions}, or a list."""
    pairs = all(isinstance(value, dict) and len(value) == 1 for value in values)
    if values and pairs and not _has(values[0], CLIP_NAMES):
        for value in values:
            yield from _of_clips(name, value)
        return
    for number, value in enumerate(values, 1):
        if isinstance(value, list) and all(isinstance(each, list) for each in values):
            yield {str(index): cell for index, cell in enumerate(value, 1)}
        elif isinstance(value, dict):
            yield value
        else:
            raise UserError(f"{name}: entry {number}: {value!r:.60}, expected an object with a clip and its caption")


def _of_clips(name, document):
    """Yield a record of each clip of an object {clip: captions}."""
    for number, (key, value) in enumerate(document.items(), 1):
        if isinstance(value, dict) and _has(value, CAPTION_NAMES):
            yield {KEY: key, **value}
        elif isinstance(value, str | list):
            yield {KEY: key, "caption": value}
        elif isinstance(value, dict) and value and all(isinstance(each, str) for each in value.values()):
            # Captions by their numbers, or by their languages.
            tagged = {f"caption {each}": text for each, text in value.items()}
            yield {KEY: key, **(tagged if caption_columns(tagged) else {"caption": list(value.values())})}
        else:
            raise UserError(
                f"{name}: entry {number}, {key!r}: {value!r:.60}, expected a caption or a list of them; the keys are "
                f"{listed(document)}"
            )


def _joined(document):
    """Return the captions of a list of clips and a list of sentences that name them; None if there are not both."""
    items = next((document[key] for key in _ITEMS if _holds_records(document.get(key))), None)
    sentences = next((document[key] for key in _SENTENCES if _holds_records(document.get(key))), None)
    if items is None or sentences is None:
        return None
    link = next((key for key in _LINKS if key in sentences[0]), None)
    own = link if link != "id" and link in items[0] else "id"
    if link is None or own not in items[0]:
        return None
    file = next((key for key in _FILES if key in items[0]), own)
    name = KEY if file == "id" else file
    by_id = {str(item.get(own)): item for item in items}
    records = []
    for sentence in sentences:
        item = by_id.get(str(sentence.get(link)), {})
        of_item = {key: item[key] for key in SPLIT_NAMES if key in item}
        others = {key: value for key, value in sentence.items() if key not in (link, name)}
        records.append({name: item.get(file, sentence.get(link)), **of_item, **others})
    return "a JSON list of clips and one of their sentences", records


def _columns(document):
    """Return the rows of an object of columns, {column: [value]} or {column: {row: value}}; None if it is none."""
    if not (_has(document, CLIP_NAMES[1:]) and _has(document, CAPTION_NAMES)):
        return None
    values = list(document.values())
    if all(isinstance(value, list) for value in values) and len(set(map(len, values))) == 1:
        rows = zip(*values, strict=True)
    elif all(isinstance(value, dict) for value in values):
        rows = [[value.get(key) for value in values] for key in dict.fromkeys(key for value in values for key in value)]
    else:
        return "a JSON object", [document]
    return "a JSON object of columns", [dict(zip(document, row, strict=True)) for row in rows]


def _has(record, known):
    return Column("", None, known, "").index(list(record)) is not None


def _holds_records(value):
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def table_of_lines(name, lines, is_clip):
    """Return the `Table` of lines `clip caption` with a blank between; None if most begin with something else.

    Args:
        name: of the file.
        lines: (row, line) of the lines that are not blank.
        is_clip: function that returns whether a word is the name of a clip.
    """
    lines = [(row, line) for row, line in lines if not line.startswith("#")]
    pairs = [line.strip().partition(" ") for _, line in lines]
    sample = pairs[:200]
    if sum(bool(rest) and (is_clip(first.rstrip(":")) or looks_like_clip(first.rstrip(":")))
           for first, _, rest in sample) <= 0.8 * len(sample):  # fmt: skip
        return None
    cells = [[first.rstrip(":"), re.sub(r"^(-+|=|[-=]>|:) ", "", caption.strip())] for first, _, caption in pairs]
    return Table(str(name), "lines of a clip and a caption", ["1", "2"], False, [row for row, _ in lines], cells)


def table_of_pair(captions, names, texts, clips):
    """Return the `Table` of two text files, of which line N belongs to line N.

    Args:
        captions, names: paths of the files of captions and of clips.
        texts, clips: their lines.

    Raises:
        UserError: they have different numbers of lines.
    """
    while texts and not texts[-1].strip() and len(texts) > len(clips):
        texts = texts[:-1]
    while clips and not clips[-1].strip() and len(clips) > len(texts):
        clips = clips[:-1]
    if len(texts) != len(clips):
        raise UserError(
            f"{captions}: {counted(len(texts), 'line')}, but {names} has {counted(len(clips), 'line')}; line N of one "
            "must belong to line N of the other"
        )
    cells = [list(row) for row in zip(clips, texts, strict=True) if any(cell.strip() for cell in row)]
    rows = [row for row, pair in enumerate(zip(clips, texts, strict=True), 1) if any(cell.strip() for cell in pair)]
    return Table(str(captions), f"lines, with their clips in {names.name}", ["clip", "caption"], True, rows, cells)


def is_sentence(text):
    """Return whether a text has several words; in a script without blanks, several letters."""
    return re.search(r"[^\W\d_]\s+\S*[^\W\d_]", text) is not None or len(re.findall(r"[^\W\d_\x00-\x7f]", text)) > 1
