"""Gather the captions of each clip from the rows of files of captions."""

import re
from dataclasses import dataclass, field

from ..common.cli import UserError
from ..common.tables.table import as_text

# Ending of a file.
_ENDING = re.compile(r"\.\w{2,4}$")


@dataclass
class Captioned:
    """What the captions say of a clip.

    Attributes:
        where: place where they name it first.
        split: `train`, `validation` or `test`; None if they name none.
        captions: normalized, without repetitions.
        names: by which they call it.
        parts: times of its parts, if they describe those.
    """

    where: str
    split: str | None
    captions: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    parts: set[tuple] = field(default_factory=set)


class Gathering:
    """Captions of the clips in a folder.

    Args:
        config: a `Config`.
        folder: a `ClipFolder`.
        summary: a `Summary`, which receives what is left out.

    Attributes:
        found: {path of a clip: `Captioned`}, in the order of the captions.
        missing: {name of a clip that is not in the folder: where it is named}.
    """

    def __init__(self, config, folder, summary):
        self.config, self.folder, self.summary = config, folder, summary
        self.found, self.missing = {}, {}

    def add(self, row, file, base):
        """Add the captions of a row.

        Args:
            row: a `Row`.
            file: names its file for messages.
            base: folder that the names of clips may be relative to, beside the folder of clips.

        Raises:
            UserError: the clip has two splits, or a caption is no text.
        """
        path, name = self._find(row, base)
        if path is None:
            self.missing.setdefault(name, row.where)
            return
        clip = self.found.setdefault(path, Captioned(row.where, row.split))
        if row.split != clip.split:
            raise UserError(
                f"{file}: {row.where}: {row.clip!r} is of split {row.split!r} here and {clip.split!r} before; a clip "
                "has one"
            )
        clip.names.add(re.sub(r"#\d+$", "", row.clip))
        if name == row.clip and row.part:
            clip.parts.add(row.part)
        for value in row.captions:
            self._add_caption(clip, value, row, file)

    def _find(self, row, base):
        """Return the path of a clip, None if it is missing, and the name by which it was found."""
        for name in _names_of_part(row):
            if path := self.folder.find(name, base):
                if "times" not in self.summary.roles["clip"]:
                    self.summary.use("clip", f"{self.summary.roles['clip']} with the times of its part, as {name!r}")
                return path, name
        return self.folder.find(row.clip, base), row.clip

    def _add_caption(self, clip, value, row, file):
        if isinstance(value, dict | list | bool):
            raise UserError(f"{file}: {row.where}: the caption of {row.clip!r} is {value!r:.60}, expected a text")
        caption = normalize(as_text(value), self.config)
        if wrong := re.search("[\0\ud800-\udfff]", caption):
            what = (
                "a NUL byte; is this a text file?"
                if wrong[0] == "\0"
                else "half of a surrogate pair; correct its escapes"
            )
            raise UserError(f"{file}: {row.where}: the caption of {row.clip!r} has {what}")
        if not caption:
            self.summary.count("empty caption, left out", row.where)
        elif caption in clip.captions:
            self.summary.count("caption that its clip has already, left out", row.where)
        else:
            clip.captions.append(caption)

    def require_whole_clips(self, file):
        """Raise `UserError` if captions describe several parts of a clip."""
        for clip in self.found.values():
            if len(clip.parts) > 1:
                video = _ENDING.sub("", min(clip.names))
                raise UserError(
                    f"{file}: {clip.where}: {len(clip.parts)} captions of {video!r} describe parts of it, by their "
                    f"times; expected captions of whole clips: cut it into clips called {video}_START_END, or remove "
                    "the times"
                )


def normalize(caption, config):
    """Return a caption with single spaces, without its full stop, and in lower case if the config says so."""
    caption = " ".join(caption.split()).rstrip(" .!")
    return caption.lower() if config.lowercase else caption


def _names_of_part(row):
    """Yield names of a clip that is a part of a video: as the captions write its times, as MSVD, as VATEX."""
    if row.part is None or not all(re.fullmatch(r"\d+(\.\d+)?", time) for time in row.part):
        return
    stem = _ENDING.sub("", row.clip)
    start, end = row.part
    yield f"{stem}_{start}_{end}"
    yield f"{stem}_{float(start):.0f}_{float(end):.0f}"
    yield f"{stem}_{float(start):06.0f}_{float(end):06.0f}"
