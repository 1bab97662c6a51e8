"""The data of a regression: features, target and their names, checked once."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gd_core.checks import require

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Features X and target y of a regression, checked once and read-only from then on.

    `X` has shape (n_samples, n_features), `y` (n_samples,); both become C-contiguous float64 copies. One dimension in
    `X` means one feature. `feature_names` are x1, x2, ... unless given. Two data sets are equal when their fingerprints
    are; `name` is a label and no part of the fingerprint.

    Raises ValueError with the reason and the place: the shapes, or the row and column (counted from 1) of a bad value.
    """

    X: Array
    y: Array
    feature_names: tuple[str, ...] = None  # type: ignore[assignment]  # None is accepted, and replaced at once
    target_name: str = "y"
    name: str = "data"

    def __post_init__(self) -> None:
        X, y = _as_floats(self.X, "X"), _as_floats(self.y, "y")
        if X.ndim == 1:
            X = X.reshape(-1, 1)
        require(X.ndim == 2, "X must have shape (n_samples, n_features), got {}", X.shape)
        require(y.ndim == 1, "y must have shape (n_samples,), got {}", y.shape)
        require(X.size > 0, "X must have at least one row and one column, got shape {}", X.shape)
        require(len(X) == len(y), "X and y must have the same number of rows, got {} and {}", len(X), len(y))
        names = _feature_names(self.feature_names, X.shape[1])
        _require_finite(X, "X", names)
        _require_finite(y.reshape(-1, 1), "y", (str(self.target_name),))
        for array in (X, y):
            array.setflags(write=False)
        fields = {"X": X, "y": y, "feature_names": names, "target_name": str(self.target_name), "name": str(self.name)}
        for field, value in fields.items():
            object.__setattr__(self, field, value)

    @property
    def n_samples(self) -> int:
        """The number of rows."""
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        """The number of columns of X."""
        return int(self.X.shape[1])

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of shape, names and values (little-endian float64), the same on every machine, as 64 digits."""
        digest = hashlib.sha256(repr((self.X.shape, self.feature_names, self.target_name)).encode())
        for array in (self.X, self.y):
            digest.update(array.astype("<f8", copy=False).data.cast("B"))
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        return self.fingerprint == other.fingerprint if isinstance(other, Dataset) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"Dataset({self.name!r}, {self.n_samples} x {self.n_features}, target {self.target_name!r})"

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for array in (self.X, self.y):  # an unpickled array forgets that it was read-only
            array.setflags(write=False)


def _as_floats(values: ArrayLike, label: str) -> Array:
    """A fresh C-contiguous float64 copy, in which -0.0 has become 0.0 so that equal numbers have equal bytes."""
    try:
        array = np.asarray(values)
        if array.dtype.kind in "cmMSU":  # complex, times and text, which NumPy would convert without a word
            raise ValueError
        return np.asarray(array.astype(np.float64, order="C") + 0.0)
    except (TypeError, ValueError):
        raise ValueError(f"{label} must be a rectangular array of real numbers") from None


def _feature_names(names: Sequence[str] | None, n_features: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"x{j}" for j in range(1, n_features + 1))
    require(not isinstance(names, str), "feature_names must be a sequence of names, got the text {!r}", names)
    names = tuple(str(name) for name in names)
    require(len(names) == n_features, "feature_names must have {} names, got {}", n_features, len(names))
    repeated = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    require(repeated is None, "feature_names must differ, got {!r} more than once", repeated)
    return names


def _require_finite(columns: Array, label: str, names: tuple[str, ...]) -> None:
    finite = np.isfinite(columns)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        value = columns[row, column]
        require(False, "{} must be finite, got {} in row {}, column {!r}", label, value, row + 1, names[column])
