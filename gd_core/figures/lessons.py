"""Small figures of one idea each: a walk on a parabola, the price of a rate, the noise of a batch.

They show what no run records; what a run does record, `curves` and `landscape` draw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from gd_core.checks import require
from gd_core.figures import style

if TYPE_CHECKING:
    from gd_core.basins import BasinCount
    from gd_core.descent import Run
    from gd_core.problem import Problem
    from gd_core.theory import GradientVariance

Array = npt.NDArray[Any]
# a parabola a few hundred pixels wide looks smooth from here on
CURVE_POINTS = 81
MARGIN = {"l": 10, "r": 16, "t": 28, "b": 10}


def parabola(problem: Problem, run: Run, *, parameter: str, title: str = "loss") -> go.Figure:
    """The loss over the problem's only parameter, the run's points on it, and the tangent where it stands now.

    ``parameter`` names the horizontal axis. The window holds the start and its mirror image behind the optimum.
    Raises ValueError for more than one parameter, and for a problem whose optimum is not known.
    """
    require(problem.n_params == 1, "a parabola needs a problem with 1 parameter, got {}", problem.n_params)
    require(problem.optimum is not None, "a parabola needs a problem whose optimum is known")
    assert problem.optimum is not None
    lowest = float(problem.optimum.theta[0])
    reach = 1.15 * (abs(float(run.theta[0, 0]) - lowest) or 1.0)
    grid = np.linspace(lowest - reach, lowest + reach, CURVE_POINTS)
    loss = problem.values(grid[:, None])
    here, now = float(run.theta[-1, 0]), float(run.loss[-1])
    slope = float(problem.gradient(run.theta[-1])[0])
    half = 0.22 * reach
    look = style.look(0)
    traces = [
        _line(grid, loss, "loss", style.NEUTRAL, "solid", hover=f"{title} %{{y:.4g}} at %{{x:.4g}}"),
        _line([here - half, here + half], [now - half * slope, now + half * slope],
              f"slope {style.number(slope, 3)}", style.look(1).colour, "dash", hover="the slope here"),
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "the walk",
            "x": style.finite(run.theta[:, 0]),
            "y": style.finite(run.loss),
            "customdata": run.updates,
            "hovertemplate": f"update %{{customdata}}<br>at %{{x:.6g}}<br>{title} %{{y:.6g}}<extra></extra>",
            "line": {"color": look.colour, "width": 1.5, "dash": "dot"},
            "marker": {"color": look.colour, "size": [7] * (len(run.updates) - 1) + [13]},
        },
    ]  # fmt: skip
    top, bottom = float(np.max(loss)), float(np.min(loss))
    window = [bottom - 0.08 * (top - bottom), top + 0.04 * (top - bottom)]
    return _figure(traces, "parabola", parameter, title, yaxis={"range": window})


def updates_by_rate(
    rates: npt.ArrayLike, updates: Sequence[int | None], *, limit: float, best: float, most: int
) -> go.Figure:
    """How many updates each learning rate (k,) takes; None where it did not arrive within ``most``.

    ``limit`` and ``best`` are drawn as upright lines. Raises ValueError for updates that are not one a rate.
    """
    found = np.asarray(rates, dtype=np.float64)
    require(len(updates) == len(found), "updates must be one a rate ({}), got {}", len(found), len(updates))
    counts = np.array([np.nan if count is None else count for count in updates], dtype=np.float64)
    look = style.look(0)
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "updates needed",
            "x": found,
            "y": counts,
            "hovertemplate": "rate %{x:.3g}<br>%{y:,} updates<extra></extra>",
            "line": {"color": look.colour, "width": 2},
            "marker": {"color": look.colour, "size": 5},
        }
    ]
    edge = [float(found.min()) / 1.2, max(float(found.max()), limit) * 1.2]
    traces += [
        _upright(best, (1, most), "best rate in theory", style.look(2).colour, "dot"),
        _upright(limit, (1, most), "stability limit", style.look(1).colour, "dash"),
    ]
    axis = {"type": "log", "range": [math.log10(value) for value in edge]}
    return _figure(
        traces,
        "rates",
        "learning rate",
        "updates needed",
        xaxis=axis,
        yaxis={"type": "log", "range": [0, math.log10(most) + 0.1]},
    )


def stopping_points(
    runs: Sequence[Run], labels: Sequence[str], stops: Mapping[str, Sequence[int | None]], *, best: float
) -> go.Figure:
    """Each run's loss above ``best``, and where each criterion would have stopped it (None: not within the run).

    ``stops`` maps a criterion's name to one update count a run. Raises ValueError where those are not one a run.
    """
    names = style.labels_of(labels, [run.label for run in runs])
    traces = []
    for i, (run, name) in enumerate(zip(runs, names, strict=True)):
        look = style.look(i)
        kept = style.thin_curve(np.log10(run.updates + 1.0), np.log10(np.maximum(run.loss - best, 1e-300)), 200)
        excess = run.loss[kept] - best
        hover = f"{name}<br>update %{{x:,}}<br>%{{y:.3g}} above the optimum"
        traces.append(_line(run.updates[kept], excess, name, look.colour, look.dash, hover=hover))
    for k, (criterion, counts) in enumerate(stops.items()):
        require(len(counts) == len(runs), "stops must be one a run ({}), got {}", len(runs), len(counts))
        stopped = [(i, count) for i, count in enumerate(counts) if count is not None]
        places = [int(np.searchsorted(runs[i].updates, count)) for i, count in stopped]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": criterion,
                "x": [count for _, count in stopped],
                "y": [
                    float(runs[i].loss[min(place, len(runs[i].loss) - 1)] - best)
                    for (i, _), place in zip(stopped, places, strict=True)
                ],
                "hovertemplate": f"{criterion}<br>stops at update %{{x:,}}<br>%{{y:.3g}} above the optimum"
                "<extra></extra>",
                "marker": {
                    "symbol": ("circle", "x")[k % 2],
                    "size": 12,
                    "color": [style.look(i).colour for i, _ in stopped],
                    "line": {"width": 1, "color": style.NEUTRAL},
                },
            }
        )
    return _figure(
        traces,
        "stopping",
        "updates",
        "loss above the optimum's",
        xaxis={"type": "log"},
        yaxis={"type": "log", "exponentformat": "power", "range": [-13, 1]},
    )


def batch_gradients(gradients: Array, full: npt.ArrayLike, names: Sequence[str], *, reach: float) -> go.Figure:
    """Gradients of batches (k, 2) as dots, the full gradient (2,) as a star, zero as a cross.

    Both axes go as far as ``reach`` from the full gradient, so that figures of other batch sizes compare.
    """
    centre = np.asarray(full, dtype=np.float64)
    look = style.look(0)
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "one batch each",
            "x": style.compact(gradients[:, 0]),
            "y": style.compact(gradients[:, 1]),
            "hovertemplate": "(%{x:.3g}, %{y:.3g})<extra></extra>",
            "marker": {"color": look.colour, "size": 6, "opacity": 0.45},
        },
        _dot(0.0, 0.0, "zero", "cross-thin", style.NEUTRAL, 12),
        _dot(float(centre[0]), float(centre[1]), "all rows", "star", style.look(1).colour, 15),
    ]
    ranges = [[float(middle - reach), float(middle + reach)] for middle in centre]
    first, second = (f"derivative in {style.escape(name)}" for name in names)
    return _figure(traces, "gradients", first, second, xaxis={"range": ranges[0]}, yaxis={"range": ranges[1]})


def variance_by_batch_size(variance: GradientVariance, *, chosen: int) -> go.Figure:
    """The mean squared distance of a batch's gradient from the full one: predicted as a line, measured as dots.

    A variance of zero, that of a batch of all rows, has no place on the logarithmic axis.
    """
    sizes = variance.batch_sizes.astype(np.float64)
    # what is left of a variance of zero is rounding
    drawable = variance.predicted > 1e-12 * float(variance.predicted.max())
    look = style.look(0)
    traces: list[dict[str, Any]] = [
        _line(sizes[drawable], variance.predicted[drawable], "predicted", style.NEUTRAL, "dash",
              hover="batch of %{x}<br>predicted %{y:.4g}"),
        {
            "type": "scatter",
            "mode": "markers",
            "name": "measured",
            "x": sizes[drawable],
            "y": variance.measured[drawable],
            "hovertemplate": "batch of %{x}<br>measured %{y:.4g}<extra></extra>",
            "marker": {
                "color": look.colour,
                "size": [15 if size == chosen else 8 for size in variance.batch_sizes[drawable]],
            },
        },
    ]  # fmt: skip
    return _figure(
        traces,
        "variance",
        "batch size",
        "mean squared noise",
        xaxis={"type": "log", "dtick": 1},
        yaxis={"type": "log", "exponentformat": "power", "dtick": 1},
    )


def costs_by_rows(rows: npt.ArrayLike, costs: Mapping[str, npt.ArrayLike], *, chosen: int, title: str) -> go.Figure:
    """What one update costs at each number of rows (k,), a line for each way; the chosen number is an upright line."""
    counts = np.asarray(rows, dtype=np.float64)
    traces = []
    everything = []
    for i, (name, values) in enumerate(costs.items()):
        look = style.look(i)
        spent = np.broadcast_to(np.asarray(values, dtype=np.float64), counts.shape)
        everything.append(spent)
        hover = f"{style.escape(name)}<br>%{{x:,}} rows<br>%{{y:,}} {title}"
        traces.append(_line(counts, spent, style.escape(name), look.colour, look.dash, hover=hover))
    low, high = float(np.min(everything)), float(np.max(everything))
    here = _upright(chosen, (low / 3, high * 3), f"{chosen:,} rows", style.NEUTRAL, "dot")
    traces.append({**here, "showlegend": False})
    return _figure(
        traces,
        f"costs {title}",
        "rows",
        title,
        xaxis={"type": "log", "dtick": 1, "exponentformat": "power"},
        yaxis={"type": "log", "exponentformat": "power"},
    )


def basin_bars(counts: Sequence[BasinCount]) -> go.Figure:
    """How many of the seeds ended in the best basin, a bar for each sampling."""
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "y": [style.escape(count.label) for count in counts],
            "x": [count.in_best for count in counts],
            "text": [f"{count.in_best} of {count.seeds}" for count in counts],
            "textposition": "outside",
            "cliponaxis": False,
            "hovertemplate": "%{y}: %{text}<extra></extra>",
            "marker": {"color": [style.look(i).colour for i in range(len(counts))]},
            "showlegend": False,
        }
    ]
    seeds = max(count.seeds for count in counts)
    return _figure(
        traces,
        "basins",
        "runs that end in the best valley",
        "",
        xaxis={"range": [0, 1.25 * seeds]},
        yaxis={"autorange": "reversed"},
    )


def loss_by_batch_size(sizes: Sequence[int], excess: Sequence[float], rates: Sequence[float]) -> go.Figure:
    """The loss above the optimum's that each batch size reached, with its learning rate; the lowest is marked.

    Raises ValueError unless excess and rates are one a size.
    """
    require(len(sizes) == len(excess) == len(rates), "excess and rates must be one a size ({})", len(sizes))
    values = style.finite(excess)
    best = int(np.nanargmin(values))
    look = style.look(0)
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": "at its best rate",
            "x": [f"{size:,}" for size in sizes],
            "y": values,
            "customdata": list(rates),
            "hovertemplate": "batch of %{x}<br>%{y:.4g} above the optimum<br>learning rate %{customdata:.3g}"
            "<extra></extra>",
            "line": {"color": look.colour, "width": 2},
            "marker": {"color": look.colour, "size": 8},
        },
        _dot(f"{sizes[best]:,}", float(values[best]), "the winner", "star", style.look(1).colour, 18),
    ]
    return _figure(
        traces,
        "batch sizes",
        "batch size",
        "loss above the optimum's",
        xaxis={"type": "category"},
        yaxis={"type": "log", "exponentformat": "power", "dtick": 1},
    )


def with_level(figure: go.Figure, level: float, name: str) -> go.Figure:
    """The same figure with a dashed line across at this value; a level that is not finite is left out."""
    ends = [np.asarray(trace.x, dtype=np.float64) for trace in figure.data if trace.x is not None and len(trace.x)]
    if not math.isfinite(level) or not ends:
        return figure
    low, high = min(float(np.nanmin(x)) for x in ends), max(float(np.nanmax(x)) for x in ends)
    line = _line([low, high], [level, level], style.escape(name), style.NEUTRAL, "dash", hover=f"{level:.4g}")
    return style.figure([*figure.to_dict()["data"], line], figure.to_dict()["layout"])


def _line(x: npt.ArrayLike, y: npt.ArrayLike, name: str, colour: str, dash: str, *, hover: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": style.finite(x),
        "y": style.finite(y),
        "hovertemplate": f"{hover}<extra></extra>",
        "line": {"color": colour, "dash": dash, "width": 2},
    }


def _upright(x: float, span: tuple[float, float], name: str, colour: str, dash: str) -> dict[str, Any]:
    return _line([x, x], span, name, colour, dash, hover=f"{name}: {style.number(x)}")


def _dot(x: float | str, y: float, name: str, symbol: str, colour: str, size: int) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [x],
        "y": [y],
        "hovertemplate": f"{name}<extra></extra>",
        "marker": {"symbol": symbol, "size": size, "color": colour, "line": {"width": 1.5, "color": colour}},
    }


def _figure(traces: Sequence[Mapping[str, Any]], revision: str, x_title: str, y_title: str, **axes: Any) -> go.Figure:
    xaxis = {"title": {"text": style.escape(x_title)}, **axes.get("xaxis", {})}
    yaxis = {"title": {"text": style.escape(y_title)}, **axes.get("yaxis", {})}
    return style.figure(traces, style.layout(revision=revision, xaxis=xaxis, yaxis=yaxis, margin=MARGIN))
