"""The data and the fit: points, panels, correlations, fitted curves, predictions against the truth, eigenvalues."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from gd_core.checks import require
from gd_core.figures import style

if TYPE_CHECKING:
    from gd_core.curvature import Curvature
    from gd_core.datasets import Dataset
    from gd_core.regression import Regression

Array = npt.NDArray[Any]

# SVG draws this many at once, and more would only cover one another
MOST_POINTS = 2000
# over all panels and variants together: 16 bytes a point on the wire
MOST_POINTS_TOGETHER = 3000
# clouds of several variants lie over each other: more points would only hide the others, and be sent for nothing
MOST_COMPARED = 600
MOST_COMPARED_TOGETHER = 1600
MOST_PANELS = 12
PANELS_IN_A_ROW = 3
# with more features than this, points against each one say less than the correlations
PANELS_BY_ITSELF = 5
MOST_BARS = 30
GRID_POINTS = 240


def scatter(
    dataset: Dataset,
    *,
    rows: npt.ArrayLike | None = None,
    highlight: npt.ArrayLike | None = None,
    panels: int | None = None,
) -> go.Figure:
    """The target against each feature, one panel a feature; with many features, their correlations with the target.

    ``rows``: indices of the rows to draw, all by default; ``highlight``: rows drawn on top in another colour and
    symbol, such as a batch or the rows set aside. Up to five features get panels, more get `correlations`, unless
    ``panels`` asks for that many (at most 12) of the most correlated features.
    Raises ValueError for rows that do not exist.
    """
    require(
        panels is None or 1 <= panels <= MOST_PANELS, "panels must be between 1 and {}, got {}", MOST_PANELS, panels
    )
    shown = _rows(dataset, rows)
    marked = _rows(dataset, highlight) if highlight is not None else np.empty(0, dtype=np.int64)
    if panels is None and dataset.n_features > PANELS_BY_ITSELF:
        return correlations(dataset, rows=shown)
    n_panels = min(panels or PANELS_BY_ITSELF, dataset.n_features)
    features = np.arange(dataset.n_features)
    if n_panels < dataset.n_features:
        strength = np.abs(np.nan_to_num(_correlations(dataset, shown)))
        features = np.sort(np.argsort(-strength, kind="stable")[:n_panels])
    most = min(MOST_POINTS, 2 * MOST_POINTS_TOGETHER // n_panels)
    drawn = style.thin_rows(shown, most)
    marked_drawn = style.thin_rows(marked, most)
    y_title = style.escape(dataset.target_name)
    traces: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    captions: list[dict[str, Any]] = []
    for place, j in enumerate(features):
        suffix = "" if place == 0 else str(place + 1)
        name = style.escape(dataset.feature_names[j])
        groups = [(drawn, "rows", style.NEUTRAL, "circle", 0.45, 5)]
        if marked_drawn.size:
            groups.append((marked_drawn, "highlighted rows", style.COLOURS[1], "diamond", 0.9, 7))
        for chosen, group, colour, symbol, opacity, size in groups:
            traces.append(
                {
                    **_points(dataset.X[chosen, j], dataset.y[chosen], chosen, (name, y_title)),
                    "name": group,
                    "legendgroup": group,
                    "showlegend": bool(marked_drawn.size) and place == 0,
                    "marker": {"color": colour, "symbol": symbol, "opacity": opacity, "size": size},
                    "xaxis": f"x{suffix}",
                    "yaxis": f"y{suffix}",
                }
            )
        axes |= _panel(place, n_panels, name, y_title)
        if n_panels > PANELS_IN_A_ROW:
            captions.append(_caption(axes, suffix, style.escape(dataset.feature_names[j], 24)))
    notes = [_thinned(len(drawn), len(shown))]
    if n_panels < dataset.n_features:
        notes.append(
            f"The {n_panels} features most correlated with the target; {dataset.n_features - n_panels} are left out."
        )
    revision = f"scatter {dataset.fingerprint[:12]} {n_panels}"
    layout = style.layout(revision=revision, note=" ".join(filter(None, notes)), annotations=captions, **axes)
    return style.figure(traces, layout)


def correlations(dataset: Dataset, *, rows: npt.ArrayLike | None = None) -> go.Figure:
    """The correlation of each feature with the target, the strongest on top, at most 30 of them."""
    strength = _correlations(dataset, _rows(dataset, rows))
    order = np.argsort(-np.abs(np.nan_to_num(strength)), kind="stable")[:MOST_BARS][::-1]
    names = [style.escape(dataset.feature_names[j], 32) for j in order]
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "x": style.finite(strength[order]),
            # places, not names: two shortened names may be the same, and would then share a bar
            "y": np.arange(len(order)),
            "text": [f"{value:+.2f}" if np.isfinite(value) else "constant" for value in strength[order]],
            "customdata": names,
            "hovertemplate": "<b>%{customdata}</b><br>correlation %{x:.4f}<extra></extra>",
            "marker": {
                "color": [
                    style.COLOURS[0] if value >= 0 else style.COLOURS[1] for value in np.nan_to_num(strength[order])
                ]
            },
            "showlegend": False,
        }
    ]
    left_out = dataset.n_features - len(order)
    note = f"The {len(order)} strongest; {left_out} features are left out." if left_out else ""
    target = style.escape(dataset.target_name)
    layout = style.layout(
        revision=f"correlations {dataset.fingerprint[:12]}",
        note=note,
        xaxis={"title": {"text": f"correlation with {target}"}, "range": [-1.08, 1.08]},
        yaxis={"tickvals": list(range(len(order))), "ticktext": names, "automargin": True},
    )
    return style.figure(traces, layout)


def fit(problem: Regression, thetas: Sequence[npt.ArrayLike], labels: Sequence[str]) -> go.Figure:
    """What each theta (n_params,) predicts, in the target's units, and what the exact optimum does.

    With one feature: the points and a curve a variant. With more: predicted against true, one cloud a variant, over
    the diagonal on which both are equal. Raises ValueError for labels that are not one a theta.
    """
    require(len(labels) == len(thetas), "labels must be one a theta ({}), got {}", len(thetas), len(labels))
    names = [style.escape(label) for label in labels]
    found = [np.asarray(theta, dtype=np.float64) for theta in thetas]
    draw = _fitted_curves if problem.dataset.n_features == 1 else _predicted_against_true
    return draw(problem, found, names)


def _fitted_curves(problem: Regression, thetas: list[Array], names: list[str]) -> go.Figure:
    dataset = problem.dataset
    x_title, y_title = style.escape(dataset.feature_names[0]), style.escape(dataset.target_name)
    traces: list[dict[str, Any]] = []
    rows = np.arange(dataset.n_samples)
    groups = [(problem.training_rows, "data", "circle")]
    if problem.validation:
        groups = [
            (problem.training_rows, "training rows", "circle"),
            (problem.validation_rows, "set aside", "circle-open"),
        ]
    n_drawn = 0
    for chosen, name, symbol in groups:
        drawn = style.thin_rows(
            chosen, max(1, MOST_POINTS * len(chosen) // len(rows)) if len(rows) > MOST_POINTS else len(rows)
        )
        n_drawn += len(drawn)
        traces.append(
            {
                **_points(dataset.X[drawn, 0], dataset.y[drawn], drawn, (x_title, y_title)),
                "name": name,
                "marker": {"color": style.NEUTRAL, "symbol": symbol, "opacity": 0.45, "size": 5},
            }
        )
    low, high = float(dataset.X.min()), float(dataset.X.max())
    grid = np.linspace(low, high, 2 if _straight(problem) else GRID_POINTS)
    window = _padded(float(dataset.y.min()), float(dataset.y.max()), 0.25)
    notes = [_thinned(n_drawn, len(rows))]
    optimum = problem.optimum
    if optimum is not None:
        curve = {"color": style.NEUTRAL, "dash": "dash", "width": 4}
        traces.append(_curve(grid, _predict(problem, optimum.theta, grid), "exact fit", curve))
    for i, (theta, name) in enumerate(zip(thetas, names, strict=True)):
        look = style.look(i)
        predicted = _predict(problem, theta, grid)
        traces.append(_curve(grid, predicted, name, {"color": look.colour, "dash": look.dash, "width": 2.5}))
        inside = np.isfinite(predicted) & (predicted >= window[0]) & (predicted <= window[1])
        if not inside.any() and not _crosses(predicted, window):
            notes.append(f"{name}: outside the window.")
    layout = style.layout(
        revision=f"fit {dataset.fingerprint[:12]}",
        note=" ".join(filter(None, notes)),
        xaxis={"title": {"text": x_title}},
        # the data's own window: the curve of a diverged run would press it into a line
        yaxis={"title": {"text": y_title}, "range": list(window)},
    )
    return style.figure(traces, layout)


def _predicted_against_true(problem: Regression, thetas: list[Array], names: list[str]) -> go.Figure:
    dataset = problem.dataset
    y_title = style.escape(dataset.target_name)
    most = min(MOST_COMPARED, MOST_COMPARED_TOGETHER // max(len(thetas), 1))
    rows = style.thin_rows(np.arange(dataset.n_samples), most)
    true = dataset.y[rows]
    low, high = float(dataset.y.min()), float(dataset.y.max())
    window = _padded(low, high, 0.25)
    traces: list[dict[str, Any]] = []
    notes = [_thinned(len(rows), dataset.n_samples)]
    for i, (theta, name) in enumerate(zip(thetas, names, strict=True)):
        look = style.look(i)
        with np.errstate(over="ignore", invalid="ignore"):
            predicted = problem.predict(theta, dataset.X[rows])
        out = ~(np.isfinite(predicted) & (predicted >= window[0]) & (predicted <= window[1]))
        if out.any():
            notes.append(f"{name}: {int(out.sum()):,} of {len(rows):,} predictions are outside the window.")
        traces.append(
            {
                **_points(true, predicted, rows, (f"true {y_title}", f"predicted {y_title}")),
                "name": name,
                "marker": {"color": look.colour, "symbol": f"{look.symbol}-open", "opacity": 0.6, "size": 6},
            }
        )
    traces.append(_curve(np.array([low, high]), np.array([low, high]), "predicted = true",
                         {"color": style.NEUTRAL, "dash": "dash", "width": 1.5}))  # fmt: skip
    layout = style.layout(
        revision=f"fit {dataset.fingerprint[:12]}",
        note=" ".join(filter(None, notes)),
        xaxis={"title": {"text": f"true {y_title}"}},
        yaxis={"title": {"text": f"predicted {y_title}"}, "range": list(window)},
    )
    return style.figure(traces, layout)


def eigenvalues(curvatures: Sequence[Curvature], names: Sequence[str]) -> go.Figure:
    """The Hessian's eigenvalues, the largest first, on a logarithmic axis: one series for each scaling, say.

    Directions in which the loss is flat or curves downwards have no place on that axis; the note counts them.
    Raises ValueError for names that are not one a curvature.
    """
    require(len(names) == len(curvatures), "names must be one a curvature ({}), got {}", len(curvatures), len(names))
    traces: list[dict[str, Any]] = []
    notes = []
    lowest, highest = math.inf, 0.0
    for i, (curvature, given) in enumerate(zip(curvatures, names, strict=True)):
        look = style.look(i)
        values = np.asarray(curvature.eigenvalues, dtype=np.float64)[::-1]
        upward = np.isfinite(values) & (values > curvature.rounding)
        name = style.escape(given)
        if not upward.all():
            notes.append(f"{name}: {int((~upward).sum()):,} of {len(values):,} directions are flat or curve downwards.")
        if upward.any():
            lowest = min(lowest, float(values[upward].min()))
            highest = max(highest, float(values[upward].max()))
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "x": np.arange(1, len(values) + 1),
                "y": np.where(upward, values, np.nan),
                "hovertemplate": "<b>%{fullData.name}</b><br>eigenvalue %{x}: %{y:.6g}<extra></extra>",
                "line": {"color": look.colour, "dash": "dot", "width": 1},
                "marker": {"color": look.colour, "symbol": look.symbol, "size": 9},
            }
        )
    most = max((len(curvature.eigenvalues) for curvature in curvatures), default=1)
    ticks: dict[str, Any] = {"dtick": 1, "tick0": 1} if most <= 12 else {}
    layout = style.layout(
        revision="eigenvalues",
        note=" ".join(notes),
        xaxis={"title": {"text": "direction, the steepest first"}, **ticks},
        yaxis={"title": {"text": "eigenvalue of the Hessian"}, "type": "log", "exponentformat": "power"},
    )
    if 0 < highest < 2 * lowest:
        # equal eigenvalues differ by rounding, which must not fill the axis
        middle = 0.5 * (math.log10(lowest) + math.log10(highest))
        layout["yaxis"]["range"] = [middle - 0.5, middle + 0.5]
    return style.figure(traces, layout)


def _rows(dataset: Dataset, rows: npt.ArrayLike | None) -> npt.NDArray[np.int64]:
    if rows is None:
        return np.arange(dataset.n_samples)
    found = np.unique(np.asarray(rows, dtype=np.int64))
    exist = found.size == 0 or (found[0] >= 0 and found[-1] < dataset.n_samples)
    require(bool(exist), "rows must be between 0 and {}, got {} to {}", dataset.n_samples - 1, *found[[0, -1]][:2])
    return found


def _correlations(dataset: Dataset, rows: Array) -> Array:
    """Pearson's r of each feature with the target, (n_features,); NaN where one of them is constant."""
    X, y = dataset.X[rows], dataset.y[rows]
    if not len(rows):
        return np.full(dataset.n_features, np.nan)
    # brought to size 1 before they are squared, so that huge and tiny units neither overflow nor vanish
    X, y = X - X.mean(axis=0), y - y.mean()
    with np.errstate(invalid="ignore", divide="ignore"):
        X, y = X / np.abs(X).max(axis=0), y / np.abs(y).max()
        return np.asarray((X * y[:, None]).sum(axis=0) / np.sqrt((X**2).sum(axis=0) * (y**2).sum()))


def _points(x: Array, y: Array, rows: Array, titles: tuple[str, str]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": style.compact(x),
        "y": style.compact(y),
        "customdata": rows.astype(np.int32) + 1,
        "hovertemplate": f"row %{{customdata:,}}<br>{titles[0]}: %{{x:.6~g}}<br>{titles[1]}: %{{y:.6~g}}"
        "<extra></extra>",
    }


def _curve(x: Array, y: Array, name: str, line: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": style.compact(x),
        "y": style.compact(y),
        "hovertemplate": "<b>%{fullData.name}</b><br>%{x:.6~g}: %{y:.6~g}<extra></extra>",
        "line": line,
    }


def _straight(problem: Regression) -> bool:
    return problem.model == "linear" and problem.degree == 1


def _predict(problem: Regression, theta: Array, grid: Array) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(problem.predict(theta, grid[:, None]))


def _crosses(values: Array, window: tuple[float, float]) -> bool:
    """Whether a curve passes from one side of the window to the other."""
    known = values[np.isfinite(values)]
    return bool(known.size and known.min() < window[0] and known.max() > window[1])


def _padded(low: float, high: float, share: float) -> tuple[float, float]:
    pad = share * (high - low) or max(abs(high), 1.0) * share
    return low - pad, high + pad


def _thinned(drawn: int, of: int) -> str:
    return f"{drawn:,} of {of:,} rows are drawn, a seeded draw." if drawn < of else ""


def _panel(place: int, n_panels: int, x_title: str, y_title: str) -> dict[str, Any]:
    """The axes of one of several panels, up to three in a row; several rows have captions, not titles."""
    suffix = "" if place == 0 else str(place + 1)
    n_columns = 2 if n_panels == 4 else min(n_panels, PANELS_IN_A_ROW)
    n_rows = -(-n_panels // n_columns)
    row, column = divmod(place, n_columns)
    gap_x, gap_y = 0.06, 0.36 / n_rows
    width, height = (1 - gap_x * (n_columns - 1)) / n_columns, (1 - gap_y * (n_rows - 1)) / n_rows
    left, bottom = column * (width + gap_x), 1 - height - row * (height + gap_y)
    x_axis: dict[str, Any] = {"domain": [left, min(left + width, 1.0)], "anchor": f"y{suffix}"}
    y_axis: dict[str, Any] = {"domain": [max(bottom, 0.0), min(bottom + height, 1.0)], "anchor": f"x{suffix}"}
    if n_rows == 1:
        x_axis["title"] = {"text": x_title}
    if place:
        y_axis["matches"] = "y"
    if column == 0 and row == (n_rows - 1) // 2:
        y_axis["title"] = {"text": y_title}
    if column:
        y_axis["showticklabels"] = False
    return {f"xaxis{suffix}": x_axis, f"yaxis{suffix}": y_axis}


def _caption(axes: dict[str, Any], suffix: str, text: str) -> dict[str, Any]:
    """A feature's name above its panel."""
    left, top = axes[f"xaxis{suffix}"]["domain"][0], axes[f"yaxis{suffix}"]["domain"][1]
    place = {"xref": "paper", "yref": "paper", "x": left, "y": top, "xanchor": "left", "yanchor": "bottom"}
    return {**place, "text": text, "showarrow": False, "font": {"size": 12}}
