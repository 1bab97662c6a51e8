"""Numbers and dates that are written as text, whatever the country they come from.

Two styles are known: "point" (1,234.5) and "comma" (1.234,5). Spaces and apostrophes may group digits in both. A column
is read in a style only when every value agrees with it; "1,234" alone agrees with both, and stays text unless the rest
of the file decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Style = Literal["point", "comma"]

SPACES = " \u00a0\u202f\u2009"  # plain, no-break, narrow no-break and thin: all are used to group digits
MISSING = frozenset({"", "?", "-", "–", ".", "..", "na", "n/a", "n.a.", "nan", "null", "none", "<na>"}) | frozenset(
    {"#n/a", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!"}  # what a spreadsheet shows for an error
)

EXPONENT = r"(?:[eE][+-]?\d{1,4})?"
MARKS: tuple[tuple[Style, str, str], ...] = (("point", ",", "."), ("comma", ".", ","))  # what groups, what is decimal
PATTERNS: dict[Style, re.Pattern[str]] = {
    style: re.compile(
        rf"[+-]?(?:\d+|[1-9]\d{{0,2}}([{group}'’{SPACES}])\d{{3}}(?:\1\d{{3}})*)(?:[{mark}]\d*)?{EXPONENT}"
        rf"|[+-]?[{mark}]\d+{EXPONENT}",
        re.ASCII,
    )
    for style, group, mark in MARKS
}
UNIT = re.compile(r"([+-]?)\s*([$€£¥₹]?)\s*(.*?)\s*([%$€£¥₹]?)", re.DOTALL)
ISO_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)


def is_missing(text: str) -> bool:
    """Whether a cell's text stands for no value."""
    return text.strip().lower() in MISSING


def is_number(text: str) -> bool:
    """Whether a cell's text is a number in either style."""
    return bool(styles_of(text))


def is_quantity(text: str) -> bool:
    """Whether a cell's text is a number in either style, perhaps with a currency or per cent sign."""
    match = UNIT.fullmatch(text.strip().replace("−", "-"))
    return bool(match and is_number(match[1] + match[3]))


def styles_of(text: str) -> set[Style]:
    """The styles in which the text is a number: none, one, or both."""
    text = text.strip().replace("−", "-")
    return {style for style, pattern in PATTERNS.items() if pattern.fullmatch(text)}


def style_of_file(cells: Iterable[str], delimiter: str) -> Style | None:
    """The style that the numbers of a file speak for, or None when nothing does.

    Values that agree with one style only are counted. Without any, a file that separates columns by semicolons and has
    values such as 1,234 comes from where the comma is the decimal mark, and one that separates by commas does not.
    """
    votes = {"point": 0, "comma": 0}
    doubtful = False
    for cell in cells:
        styles = styles_of(cell)
        if len(styles) == 1:
            votes[next(iter(styles))] += 1
        doubtful = doubtful or (len(styles) == 2 and "," in cell)
    if votes["comma"] != votes["point"]:
        return "comma" if votes["comma"] > votes["point"] else "point"
    if delimiter == ",":
        return "point"
    return "comma" if delimiter == ";" and doubtful else None


def parse_numbers(texts: pd.Series, *, style: Style | None = None, units: bool = False) -> NDArray[np.float64] | None:
    """The values of a text column without missing cells, or None unless every one is a number and the style is clear.

    With `units`, one currency sign or per cent sign may stand beside every number; it is dropped, so that 12% is 12.
    """
    import pandas as pd

    codes, distinct = pd.factorize(texts)
    cells = [str(text).strip().replace("−", "-") for text in distinct]
    if units:
        bare = _without_unit(cells)
        if bare is None:
            return None
        cells = bare
    possible = [known for known, pattern in PATTERNS.items() if all(map(pattern.fullmatch, cells))]
    if not possible:
        return None
    readings = {known: [_value(cell, known) for cell in cells] for known in possible}
    if style in readings:
        chosen = readings[style]
    else:
        first, *others = readings.values()
        if any(other != first for other in others):
            return None
        chosen = first
    return np.array(chosen, dtype=np.float64)[codes]


def is_ambiguous(texts: pd.Series) -> bool:
    """Whether every value is a number in both styles, with different results: 1,234 is 1234 or 1.234."""
    cells = [str(text).strip() for text in texts.unique()]
    return all(len(styles_of(cell)) == 2 for cell in cells) and any(
        _value(c, "point") != _value(c, "comma") for c in cells
    )


def parse_dates(texts: pd.Series) -> pd.Series | None:
    """The values of a text column as times (UTC where a zone is given), or None unless all are ISO 8601 dates."""
    import pandas as pd

    if not all(ISO_DATE.fullmatch(str(text).strip()) for text in texts.unique()):
        return None
    times = pd.to_datetime(texts.str.strip(), format="ISO8601", utc=True, errors="coerce").dt.tz_localize(None)
    return None if times.isna().any() else times


def _value(text: str, style: Style) -> float:
    group, mark = (",", ".") if style == "point" else (".", ",")
    kept = "".join(c for c in text if c not in SPACES + "'’" + group)
    return float(kept.replace(mark, "."))


def _without_unit(cells: list[str]) -> list[str] | None:
    """The cells without their currency or per cent sign; None when they do not all have the same one, or none."""
    parts = [match.groups() for match in map(UNIT.fullmatch, cells) if match]
    if len({before + after for _, before, _, after in parts}) != 1 or any(
        before and after for _, before, _, after in parts
    ):
        return None
    return [sign + number for sign, _, number, _ in parts]
