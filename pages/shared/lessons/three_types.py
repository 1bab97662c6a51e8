"""The three types on the same rows: what each makes of one epoch."""

import streamlit as st

import gd_core as gd
from gd_core.figures import text as words
from gd_core.figures.text import number
from pages.shared.guard import guard
from pages.shared.lessons import lesson

EPOCHS = 10
VARIANTS = (
    gd.Variant(sampling=gd.Batch(), schedule=gd.Constant(0.1), label="batch"),
    gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(0.1), label="stochastic"),
    gd.Variant(sampling=gd.MiniBatch(20), schedule=gd.Constant(0.1), label="mini-batch of 20"),
)


@st.fragment
@guard()
def three_types() -> None:
    """The paths of the three types after so many epochs."""
    epochs = lesson.slide("Epochs, passes over the 200 rows", range(1, EPOCHS + 1), 1, key="types")
    lesson.show(_types(epochs), key="types")


@st.cache_resource(max_entries=lesson.MOST_KEPT, show_spinner=False)
def _types(epochs: int) -> lesson.Lesson:
    problem = lesson.ravine(noise=1.0)
    compared = gd.compare(problem, VARIANTS, gd.Budget(epochs=epochs))
    labels, runs = compared.labels, compared.runs
    plane = lesson.plane_at(problem, runs, gd.plane(problem, [], margin=0.3))
    figures = lesson.wire(
        gd.figures.contour_paths(plane, labels=labels, runs=runs, title="loss"),
        gd.figures.loss_curves(runs, labels=labels, against="epochs"),
    )
    best = problem.optimum.value
    named = list(zip(labels, runs, strict=True))
    made = ", ".join(f"{int(run.updates[-1]):,} ({label})" for label, run in named)
    left = ", ".join(f"{number(float(run.loss[-1]) - best, 2)} ({label})" for label, run in named)
    says = (
        f"Each has read {int(runs[0].examples[-1]):,} rows. Updates made: {made}. Loss left above the exact optimum's: "
        f"{left}."
    )
    return lesson.Lesson(
        says=says,
        figures=figures,
        summaries=(words.describe_plane(plane, labels), words.describe_loss(runs, labels)),
        table=lambda: compared.table().drop(columns="why"),
    )
