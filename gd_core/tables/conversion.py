"""A table -> a `Dataset`: target and features chosen, missing values and categories dealt with."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gd_core.datasets import Dataset
from gd_core.tables.columns import MAX_CATEGORIES, Column, columns_of, odd_value
from gd_core.tables.errors import TableError, listed, shown, unique_names

if TYPE_CHECKING:
    import pandas as pd

Missing = Literal["drop", "mean", "median", "most_frequent"]
Categories = Literal["one-hot", "ordinal", "drop"]


def to_dataset(
    frame: pd.DataFrame,
    *,
    target: str,
    features: Sequence[str] | None = None,
    missing: Missing = "drop",
    categories: Categories = "one-hot",
    name: str = "data",
) -> Dataset:
    """Make a data set of a table's target column and feature columns; all usable ones but the target unless named.

    Numbers stored as text ("1 234,5", "12%" as 12, "$3" as 3) count as numbers when all values of their column do;
    false is 0 and true is 1; times are days since the first of their column. Which columns are usable, and why others
    are left out, says `usable_columns`.

    A row without target is always dropped. `missing`: "drop" drops rows that lack a feature; "mean", "median" and
    "most_frequent" fill them in (categories always by the most frequent). `categories`: "one-hot" makes one column
    "town=Berlin" of 0 and 1 for each category but the first in order (with all of them the columns and the intercept
    would be perfectly collinear); "ordinal" numbers them 0, 1, 2, ... in order; "drop" leaves such columns out. The
    order is the table's own for categorical columns, else the alphabet's. Constant features are kept.

    Raises TableError with a sentence that names the column, and the row (counted from 1) where there is one.
    """
    _check_option("missing", missing, get_args(Missing))
    _check_option("categories", categories, get_args(Categories))
    columns = columns_of(frame)
    if not columns or not len(frame):
        raise TableError("The table is empty.")
    target = _find(target, columns, "The target")
    y = _target(target, columns[target])
    chosen = _features(columns, target, features, categories)

    with_target = ~np.isnan(y)
    keep = with_target.copy()
    if missing == "drop":
        for column in chosen.values():
            keep &= ~_is_missing(column)
    if not keep.any():
        raise TableError(_no_rows_left(with_target, chosen))
    y = y[keep]
    if np.ptp(y) == 0:
        raise TableError(
            f"The target {shown(target)} is constant: it is {y[0]:g} in {_all(len(y))} that can be used, "
            "so there is nothing to predict."
        )

    names: list[str] = []
    parts: list[NDArray[np.float64]] = []
    for label, column in chosen.items():
        part, part_names = _encode(label, column, keep, missing, categories)
        parts.append(part)
        names.extend(part_names)
    X = np.column_stack(parts)
    if X.shape[1] == 0:
        raise TableError(f"No feature is left: {listed(chosen)} has one category only in the rows that can be used.")
    return Dataset(X, y, tuple(unique_names(names)), target, name)


def _check_option(label: str, value: object, known: Sequence[str]) -> None:
    if value not in known:
        raise TableError(f"{label} must be one of {listed(known)}, got {shown(value)}.")


def _find(name: object, columns: dict[str, Column], what: str) -> str:
    """The name as text, if a column has it; else the names that are close to it, or all of them, in an error."""
    text = str(name)
    if text in columns:
        return text
    lower = {known.lower(): known for known in columns}
    close = [lower[match] for match in difflib.get_close_matches(text.lower(), lower, n=3)]
    hint = f"Did you mean {' or '.join(map(shown, close))}?" if close else f"Its columns are {listed(columns)}."
    raise TableError(f"{what} {shown(text)} is not a column of the table. {hint}")


def _target(name: str, column: Column) -> NDArray[np.float64]:
    if column.kind == "empty":
        raise TableError(f"The target {shown(name)} has no values.")
    if column.numbers is None:
        assert column.labels is not None
        if column.kind == "ambiguous":
            raise TableError(_ambiguous(f"The target {shown(name)}", column))
        example = next(label for label in column.labels if label is not None)
        reason = odd_value(column.labels) or f"it has values such as {shown(example)}"
        raise TableError(f"The target {shown(name)} is not numeric: {reason}.")
    _require_finite(name, column.numbers)
    return column.numbers


def _features(
    columns: dict[str, Column], target: str, features: Sequence[str] | None, categories: Categories
) -> dict[str, Column]:
    """The feature columns by name, each of which can be used."""
    if features is None:
        names = [name for name, column in columns.items() if column.is_usable and name != target]
    else:
        names = [
            _find(name, columns, "The feature") for name in ([features] if isinstance(features, str) else features)
        ]
        if target in names:
            raise TableError(f"{shown(target)} is the target and cannot be a feature too.")
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise TableError(f"The feature {listed(repeated)} is named more than once.")
    chosen = {name: columns[name] for name in names}
    if categories == "drop":
        chosen = {
            name: column for name, column in chosen.items() if column.numbers is not None or column.kind == "empty"
        }
    if not chosen:
        raise TableError(_no_features(columns, target, names, named=features is not None))
    for name, column in chosen.items():
        _require_usable(name, column)
    return chosen


def _no_features(columns: dict[str, Column], target: str, dropped: list[str], *, named: bool) -> str:
    if dropped:
        return f"No feature is left: {listed(dropped)} would be categories, and categories are dropped."
    if named:
        return "No feature is chosen: a regression needs at least one."
    reasons = [f"{shown(name)} ({column.note})" for name, column in columns.items() if name != target]
    return "No column can be a feature" + (": " + ", ".join(reasons[:6]) if reasons else " beside the target") + "."


def _require_usable(name: str, column: Column) -> None:
    if column.kind == "empty":
        raise TableError(f"The feature {shown(name)} has no values.")
    if column.numbers is not None:
        _require_finite(name, column.numbers)
        return
    if column.kind == "ambiguous":
        raise TableError(_ambiguous(f"The feature {shown(name)}", column))
    assert column.labels is not None
    distinct = len({label for label in column.labels if label is not None})
    if distinct > MAX_CATEGORIES:
        odd = odd_value(column.labels)
        raise TableError(
            f"The feature {shown(name)} cannot be used: "
            + (f"{odd}." if odd else f"it has {distinct:,} categories, and at most {MAX_CATEGORIES} can be used.")
        )


def _ambiguous(what: str, column: Column) -> str:
    return (
        f"{what} cannot be read as numbers: {column.note.removeprefix('left out, ')}, and nothing in the table tells."
    )


def _require_finite(name: str, numbers: NDArray[np.float64]) -> None:
    infinite = np.flatnonzero(np.isinf(numbers))
    if infinite.size:
        raise TableError(
            f"Column {shown(name)} is infinite in row {infinite[0] + 1}, and no descent can follow it there."
        )


def _is_missing(column: Column) -> NDArray[np.bool_]:
    if column.numbers is not None:
        return np.isnan(column.numbers)
    return (
        np.array([label is None for label in column.labels]) if column.labels is not None else np.array([], dtype=bool)
    )


def _no_rows_left(with_target: NDArray[np.bool_], chosen: dict[str, Column]) -> str:
    lost = {name: int((_is_missing(column) & with_target).sum()) for name, column in chosen.items()}
    worst = sorted((name for name in lost if lost[name]), key=lambda name: -lost[name])[:4]
    parts = ", ".join(f"{shown(name)} in {lost[name]:,}" for name in worst)
    return (
        f"No row is left: of {with_target.sum():,} rows with a target, each lacks a feature ({parts}). "
        "Fill missing values in, or choose other features."
    )


def _all(n_rows: int) -> str:
    return f"all {n_rows:,} rows" if n_rows > 1 else "the one row"


def _encode(
    name: str, column: Column, keep: NDArray[np.bool_], missing: Missing, categories: Categories
) -> tuple[NDArray[np.float64], list[str]]:
    """The columns of X that one column of the table becomes, in the rows that are kept, and their names."""
    if column.numbers is not None:
        return _filled(name, column.numbers[keep].reshape(-1, 1), missing), [name]
    assert column.labels is not None
    labels = _filled(name, column.labels[keep].reshape(-1, 1), "most_frequent")
    present = set(labels.ravel())
    levels = [level for level in column.levels or sorted(present) if level in present]
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    if categories == "ordinal":
        encoder = OrdinalEncoder(categories=[np.array(levels, dtype=object)], dtype=np.float64)
        return encoder.fit_transform(labels), [name]
    encoder = OneHotEncoder(
        categories=[np.array(levels, dtype=object)], drop="first", sparse_output=False, dtype=np.float64
    )
    return encoder.fit_transform(labels), [f"{name}={level}" for level in levels[1:]]


def _filled(name: str, values: NDArray, missing: Missing) -> NDArray:
    """One column (n_rows, 1) with its missing values filled in."""
    lacking = np.array([value is None or value != value for value in values.ravel()])
    if not lacking.any():
        return values
    if lacking.all():
        raise TableError(f"The feature {shown(name)} has no values in the rows that have a target.")
    from sklearn.impute import SimpleImputer

    marker = None if values.dtype == object else np.nan
    return SimpleImputer(strategy=missing, missing_values=marker).fit_transform(values)
