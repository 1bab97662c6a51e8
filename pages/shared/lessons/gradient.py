"""The gradient of a loss with two parameters, and the update that it gives."""

import numpy as np
import streamlit as st

import gd_core as gd
from gd_core.figures import text as words
from pages.shared.guard import guard
from pages.shared.lessons import lesson

RATE = 1.6
MOST_UPDATES = 20


@st.fragment
@guard()
def gradient() -> None:
    """One update after the other on a contour map, with the next step as an arrow."""
    count = lesson.slide("Updates made so far", range(MOST_UPDATES + 1), 1, key="gradient")
    lesson.show(_gradient(count), key="gradient", height=340)


@st.cache_resource(max_entries=lesson.MOST_KEPT, show_spinner=False)
def _gradient(count: int) -> lesson.Lesson:
    problem = lesson.ravine()
    variant = gd.Variant(schedule=gd.Constant(RATE), label="batch descent")
    run = lesson.until(gd.descend(problem, variant, gd.Budget(updates=MOST_UPDATES)), count)
    here = run.theta[-1]
    slope = problem.gradient(here)
    step = -RATE * slope
    plane = lesson.plane_at(problem, [run], gd.plane(problem, [], margin=0.75))
    # a step of a hundredth of the window has no room for an arrow
    room = float(np.ptp(plane.u)) / 100
    arrows = [gd.figures.Arrow(*here, *step, variant=1)] if np.linalg.norm(step) > room else []
    figure = gd.figures.contour_paths(
        plane, labels=["the walk"], arrows=arrows, runs=[run], title=problem.loss_title, equal=True
    )
    says = (
        rf"Here $\nabla J(\theta) = {_vector(slope)}$, and with $\eta = {RATE}$ the next update adds "
        rf"$-\eta\,\nabla J(\theta) = {_vector(step)}$."
    )
    summary = f"{words.describe_plane(plane, ['the walk'])} The next update moves by ({step[0]:.3g}, {step[1]:.3g})."
    return lesson.Lesson(says=says, figures=lesson.wire(figure), summaries=(summary,), table=run.to_frame)


def _vector(values: np.ndarray) -> str:
    return f"({values[0]:.3f},\\; {values[1]:.3f})"
