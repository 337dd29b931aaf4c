"""Read columns of numbers as people write them: with currencies, percent signs, marks for thousands, missing marks."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np
import pandas as pd

from ..tables.table import as_text
from ..words import counted, listed

# Words for a missing number; cells without letters and digits, such as ? or --, mean the same.
MISSING = frozenset(
    "nan,-nan,na,n/a,n.a.,#n/a,#na,#n/a n/a,null,none,nil,nat,<na>,\\n,#div/0!,#value!,#ref!,#num!,#null!,#name?,"
    "missing,1.#qnan,-1.#ind,1.#ind,undefined,no data,nodata,nd,n.d.".split(",")
)  # fmt: skip
_PAIRS = ({"true": 1, "false": 0}, {"yes": 1, "no": 0}, {"on": 1, "off": 0})
_CURRENCY = r"(?:US\$|R\$|[$€£¥₹₽₩₺₫฿]|(?:USD|EUR|GBP|CHF|JPY|INR|kr|zł|Kč|Rs)\.?)"
_SCALES = {"K": 3, "k": 3, "M": 6, "B": 9, "bn": 9, "T": 12}
# Numbers, without their signs and units, that cannot be read with a decimal point.
_DECIMAL_COMMA = re.compile(r"\d+,\d{1,2}|\d+,\d{4,}|0+,\d+|\d{4,},\d+|,\d+|\d{1,3}(\.\d{3})+,\d*|\d{1,3}(\.\d{3}){2,}")
_BLANKS = " \u00a0\u202f\u2009'\u2019_"


@dataclass
class Numbers:
    """A column of numbers.

    Attributes:
        values: float64 (rows,), NaN where a number is missing.
        wrong: indices of cells that are neither numbers nor missing.
        numbers: how many cells are numbers.
        notes: what was taken off or assumed.
        doubt: a cell such as 1,234 if nothing tells whether that is 1234 or 1.234; else None.
        comma: a cell that can only have a decimal comma; else None.
        mixed: whether wrong cells are numbers with another unit or currency than the rest.
    """

    values: np.ndarray
    wrong: list[int] = field(default_factory=list)
    numbers: int = 0
    notes: list[str] = field(default_factory=list)
    doubt: str | None = None
    comma: str | None = None
    mixed: bool = False


def parse_numbers(cells: Sequence, decimal: str | None = None, missing: Sequence[str] = ()) -> Numbers:
    """Read a column of numbers.

    Args:
        cells: list of texts or plain values.
        decimal: decimal mark; None is a point.
        missing: further marks of missing numbers.

    Returns:
        `Numbers`.
    """
    values, texts = _split(cells)
    if decimal in (None, "."):
        # All cells of most columns: much quicker than a pattern.
        plain = pd.to_numeric(pd.Series(texts, dtype="object"), errors="coerce").to_numpy("float64")
        values = np.where(np.isnan(values), plain, values)
    gaps = np.isnan(values)
    marks = MISSING | {mark.strip().casefold() for mark in missing}
    for index in np.flatnonzero(gaps):
        gaps[index] = not any(map(str.isalnum, texts[index])) or texts[index].casefold() in marks
    left = np.flatnonzero(np.isnan(values) & ~gaps).tolist()
    found = Numbers(values)
    if left:
        _parse_written(found, texts, left, decimal or ".", gaps)
        if decimal is None:
            _judge_commas(found, texts, left)
    _remove(found, missing)
    used = Counter(texts[index] for index in np.flatnonzero(gaps) if texts[index])
    if used:
        found.notes.append(f"{counted(used.total(), 'cell')} with {listed(used)} read as missing")
    found.numbers = int((~np.isnan(found.values)).sum())
    return found


def _split(cells):
    """Return the cells that are numbers, and the texts of the others."""
    kinds = set(map(type, cells))
    if kinds <= {int, float, type(None), np.float64, np.int64}:
        return np.array([np.nan if cell is None else cell for cell in cells], "float64"), [""] * len(cells)
    values = np.full(len(cells), np.nan)
    if kinds == {str}:
        # str.strip takes off all kinds of blanks.
        return values, [cell.strip() for cell in cells]
    texts = []
    for index, cell in enumerate(cells):
        if isinstance(cell, (int, float, np.number, Decimal)) and not isinstance(cell, (bool, np.bool_)):
            values[index] = cell
            texts.append("")
        else:
            texts.append(as_text(cell).strip())
    return values, texts


def _parse_written(found, texts, left, decimal, gaps):
    """Read the cells that are no plain numbers, which all have words or all have none, and have the same unit."""
    pair = next((pair for pair in _PAIRS if all(texts[index].casefold() in pair for index in left)), None)
    if pair and len(left) == (~gaps).sum():
        found.values[left] = [pair[texts[index].casefold()] for index in left]
        words = sorted({texts[index] for index in left})
        found.notes.append(f"{listed(words)} read as {' and '.join(str(pair[word.casefold()]) for word in words)}")
        return
    pattern = _pattern(decimal)
    parsed = {text: _parse_one(text, pattern) for text in {texts[index] for index in left}}
    units = {parsed[texts[index]][1] for index in left if parsed[texts[index]]} - {""}
    currencies = {parsed[texts[index]][2] for index in left if parsed[texts[index]]} - {""}
    others = units - {"%"}
    # A unit is taken off only if it is everywhere; otherwise it may change what the numbers mean.
    same = not others or (len(units) == 1 and len(left) == (~gaps).sum() > 1)
    counts = {}
    for index in left:
        one = parsed[texts[index]]
        if one is None or (one[1] in others and not same) or (one[2] and len(currencies) > 1):
            found.wrong.append(index)
            found.mixed |= one is not None and (bool(one[2]) or " " in texts[index])
            continue
        found.values[index] = one[0]
        for taken in filter(None, one[1:]):
            counts.setdefault(taken, []).append(texts[index])
    for taken, cells in counts.items():
        found.notes.append(f"{taken!r} taken off {counted(len(cells), 'cell')}, such as {cells[0]!r}")


def _pattern(decimal):
    group = ("," if decimal == "." else ".") + _BLANKS
    body = rf"(?P<whole>\d{{1,3}}(?:[{group}]\d{{2,3}})*[{group}]\d{{3}}|\d+)?(?P<fraction>{re.escape(decimal)}\d*)?"
    return re.compile(
        rf"=?[\"']?(?P<open>\()?(?P<sign>[-+\u2212])?\s*(?P<front>{_CURRENCY})?\s*(?P<sign2>[-+\u2212])?{body}"
        rf"(?P<exponent>[eE][-+]?\d+)?(?:(?P<scale>K|k|M|B|bn|T)(?![^\W\d_]))?\s*(?P<back>{_CURRENCY})?"
        r"(?P<unit>(?:[^\W\d_]|[°%\u2030])[^\s()\"']{0,9})?(?P<after>-)?\)?[\"']?"
    )


def _parse_one(text, pattern):
    """Return (number, unit, currency, scale) of a text; None if it is not a number."""
    found = pattern.fullmatch(text)
    if not found or not re.search(r"\d", (found["whole"] or "") + (found["fraction"] or "")):
        return None
    whole = re.sub(r"\D", "", found["whole"] or "")
    power = _SCALES.get(found["scale"], 0) + int((found["exponent"] or "e0")[1:])
    number = float(f"{whole or 0}.{(found['fraction'] or '.')[1:] or 0}e{power}")
    minus = [found["sign"], found["sign2"], found["after"]]
    if found["open"] or any(sign in ("-", "\u2212") for sign in minus):
        number = -number
    return number, found["unit"] or "", found["front"] or found["back"] or "", found["scale"] or ""


def _judge_commas(found, texts, left):
    """Find out whether commas are marks for thousands; a cell that cannot have them goes to `comma`."""
    written = [(re.sub(r"[^\d.,]", "", texts[index]), texts[index]) for index in left]
    found.comma = next((cell for text, cell in written if _DECIMAL_COMMA.fullmatch(text)), None)
    commas = [(text, cell) for text, cell in written if "," in text]
    if commas and not any(text.count(",") > 1 or "." in text for text, _ in commas):
        found.doubt = commas[0][1]


def _remove(found, missing):
    """Turn numbers that mean missing, such as -9999, into NaN, however they are written."""
    for mark in missing:
        try:
            number = float(mark)
        except ValueError:
            continue
        found.values[found.values == number] = np.nan
