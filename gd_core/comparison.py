"""Several variants on one problem: the same data, the same start and, seed by seed, the same order of the rows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gd_core.checks import distinct, require, whole_number
from gd_core.descent import Budget, Outcome, Run, Variant, descend
from gd_core.problem import Problem, Vector

if TYPE_CHECKING:
    import pandas

# the loss counts as reached within one part in a thousand of the way from the start to the best known loss
TOLERANCE = 1e-3


class Band(NamedTuple):
    """A variant's loss over its seeds at common update counts: each (k,), the interval from quantile to quantile."""

    updates: npt.NDArray[np.int64]
    examples: npt.NDArray[np.int64]
    epochs: Vector
    median: Vector
    low: Vector
    high: Vector
    n_seeds: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Runs of several variants on one problem with one budget.

    ``repeats[i]`` holds variant i's runs, one a seed; ``runs`` holds each variant's first.
    """

    problem: Problem
    variants: tuple[Variant, ...]
    budget: Budget
    repeats: tuple[tuple[Run, ...], ...]

    @property
    def runs(self) -> tuple[Run, ...]:
        """Each variant's run with its own seed."""
        return tuple(repeat[0] for repeat in self.repeats)

    @property
    def labels(self) -> tuple[str, ...]:
        """A distinct name for each variant."""
        return distinct_labels(self.variants)

    @cached_property
    def best_loss(self) -> float:
        """The exact optimum's loss, or where none is known the lowest that any run reached."""
        if self.problem.optimum is not None:
            return self.problem.optimum.value
        return min(float(np.min(run.loss)) for repeat in self.repeats for run in repeat)

    @cached_property
    def target_loss(self) -> float:
        """The loss that counts as reached: the best, plus `TOLERANCE` of the way from the first variant's start."""
        start = float(self.runs[0].loss[0])
        return self.best_loss + TOLERANCE * max(start - self.best_loss, 0.0)

    def table(self) -> pandas.DataFrame:
        """One row a variant: what it reached and what that cost; medians where there are several seeds.

        The distance to the optimum is Euclidean, in the scaled parameters. A variant whose median run did not reach the
        target has no number of updates to it (NaN).
        """
        return self._table.copy()

    @cached_property
    def _table(self) -> pandas.DataFrame:
        import pandas

        return pandas.DataFrame([self._row(i) for i in range(len(self.variants))], index=list(self.labels))

    def _row(self, i: int) -> dict[str, Any]:
        runs = self.repeats[i]
        first = runs[0]
        optimum = self.problem.optimum
        reached = [run.updates_to(self.target_loss) for run in runs]
        counts = [math.inf if r is None else float(r) for r in reached]
        typical = float(np.median(counts))
        losses = np.array([run.loss[-1] for run in runs])
        row: dict[str, Any] = {"final loss": float(np.median(losses))}
        if len(runs) > 1:
            row["loss, lowest"], row["loss, highest"] = float(losses.min()), float(losses.max())
        if first.validation_loss is not None:
            row["validation loss"] = float(np.median([_last(run.validation_loss) for run in runs]))
        if optimum is not None:
            gaps = [float(np.linalg.norm(run.final - optimum.theta)) for run in runs]
            row["distance to optimum"] = float(np.median(gaps))
        row["updates to tolerance"] = typical if math.isfinite(typical) else math.nan
        row["updates"] = int(np.median([run.updates[-1] for run in runs]))
        row["examples seen"] = int(np.median([run.examples[-1] for run in runs]))
        row["seconds"] = float(np.median([run.seconds for run in runs]))
        row["outcome"] = _outcomes(runs)
        row["why"] = first.explanation
        return row

    def differences(self) -> pandas.DataFrame:
        """The settings in which the variants differ: one row a setting, one column a variant; empty if none do."""
        return self._differences.copy()

    @cached_property
    def _differences(self) -> pandas.DataFrame:
        import pandas

        described = [describe(variant) for variant in self.variants]
        names = list(dict.fromkeys(name for one in described for name in one))
        rows = {name: [one.get(name, "-") for one in described] for name in names}
        differing = {name: values for name, values in rows.items() if len(set(values)) > 1}
        return pandas.DataFrame.from_dict(differing, orient="index", columns=list(self.labels))

    def band(self, i: int, *, quantiles: tuple[float, float] = (0.1, 0.9)) -> Band:
        """The median and the interval of variant i's loss over its seeds, at the update counts of its longest run.

        A run that ended early counts with infinite loss after it diverged, and with its last loss after it converged.
        Raises ValueError for quantiles that are not 0 <= low <= high <= 1.
        """
        low_share, high_share = quantiles
        require(0 <= low_share <= high_share <= 1, "quantiles must be 0 <= low <= high <= 1, got {!r}", quantiles)
        runs = self.repeats[i]
        longest = max(runs, key=lambda run: int(run.updates[-1]))
        losses = np.vstack([_at(run, longest.updates) for run in runs])
        # the interval's ends are runs' own losses: between a number and infinity there is nothing to interpolate
        low, high = np.quantile(losses, quantiles, axis=0, method="nearest")
        median = np.median(losses, axis=0)
        return Band(longest.updates, longest.examples, longest.epochs, median, low, high, len(runs))


def _last(values: Vector | None) -> float:
    return math.nan if values is None else float(values[-1])


def _at(run: Run, updates: npt.NDArray[np.int64]) -> Vector:
    """The loss of a run at given update counts, the last one recorded up to each."""
    where = np.searchsorted(run.updates, updates, side="right") - 1
    loss = run.loss[where]
    if run.outcome is Outcome.DIVERGED:
        loss = np.where(updates > run.updates[-1], np.inf, loss)
    return np.asarray(loss)


def _outcomes(runs: Sequence[Run]) -> str:
    counts = {outcome: sum(run.outcome is outcome for run in runs) for outcome in Outcome}
    if len(runs) == 1:
        return runs[0].outcome.value
    return ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items() if count)


def describe(variant: Variant) -> dict[str, str]:
    """Every setting of a variant by name, in words: what the table of differences compares."""
    described = {"sampling": type(variant.sampling).__name__}
    described |= {name: _words(value) for name, value in _fields(variant.sampling).items()}
    described["rule"] = type(variant.rule).__name__
    described |= {name: _words(value) for name, value in _fields(variant.rule).items()}
    described["schedule"] = type(variant.schedule).__name__
    described |= {name: _words(value) for name, value in _fields(variant.schedule).items()}
    described["start"] = "the problem's" if variant.start is None else _words(variant.start)
    described["seed"] = str(variant.seed)
    return described


def _fields(part: Any) -> dict[str, Any]:
    return {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(_words(part) for part in value)
    # every digit: two rates that differ in the seventh differ
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def distinct_labels(variants: Sequence[Variant]) -> tuple[str, ...]:
    """The variants' titles, numbered where two are the same."""
    return distinct(variant.title for variant in variants)


def compare(
    problem: Problem,
    variants: Sequence[Variant],
    budget: Budget,
    *,
    seeds: int = 1,
    progress: Callable[[float], None] | None = None,
    records: int | None = None,
) -> Comparison:
    """Run several variants on one problem with one budget, each with ``seeds`` seeds.

    Repeat r of a variant uses its seed + r, so with equal seeds the r-th repeat of every variant sees the same order of
    rows. The numbers are those of running each alone. Several runs spread over cores with joblib (threads, since the
    loop releases the GIL); ``joblib.parallel_config`` chooses another backend.
    ``records`` is `descend`'s, for each run: many seeds need not keep every path in full.
    Raises ValueError for no variant, for seeds below 1, and for what `descend` raises.
    """
    require(len(variants) >= 1, "compare needs at least one variant")
    seeds = whole_number("seeds", seeds)
    require(seeds >= 1, "seeds must be at least 1, got {!r}", seeds)
    for variant in variants:
        require(isinstance(variant, Variant), "variants must be Variants, got {!r}", variant)
    jobs = [dataclasses.replace(variant, seed=variant.seed + r) for variant in variants for r in range(seeds)]
    runs = run_all(problem, jobs, budget, progress=progress, records=records)
    repeats = tuple(tuple(runs[i * seeds : (i + 1) * seeds]) for i in range(len(variants)))
    return Comparison(problem=problem, variants=tuple(variants), budget=budget, repeats=repeats)


def run_all(
    problem: Problem,
    variants: Sequence[Variant],
    budget: Budget,
    *,
    n_jobs: int | None = None,
    progress: Callable[[float], None] | None = None,
    records: int | None = None,
) -> list[Run]:
    """One run of each variant, in order; over cores where there are enough of them to repay it."""
    if len(variants) < 8:
        # joblib's start costs some milliseconds, more than most short comparisons
        done: list[Run] = []
        for i, variant in enumerate(variants):
            within = None if progress is None else _share(progress, i, len(variants))
            done.append(descend(problem, variant, budget, progress=within, records=records))
        return done
    import joblib

    # what all runs share is worked out once, before they start
    _ = problem.kernel, problem.quadratic
    parallel = joblib.Parallel(n_jobs=-1 if n_jobs is None else n_jobs, prefer="threads", return_as="generator")
    runs: list[Run] = []
    for run in parallel(joblib.delayed(descend)(problem, variant, budget, records=records) for variant in variants):
        runs.append(run)
        if progress is not None:
            progress(len(runs) / len(variants))
    return runs


def _share(progress: Callable[[float], None], i: int, of: int) -> Callable[[float], None]:
    return lambda done: progress((i + done) / of)
