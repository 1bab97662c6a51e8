r"""What one update of a linear model with squared loss costs, counted: multiply-adds, and bytes at hand for it.

Reading b rows of n parameters takes n multiply-adds a row for the prediction and n for the gradient. Batch descent can
instead form G = X'X / m and c = X'y / m once, and then needs n^2 an update, G theta - c, whatever the number of rows.
"""

from __future__ import annotations

from typing import NamedTuple

from gd_core.checks import require

BYTES = 8  # a float64


class UpdateCost(NamedTuple):
    """Multiply-adds of one update, and the bytes of data that have to be in memory for it."""

    multiply_adds: int
    memory: int


def reading_cost(batch_size: int, n_params: int) -> UpdateCost:
    """An update that reads ``batch_size`` rows: 2 b n multiply-adds; b rows of X and of y.

    Raises ValueError for a number below 1.
    """
    _check(batch_size=batch_size, n_params=n_params)
    return UpdateCost(2 * batch_size * n_params, BYTES * batch_size * (n_params + 1))


def closed_cost(n_params: int) -> UpdateCost:
    """An update of batch descent from G and c: n^2 multiply-adds; n^2 + n numbers. ValueError for n below 1."""
    _check(n_params=n_params)
    return UpdateCost(n_params**2, BYTES * (n_params**2 + n_params))


def preparing_cost(n_samples: int, n_params: int) -> int:
    """The multiply-adds that form G, of which half suffices by symmetry, and c: m n (n + 1) / 2 + m n.

    Raises ValueError for a number below 1.
    """
    _check(n_samples=n_samples, n_params=n_params)
    return n_samples * n_params * (n_params + 1) // 2 + n_samples * n_params


def _check(**counts: int) -> None:
    for name, count in counts.items():
        require(count >= 1, "{} must be at least 1, got {!r}", name, count)
