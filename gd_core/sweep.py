"""Grids of runs: how a variant ends as two or more of its settings vary.

found = sweep(problem, Variant(sampling=MiniBatch(32)), {"learning_rate": [0.01, 0.1, 1], "batch_size": [1, 8, 64]},
              Budget(epochs=20))
found.final_loss                         # (3, 3): a row a learning rate, a column a batch size
found.variant_at((1, 2))
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gd_core.checks import require
from gd_core.comparison import TOLERANCE
from gd_core.descent import Budget, Outcome, Run, Variant, descend
from gd_core.problem import Problem
from gd_core.sampling import MiniBatch, Sampling

if TYPE_CHECKING:
    import pandas

Array = npt.NDArray[np.float64]
# a hundred by a hundred: more cells than a map can show
MOST_CELLS = 10_000
# fewer than this are done one after another: joblib's start takes some milliseconds
FEW = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """How each variant of a grid ended; every array has the grid's shape, an axis a setting in the order of `axes`.

    ``final_loss``: the last recorded loss, of a diverged run as far as it went. ``updates_to_tolerance`` and
    ``examples_to_tolerance``: what it took to reach ``target_loss``, NaN where that was not reached.
    ``outcome``: an `Outcome` each. ``updates``: how many were done.
    """

    problem: Problem
    variant: Variant
    budget: Budget
    axes: Mapping[str, tuple[Any, ...]]
    target_loss: float
    final_loss: Array
    updates_to_tolerance: Array
    examples_to_tolerance: Array
    outcome: npt.NDArray[np.object_]
    updates: npt.NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """How many values each axis has."""
        return tuple(map(len, self.axes.values()))

    def variant_at(self, index: int | tuple[int, ...]) -> Variant:
        """The variant of a cell, by its index in the grid, or by its number counted along the last axis first."""
        place = index if isinstance(index, tuple) else tuple(map(int, np.unravel_index(index, self.shape)))
        require(len(place) == len(self.shape), "index must have {} entries, got {!r}", len(self.shape), index)
        values = [values[i] for values, i in zip(self.axes.values(), place, strict=True)]
        return variant_with(self.variant, dict(zip(self.axes, values, strict=True)))

    def to_frame(self) -> pandas.DataFrame:
        """The grid as a table: one row a cell, one column a setting and a result."""
        import pandas

        cells = list(itertools.product(*self.axes.values()))
        columns: dict[str, Any] = {name: [cell[i] for cell in cells] for i, name in enumerate(self.axes)}
        columns["final_loss"] = self.final_loss.ravel()
        columns["updates_to_tolerance"] = self.updates_to_tolerance.ravel()
        columns["examples_to_tolerance"] = self.examples_to_tolerance.ravel()
        columns["updates"] = self.updates.ravel()
        columns["outcome"] = [outcome.value for outcome in self.outcome.ravel()]
        return pandas.DataFrame(columns)


class _Cell(NamedTuple):
    """What is kept of a run: its end, and where its loss was lower than at any record before."""

    final_loss: float
    outcome: Outcome
    done: int
    lows: Array
    updates: npt.NDArray[np.int64]
    examples: npt.NDArray[np.int64]


def sweep(
    problem: Problem,
    variant: Variant,
    axes: Mapping[str, Sequence[Any]],
    budget: Budget,
    *,
    n_jobs: int | None = None,
    progress: Callable[[float], None] | None = None,
) -> Sweep:
    """Run a variant with every combination of some settings' values.

    ``axes``: the values of each setting by its name: "learning_rate", "batch_size", "seed", any other field of the
    variant's rule, schedule or sampling, or "rule", "schedule", "sampling" and "start" with whole parts for values.
    "batch_size" makes a mini-batch of any sampling. The loss to reach is that of `Comparison`: the exact optimum's, or
    where none is known the lowest of all runs, plus `TOLERANCE` of the way from there to the first start.

    Runs spread over ``n_jobs`` cores (all of them unless said otherwise) by joblib, in threads, since the loop releases
    the GIL; ``joblib.parallel_config`` chooses another backend, a Dask cluster among them. Of a run only its end and
    its falling losses are kept. ``progress`` is called with the share of runs that are done.
    Raises ValueError for a setting that the variant does not have, for no value, and for what `descend` raises.
    """
    grid = {name: tuple(values) for name, values in axes.items()}
    require(len(grid) >= 1, "a sweep needs at least one axis")
    for name, values in grid.items():
        require(len(values) >= 1, "axis {!r} needs at least one value", name)
    shape = tuple(map(len, grid.values()))
    require(math.prod(shape) <= MOST_CELLS, "a sweep has at most {:,} runs, got {:,}", MOST_CELLS, math.prod(shape))
    # all of them before the first run, so that a wrong value is found at once
    variants = [variant_with(variant, dict(zip(grid, cell, strict=True))) for cell in itertools.product(*grid.values())]
    cells = _run(problem, variants, budget, n_jobs, progress)

    optimum = problem.optimum
    best = optimum.value if optimum is not None else min(float(cell.lows[-1]) for cell in cells)
    target = best + TOLERANCE * max(float(cells[0].lows[0]) - best, 0.0)
    reached = [np.flatnonzero(cell.lows <= target) for cell in cells]

    def at(counts: str) -> Array:
        first = [
            float(getattr(cell, counts)[where[0]]) if where.size else math.nan
            for cell, where in zip(cells, reached, strict=True)
        ]
        return np.array(first).reshape(shape)

    outcomes = np.empty(len(cells), dtype=object)
    outcomes[:] = [cell.outcome for cell in cells]
    return Sweep(
        problem=problem,
        variant=variant,
        budget=budget,
        axes=grid,
        target_loss=target,
        final_loss=np.array([cell.final_loss for cell in cells]).reshape(shape),
        updates_to_tolerance=at("updates"),
        examples_to_tolerance=at("examples"),
        outcome=outcomes.reshape(shape),
        updates=np.array([cell.done for cell in cells], dtype=np.int64).reshape(shape),
    )


def _run(
    problem: Problem,
    variants: Sequence[Variant],
    budget: Budget,
    n_jobs: int | None,
    progress: Callable[[float], None] | None,
) -> list[_Cell]:
    cells: list[_Cell] = []
    # what all runs share is worked out once, before they start
    _ = problem.kernel, problem.quadratic

    def keep(cell: _Cell) -> None:
        cells.append(cell)
        if progress is not None:
            progress(len(cells) / len(variants))

    if len(variants) < FEW or n_jobs == 1:
        for one in variants:
            keep(_cell(problem, one, budget))
        return cells
    import joblib

    # a run is cut down to what is kept where it was done, so that neither memory nor a network carries the rest
    parallel = joblib.Parallel(n_jobs=-1 if n_jobs is None else n_jobs, prefer="threads", return_as="generator")
    for cell in parallel(joblib.delayed(_cell)(problem, one, budget) for one in variants):
        keep(cell)
    return cells


def _cell(problem: Problem, variant: Variant, budget: Budget) -> _Cell:
    run: Run = descend(problem, variant, budget)
    lowest = np.minimum.accumulate(run.loss)
    falls = np.flatnonzero(np.r_[True, lowest[1:] < lowest[:-1]])
    return _Cell(
        final_loss=float(run.loss[-1]),
        outcome=run.outcome,
        done=int(run.updates[-1]),
        lows=lowest[falls],
        updates=run.updates[falls],
        examples=run.examples[falls],
    )


def variant_with(variant: Variant, settings: Mapping[str, Any]) -> Variant:
    """The variant with some of its settings changed, each by its name; see `sweep` for the names.

    Raises ValueError for a name that neither the variant nor its parts have, and for values that they refuse.
    """
    changed = variant
    # whole parts first, so that their fields can be set after
    for name in sorted(settings, key=lambda name: name not in ("sampling", "rule", "schedule")):
        changed = _with(changed, name, settings[name])
    return changed


def _with(variant: Variant, name: str, value: Any) -> Variant:
    if name in ("sampling", "rule", "schedule", "seed", "start"):
        return dataclasses.replace(variant, **{name: value})
    if name == "batch_size":
        return dataclasses.replace(variant, sampling=_in_batches(variant.sampling, value))
    for part in ("schedule", "rule", "sampling"):
        holder = getattr(variant, part)
        if any(field.name == name for field in dataclasses.fields(holder)):
            return dataclasses.replace(variant, **{part: dataclasses.replace(holder, **{name: value})})
    parts = (variant.schedule, variant.rule, variant.sampling)
    known = [field.name for part in parts for field in dataclasses.fields(part)]
    raise ValueError(
        f"an axis must be a setting of the variant, one of {', '.join(dict.fromkeys([*known, 'batch_size', 'seed']))}, "
        f"got {name!r}"
    )


def _in_batches(sampling: Sampling, batch_size: int) -> MiniBatch:
    if isinstance(sampling, MiniBatch):
        return dataclasses.replace(sampling, batch_size=batch_size)
    drawn = {name: getattr(sampling, name) for name in ("shuffle", "replacement") if hasattr(sampling, name)}
    return MiniBatch(batch_size, **drawn)
