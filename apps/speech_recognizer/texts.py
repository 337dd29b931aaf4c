"""Normalize transcripts."""

import re
import unicodedata

# Marks that are typed or printed for an apostrophe. NFKC would change some of them.
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u201b\u02bc\u02b9\u2032\u00b4\u0060\uff07", "'"))
# Joiners that change words, as in Persian and Hindi.
_JOINERS = "\u200c\u200d"


def normalize_text(text, lowercase=True, keep_punctuation=False):
    """Return a transcript in one form: Unicode NFKC, plain apostrophes, single blanks.

    Args:
        text: transcript.
        lowercase: convert it to lower case.
        keep_punctuation: keep marks other than apostrophes. If not, hyphens and dashes become blanks; commas, points
            and colons between digits remain.
    """
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).translate(_APOSTROPHES)
    # Of invisible characters only the joiners have a meaning.
    text = "".join(
        " " if unicodedata.category(mark) == "Cc" else mark
        for mark in text
        if mark in _JOINERS or unicodedata.category(mark) not in ("Cf", "Cs", "Co")
    )
    if not keep_punctuation:
        text = re.sub(r"(?<!\w)'([^']*)'(?!\w)", r"\1", text)
        text = "".join(_spoken(text, index) for index in range(len(text)))
    text = " ".join(text.split())
    return unicodedata.normalize("NFC", text.lower()) if lowercase else text


def _spoken(text, index):
    mark, around = text[index], text[index - 1 : index] + text[index + 1 : index + 2]
    if not unicodedata.category(mark).startswith("P"):
        return mark
    if mark == "'":
        return mark if any(each.isalnum() for each in around) else ""
    if mark in ".,:" and len(around) == 2 and around.isdigit():
        return mark
    return "" if mark in "\"'()[]{}" else " "
