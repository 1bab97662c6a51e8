"""Which valley a run ends in: counted over seeds, from two starts, and for a loss with one valley."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

import gd_core as gd
from gd_core.basins import BasinDemo
from gd_core.figures import lessons as draw
from gd_core.figures import text as words
from pages.shared.guard import guard
from pages.shared.lessons import lesson

if TYPE_CHECKING:
    import pandas as pd

STARTS = {
    "poor": "a start in a poor valley",
    "good": "a start above the best valley",
    "linear": "linear regression, any start",
}
SEEDS = 20
NAMES = ("batch", "stochastic")
# high above the best valley, on its side of the ridge
GOOD_START = (0.4, 5.5)


@st.fragment
@guard()
def valleys() -> None:
    """Batch descent and single rows on a loss with several minima."""
    case = lesson.choose("Model and start", STARTS, key="valleys")
    lesson.show(_valleys(case), key="valleys", height=320)


def setting(case: str) -> BasinDemo:
    """The problem, the variants (batch, stochastic) and the budget of a case."""
    demo = gd.basin_demo() if case == "poor" else gd.basin_demo(start=GOOD_START, learning_rate=0.4)
    variants = tuple(replace(variant, label=name) for variant, name in zip(demo.variants, NAMES, strict=False))
    if case != "linear":
        return demo._replace(problem=_waves(), variants=variants)
    problem = gd.Regression(demo.problem.dataset)
    return demo._replace(problem=problem, variants=tuple(replace(variant, start="random") for variant in variants))


@st.cache_resource(show_spinner=False)
def _waves() -> gd.Regression:
    """The problem of both starts: finding its optimum takes longer than all the rest."""
    return gd.basin_demo().problem


@st.cache_resource(max_entries=len(STARTS), show_spinner=False)
def _valleys(case: str) -> lesson.Lesson:
    problem, variants, budget = setting(case)
    counts = gd.count_basins(problem, variants, budget, seeds=SEEDS)
    runs = gd.compare(problem, variants, budget).runs
    plane = gd.plane(problem, runs)
    batch, stochastic = (count.in_best for count in counts)
    endings = {
        "poor": "Batch descent always walks into the near valley and stays. The noise of single rows carries some runs "
        "over the ridge.",
        "good": "Batch descent walks into the best valley and stays. The noise of single rows carries some runs out "
        "of it: escaping works both ways.",
        "linear": "There is one valley, and nothing to escape from. Both reach it from every start.",
    }
    says = (
        f"In the best valley after {budget.amount} epochs: **batch {batch} of {SEEDS}, stochastic {stochastic} of "
        f"{SEEDS}** seeds. {endings[case]}"
    )
    bars = "; ".join(f"{count.label}: {count.in_best} of {count.seeds}" for count in counts)
    figures = lesson.wire(
        gd.figures.contour_paths(plane, labels=NAMES, runs=runs, title="loss"), draw.basin_bars(counts)
    )
    return lesson.Lesson(
        says=says,
        figures=figures,
        summaries=(words.describe_plane(plane, NAMES), f"Runs that end in the best valley. {bars}."),
        table=lambda: _table(counts),
    )


def _table(counts: tuple[gd.BasinCount, ...]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({count.label: count.bottoms for count in counts}).rename_axis("seed").add_prefix("bottom, ")
