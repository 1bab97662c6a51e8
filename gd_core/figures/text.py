"""What a figure shows, in one to three plain sentences with its numbers: for screen readers and for who likes words.

Plain text, for elements that show text as it is; names are shortened and never marked up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gd_core.checks import require
from gd_core.comparison import distinct_labels
from gd_core.figures.style import number, shorten

if TYPE_CHECKING:
    from gd_core.curvature import Curvature
    from gd_core.datasets import Dataset
    from gd_core.descent import Run
    from gd_core.landscape import Plane
    from gd_core.regression import Regression


def describe_loss(runs: Sequence[Run], labels: Sequence[str] | None = None) -> str:
    """Each run's loss at the start and at the end, and the exact optimum's."""
    names = _names(labels, runs)
    if not runs:
        return "No run to show."
    parts = []
    for name, run in zip(names, runs, strict=True):
        ending = f"in {int(run.updates[-1]):,} updates"
        if run.diverged_at is not None:
            ending += f", diverged at update {run.diverged_at:,}"
        elif run.outcome.value == "converged":
            ending += ", converged"
        parts.append(f"{name}: from {number(float(run.loss[0]))} to {number(float(run.loss[-1]))} {ending}")
    text = f"Loss curves ({runs[0].problem.loss_title}) of {_count(len(runs), 'run')}. {'; '.join(parts)}."
    optimum = runs[0].problem.optimum
    return text if optimum is None else f"{text} The exact optimum's loss is {number(optimum.value)}."


def describe_learning_rates(runs: Sequence[Run], labels: Sequence[str] | None = None) -> str:
    """Each run's first and last learning rate."""
    names = _names(labels, runs)
    parts = [
        f"{name}: {number(float(run.learning_rate[0]))} to {number(float(run.learning_rate[-1]))}"
        for name, run in zip(names, runs, strict=True)
    ]
    return f"Learning rates, from the first update to the last. {'; '.join(parts)}."


def describe_gradient_norms(runs: Sequence[Run], labels: Sequence[str] | None = None) -> str:
    """Each run's first and last gradient norm."""
    names = _names(labels, runs)
    parts = [
        f"{name}: {number(float(run.gradient_norm[0]))} to {number(float(run.gradient_norm[-1]))}"
        for name, run in zip(names, runs, strict=True)
    ]
    return f"Norm of the full gradient, from start to end. {'; '.join(parts)}."


def describe_plane(plane: Plane, labels: Sequence[str]) -> str:
    """The window, its losses, and where each path begins and ends on it."""
    require(len(labels) == len(plane.paths), "labels must be one a path ({}), got {}", len(plane.paths), len(labels))
    u_title, v_title = (shorten(title) for title in plane.axis_titles)
    known = np.asarray(plane.loss)[np.isfinite(plane.loss)]
    text = (
        f"The loss over {u_title} from {number(float(plane.u[0]))} to {number(float(plane.u[-1]))} and {v_title} from "
        f"{number(float(plane.v[0]))} to {number(float(plane.v[-1]))}"
    )
    if known.size:
        text += f", between {number(float(known.min()))} and {number(float(known.max()))}"
    if plane.minimum is not None:
        u, v, loss = (number(float(value)) for value in plane.minimum)
        text += f"; the lowest point is ({u}, {v}) with loss {loss}"
    parts = []
    for name, path in zip(labels, plane.paths, strict=True):
        start, end = (f"({number(float(path.u[k]))}, {number(float(path.v[k]))})" for k in (0, -1))
        inside = plane.u[0] <= path.u[-1] <= plane.u[-1] and plane.v[0] <= path.v[-1] <= plane.v[-1]
        away = "" if inside else ", outside the window"
        parts.append(f"{shorten(name)} goes from {start} to {end}{away}, loss {number(float(path.loss[-1]))}")
    return f"{text}. {'; '.join(parts)}." if parts else f"{text}."


def describe_fit(problem: Regression, thetas: Sequence[npt.ArrayLike], labels: Sequence[str]) -> str:
    """The root mean squared error of each fit over the training rows, and the exact fit's."""
    require(len(labels) == len(thetas), "labels must be one a theta ({}), got {}", len(thetas), len(labels))
    dataset = problem.dataset
    rows = problem.training_rows
    parts = [
        f"{shorten(name)}: {number(_error(problem, np.asarray(theta, dtype=np.float64), rows))}"
        for name, theta in zip(labels, thetas, strict=True)
    ]
    if problem.optimum is not None:
        parts.append(f"exact optimum: {number(_error(problem, problem.optimum.theta, rows))}")
    kind = "Fitted curves over the data" if dataset.n_features == 1 else "Predicted against true values"
    target = shorten(dataset.target_name)
    return f"{kind}, {len(rows):,} rows. Root mean squared error in units of {target}: {'; '.join(parts)}."


def describe_data(dataset: Dataset) -> str:
    """The size of the data, the target's range, and the feature that goes with it most."""
    from gd_core.figures.data import _correlations

    text = (
        f"{shorten(dataset.name)}: {_count(dataset.n_samples, 'row')}, {_count(dataset.n_features, 'feature')}; "
        f"{shorten(dataset.target_name)} from {number(float(dataset.y.min()))} to {number(float(dataset.y.max()))}."
    )
    strength = _correlations(dataset, np.arange(dataset.n_samples))
    if not np.isfinite(strength).any():
        return text
    best = int(np.nanargmax(np.abs(strength)))
    return f"{text} Most correlated with it: {shorten(dataset.feature_names[best])} ({strength[best]:+.2f})."


def describe_eigenvalues(curvatures: Sequence[Curvature], names: Sequence[str]) -> str:
    """The largest and the smallest eigenvalue of each, the condition number, and the largest stable rate."""
    require(len(names) == len(curvatures), "names must be one a curvature ({}), got {}", len(curvatures), len(names))
    parts = []
    for name, curvature in zip(names, curvatures, strict=True):
        kappa = curvature.condition_number
        condition = f"condition number {number(kappa)}" if np.isfinite(kappa) else "no finite condition number"
        parts.append(
            f"{shorten(name)}: from {number(float(curvature.eigenvalues[-1]))} down to "
            f"{number(float(curvature.eigenvalues[0]))}, {condition}, "
            f"stable up to a learning rate of {number(curvature.max_stable_learning_rate)}"
        )
    return f"Eigenvalues of the Hessian. {'; '.join(parts)}."


def _names(labels: Sequence[str] | None, runs: Sequence[Run]) -> list[str]:
    require(labels is None or len(labels) == len(runs), "labels must be one a run ({})", len(runs))
    given = distinct_labels([run.variant for run in runs]) if labels is None else labels
    return [shorten(name) for name in given]


def _count(amount: int, what: str) -> str:
    return f"{amount:,} {what}{'' if amount == 1 else 's'}"


def _error(problem: Regression, theta: npt.NDArray[np.float64], rows: npt.NDArray[np.int64]) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        away = problem.predict(theta, problem.dataset.X[rows]) - problem.dataset.y[rows]
        return float(np.sqrt(np.mean(away**2)))
