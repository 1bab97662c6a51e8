"""What each column of a table can be used for: numbers, categories, or nothing, with the reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from gd_core.tables.errors import TableError, listed, shown
from gd_core.tables.numerals import is_ambiguous, is_quantity, parse_dates, parse_numbers

if TYPE_CHECKING:
    import pandas as pd

MAX_CATEGORIES = 50
MOST = 0.8  # share of numbers from which a text column was probably meant to be numeric
ROW_NUMBER_NAMES = re.compile(r"(unnamed\W*\d*|index|id|row|row ?(number|id)|no\.?|nr\.?|#)", re.IGNORECASE)
SECONDS_A_DAY = 86_400
OTHER_THINGS = (dict, list, tuple, set, bytes, complex, np.ndarray)

Kind = Literal["numeric", "date", "categorical", "ambiguous", "text", "row number", "empty"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Column:
    """A column made ready: its kind, its values, and a note on what was done to it or why it is left out.

    `numbers` (n_rows,) has NaN for a missing value and is there for "numeric", "date" and "row number"; `labels` holds
    text, None for a missing value, and is there for "categorical", "ambiguous" and "text". `levels` is the order of the
    categories where the table gives one.
    """

    kind: Kind
    numbers: NDArray[np.float64] | None = None
    labels: NDArray[np.object_] | None = None
    levels: tuple[str, ...] | None = None
    note: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether the column becomes a feature when nobody chooses the features."""
        return self.kind in ("numeric", "date", "categorical")


def usable_columns(frame: pd.DataFrame) -> dict[str, str]:
    """For each column by name, "numeric" or "categorical", or another kind, a colon, and what was done or why not.

    Used as features unless others are chosen: "numeric", "categorical", "date: ..." (in days since its first date).
    Left out: "ambiguous: left out, ...", "text: left out, ...", "row number: left out, ...", "empty: left out".
    """
    described = {}
    for name, column in columns_of(frame).items():
        described[name] = column.kind + (f": {column.note}" if column.note else "")
    return described


def columns_of(frame: pd.DataFrame) -> dict[str, Column]:
    """Each column of a table, made ready, by its name as text; TableError when two names are the same."""
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise TableError(f"The table has more than one column called {listed(repeated)}.")
    return {name: column_of(frame.iloc[:, j], name) for j, name in enumerate(names)}


def column_of(series: pd.Series, name: str = "") -> Column:
    """One column, made ready."""
    import pandas as pd

    present = series.notna().to_numpy()
    if not present.any():
        return Column(kind="empty", note="left out")
    values = series[present]
    if isinstance(series.dtype, pd.CategoricalDtype):
        return _labelled(values.astype(str), present, levels=tuple(str(level) for level in series.dtype.categories))
    kind = pd.api.types.infer_dtype(values, skipna=False)
    if kind in ("boolean", "integer", "floating", "mixed-integer-float", "decimal"):
        try:
            return _numeric(values.to_numpy(np.dtype(np.float64)), present, name)
        except OverflowError:
            return _left_out(values, present, "holds numbers that are too large")
    if kind in ("datetime64", "datetime", "date"):
        return _dated(pd.to_datetime(values, utc=True, errors="coerce").dt.tz_localize(None), present)
    if kind in ("timedelta64", "timedelta"):
        days = pd.to_timedelta(values).dt.total_seconds() / SECONDS_A_DAY
        return Column(kind="date", numbers=_spread(days.to_numpy(np.dtype(np.float64)), present), note="in days")
    if any(isinstance(value, OTHER_THINGS) for value in values):
        return _left_out(values, present, "holds something else than text and numbers")
    return _textual(values.astype(str).str.strip(), present, name)


def odd_value(labels: NDArray[np.object_]) -> str:
    """The first value that keeps a mostly numeric text column from being numeric, as a phrase; else nothing."""
    numeric = {label: label is None or is_quantity(label) for label in set(labels)}
    odd = np.array([not numeric[label] for label in labels])
    if not odd.any() or odd.mean() > 1 - MOST:
        return ""
    row = int(np.flatnonzero(odd)[0])
    return f"{shown(labels[row])} in row {row + 1} is not a number"


def _numeric(numbers: NDArray[np.float64], present: NDArray[np.bool_], name: str) -> Column:
    spread = _spread(numbers, present)
    counts = len(numbers) == len(spread) > 2 and spread[0] in (0, 1) and bool((np.diff(spread) == 1).all())
    if counts and ROW_NUMBER_NAMES.fullmatch(name):
        return Column(kind="row number", numbers=spread, note="left out, only counts the rows")
    return Column(kind="numeric", numbers=spread)


def _dated(times: pd.Series, present: NDArray[np.bool_]) -> Column:
    if times.isna().any():
        return _left_out(times, present, "holds times that cannot be represented")
    first = times.min()
    days = ((times - first).dt.total_seconds() / SECONDS_A_DAY).to_numpy(np.float64)
    return Column(kind="date", numbers=_spread(days, present), note=f"in days since {first.date().isoformat()}")


def _textual(texts: pd.Series, present: NDArray[np.bool_], name: str) -> Column:
    numbers = parse_numbers(texts, units=True)
    if numbers is not None:
        return _numeric(numbers, present, name)
    times = parse_dates(texts)
    return _labelled(texts, present) if times is None else _dated(times, present)


def _labelled(texts: pd.Series, present: NDArray[np.bool_], levels: tuple[str, ...] | None = None) -> Column:
    """A categorical column; text when its values are too many, or all different, and so more names than categories."""
    labels, distinct = _labels(texts, present), texts.nunique()
    if levels is None and is_ambiguous(texts):
        note = f"left out, {shown(texts.iloc[0])} may have a decimal mark or grouped digits"
        return Column(kind="ambiguous", labels=labels, note=note)
    if distinct > MAX_CATEGORIES:
        too_many = f"{distinct:,} different values (at most {MAX_CATEGORIES} can be used)"
        return _left_out(texts, present, odd_value(labels) or too_many)
    if levels is None and distinct == len(texts) > 2:
        return _left_out(texts, present, odd_value(labels) or "every value is different")
    return Column(kind="categorical", labels=labels, levels=levels)


def _left_out(values: pd.Series, present: NDArray[np.bool_], reason: str) -> Column:
    return Column(kind="text", labels=_labels(values, present), note=f"left out, {reason}")


def _spread(numbers: NDArray[np.float64], present: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Numbers of the rows that have a value, with NaN in the other rows."""
    spread = np.full(len(present), np.nan)
    spread[present] = numbers
    return spread


def _labels(values: pd.Series, present: NDArray[np.bool_]) -> NDArray[np.object_]:
    """Texts of the rows that have a value, with None in the other rows."""
    spread = np.full(len(present), None, dtype=object)
    spread[present] = [str(value) for value in values]
    return spread
