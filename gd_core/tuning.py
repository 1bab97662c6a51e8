"""The best constant of each variant's schedule, found by the same search for all: a comparison of tuned variants."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import NamedTuple

from gd_core.checks import require
from gd_core.comparison import run_all
from gd_core.descent import Budget, Outcome, Run, Variant
from gd_core.problem import Problem

# four a decade over six decades: the best of them is within a third of the best rate there is
CANDIDATES = tuple(float(f"{10 ** (i / 4):.2g}") for i in range(-20, 5))


class Tuned(NamedTuple):
    """A variant with the rate that ended lowest, and what each candidate ended at (infinite if it diverged)."""

    variant: Variant
    learning_rate: float | None
    final_losses: tuple[float, ...]


def tune(
    problem: Problem,
    variants: Sequence[Variant],
    budget: Budget,
    *,
    candidates: Sequence[float] = CANDIDATES,
    progress: Callable[[float], None] | None = None,
) -> tuple[Tuned, ...]:
    """Give each variant the candidate learning rate with which its run ends at the lowest loss.

    Every variant tries the same candidates with the whole budget, so that none is favoured by a longer search (Choi et
    al., "On empirical comparisons of optimizers for deep learning", 2019, on why that decides such comparisons). A
    schedule without a learning rate is left as it is. The rate is compared at the training loss of the variant's own
    seed. Raises ValueError for no candidate, and for what `descend` raises.
    """
    require(len(candidates) >= 1, "tune needs at least one candidate")
    tunable = [any(field.name == "learning_rate" for field in fields(variant.schedule)) for variant in variants]
    jobs = [
        _with_rate(variant, rate) for variant, can in zip(variants, tunable, strict=True) if can for rate in candidates
    ]
    runs = iter(run_all(problem, jobs, budget, progress=progress))
    found = []
    for variant, can in zip(variants, tunable, strict=True):
        if not can:
            found.append(Tuned(variant, None, ()))
            continue
        losses = tuple(_end(next(runs)) for _ in candidates)
        best = candidates[losses.index(min(losses))]
        found.append(Tuned(_with_rate(variant, best), best, losses))
    return tuple(found)


def _with_rate(variant: Variant, rate: float) -> Variant:
    schedule = variant.schedule
    # a schedule that ends at a rate of its own must not begin below it
    low = getattr(schedule, "low", None)
    changes = {"learning_rate": rate} | ({"low": min(low, rate)} if low is not None else {})
    return replace(variant, schedule=replace(schedule, **changes))


def _end(run: Run) -> float:
    return math.inf if run.outcome is Outcome.DIVERGED else float(run.loss[-1])
