"""A walk down the parabola of a model with one parameter."""

import streamlit as st

import gd_core as gd
from gd_core.figures import lessons as draw
from gd_core.figures import text as words
from gd_core.figures.text import number
from pages.shared.guard import guard
from pages.shared.lessons import lesson

RATE = 0.3
MOST_UPDATES = 15


@st.fragment
@guard()
def walk() -> None:
    """Updates one after the other: the slope, the step, the line that fits better each time."""
    count = lesson.slide("Updates made", range(MOST_UPDATES + 1), 2, key="walk")
    lesson.show(_walk(count), key="walk")


@st.cache_resource(show_spinner=False)
def _problem() -> gd.Regression:
    return gd.Regression(gd.generate("linear", n_samples=40, noise=0.5, seed=1), scaling="none", intercept=False)


@st.cache_resource(max_entries=lesson.MOST_KEPT, show_spinner=False)
def _walk(count: int) -> lesson.Lesson:
    problem = _problem()
    # one update more than is shown: the next step is told in numbers
    run = gd.descend(problem, gd.Variant(schedule=gd.Constant(RATE)), gd.Budget(updates=count + 1))
    shown = lesson.until(run, count)
    here, there = float(run.theta[count, 0]), float(run.theta[count + 1, 0])
    slope = float(problem.gradient(run.theta[count])[0])
    made = "1 update" if count == 1 else f"{count} updates"
    figures = lesson.wire(
        draw.parabola(problem, shown, parameter="θ, the slope of the line", title="loss J"),
        gd.figures.fit(problem, [run.theta[count]], [f"after {made}"]),
    )
    sentence = (
        f"The next update, with the learning rate {RATE}:\n\n"
        "$$\n"
        rf"\underbrace{{{there:.3f}}}_{{\text{{new }}\theta}} = \underbrace{{{here:.3f}}}_{{\theta}} - "
        rf"\underbrace{{{RATE}}}_{{\eta}} \cdot \underbrace{{({slope:.3f})}}_{{\text{{slope}}}}"
        "\n$$"
    )
    summary = (
        f"A parabola: the loss over the slope of the line. After {made} the walk stands at "
        f"{number(here)} with loss {number(float(run.loss[count]))}, where the parabola's slope is {number(slope)}; "
        f"the lowest point is {number(float(problem.optimum.theta[0]))}."
    )
    fitted = words.describe_fit(problem, [run.theta[count]], [f"after {made}"])
    return lesson.Lesson(says=sentence, figures=figures, summaries=(summary, fitted), table=shown.to_frame)
