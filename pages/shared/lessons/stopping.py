"""When to stop: a small gradient, a small change of the loss, and why the two differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

import gd_core as gd
from gd_core.figures import lessons as draw
from gd_core.figures.text import number
from pages.shared.guard import guard
from pages.shared.lessons import lesson

if TYPE_CHECKING:
    import pandas as pd

POWERS = (1, 2, 3, 4, 5)
RATES = (1.0, 0.05)
MOST_UPDATES = 20_000


@st.fragment
@guard()
def stopping() -> None:
    """Two criteria with the same tolerance, on a quick and on a slow walk."""
    power = lesson.slide("Tolerance", POWERS, 3, key="stop", shown=lambda power: f"{10.0**-power:g}")
    lesson.show(_stopping(power), key="stop", height=340)


@st.cache_resource(max_entries=lesson.MOST_KEPT, show_spinner=False)
def _stopping(power: int) -> lesson.Lesson:
    problem = lesson.ravine()
    tolerance, best = 10.0**-power, problem.optimum.value
    variants = [gd.Variant(schedule=gd.Constant(rate), label=f"rate {rate:g}") for rate in RATES]
    labels = [str(variant.label) for variant in variants]
    # the curves go on below the smallest tolerance
    whole = gd.compare(problem, variants, gd.Budget(updates=MOST_UPDATES, gradient_tolerance=1e-7)).runs
    budgets = {
        "small gradient": gd.Budget(updates=MOST_UPDATES, gradient_tolerance=tolerance),
        "small change of the loss": gd.Budget(updates=MOST_UPDATES, loss_tolerance=tolerance),
    }
    ends = {name: gd.compare(problem, variants, budget).runs for name, budget in budgets.items()}
    stops = {name: [int(run.updates[-1]) for run in runs] for name, runs in ends.items()}
    left = {name: [float(run.loss[-1]) - best for run in runs] for name, runs in ends.items()}
    figure = draw.stopping_points(whole, labels, stops, best=best)
    bound = tolerance**2 / (2 * gd.curvature(problem).smallest)
    quick, slow = left["small change of the loss"]
    reached, promised = lesson.in_latex(max(left["small gradient"])), lesson.in_latex(bound)
    says = (
        rf"With $\varepsilon = {_power(power)}$ the small gradient leaves at most {reached} of excess loss, where "
        rf"theory promises no more than $\varepsilon^2 / (2 \lambda_{{\min}})$, {promised}. The small change leaves "
        f"{lesson.in_latex(quick)} at the rate {RATES[0]:g}, and {lesson.in_latex(slow)} at the rate {RATES[1]:g}: "
        f"{lesson.rough(slow / quick)} times as much."
    )
    summary = "; ".join(
        f"{labels[i]}, {name}: stops at update {stops[name][i]:,} with {number(left[name][i])} above the optimum"
        for name in stops
        for i in range(len(labels))
    )
    return lesson.Lesson(
        says=says,
        figures=lesson.wire(figure),
        summaries=(f"Loss above the optimum's against updates, and where two criteria stop. {summary}.",),
        table=lambda: _table(labels, stops, left),
    )


def _power(power: int) -> str:
    return f"10^{{-{power}}}" if power > 1 else "0.1"


def _table(labels: list[str], stops: dict[str, list[int]], left: dict[str, list[float]]) -> pd.DataFrame:
    import pandas as pd

    rows = [(label, name, stops[name][i], left[name][i]) for name in stops for i, label in enumerate(labels)]
    return pd.DataFrame(rows, columns=["walk", "criterion", "stops at update", "loss above best"])
