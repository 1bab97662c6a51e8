"""One row's gradient against all rows', and what a larger batch buys."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

import gd_core as gd
from gd_core.figures import lessons as draw
from gd_core.figures.text import number
from pages.shared.guard import guard
from pages.shared.lessons import lesson

if TYPE_CHECKING:
    import pandas as pd

SIZES = (1, 2, 5, 10, 20, 50, 100, 200)
DRAWN = 200
MEASURED = 400


@st.fragment
@guard()
def noise() -> None:
    """Two hundred batches' gradients, and their spread against the batch size."""
    size = lesson.slide("Batch size", SIZES, 1, key="noise")
    lesson.show(_noise(size), key="noise")


@st.cache_resource(show_spinner=False)
def _variance() -> gd.GradientVariance:
    problem = lesson.ravine(noise=1.0)
    return gd.gradient_variance(problem, problem.start, SIZES, draws=MEASURED)


def drawn_gradients(problem: gd.Regression, size: int) -> np.ndarray:
    """The gradients at the start (DRAWN, n_params) of batches drawn without replacement."""
    orders = islice(gd.MiniBatch(size).orders(problem.n_samples, 0), DRAWN)
    return np.array([problem.gradient_of(problem.start, order[:size]) for order in orders])


@st.cache_resource(max_entries=lesson.MOST_KEPT, show_spinner=False)
def _noise(size: int) -> lesson.Lesson:
    problem, variance = lesson.ravine(noise=1.0), _variance()
    full = problem.gradient(problem.start)
    gradients = drawn_gradients(problem, size)
    away = int(np.sum(gradients @ full <= 0))
    reach = 2.5 * float(np.sqrt(variance.predicted[0]))
    predicted, measured = (float(values[SIZES.index(size)]) for values in (variance.predicted, variance.measured))
    mean = gradients.mean(axis=0)
    says = (
        f"Of {DRAWN} batches of {size}, **{away} point the wrong way**: a step against their gradient would raise the "
        f"loss over all rows, however small. Their mean is ({mean[0]:.2f}, {mean[1]:.2f}), the full gradient "
        f"({full[0]:.2f}, {full[1]:.2f})."
    )
    summary = (
        f"Gradients of {DRAWN} batches of {size} around the full gradient ({number(float(full[0]), 3)}, "
        f"{number(float(full[1]), 3)}); {away} of them point the wrong way.",
        f"Mean squared noise against batch size: at {size}, measured {number(_clean(measured), 3)}, predicted "
        f"{number(_clean(predicted), 3)}; at 1, predicted {number(float(variance.predicted[0]), 3)}.",
    )
    figures = lesson.wire(
        draw.batch_gradients(gradients, full, problem.parameter_names, reach=reach),
        draw.variance_by_batch_size(variance, chosen=size),
    )
    return lesson.Lesson(says=says, figures=figures, summaries=summary, table=lambda: _table(variance))


def _clean(value: float) -> float:
    """A variance of zero comes with rounding."""
    return value if value > 1e-12 else 0.0


def _table(variance: gd.GradientVariance) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "batch size": variance.batch_sizes,
            "predicted": [_clean(float(value)) for value in variance.predicted],
            f"measured over {MEASURED} batches": [_clean(float(value)) for value in variance.measured],
        }
    )
