"""Choose the captions of one language, where a column or the names of columns tell it."""

import re

from ..common.cli import UserError
from ..common.tables.columns import fold
from ..common.words import listed

# Codes of languages, and what data sets call them.
_CODES = {
    "English": "en eng english",
    "Chinese": "zh ch cn zho chi chinese mandarin",
    "German": "de deu ger german",
    "French": "fr fra fre french",
    "Spanish": "es spa spanish",
    "Italian": "it ita italian",
    "Portuguese": "pt por portuguese",
    "Dutch": "nl nld dutch",
    "Russian": "ru rus russian",
    "Japanese": "ja jp jpn japanese",
    "Korean": "ko kr kor korean",
    "Arabic": "ar ara arabic",
    "Hindi": "hi hin hindi",
    "Turkish": "tr tur turkish",
    "Vietnamese": "vi vie vietnamese",
    "Indonesian": "ind indonesian",
}
_NAMES = {code: name for name, codes in _CODES.items() for code in codes.split()} | {
    "en us": "English",
    "en gb": "English",
    "zh cn": "Chinese",
}
_WORD = "cap|caps|caption|captions|sentence|sentences|description|descriptions|text"
_TAGGED = re.compile(rf"(?P<before>[a-z]+?) ?({_WORD})|({_WORD}) (?P<after>[a-z]+)")


def language_of(text):
    """Return the name of a language, from its name or code; the text itself if it is not known."""
    return _NAMES.get(fold(text), str(text).strip())


def caption_columns(names):
    """Return {language: indices of the columns of its captions}, of columns such as `enCap` and `caption_de`."""
    tagged = {}
    for index, name in enumerate(names):
        found = _TAGGED.fullmatch(fold(name))
        code = found and (found["before"] or found["after"])
        if code in _NAMES:
            tagged.setdefault(_NAMES[code], []).append(index)
    return tagged


def choose_language(found, language, where):
    """Return the language to read of those that were found: the given one, the only one, or English.

    Raises:
        UserError: it is not there.
    """
    wanted = language_of(language) if language is not None else next(iter(found)) if len(found) == 1 else "English"
    if wanted not in found:
        advice = "name one with --language" if language is None else "correct --language"
        raise UserError(f"{where}: no captions in {wanted}; the languages are {listed(sorted(found))}; {advice}")
    return wanted
