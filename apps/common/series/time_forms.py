"""Forms in which people write a time: dates, quarters, weeks, months by name, clocks and zones."""

import datetime
import re
from collections.abc import Iterable
from typing import NamedTuple

# Beginnings of the names of months in English, German, French, Spanish, Italian, Portuguese and Dutch.
MONTHS = {
    name: month
    for month, names in enumerate(
        "jan,ene,gen;feb,fev,fév;mar,mär,mrz,maa;apr,avr,abr;may,mai,mag,mei,maj;jun,juin,giu;jul,juil,lug;"
        "aug,aou,aoû,ago;sep,set;oct,okt,ott,out;nov;dec,dez,déc,dic".split(";"), 1)
    for name in names.split(",")
}  # fmt: skip
# Minutes east of UTC of zones that are often written; others are refused rather than guessed.
ZONES = {
    "z": 0, "utc": 0, "gmt": 0, "uhr": None, "est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420,
    "mdt": -360, "pst": -480, "pdt": -420, "cet": 60, "cest": 120, "mez": 60, "mesz": 120, "wet": 0, "west": 60,
    "eet": 120, "eest": 180, "bst": 60, "msk": 180, "jst": 540,
}  # fmt: skip
_NAME = r"(?P<name>[^\W\d_]{3,10})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|\.)?"
DATES = (
    ("year-month-day", r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?:(?P=mark)(?P<day>\d{1,2}))?"),
    ("year-month-day", r"(?P<year>\d{4})年(?P<month>\d{1,2})月(?:(?P<day>\d{1,2})日)?"),
    ("yyyymmdd", r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)"),
    ("numbers", r"(?P<first>\d{1,2})(?P<mark>[-/.])(?P<second_>\d{1,2})(?P=mark)(?P<third>\d{4}|\d\d)"),
    ("year", r"(?:FY|CY)[ -]?(?P<year>\d{4})"),
    ("month/year", r"(?P<month>\d{1,2})[-/.](?P<year>\d{4})"),
    ("quarter", r"(?P<year>\d{4})[-/ :_.]*(?:Q|qtr ?)(?P<quarter>[1-4])"),
    ("quarter", r"(?:Q|qtr ?)(?P<quarter>[1-4])[-/ :_.']*(?P<year>\d{4}|\d\d)"),
    ("quarter", r"(?P<quarter>[1-4])Q[-/ :_.']*(?P<year>\d{4}|\d\d)"),
    ("half-year", r"(?P<year>\d{4})[-/ ]*[HS](?P<half_year>[12])"),
    ("month", r"(?P<year>\d{4})[-/ :]*M(?P<month>\d{1,2})"),
    ("week", r"(?P<year>\d{4})[-/ _]*(?:W|KW|week|wk)[-/ _]*(?P<week>\d{1,2})(?:-?(?P<weekday>[1-7]))?"),
    ("week", r"(?:W|KW|week|wk)[-/ _.]*(?P<week>\d{1,2})[-/ _,]+(?P<year>\d{4})"),
    ("month by name", rf"(?:{_DAY}[-\s/.,]*)?(?:of )?{_NAME}[-\s/.,']*(?P<year>\d{{4}}|\d\d)"),
    ("month by name", rf"{_NAME}[-\s/.]*{_DAY},?[-\s/,]+(?P<year>\d{{4}})"),
    ("month by name", rf"(?P<year>\d{{4}})[-\s/.,]*{_NAME}(?:[-\s/.]*{_DAY})?"),
)  # fmt: skip
_CLOCK = (
    r"(?:(?P<compact>\d{4}|\d{6})|(?P<hour>\d{1,2})(?:[:.h](?P<minute>\d\d)"
    r"(?:[:.m](?P<second>\d\d)(?:[.,:](?P<fraction>\d{1,9}))?s?)?)?h?)(?:[\s-]*(?P<half>[ap])\.?m\.?)?"
)
_OFFSET = r"[-+]\d{1,2}(?::?\d\d)?"
_ZONE = rf"(?:\s*(?P<zone>{_OFFSET}|[a-z]{{1,5}}(?:{_OFFSET})?))?(?:\s*\([^)]*\))?"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so)[a-z]*\.?,?\s+)?"
_FORMS = [
    (form, re.compile(rf"\[?{_WEEKDAY}{date}(?:(?:T|,?\s+(?:at\s+|-\s+)?|:|-){_CLOCK}{_ZONE})?\]?", re.IGNORECASE))
    for form, date in DATES
]
# Python's ctime and JavaScript's Date have the time before the year, or without a comma.
_CTIME = re.compile(rf"{_WEEKDAY}{_NAME}\s+{_DAY}\s+{_CLOCK}{_ZONE}\s+(?P<year>\d{{4}})", re.IGNORECASE)
_FORMS.append(("month by name", _CTIME))
_ONLY_CLOCK = re.compile(rf"(?:T|(?:h|he|hr|hour|stunde)[\s_]*)?{_CLOCK}{_ZONE}", re.IGNORECASE)
# The begin and the end of a step.
_RANGE = re.compile(r"(.*?\d.*?)\s+(?:[-\u2013]|to|bis)\s+(.*\d.*)|([-\dT:.Z+]{8,})/([-\dT:.Z+]{8,})")
_CLOCK_RANGE = re.compile(r"(\d{1,2}(?:[:.]\d\d)?)\s*(?:-|\u2013|to)\s*\d{1,2}(?:[:.]\d\d)?", re.IGNORECASE)
_HOUR, _MINUTE, _SECOND = 3_600_000_000, 60_000_000, 1_000_000


class Fields(NamedTuple):
    """A time, taken apart.

    Attributes:
        form: what its date is, a key of `DATES`.
        date: (year, month, day); for the form `numbers`, three numbers whose order is to be found.
        microseconds: since midnight, at most 24 hours.
        offset: minutes east of UTC; None if not written.
        mark: between the numbers of the date.
        full_year: whether the year has four digits.
    """

    form: str
    date: tuple[int, int, int]
    microseconds: int
    offset: int | None
    mark: str
    full_year: bool = True


def take_apart(texts: Iterable[str]) -> list[Fields | None]:
    """Return the `Fields` of texts, each None if it is not a time with a date."""
    forms, found = list(_FORMS), []
    for text in texts:
        text = " ".join(text.split())
        fields, index = _first_form(text, forms)
        if fields is None and (both := _RANGE.fullmatch(text)) and _is_end(both[2] or both[4]):
            fields, index = _first_form(both[1] or both[3], forms)
        if index:
            # The next text is probably written in the same way.
            forms.insert(0, forms.pop(index))
        found.append(fields)
    return found


def _first_form(text, forms):
    for index, (form, pattern) in enumerate(forms):
        match = pattern.fullmatch(text)
        if match and (fields := _fields(form, match.groupdict())):
            return fields, index
    return None, 0


def _is_end(text):
    """Return whether a text is the end of a range of times: a time with a date, or a clock time."""
    text = re.sub(r"\s*\([^)]*\)$", "", text)
    return clock(text) is not None or any(pattern.fullmatch(text) for _, pattern in _FORMS)


def _fields(form, found):
    clock_time = _microseconds(found)
    offset = _offset(found.get("zone"))
    if clock_time is None or offset is False:
        return None
    year = found.get("year") or found.get("third")
    if form == "numbers":
        numbers = int(found["first"]), int(found["second_"]), int(year)
        return Fields(form, numbers, clock_time, offset, found["mark"], len(year) == 4)
    year, month, day = full_year(year), found.get("month") or 1, found.get("day")
    if "name" in found:
        month = month_of(found["name"])
        if month is None or (day is None and len(found["year"]) == 2 and clock_time):
            return None
    if found.get("quarter"):
        month = 3 * int(found["quarter"]) - 2
    if found.get("half_year"):
        month = 6 * int(found["half_year"]) - 5
    try:
        if found.get("week"):
            date = datetime.date.fromisocalendar(year, int(found["week"]), int(found.get("weekday") or 1))
        else:
            date = datetime.date(year, int(month), int(day or 1))
    except ValueError:
        return None
    return Fields(form, (date.year, date.month, date.day), clock_time, offset, found.get("mark") or "")


def full_year(text: str | int) -> int:
    """Return a year as a number; two digits mean 1969 to 2068, as in POSIX."""
    year = int(text)
    return year if len(str(text)) == 4 else year + (1900 if year > 68 else 2000)


def month_of(name: str) -> int | None:
    """Return the number of a month by its name, 1 to 12; None if it is not a month."""
    name = name.casefold().rstrip(".")
    return MONTHS.get(name[:4]) or MONTHS.get(name[:3])


def clock(text: str) -> int | None:
    """Return the microseconds since midnight of a text without a date; None if it is no clock time."""
    text = " ".join(text.split())
    if both := _CLOCK_RANGE.fullmatch(text):
        text = both[1]
    found = _ONLY_CLOCK.fullmatch(text)
    return _microseconds(found.groupdict()) if found else None


def _microseconds(found):
    digits = found.get("compact")
    if digits:
        hour, minute, second = int(digits[:2]), int(digits[2:4]), int(digits[4:] or 0)
    else:
        hour, minute, second = (int(found.get(name) or 0) for name in ("hour", "minute", "second"))
    if half := (found.get("half") or "").lower():
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half == "p")
    if minute > 59 or second > 60 or hour > 24 or (hour == 24 and (minute or second)):
        return None
    fraction = int((found.get("fraction") or "0").ljust(6, "0")[:6])
    return hour * _HOUR + minute * _MINUTE + second * _SECOND + fraction


def _offset(zone):
    """Return the minutes east of UTC; None without a zone, False for an unknown one."""
    if not zone:
        return None
    letters, sign, digits = re.fullmatch(r"([a-zA-Z]*)([-+]?)([\d:]*)", zone).groups()
    base = ZONES.get(letters.casefold(), False) if letters else 0
    if base is False or not digits:
        return base
    digits = digits.replace(":", "")
    hours, minutes = (digits, 0) if len(digits) <= 2 else (digits[:-2], digits[-2:])
    return (-1 if sign == "-" else 1) * (60 * int(hours) + int(minutes))
