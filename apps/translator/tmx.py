"""Read translation memories, TMX 1.4 (Localization Industry Standards Association 2005)."""

import io
import xml.etree.ElementTree as ElementTree

from ..common.cli import UserError
from ..common.words import listed

_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
# Elements whose content is code of the original document, not text.
_CODES = {"bpt", "ept", "ph", "it", "ut"}


def is_tmx(content):
    """Return whether bytes are a translation memory."""
    # Without the zeros of UTF-16.
    return b"<tmx" in content[:4096].replace(b"\0", b"")


def read_tmx(name, content, source=None, target=None):
    """Read the pairs of two languages.

    Args:
        name: of the file, for messages.
        content: bytes.
        source, target: languages, such as `en`, which includes `en-GB`; needed if there are more than two.

    Returns:
        List of (number of the unit, source text, target text), "" where a unit lacks a language; and both languages.

    Raises:
        UserError: the file is damaged, or the languages are not clear.
    """
    try:
        units = [(number, dict(_variants(unit))) for number, unit in enumerate(_units(content), 1)]
    except ElementTree.ParseError as error:
        raise UserError(f"{name}: not complete XML ({error})") from None
    found = list(dict.fromkeys(language for _, texts in units for language in texts))
    source, target = _choose(name, found, source, target)
    return [(number, texts.get(source, ""), texts.get(target, "")) for number, texts in units], source, target


def _units(content):
    for _, element in ElementTree.iterparse(io.BytesIO(content)):
        if _local(element) == "tu":
            yield element
            element.clear()


def _variants(unit):
    for variant in unit:
        if _local(variant) == "tuv":
            language = variant.get(_LANGUAGE) or variant.get("lang") or ""
            segment = next((each for each in variant if _local(each) == "seg"), None)
            yield language.lower(), " ".join(_text(segment).split()) if segment is not None else ""


def _text(element):
    parts = [element.text or ""]
    for inner in element:
        parts += [_text(inner) if _local(inner) not in _CODES else "", inner.tail or ""]
    return "".join(parts)


def _local(element):
    return element.tag.rpartition("}")[2]


def _choose(name, found, source, target):
    def like(wanted, option):
        matching = [
            language for language in found if language.split("-")[0] == wanted.lower() or language == wanted.lower()
        ]
        if len(matching) != 1:
            raise UserError(f"{name}: {len(matching)} languages are {option} {wanted}; there are {listed(found)}")
        return matching[0]

    if source and target:
        return like(source, "--source-column"), like(target, "--target-column")
    if len(found) != 2:
        raise UserError(
            f"{name}: {len(found)} languages: {listed(found)}; name two with --source-column and --target-column"
        )
    first = like(source, "--source-column") if source else None
    second = like(target, "--target-column") if target else None
    first = first or next(language for language in found if language != second)
    return first, next(language for language in found if language != first)
