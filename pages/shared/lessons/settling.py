"""A constant rate never settles on sampled gradients; a falling one does."""

import streamlit as st

import gd_core as gd
from gd_core.figures import lessons as draw
from gd_core.figures import text as words
from gd_core.figures.text import number
from gd_core.schedules import Schedule
from pages.shared.guard import guard
from pages.shared.lessons import lesson

RATE = 0.1
EPOCHS = 100
# rows are drawn with replacement here, as theory assumes
SAMPLING = gd.Stochastic(replacement=True)
SCHEDULES = {
    "constant": "constant",
    "step": "step",
    "cosine": "cosine",
    "epochs": "1 / epochs",
    "updates": "1 / updates",
}


@st.fragment
@guard()
def settling() -> None:
    """Stochastic descent with a constant rate beside one whose rate falls."""
    name = lesson.choose("The learning rate over time", SCHEDULES, key="settling")
    lesson.show(_settling(name), key="settling")


def schedule(name: str) -> Schedule:
    """The schedule of this name; all begin at the same rate."""
    return {
        "constant": gd.Constant(RATE),
        "step": gd.StepDecay(RATE, factor=0.5, every=10),
        "cosine": gd.Cosine(RATE),
        "epochs": gd.InverseScaling(RATE, power=1.0, per="epoch"),
        "updates": gd.InverseScaling(RATE, power=1.0, per="update"),
    }[name]


@st.cache_resource(max_entries=len(SCHEDULES), show_spinner=False)
def _settling(name: str) -> lesson.Lesson:
    problem = lesson.ravine(noise=1.0)
    names = ["constant"] if name == "constant" else ["constant", name]
    variants = [gd.Variant(sampling=SAMPLING, schedule=schedule(one), label=SCHEDULES[one]) for one in names]
    compared = gd.compare(problem, variants, gd.Budget(epochs=EPOCHS))
    floor = gd.noise_floor(problem, variants[0])
    best = problem.optimum.value
    labels, runs = compared.labels, compared.runs
    figures = lesson.wire(
        draw.with_level(
            gd.figures.loss_curves(runs, labels=labels, against="epochs", excess=True), floor.excess, "noise floor"
        ),
        gd.figures.learning_rates(runs, labels=labels, against="epochs", log_rate=True),
    )
    steady = runs[0].loss[runs[0].epochs >= EPOCHS / 2] - best
    says = (
        f"At the constant rate {RATE:g} the second half of the walk is on average "
        f"**{number(float(steady.mean()), 2)}** above the exact optimum; theory's noise floor is "
        f"**{number(floor.excess, 2)}**."
    )
    if len(runs) > 1:
        says += f" With the falling rate it ends **{number(float(runs[1].loss[-1]) - best, 2)}** above."
    return lesson.Lesson(
        says=says,
        figures=figures,
        summaries=(words.describe_loss(runs, labels), words.describe_learning_rates(runs, labels)),
        table=lambda: compared.table().drop(columns="why"),
    )
