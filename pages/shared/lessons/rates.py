"""The learning rate: too small, good, too large; and what a small one costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

import gd_core as gd
from gd_core.figures import lessons as draw
from gd_core.figures import text as words
from gd_core.figures.text import number
from pages.shared.guard import guard
from pages.shared.lessons import lesson

if TYPE_CHECKING:
    import pandas as pd

# fine around the limit, which is at 2
RATES = (0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 1.5, 1.8, 1.95, 2.0, 2.05, 2.2)
# more than this from its start, and a run counts as diverged: on this loss that is a thousand times the way to the best
FAR = 1e3
UPDATES = 200

CONDITIONS = (1, 2, 5, 10, 20, 50, 100)
# a run of up to 2,000 records has one for every update, so the first that is close enough is known exactly
MOST_UPDATES = 1950
GRID = tuple(float(rate) for rate in np.geomspace(0.005, 2.2, 48))
# the walk has arrived once so little of the excess loss is left
ARRIVED = 1e-3
ARRIVED_CLOSELY = 1e-6


@st.fragment
@guard()
def rates() -> None:
    """One loss, one start, and the learning rate from far too small to too large."""
    rate = lesson.slide("Learning rate", RATES, 0.05, key="rate", shown="{:g}".format)
    lesson.show(_rates(rate), key="rate")


@st.cache_resource(max_entries=lesson.MOST_KEPT, show_spinner=False)
def _rates(rate: float) -> lesson.Lesson:
    problem = lesson.ravine()
    curvature = gd.curvature(problem)
    label = f"rate {rate:g}"
    run = gd.descend(
        problem, gd.Variant(schedule=gd.Constant(rate), label=label), gd.Budget(updates=UPDATES, divergence=FAR)
    )
    plane = lesson.plane_at(problem, [run], gd.plane(problem, [], margin=0.6))
    figures = lesson.wire(
        gd.figures.contour_paths(plane, labels=[label], runs=[run], title="loss"),
        gd.figures.loss_curves([run], labels=[label], against="updates"),
    )
    return lesson.Lesson(
        says=_verdict(problem, run, curvature, rate),
        figures=figures,
        summaries=(words.describe_plane(plane, [label]), words.describe_loss([run], [label])),
        table=run.to_frame,
    )


def _verdict(problem: gd.Regression, run: gd.Run, curvature: gd.Curvature, rate: float) -> str:
    limit = curvature.max_stable_learning_rate
    start, best = float(run.loss[0]), problem.optimum.value
    arrived = run.updates_to(best + ARRIVED * (start - best))
    theory = (
        rf"Here $\lambda_{{\max}} = {curvature.eigenvalues[-1]:.3g}$, so the limit is "
        rf"$2/\lambda_{{\max}} = {limit:.3g}$, and the best constant rate is {number(curvature.best_learning_rate, 3)}."
    )
    # the limit itself comes with a rounding error
    if rate > limit * (1 + 1e-9):
        ended = (
            f"the walk counts as diverged at update {run.diverged_at}"
            if run.diverged_at is not None
            else f"the loss has grown from {number(start, 3)} to {number(float(run.loss[-1]), 3)}"
        )
        return f"**Too large.** Every step overshoots by more than the one before: {ended}. {theory}"
    if rate >= limit * (1 - 1e-9):
        return f"**On the limit.** Across the ravine the walk jumps to and fro for ever. {theory}"
    if arrived is None:
        share = (float(run.loss[-1]) - best) / (start - best)
        return (
            f"**Too small.** After {UPDATES} updates {share:.1%} of the excess loss is still there: safe, and slow. "
            f"{theory}"
        )
    return f"**It arrives**: within a thousandth of the way down after {arrived} updates. {theory}"


@st.fragment
@guard()
def price() -> None:
    """What each learning rate costs in updates, for a bowl and for ever narrower ravines."""
    condition = lesson.slide("Condition number of the loss", CONDITIONS, 10, key="price")
    lesson.show(_price(condition), key="price")


@st.cache_resource(max_entries=lesson.MOST_KEPT, show_spinner=False)
def _price(condition: int) -> lesson.Lesson:
    problem = lesson.ravine(condition_number=float(condition))
    curvature = gd.curvature(problem)
    compared = gd.compare(
        problem,
        [gd.Variant(schedule=gd.Constant(rate)) for rate in GRID],
        gd.Budget(updates=MOST_UPDATES, gradient_tolerance=1e-9),
    )
    start, lowest = float(compared.runs[0].loss[0]), problem.optimum.value
    target = lowest + ARRIVED_CLOSELY * (start - lowest)
    needed = [run.updates_to(target) for run in compared.runs]
    limit, best = curvature.max_stable_learning_rate, curvature.best_learning_rate
    figure = draw.updates_by_rate(GRID, needed, limit=limit, best=best, most=MOST_UPDATES)
    known = [(count, rate) for count, rate in zip(needed, GRID, strict=True) if count is not None]
    fewest, at = min(known)
    slow = [rate for rate, count in zip(GRID, needed, strict=True) if count is None and rate < limit]
    crawl = f". At {number(max(slow), 2)} and below, {MOST_UPDATES:,} updates do not suffice" if slow else ""
    tenth = gd.descend(problem, gd.Variant(schedule=gd.Constant(at / 10)), gd.Budget(updates=MOST_UPDATES)).updates_to(
        target
    )
    slower = f"a tenth of it takes {tenth:,}" if tenth is not None else f"a tenth of it more than {MOST_UPDATES:,}"
    says = (
        f"The fastest rate tried, {number(at, 3)}, takes {fewest:,} {'update' if fewest == 1 else 'updates'}; "
        f"{slower}{crawl}. Above {number(limit, 3)} nothing arrives."
    )
    summary = f"Updates needed against the learning rate, condition number {condition}. {says}"
    return lesson.Lesson(
        says=says, figures=lesson.wire(figure), summaries=(summary,), table=lambda: _price_table(needed)
    )


def _price_table(needed: list[int | None]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {"learning rate": GRID, "updates needed": [number(n) if n is not None else "-" for n in needed]}
    )
