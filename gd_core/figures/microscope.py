"""One update from above: where it began and ended, the gradient on its rows and the one over all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from gd_core.checks import require
from gd_core.figures import style
from gd_core.figures.landscape import contour_paths
from gd_core.figures.style import number, shorten

if TYPE_CHECKING:
    from gd_core.descent import Run
    from gd_core.landscape import Plane
    from gd_core.replay import Replay

Array = npt.NDArray[Any]

# the longer of the two gradients, as a share of the window's shorter side
LONGEST_ARROW = 0.4
# a close-up shows this many lengths of the step, to either side of where it began
REACH = 1.6
# of the whole window: a step that is shorter is not followed further in, and one of length zero is still seen
CLOSEST = 1e-9


def close_up(plane: Plane, steps: Replay, k: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """The window ((u low, u high), (v low, v high)) of `gd_core.plane` around the k-th replayed update."""
    before, after = (_on(plane, points[k]) for points in (steps.before, steps.after))
    widest = float(max(np.ptp(plane.u), np.ptp(plane.v)))
    length = float(np.hypot(*(after - before)))
    reach = REACH * length if length > CLOSEST * widest else 0.1 * widest
    middle = (before + after) / 2
    return tuple((float(at - reach), float(at + reach)) for at in middle)  # type: ignore[return-value]


def update_on_contour(
    plane: Plane,
    steps: Replay,
    k: int,
    *,
    variant: int,
    labels: Sequence[str],
    runs: Sequence[Run] | None = None,
    title: str = "loss",
) -> go.Figure:
    """The contours with one variant's path, and the k-th of its replayed updates on it.

    Two arrows point downhill, against the gradient on the update's rows and against the full one, both at the same
    scale; with more than two parameters they are projections onto the plane. Two marks show where the step led.
    Raises ValueError for labels or runs that are not one a path.
    """
    require(0 <= variant < len(plane.paths), "variant must be one of the plane's {} paths", len(plane.paths))
    figure = contour_paths(plane, labels=labels, runs=runs, title=title, equal=True)
    mine = f"variant {variant}"
    kept = [trace for trace in figure.data if trace.legendgroup is None or trace.legendgroup == mine]
    before, after = _on(plane, steps.before[k]), _on(plane, steps.after[k])
    gradients = [-vectors[k] @ plane.directions.T for vectors in (steps.gradient, steps.full_gradient)]
    longest = max(float(np.hypot(*gradient)) for gradient in gradients)
    side = float(min(np.ptp(plane.u), np.ptp(plane.v)))
    scale = LONGEST_ARROW * side / longest if 0 < longest < np.inf else 0.0
    colour = style.look(variant).colour
    whole, batch = (float(np.linalg.norm(vectors[k])) for vectors in (steps.full_gradient, steps.gradient))
    added = [
        _step(before, after, colour, float(np.linalg.norm(steps.step[k]))),
        _arrow(before, scale * gradients[1], "full gradient, downhill", style.NEUTRAL, 5, whole),
        _arrow(before, scale * gradients[0], "gradient on the batch, downhill", colour, 2.5, batch),
    ]
    figure.data = kept
    figure.add_traces(added)
    note = f"The gradients' arrows are {scale:.3g} times as long as the gradients." if scale else ""
    old = style.note_of(figure)
    revision = f"update {plane.u[0]:.6g} {plane.u[-1]:.6g} {plane.v[0]:.6g} {plane.v[-1]:.6g}"
    figure.update_layout(meta={"note": " ".join(filter(None, [note, old]))}, uirevision=revision)
    return figure


def describe_update(steps: Replay, k: int, label: str, parameter_names: Sequence[str]) -> str:
    """Where the k-th replayed update began and ended, its two gradients and the angle between them."""
    shown = list(parameter_names)[:3]

    def point(theta: Array) -> str:
        return "(" + ", ".join(number(float(value)) for value in theta[: len(shown)]) + ")"

    more = "" if len(shown) == len(parameter_names) else f" (the first {len(shown)} of {len(parameter_names)})"
    names = ", ".join(shorten(name) for name in shown)
    lengths = [number(float(np.linalg.norm(vectors[k]))) for vectors in (steps.gradient, steps.full_gradient)]
    angle = float(steps.angle[k])
    between = f", {number(angle, 3)} degrees apart" if np.isfinite(angle) else ""
    count = len(steps.rows[k])
    read = "row" if count == 1 else f"{count:,} rows"
    return (
        f"Update {int(steps.updates[k]):,} of {shorten(label)}: {names}{more} go from {point(steps.before[k])} to "
        f"{point(steps.after[k])}. The gradient on its {read} has length {lengths[0]}, the one over "
        f"all rows {lengths[1]}{between}."
    )


def _on(plane: Plane, theta: Array) -> Array:
    return np.asarray((theta - plane.origin) @ plane.directions.T)


def _arrow(tail: Array, move: Array, name: str, colour: str, width: float, length: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        **_ends(tail, tail + move),
        "customdata": [length] * 2,
        "hovertemplate": "<b>%{fullData.name}</b><br>length %{customdata:.6~g}<extra></extra>",
        "line": {"color": colour, "width": width},
        "marker": {"symbol": "arrow", "angleref": "previous", "size": [0, 8 + 2.5 * width], "color": colour},
    }


def _step(before: Array, after: Array, colour: str, length: float) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "the step",
        **_ends(before, after),
        "customdata": [f"before, step of length {length:.6g}", f"after, step of length {length:.6g}"],
        "hovertemplate": "<b>%{customdata}</b><br>(%{x:.6~g}, %{y:.6~g})<extra></extra>",
        "line": {"color": colour, "width": 1.5, "dash": "dot"},
        "marker": {
            "symbol": ["circle", "diamond"],
            "size": 10,
            "color": colour,
            "line": {"color": "#ffffff", "width": 1.5},
        },
    }


def _ends(first: Array, second: Array) -> dict[str, Any]:
    # doubles: the window may be tiny beside the numbers in it
    return {"x": [float(first[0]), float(second[0])], "y": [float(first[1]), float(second[1])]}
