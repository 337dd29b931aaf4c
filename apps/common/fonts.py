"""Choose fonts that have the characters of a text."""

import functools
import sys
import unicodedata
from collections.abc import Iterable, Sequence

from matplotlib import font_manager, ft2font

DEFAULT = "DejaVu Sans"
PLACEHOLDER = "□"
_reported: set[int] = set()


def fonts_for(texts: Iterable[str]) -> list[str]:
    """Return a list of font families that together have as many characters of the texts as those installed have."""
    families, missing = [DEFAULT], _needed(texts) - _characters(_default_path())
    while missing:
        name, found = max(
            ((name, missing & _characters(path)) for name, path in _installed()), key=lambda each: len(each[1]),
            default=("", set()),
        )  # fmt: skip
        if not found:
            break
        families.append(name)
        missing -= found
    return families


def drawable(texts: Sequence[str]) -> list[str]:
    """Return texts in which characters that no installed font has are replaced by a box; print which.

    Args:
        texts: list of strings.
    """
    have = _characters(_default_path())
    needed = _needed(texts) - have
    for _, path in _installed() if needed else ():
        needed = needed - _characters(path)
    if not needed:
        return list(texts)
    if new := needed - _reported:
        _reported.update(new)
        _report(new)
    return [text.translate(dict.fromkeys(needed, PLACEHOLDER)) for text in texts]


def _report(missing):
    some = "".join(map(chr, sorted(missing)[:10]))
    print(
        f"no installed font has {some!r}{' and others' * (len(missing) > 10)}: drawn as {PLACEHOLDER}; install one, "
        "for example the Noto fonts",
        file=sys.stderr,
    )


def _needed(texts):
    return {ord(letter) for text in texts for letter in text if unicodedata.category(letter)[0] not in "CZ"}


def _default_path():
    return font_manager.findfont(DEFAULT)


@functools.cache
def _installed():
    """Return (family, path) of the installed fonts, each family once."""
    found = {}
    for font in font_manager.fontManager.ttflist:
        if font.style == "normal" and font.name != "Last Resort High-Efficiency":
            found.setdefault(font.name, font.fname)
    return tuple(found.items())


@functools.cache
def _characters(path):
    try:
        return frozenset(ft2font.FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        # A font that FreeType cannot read, such as one of bitmaps.
        return frozenset()
