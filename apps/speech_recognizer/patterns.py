"""Take transcripts out of the names of files, by a pattern such as `{text}_{speaker}_{n}.wav`."""

import re

from ..common.cli import UserError

_FIELD = re.compile(r"\{(\w*)\}")
_ALLOWED = ("text", "speaker", "split")


def compile_pattern(pattern):
    """Return a compiled expression of a pattern, which matches the end of a path; its groups are the fields.

    A field matches within a name; the last one before an underscore or a dot as much as possible. Fields with other
    names than `text`, `speaker` and `split` are not read. `*` matches anything within a name.

    Raises:
        UserError: it has no field `{text}`, or a field twice.
    """
    fields = _FIELD.findall(pattern)
    twice = [field for field in _ALLOWED if fields.count(field) > 1]
    rest = _FIELD.sub("", pattern)
    if fields.count("text") != 1 or twice or "" in fields or "{" in rest or "}" in rest:
        raise UserError(
            f"--pattern {pattern}: expected {{text}} once, and perhaps {{speaker}}, {{split}} or others, as in "
            "{text}_{speaker}_{n}.wav"
        )
    parts, start = [], 0
    for field in _FIELD.finditer(pattern):
        parts.append(_escaped(pattern[start : field.start()]))
        parts.append(f"(?P<{field[1]}>[^/]+?)" if field[1] in _ALLOWED else "[^/]*?")
        start = field.end()
    parts.append(_escaped(pattern[start:]))
    ending = "" if "." in rest.rpartition("/")[2] else r"(\.\w+)?"
    return re.compile(f"(?:.*/)?{''.join(parts)}{ending}", re.IGNORECASE)


def _escaped(text):
    return re.escape(text).replace(r"\*", "[^/]*")
