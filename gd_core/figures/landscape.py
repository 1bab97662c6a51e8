"""The loss over a plane through parameter space, and the paths of the runs on it: in 3D and as contours.

Every point of a path stands at its true loss. With two parameters that is on the surface; with more, the path leaves
the plane, and its readout says how far, and what the loss is on the plane below.

Axes end at the plane's window. A path that leaves it for good (every diverging path does) is cut where it crosses the
edge, and marked there: what a diverging path does outside, it does in ever longer strokes across the window, which
would hide the rest. The plane and the runs keep every number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from gd_core.checks import require
from gd_core.figures import style

if TYPE_CHECKING:
    from gd_core.descent import Run
    from gd_core.landscape import Plane, PlanePath

Array = npt.NDArray[Any]
Height = Literal["log", "linear"]

# a scene is some 500 pixels wide; with four numbers for the readout a point costs 37 bytes on the wire
MOST_POINTS = 300
# points further apart than this are seen one by one, so each gets a dot
MOST_DOTS = 80
LEVELS = 16
# low enough to see a ravine's floor fall
EYE = (1.3, -1.3, 0.85)
# on the contours' fill, which no theme changes
INK = "#1d2530"
# a direction is a sum of parameters, so an axis title may be longer than a label
LONGEST_TITLE = 80
# the share of the surface that is allowed to lie flat at the bottom of a logarithmic height
FLAT_SHARE = 0.02


class Arrow(NamedTuple):
    """An arrow on a contour, from (u, v) by (du, dv), in the variant's colour, with a few words at its tip."""

    u: float
    v: float
    du: float
    dv: float
    text: str = ""
    variant: int = 0


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """How a loss becomes a height: itself, or log10(loss - lowest + epsilon).

    ``epsilon`` keeps the logarithm finite at the lowest point. It is the excess loss that 2 % of the surface stay
    below, so that a ravine's floor still has a slope, within 1e-8 and 1e-2 of the surface's range.
    """

    kind: Height
    title: str
    lowest: float
    highest: float
    epsilon: float

    @classmethod
    def of(cls, plane: Plane, kind: Height, title: str) -> _Scale:
        loss = np.asarray(plane.loss, dtype=np.float64)
        known = loss[np.isfinite(loss)]
        require(known.size > 0, "the plane has no finite loss")
        losses = [known, *(np.asarray(path.loss, dtype=np.float64) for path in plane.paths)]
        lowest = min(float(np.min(part[np.isfinite(part)], initial=np.inf)) for part in losses)
        if plane.minimum is not None and np.isfinite(plane.minimum[2]):
            lowest = min(lowest, float(plane.minimum[2]))
        highest = float(known.max())
        span = (highest - lowest) or 1.0
        epsilon = float(np.clip(np.quantile(known - lowest, FLAT_SHARE), 1e-8 * span, 1e-2 * span))
        return cls(kind=kind, title=title, lowest=lowest, highest=highest, epsilon=epsilon)

    def __call__(self, loss: npt.ArrayLike) -> Array:
        # an infinite loss is a very high one: where the line to it leaves the window is then still known
        given = np.nan_to_num(np.asarray(loss, dtype=np.float64), nan=np.nan, posinf=1e300, neginf=-1e300)
        if self.kind == "linear":
            return np.asarray(given)
        return np.asarray(np.log10(np.maximum(given - self.lowest, 0.0) + self.epsilon))

    @property
    def axis_title(self) -> str:
        if self.kind == "linear":
            return self.title
        return f"{self.title} − {style.number(self.lowest)} (log)"

    @cached_property
    def ticks(self) -> dict[str, Any]:
        """Ticks at the excess losses 0 and whole powers of ten."""
        if self.kind == "linear":
            return {}
        first, last = np.log10(self.epsilon), np.log10(self.highest - self.lowest + self.epsilon)
        powers = np.arange(np.ceil(first + 0.3), np.floor(last + 1e-9) + 1)
        powers = powers[:: max(1, -(-len(powers) // 6))]
        places = [float(first), *(float(np.log10(10.0**power + self.epsilon)) for power in powers)]
        return {"tickvals": places, "ticktext": ["0", *(f"{10.0**power:g}" for power in powers)]}


def surface_paths(
    plane: Plane,
    *,
    labels: Sequence[str],
    height: Height = "log",
    runs: Sequence[Run] | None = None,
    title: str = "loss",
    only: int | None = None,
    eye: tuple[float, float, float] = EYE,
) -> go.Figure:
    """The surface once, in 3D, and every path on it.

    ``height``: "log" draws log10(loss - lowest loss + epsilon), which shows ravines; its ticks are losses above the
    lowest. ``runs``: one a path, whose update numbers and outcomes then stand in the readouts. ``title`` names the
    loss. ``only`` draws one path, in its own colour. ``eye`` is where the scene is first looked at from.
    Raises ValueError for labels or runs that are not one a path.
    """
    scale = _Scale.of(plane, height, style.escape(title))
    names = _names(plane, labels, runs)
    window = _window(plane, scale)
    traces: list[dict[str, Any]] = [_surface(plane, scale, coarse=only is not None and len(plane.paths) > 3)]
    for i, path in enumerate(plane.paths):
        if only is None or i == only:
            traces += _spatial_path(i, path, names[i], scale, window, runs[i] if runs else None)
    if plane.minimum is not None:
        traces.append(_minimum(plane, scale))
    u_title, v_title = (style.escape(text, LONGEST_TITLE) for text in plane.axis_titles)
    axes = {
        "xaxis": {"title": {"text": u_title}, "range": list(window[0])},
        "yaxis": {"title": {"text": v_title}, "range": list(window[1])},
        "zaxis": {"title": {"text": scale.axis_title}, "range": list(window[2]), **scale.ticks},
        "aspectmode": "manual",
        "aspectratio": {"x": 1, "y": 1, "z": 0.75},
        "camera": {"eye": dict(zip("xyz", eye, strict=True)), "center": {"x": 0, "y": 0, "z": -0.1}},
    }
    layout = style.layout(revision=f"surface {height}", note=_note(plane, scale), scene=axes)
    if only is not None:
        layout |= {"title": {"text": names[only], "font": {"size": 14}}, "showlegend": False}
    return style.figure(traces, layout)


def surface_scenes(
    plane: Plane,
    *,
    labels: Sequence[str],
    height: Height = "log",
    runs: Sequence[Run] | None = None,
    title: str = "loss",
) -> list[go.Figure]:
    """One 3D scene a path, all over the same surface with the same axes; their cameras are linked by the view."""
    return [
        surface_paths(plane, labels=labels, height=height, runs=runs, title=title, only=i)
        for i in range(len(plane.paths))
    ]


def contour_paths(
    plane: Plane,
    *,
    labels: Sequence[str],
    arrows: Sequence[Arrow] | None = None,
    runs: Sequence[Run] | None = None,
    title: str = "loss",
    equal: bool = False,
    clickable: bool = False,
) -> go.Figure:
    """The plane from above: contours at geometrically spaced losses above the lowest, and every path.

    ``equal`` gives both axes the same scale, for parameters in the same unit. ``clickable``: a click anywhere on the
    contours is heard. ``arrows`` are drawn on top.
    Raises ValueError for labels or runs that are not one a path.
    """
    scale = _Scale.of(plane, "log", style.escape(title))
    names = _names(plane, labels, runs)
    u_range, v_range, _ = _window(plane, scale)
    heights = scale(style.finite(plane.loss))
    low, high = float(np.nanmin(heights)), float(np.nanmax(heights))
    step = ((high - low) or 1.0) / LEVELS
    traces: list[dict[str, Any]] = [
        {
            "type": "contour",
            "x": style.compact(plane.u),
            "y": style.compact(plane.v),
            "z": style.compact(heights),
            "colorscale": style.SURFACE_SCALE,
            "contours": {"start": low + step, "end": high, "size": step},
            "line": {"width": 0.5, "color": style.NEUTRAL},
            "hoverinfo": "none" if clickable else "skip",
            "colorbar": {
                "thickness": 10,
                "title": {"text": scale.axis_title, "side": "right"},
                "outlinewidth": 0,
                **scale.ticks,
            },
        }
    ]
    for i, path in enumerate(plane.paths):
        traces += _flat_path(i, path, names[i], (u_range, v_range), runs[i] if runs else None)
    if plane.minimum is not None:
        u, v, loss = (float(value) for value in plane.minimum)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "lowest point",
                "x": [u],
                "y": [v],
                "customdata": [loss],
                "hovertemplate": "<b>lowest point</b><br>loss %{customdata}<extra></extra>",
                "marker": {"symbol": "star", "size": 13, "color": "#000000", "line": {"color": "#ffffff", "width": 1}},
            }
        )
    u_title, v_title = (style.escape(text, LONGEST_TITLE) for text in plane.axis_titles)
    v_axis: dict[str, Any] = {"title": {"text": v_title}, "range": list(v_range)}
    if equal:
        # the plot shrinks to its ranges, rather than show what was not worked out
        v_axis |= {"scaleanchor": "x", "constrain": "domain"}
    layout = style.layout(
        revision="contour",
        note=_note(plane, scale),
        xaxis={"title": {"text": u_title}, "range": list(u_range), **({"constrain": "domain"} if equal else {})},
        yaxis=v_axis,
        annotations=[_arrow(arrow) for arrow in arrows or ()],
    )
    return style.figure(traces, layout)


def _names(plane: Plane, labels: Sequence[str], runs: Sequence[Run] | None) -> list[str]:
    require(len(labels) == len(plane.paths), "labels must be one a path ({}), got {}", len(plane.paths), len(labels))
    require(runs is None or len(runs) == len(plane.paths), "runs must be one a path ({})", len(plane.paths))
    return [style.escape(label) for label in labels]


def _note(plane: Plane, scale: _Scale) -> str:
    notes = []
    if any(_leaves(plane, path) for path in plane.paths):
        notes.append("A path is cut where it leaves the window for good; the table has every point.")
    furthest = max((float(np.nanmax(style.finite(path.off), initial=0.0)) for path in plane.paths), default=0.0)
    span = float(np.hypot(np.ptp(plane.u), np.ptp(plane.v)))
    if furthest > 1e-6 * span:
        notes.append("Paths leave the plane and stand at their true loss, above or below the surface.")
    if scale.kind == "log":
        notes.append(f"Heights are log10(loss − {scale.lowest:.6g} + {scale.epsilon:.2g}).")
    return " ".join(notes)


def _leaves(plane: Plane, path: PlanePath) -> bool:
    u, v = np.asarray(path.u), np.asarray(path.v)
    inside = (u >= plane.u[0]) & (u <= plane.u[-1]) & (v >= plane.v[0]) & (v <= plane.v[-1])
    return not bool(np.all(inside))


def _window(plane: Plane, scale: _Scale) -> tuple[tuple[float, float], ...]:
    """What the axes show: the plane, and in height what the surface and the paths within it need."""
    flat = ((float(plane.u[0]), float(plane.u[-1])), (float(plane.v[0]), float(plane.v[-1])))
    heights = scale(style.finite(plane.loss))
    low, high = float(np.nanmin(heights)), float(np.nanmax(heights))
    span = (high - low) or 1.0
    # off the plane a path may stand far above the surface: followed for half its height, then it is cut
    reach = [low, high]
    for path in plane.paths:
        u, v = np.asarray(path.u), np.asarray(path.v)
        inside = (u >= flat[0][0]) & (u <= flat[0][1]) & (v >= flat[1][0]) & (v <= flat[1][1])
        reach += [float(value) for value in scale(np.asarray(path.loss)[inside]) if value < high + span / 2]
    bottom, top = min(reach), max(reach)
    return (*flat, (bottom - 0.05 * (top - bottom or 1.0), top + 0.02 * (top - bottom or 1.0)))


def _surface(plane: Plane, scale: _Scale, *, coarse: bool) -> dict[str, Any]:
    # many scenes are small ones, and each carries its own surface
    r = len(plane.u)
    kept = np.unique(np.linspace(0, r - 1, r // 2).round().astype(np.int64)) if coarse and r > 40 else np.arange(r)
    heights = scale(style.finite(plane.loss))
    low, high = float(np.nanmin(heights)), float(np.nanmax(heights))
    sunk = heights[np.ix_(kept, kept)] - _sink(plane, scale, heights, kept)
    return {
        "type": "surface",
        "x": style.compact(plane.u[kept]),
        "y": style.compact(plane.v[kept]),
        "z": style.compact(sunk),
        "colorscale": style.SURFACE_SCALE,
        "cmin": low,
        "cmax": high if high > low else low + 1.0,
        "showscale": False,
        "hoverinfo": "skip",
        "opacity": 0.9,
        "contours": {"z": {"show": True, "start": low, "end": high, "size": ((high - low) or 1.0) / 12, "width": 1,
                           "color": style.NEUTRAL}},
        "lighting": {"ambient": 0.85, "diffuse": 0.4, "specular": 0.05, "roughness": 0.9},
    }  # fmt: skip


def _sink(plane: Plane, scale: _Scale, heights: Array, kept: Array) -> float:
    """How far the surface is drawn too low: as far as its flat faces stand above the true surface where paths run.

    Paths would otherwise lie hidden under the faces of a convex surface. Paths stay at their true height.
    """
    span = (float(np.nanmax(heights)) - float(np.nanmin(heights))) or 1.0
    excess = [0.0]
    for path in plane.paths:
        u, v = np.asarray(path.u), np.asarray(path.v)
        inside = (u >= plane.u[0]) & (u <= plane.u[-1]) & (v >= plane.v[0]) & (v <= plane.v[-1])
        if inside.any():
            faces = _bilinear(plane.u[kept], plane.v[kept], heights[np.ix_(kept, kept)], u[inside], v[inside])
            above = style.finite(faces - scale(np.asarray(path.plane_loss)[inside]))
            excess.append(float(np.nanmax(above, initial=0.0)))
    # a little more than needed, so that lines do not flicker in and out of the surface
    return float(np.clip(max(excess) + 0.005 * span, 0.01 * span, 0.05 * span))


def _bilinear(u: Array, v: Array, grid: Array, at_u: Array, at_v: Array) -> Array:
    """The grid's values between its points, (k,)."""
    j = np.clip(np.searchsorted(u, at_u, side="right") - 1, 0, len(u) - 2)
    i = np.clip(np.searchsorted(v, at_v, side="right") - 1, 0, len(v) - 2)
    s, t = (at_u - u[j]) / (u[j + 1] - u[j]), (at_v - v[i]) / (v[i + 1] - v[i])
    near, far = grid[i, j] * (1 - s) + grid[i, j + 1] * s, grid[i + 1, j] * (1 - s) + grid[i + 1, j + 1] * s
    return np.asarray(near * (1 - t) + far * t)


def _minimum(plane: Plane, scale: _Scale) -> dict[str, Any]:
    u, v, loss = (float(value) for value in plane.minimum)
    return {
        "type": "scatter3d",
        "mode": "markers",
        "name": "lowest point",
        "x": [u],
        "y": [v],
        "z": [float(scale(loss))],
        "customdata": [loss],
        "hovertemplate": "<b>lowest point</b><br>loss %{customdata}<extra></extra>",
        "marker": {"symbol": "cross", "size": 5, "color": "#000000", "line": {"color": "#ffffff", "width": 1}},
    }


def _readouts(path: PlanePath, run: Run | None) -> tuple[Array, str]:
    """The numbers of each point, (k, 4), and the template that reads them."""
    updates = np.arange(len(path.u)) if run is None else run.updates
    numbers = np.column_stack([updates, path.loss, path.off, path.plane_loss])
    first = "record" if run is None else "update"
    template = (
        f"<b>%{{fullData.name}}</b><br>{first} %{{customdata[0]:,}}<br>(%{{x:.6~g}}, %{{y:.6~g}})"
        "<br>loss %{customdata[1]:.7~g}<br>off the plane by %{customdata[2]:.4~g}"
        "<br>loss on the plane %{customdata[3]:.7~g}<extra></extra>"
    )
    # seven digits are enough here (the curves have all of them), unless a number is too large for single precision
    largest = float(np.nanmax(np.abs(style.finite(numbers)), initial=0.0))
    fits = largest < 1e38 and int(updates[-1]) <= 2**24
    return style.finite(numbers).astype(np.float32 if fits else np.float64), template


def _spatial_path(
    i: int, path: PlanePath, name: str, scale: _Scale, window: Any, run: Run | None
) -> list[dict[str, Any]]:
    look = style.look(i)
    box = np.array(window, dtype=np.float64)
    points = np.column_stack([path.u, path.v, scale(path.loss)]).astype(np.float64)
    points = _until_gone(points, box)
    kept = style.thin_path(points, box[:, 1] - box[:, 0], MOST_POINTS)
    inside = np.all((points[kept] >= box[:, 0]) & (points[kept] <= box[:, 1]), axis=1)
    line, exits = cut_to_window(points[kept], box)
    numbers, template = _readouts(path, run)
    shown = points[kept][inside]
    place = {"name": name, "legendgroup": f"variant {i}"}
    axes = ("x", "y", "z")
    stroke = {"color": look.colour, "width": 5, "dash": look.dash}
    dots = {"color": look.colour, "size": 2.5 if len(kept) <= MOST_DOTS else 1.5}
    readout = {"customdata": numbers[kept][inside], "hovertemplate": template}
    traces: list[dict[str, Any]] = []
    if len(line):
        whole = bool(inside.all())
        traces.append(
            {
                "type": "scatter3d",
                "mode": "lines+markers" if whole else "lines",
                **place,
                **dict(zip(axes, (style.compact(column) for column in line.T), strict=True)),
                "line": stroke,
                "marker": dots,
                **(readout if whole else {"hoverinfo": "skip"}),
            }
        )
        if not whole:
            traces.append(
                {
                    "type": "scatter3d",
                    "mode": "markers",
                    **place,
                    "showlegend": False,
                    **dict(zip(axes, (style.compact(column) for column in shown.T), strict=True)),
                    "marker": dots,
                    **readout,
                }
            )
    traces += _marks(i, path, name, points, box, exits, run, spatial=True)
    return traces


def _flat_path(i: int, path: PlanePath, name: str, window: Any, run: Run | None) -> list[dict[str, Any]]:
    look = style.look(i)
    box = np.array(window, dtype=np.float64)
    points = np.column_stack([path.u, path.v]).astype(np.float64)
    points = _until_gone(points, box)
    kept = style.thin_path(points, box[:, 1] - box[:, 0], MOST_POINTS)
    numbers, template = _readouts(path, run)
    _, exits = cut_to_window(points[kept], box)
    # the browser cuts flat lines at the window by itself
    drawn = points[kept]
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "legendgroup": f"variant {i}",
            "x": style.compact(drawn[:, 0]),
            "y": style.compact(drawn[:, 1]),
            "customdata": numbers[kept],
            "hovertemplate": template,
            "line": {"color": look.colour, "dash": look.dash, "width": 2},
            "marker": {"color": look.colour, "symbol": look.symbol, "size": 4, "maxdisplayed": MOST_DOTS},
        }
    ]
    return traces + _marks(i, path, name, points, box, exits, run, spatial=False)


def _marks(
    i: int, path: PlanePath, name: str, points: Array, box: Array, exits: Array, run: Run | None, *, spatial: bool
) -> list[dict[str, Any]]:
    """One trace with the start, the end, and where the path leaves the window."""
    colour = style.look(i).colour
    diverged = run is not None and run.diverged_at is not None
    marks: list[tuple[Array, str, str]] = []
    if _within(points[0], box):
        marks.append((points[0], "circle-open", f"start, loss {float(path.loss[0]):.7g}"))
    # 3D scenes take an "x" from an emoji font, which not every machine has
    stop = "square" if spatial else "x"
    if _within(points[-1], box) and len(points) > 1:
        words = f"diverged at update {run.diverged_at:,}" if diverged and run is not None else "end"
        marks.append((points[-1], stop if diverged else "diamond", f"{words}, loss {float(path.loss[-1]):.7g}"))
    elif len(exits):
        words = "leaves the window"
        if diverged and run is not None:
            words += f"; diverged at update {run.diverged_at:,}"
        marks.append((exits[-1], stop, words))
    if not marks:
        return []
    places = np.array([place for place, _, _ in marks])
    return [
        {
            "type": "scatter3d" if spatial else "scatter",
            "mode": "markers+text",
            "name": name,
            "legendgroup": f"variant {i}",
            "showlegend": False,
            **dict(zip(("x", "y", "z"), (column.tolist() for column in places.T), strict=False)),
            "customdata": [words for _, _, words in marks],
            "text": [("diverges" if diverged else "leaves") if symbol == stop else "" for _, symbol, _ in marks],
            **_lettering(places, box, spatial=spatial),
            "hovertemplate": "<b>%{fullData.name}</b><br>%{customdata}<extra></extra>",
            "marker": {
                "symbol": [symbol for _, symbol, _ in marks],
                "size": 6 if spatial else 11,
                "color": colour,
                "line": {"color": colour, "width": 2},
            },
        }
    ]


def _lettering(places: Array, box: Array, *, spatial: bool) -> dict[str, Any]:
    """Where the marks' words stand: towards the middle of a contour, whose fill is light in every theme."""
    if spatial:
        return {"textposition": "bottom center"}
    middle = box[0].mean()
    sides = ["middle left" if place[0] > middle else "middle right" for place in places]
    return {"textposition": sides, "textfont": {"color": INK}, "cliponaxis": False}


def _until_gone(points: Array, box: Array) -> Array:
    """The path up to the point after its last one inside the box; all of it if it never is."""
    inside = np.flatnonzero(np.all((points >= box[:, 0]) & (points <= box[:, 1]), axis=1))
    return points[: inside[-1] + 2] if inside.size else points


def _within(point: Array, box: Array) -> bool:
    return bool(np.all((point >= box[:, 0]) & (point <= box[:, 1])))


def _arrow(arrow: Arrow) -> dict[str, Any]:
    return {
        "x": arrow.u + arrow.du,
        "y": arrow.v + arrow.dv,
        "ax": arrow.u,
        "ay": arrow.v,
        "xref": "x",
        "yref": "y",
        "axref": "x",
        "ayref": "y",
        "text": style.escape(arrow.text),
        "showarrow": True,
        "arrowhead": 2,
        "arrowwidth": 2,
        "arrowcolor": style.look(arrow.variant).colour,
        "font": {"color": INK},
    }


def cut_to_window(points: Array, box: Array) -> tuple[Array, Array]:
    """The pieces of a polyline inside a box, with a row of NaN between pieces, and the points where it leaves the box.

    ``points`` (k, d), ``box`` (d, 2). Segments are cut by interpolation (Liang and Barsky, 1984).
    """
    d = points.shape[1]
    none = np.empty((0, d))
    if len(points) == 1:
        return (points, none) if _within(points[0], box) else (none, none)
    start, step = points[:-1], points[1:] - points[:-1]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low, high = (box[:, 0] - start) / step, (box[:, 1] - start) / step
    still = step == 0
    beyond = (start < box[:, 0]) | (start > box[:, 1])
    enter = np.where(still, np.where(beyond, np.inf, -np.inf), np.minimum(low, high)).max(axis=1)
    leave = np.where(still, np.where(beyond, -np.inf, np.inf), np.maximum(low, high)).min(axis=1)
    enter, leave = np.maximum(enter, 0.0), np.minimum(leave, 1.0)
    # a comparison with NaN is false, so a segment to a point that is no number is left out
    crosses = enter <= leave
    pieces: list[Array] = []
    exits: list[Array] = []
    open_piece = False
    for s in np.flatnonzero(crosses):
        first, last = start[s] + enter[s] * step[s], start[s] + leave[s] * step[s]
        if not open_piece or enter[s] > 0 or not crosses[s - 1]:
            if pieces:
                pieces.append(np.full(d, np.nan))
            pieces.append(first)
        # the point itself, not what the interpolation makes of it
        pieces.append(points[s + 1] if leave[s] == 1.0 else last)
        open_piece = leave[s] == 1.0
        if not open_piece:
            exits.append(last)
    return (np.array(pieces) if pieces else none), (np.array(exits) if exits else none)
