r"""Which valley a run ends in, counted over many seeds: what noise can and cannot do for a loss with several minima.

The gradient over all rows is zero at the bottom of every valley, so batch descent stays in the first one that it
reaches. The gradient of one row is not, and its noise can carry a run over a low ridge, or out of the best valley. How
often depends on the rate, the batch size and the ridge: it is counted here, not assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from gd_core.checks import require
from gd_core.comparison import distinct_labels, run_all
from gd_core.datasets import generate
from gd_core.descent import Budget, Outcome, Run, Variant
from gd_core.problem import Problem, Vector
from gd_core.regression import Regression
from gd_core.sampling import Batch, MiniBatch, Stochastic
from gd_core.schedules import Cosine, LineSearch

# two bottoms are the same when their losses agree to this share of the start's height above the best
SAME = 1e-3
# settling to a bottom: enough for curvatures a thousandfold apart
SETTLING = Budget(updates=3000, gradient_tolerance=1e-9)


@dataclass(frozen=True, kw_only=True, eq=False)
class BasinCount:
    """How one variant's runs ended: ``in_best`` of ``seeds`` runs in the best basin, ``diverged`` nowhere.

    ``bottoms`` (seeds,) is the loss at the bottom of the basin that each run ended in, infinite where it diverged.
    """

    label: str
    seeds: int
    in_best: int
    diverged: int
    bottoms: Vector


def count_basins(
    problem: Problem,
    variants: Sequence[Variant],
    budget: Budget,
    *,
    seeds: int = 100,
    progress: Callable[[float], None] | None = None,
) -> tuple[BasinCount, ...]:
    """Run each variant with ``seeds`` seeds and count the runs that end in the best basin, one count a variant.

    From each run's end, batch descent with a line search goes down to the bottom; the basin is the best if that bottom
    is as low as the problem's optimum, or where none is known as the lowest bottom found. Give the variants a start,
    for they would otherwise take a problem's seeded one. A batch run does not depend on its seed, so it runs once and
    counts for all. Raises ValueError for no variant and for seeds below 1.
    """
    require(len(variants) >= 1, "count_basins needs at least one variant")
    require(isinstance(seeds, int) and seeds >= 1, "seeds must be at least 1, got {!r}", seeds)
    repeats = [1 if _seedless(variant) else seeds for variant in variants]
    jobs = [
        replace(variant, seed=variant.seed + r) for variant, n in zip(variants, repeats, strict=True) for r in range(n)
    ]
    half = None if progress is None else (lambda share: progress(share / 2))
    runs = run_all(problem, jobs, budget, progress=half)
    settle = [
        Variant(schedule=LineSearch(learning_rate=1.0), start=tuple(run.final) if _usable(run) else None)
        for run in runs
    ]
    rest = None if progress is None else (lambda share: progress(0.5 + share / 2))
    settled = run_all(problem, settle, SETTLING, progress=rest)
    bottoms = np.array(
        [float(down.loss[-1]) if _usable(run) else np.inf for run, down in zip(runs, settled, strict=True)]
    )
    best = problem.optimum.value if problem.optimum is not None else float(np.min(bottoms))
    start = float(runs[0].loss[0])
    limit = best + SAME * max(start - best, 0.0)
    counts, first = [], 0
    for label, n in zip(distinct_labels(variants), repeats, strict=True):
        own = bottoms[first : first + n]
        own = np.repeat(own, seeds // n)
        counts.append(
            BasinCount(
                label=label,
                seeds=seeds,
                in_best=int(np.sum(own <= limit)),
                diverged=int(np.sum(np.isinf(own))),
                bottoms=own,
            )
        )
        first += n
    return tuple(counts)


def _seedless(variant: Variant) -> bool:
    return variant.sampling.full and isinstance(variant.start, tuple)


def _usable(run: Run) -> bool:
    return run.outcome is not Outcome.DIVERGED


class BasinDemo(NamedTuple):
    """A problem with several minima, variants that differ in their sampling alone, and the budget of each run."""

    problem: Regression
    variants: tuple[Variant, ...]
    budget: Budget


# (amplitude, frequency): beside a shallow minimum two ridges from the best, and on the slope down to the best
POOR_START = (0.2, 7.0)
GOOD_START = (0.2, 5.5)


def basin_demo(*, start: tuple[float, float] = POOR_START, learning_rate: float = 0.6) -> BasinDemo:
    """The setting in which escaping is shown: a sin(w x) on 60 noisy rows of a sine, batch, one row, and four rows.

    From ``POOR_START`` batch descent always ends in a shallow minimum, and single rows often leave it for the best.
    From ``GOOD_START`` with the rate 0.1 batch descent always ends in the best, and single rows sometimes miss it. The
    rate falls to zero along a cosine, so that every run settles.
    """
    problem = Regression(generate("sinusoid", n_samples=60, noise=0.1), model="sinusoid")
    variants = tuple(
        Variant(sampling=sampling, schedule=Cosine(learning_rate), start=start)
        for sampling in (Batch(), Stochastic(), MiniBatch(4))
    )
    return BasinDemo(problem, variants, Budget(epochs=200))
