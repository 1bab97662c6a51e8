"""Arrows at the racers on a surface: what the next update reads, remembers and does.

All three belong to the update that leads on from the point shown: the gradient that it reads, with noise where the
racer meets any; the velocity that it makes of it; and the step that it takes. Gradient and velocity are drawn as the
way down, so reversed, and their lengths are shortened to a square root, so that an arrow is still seen where the
surface is a hundred times flatter. A step has its true length. In 3D they lie level, at the height of the point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gd_core.figures import style
from gd_core.replay import replay, velocity_slot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gd_core.descent import Run

Array = npt.NDArray[Any]
Box = tuple[tuple[float, float], ...]

KINDS = {"gradient": "− gradient", "velocity": "− velocity", "step": "step"}
LINES = {"gradient": ("solid", 2), "velocity": ("dot", 2), "step": ("solid", 4)}
# the longest arrow, as a share of the window's shorter side: longer ones would hide where they point to
LONGEST = 0.25


def arrow_vectors(run: Run, records: Array, *, longest: float, reference: float) -> dict[str, Array]:
    """The arrows of a run at some of its records, (k, 2) each, as they are drawn; NaN where there is none.

    ``longest`` is the length that a gradient or velocity of size ``reference`` or more is drawn with. A rule without a
    velocity has no arrow for it.
    """
    last = int(run.updates[-1])
    here = run.updates[records]
    steps = replay(run, [int(update) + 1 for update in here[here < last]])
    ends = here == last
    gradient, step = np.full((len(here), 2), np.nan), np.full((len(here), 2), np.nan)
    gradient[~ends], step[~ends] = steps.gradient, steps.step
    if ends.any():
        gradient[ends] = run.problem.gradient(run.theta[-1])
    found = {"gradient": _shortened(-gradient, longest, reference), "step": step}
    slot = velocity_slot(run.variant.rule)
    if slot is not None:
        velocity = np.full((len(here), 2), np.nan)
        velocity[~ends] = steps.state_after[:, slot]
        if ends.any() and last > 0:
            velocity[ends] = replay(run, [last]).state_after[0, slot]
        found["velocity"] = _shortened(-velocity, longest, reference)
    return found


def steepest_start(runs: Sequence[Run]) -> float:
    """The largest size of a gradient at a start, by which arrows are measured; 1 where all starts are flat."""
    sizes = [float(np.linalg.norm(run.problem.gradient(run.theta[0]))) for run in runs]
    return max((size for size in sizes if np.isfinite(size) and size > 0), default=1.0)


def arrow_trace(kind: str, run: int, *, spatial: bool) -> dict[str, Any]:
    """The trace of one kind of arrow of one racer, still without a place, and hidden until it is asked for."""
    dash, width = LINES[kind]
    colour = style.look(run).colour
    tip: dict[str, Any] = {"color": colour, "symbol": "arrow", "angleref": "previous", "size": [0, 13]}
    if spatial:
        tip = {"color": colour, "symbol": "diamond", "size": [0, 6], "line": {"width": 0}}
    return {
        "type": "scatter3d" if spatial else "scatter",
        "mode": "lines+markers",
        "name": KINDS[kind],
        "legendgroup": f"variant {run}",
        "showlegend": False,
        "hoverinfo": "skip",
        "visible": False,
        "line": {"color": colour, "dash": dash, "width": 2 * width if spatial else width},
        "marker": tip,
        "meta": {"moves": "arrow", "run": run, "kind": kind},
    }


def _shortened(vectors: Array, longest: float, reference: float) -> Array:
    # in two steps, because a diverging gradient's square would overflow
    largest = np.max(np.abs(vectors), axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        unit = vectors / largest
        size = largest * np.linalg.norm(unit, axis=1, keepdims=True)
        unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
        return np.asarray(unit * longest * np.sqrt(np.minimum(size / reference, 1.0)))
