"""What a run recorded, drawn against what it cost: losses, learning rates, gradient norms.

Curves are SVG, not WebGL, and drawn through at most about 400 of the recorded points, always with the first, the last
and the extremes of each few pixels. A point's readout is what was recorded, to the last digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from gd_core.checks import require
from gd_core.comparison import Band, distinct_labels
from gd_core.descent import Run
from gd_core.figures import style

Against = Literal["epochs", "updates", "examples", "seconds"]
Array = npt.NDArray[Any]

AXES: dict[str, str] = {
    "epochs": "epochs",
    "updates": "updates",
    "examples": "examples seen",
    "seconds": "seconds of descent",
}
# a chart is about 1,000 pixels wide: two extremes for every five of them
MOST_POINTS = 400
# how far above the other curves a diverging one is followed: the others must stay readable
HEADROOM_LOG, HEADROOM_LINEAR = 1e3, 3.0
# a loss this much closer to the optimum's than at the start is down to rounding, which would take half of the axis
ROUNDING = 1e-15


def loss_curves(
    runs: Sequence[Run],
    *,
    labels: Sequence[str] | None = None,
    against: Against = "epochs",
    log_loss: bool = True,
    log_axis: bool = False,
    excess: bool = False,
    optimum: float | bool | None = None,
    bands: Sequence[Band | None] | None = None,
    predicted: Sequence[npt.ArrayLike | None] | None = None,
    validation: bool = False,
) -> go.Figure:
    """The recorded loss of each run, one line a run, on one pair of axes.

    ``against``: the horizontal axis; "seconds" spreads `Run.seconds` evenly over the updates. ``log_loss`` and
    ``log_axis`` make the vertical and the horizontal axis logarithmic. ``excess`` draws loss - loss*, the loss minus
    the exact optimum's. ``optimum``: the loss of the thin dashed line; None takes the problem's, False draws none.
    ``bands``: one a run; the median over its seeds then stands in for the run's own line, and the interval is shaded.
    ``predicted``: one a run, theory's loss at `Run.updates` (k,), dotted. ``validation`` adds the validation loss.

    Where some runs diverged and others did not, the axis ends a little above the others, so that they stay readable; a
    diverging curve leaves it, marked, with the numbers untouched, and a double click shows it whole.
    Raises ValueError for no runs, for labels, bands or predictions that are not one a run, and for ``excess`` where no
    optimum is known.
    """
    require(len(runs) > 0, "loss_curves needs at least one run")
    for name, given in (("bands", bands), ("predicted", predicted)):
        require(given is None or len(given) == len(runs), "{} must be one a run ({})", name, len(runs))
    known = _level(runs[0], optimum)
    base = 0.0
    if excess:
        reference = _optimum(runs[0]) if known is None else known
        require(reference is not None, "excess needs a problem whose optimum is known")
        base = float(reference)  # type: ignore[arg-type]
    title = runs[0].problem.loss_title
    chart = _Chart(
        runs=runs,
        labels=style.labels_of(labels, distinct_labels([run.variant for run in runs])),
        against=against,
        quantity="loss",
        title=f"{title} − the optimum's" if excess else title,
        log_value=log_loss,
        log_axis=log_axis,
        revision=f"loss {excess}",
        excess=excess,
    )
    for i, run in enumerate(runs):
        band = bands[i] if bands is not None else None
        if band is not None:
            chart.add_band(i, band, base)
        else:
            chart.add_line(i, _excess(run, base) if excess else run.loss, recorded=run.loss)
        if validation and run.validation_loss is not None:
            chart.add_companion(i, run.validation_loss - base, "validation", "dot")
        if predicted is not None and predicted[i] is not None:
            theory = np.asarray(predicted[i], dtype=np.float64)
            require(theory.shape == run.updates.shape, "predicted must have shape {}", run.updates.shape)
            chart.add_companion(i, theory - base, "predicted", "dot")
    if known is not None and not excess:
        chart.add_level(known, "exact optimum")
    return chart.figure()


def learning_rates(
    runs: Sequence[Run],
    *,
    labels: Sequence[str] | None = None,
    against: Against = "epochs",
    log_rate: bool = False,
    log_axis: bool = False,
) -> go.Figure:
    """The learning rate of each recorded update, one line a run. Raises ValueError for no runs."""
    chart = _chart(runs, labels, against, "learning rate", log_rate, log_axis)
    for i, run in enumerate(runs):
        chart.add_line(i, run.learning_rate, recorded=run.learning_rate)
    return chart.figure()


def gradient_norms(
    runs: Sequence[Run],
    *,
    labels: Sequence[str] | None = None,
    against: Against = "epochs",
    log_norm: bool = True,
    log_axis: bool = False,
) -> go.Figure:
    """The Euclidean norm of the full gradient, one line a run. Raises ValueError for no runs."""
    chart = _chart(runs, labels, against, "gradient norm", log_norm, log_axis)
    for i, run in enumerate(runs):
        chart.add_line(i, run.gradient_norm, recorded=run.gradient_norm)
    return chart.figure()


def _chart(
    runs: Sequence[Run], labels: Sequence[str] | None, against: Against, quantity: str, log: bool, log_axis: bool
) -> _Chart:
    require(len(runs) > 0, "{}s need at least one run", quantity)
    names = style.labels_of(labels, distinct_labels([run.variant for run in runs]))
    title = "norm of the full gradient" if quantity == "gradient norm" else quantity
    return _Chart(
        runs=runs,
        labels=names,
        against=against,
        quantity=quantity,
        title=title,
        log_value=log,
        log_axis=log_axis,
        revision=quantity,
    )


def _optimum(run: Run) -> float | None:
    return None if run.problem.optimum is None else float(run.problem.optimum.value)


def _level(run: Run, optimum: float | bool | None) -> float | None:
    if optimum is None or isinstance(optimum, bool):
        return None if optimum is False else _optimum(run)
    return float(optimum)


def _excess(run: Run, base: float) -> Array:
    """loss - loss*, without the rounding of that difference where the loss is quadratic and the optimum its own."""
    quadratic = run.problem.quadratic
    if quadratic is None or base != quadratic.optimum.value:
        return np.asarray(run.loss - base)
    away = run.theta - quadratic.optimum.theta
    return np.asarray(0.5 * np.einsum("kj,kj->k", away @ quadratic.hessian, away))


def position(run: Run, against: Against) -> Array:
    """Where each record of a run stands on the horizontal axis, (k,); seconds are spread evenly over the updates."""
    require(against in AXES, "against must be one of {}, got {!r}", ", ".join(AXES), against)
    if against == "seconds":
        return np.asarray(run.updates * (run.seconds / max(int(run.updates[-1]), 1)), dtype=np.float64)
    return np.asarray({"epochs": run.epochs, "updates": run.updates, "examples": run.examples}[against], np.float64)


@dataclass(kw_only=True)
class _Chart:
    """Lines of one quantity as they are gathered: the traces, and the values that decide what the axes show."""

    runs: Sequence[Run]
    labels: list[str]
    against: Against
    quantity: str
    title: str
    log_value: bool
    log_axis: bool
    revision: str
    excess: bool = False
    traces: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    steady: list[Array] = field(default_factory=list)
    everything: list[Array] = field(default_factory=list)
    main: dict[int, tuple[Array, Array]] = field(default_factory=dict)

    def add_line(self, i: int, values: Array, recorded: Array) -> None:
        """A run's own line. ``recorded`` is what its readouts say, whatever the line draws."""
        run = self.runs[i]
        x, y = self._drawable(position(run, self.against), values)
        self._count(i, y)
        self.main[i] = x, y
        kept = style.thin_curve(self._scale(x, self.log_axis), self._scale(y, self.log_value), MOST_POINTS)
        columns = {"update": run.updates, "epoch": run.epochs, "examples": run.examples}
        columns.pop({"epochs": "epoch", "updates": "update"}.get(self.against, self.against), None)
        look = style.look(i)
        self.traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": self.labels[i],
                "legendgroup": f"variant {i}",
                "x": style.counts(x[kept]) if self.against in ("updates", "examples") else style.compact(x[kept]),
                "y": style.compact(y[kept]),
                "customdata": style.finite(np.column_stack([*(c[kept] for c in columns.values()), recorded[kept]])),
                "hovertemplate": self._readout(list(columns)),
                "line": {"color": look.colour, "dash": look.dash, "width": 2},
                # a few symbols along the line, so that it can be told apart without colour
                "marker": {"color": look.colour, "symbol": look.symbol, "size": 7, "maxdisplayed": 8},
            }
        )

    def _readout(self, columns: list[str]) -> str:
        ends = {"update": "update %{{customdata[{}]:,}}", "epoch": "epoch %{{customdata[{}]:,.6~g}}"}
        ends["examples"] = "%{{customdata[{}]:,}} examples seen"
        here = {
            "epochs": "epoch %{x:,.6~g}",
            "updates": "update %{x:,}",
            "examples": "%{x:,} examples seen",
            "seconds": "%{x:.3~s}s",
        }[self.against]
        lines = [here, *(ends[name].format(j) for j, name in enumerate(columns))]
        # without a format the browser writes the shortest text that gives the same number back
        readout = f"{self.quantity} %{{customdata[{len(columns)}]}}"
        return "<br>".join(["<b>%{fullData.name}</b>", readout, *lines]) + "<extra></extra>"

    def add_companion(self, i: int, values: Array, what: str, dash: str) -> None:
        """A thinner line of the same variant: validation, prediction."""
        x, y = self._drawable(position(self.runs[i], self.against), np.asarray(values))
        self._count(i, y)
        kept = style.thin_curve(self._scale(x, self.log_axis), self._scale(y, self.log_value), MOST_POINTS // 2)
        predicted = what == "predicted"
        self.traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": f"{self.labels[i]}: {what}",
                "legendgroup": f"variant {i}",
                "x": style.compact(x[kept]),
                "y": style.compact(y[kept]),
                "hovertemplate": f"<b>%{{fullData.name}}</b><br>{self.quantity} %{{y:.6g}}<extra></extra>",
                # theory lies on the measured curve, so it needs a colour of its own to be seen at all
                "line": {"color": style.NEUTRAL if predicted else style.look(i).colour, "dash": dash, "width": 1.5},
            }
        )

    def add_band(self, i: int, band: Band, base: float) -> None:
        """The median over the seeds as a line, and the interval as a shade behind it."""
        run = self.runs[i]
        x = {"epochs": band.epochs, "updates": band.updates, "examples": band.examples}.get(self.against)
        if x is None:
            x = np.asarray(band.updates * (run.seconds / max(int(run.updates[-1]), 1)))
        x, median = self._drawable(np.asarray(x, dtype=np.float64), band.median - base)
        self._count(i, median)
        self.main[i] = x, median
        look = style.look(i)
        shade = self._shade(x, band.low - base, band.high - base)
        if shade is not None:
            self.traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "x": style.compact(shade[0]),
                    "y": style.compact(shade[1]),
                    "fill": "toself",
                    "fillcolor": style.faded(look.colour, 0.2),
                    "line": {"width": 0},
                    "hoverinfo": "skip",
                    "showlegend": False,
                    "legendgroup": f"variant {i}",
                }
            )
        kept = style.thin_curve(self._scale(x, self.log_axis), self._scale(median, self.log_value), MOST_POINTS)
        ends = np.column_stack([band.updates, band.median, band.low, band.high])
        self.traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"{self.labels[i]} (median of {band.n_seeds})",
                "legendgroup": f"variant {i}",
                "x": style.compact(x[kept]),
                "y": style.compact(median[kept]),
                "customdata": style.finite(ends[kept]),
                "hovertemplate": "<b>%{fullData.name}</b><br>median %{customdata[1]}"
                "<br>from %{customdata[2]:.6g} to %{customdata[3]:.6g}<br>update %{customdata[0]:,}<extra></extra>",
                "line": {"color": look.colour, "dash": look.dash, "width": 2},
                "marker": {"color": look.colour, "symbol": look.symbol, "size": 7, "maxdisplayed": 8},
            }
        )

    def _shade(self, x: Array, low: Array, high: Array) -> tuple[Array, Array] | None:
        """The outline of the interval. Where a seed has diverged it is open above: drawn to above the window."""
        low, high = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
        drawable = np.isfinite(x) & np.isfinite(low)
        if self.log_value:
            drawable &= high > 0
        if not drawable.any():
            return None
        # its record is dense, and without gaps: the extremes of each stretch, of both edges
        inside = np.flatnonzero(drawable)
        axis = self._scale(x[inside], self.log_axis)
        edges = [style.finite(self._scale(edge[inside], self.log_value)) for edge in (low, high)]
        kept = inside[np.unique(np.concatenate([style.thin_curve(axis, edge, MOST_POINTS // 2) for edge in edges]))]
        bounded = high[kept][np.isfinite(high[kept])]
        if bounded.size < len(kept):
            self._note("A shade without an upper edge: some seeds diverged.")
        ceiling = 10 * max([float(bounded.max(initial=0.0)), *(float(np.nanmax(v)) for v in self.everything if v.size)])
        top = np.where(np.isfinite(high[kept]), high[kept], ceiling)
        bottom = low[kept]
        if self.log_value:
            floor = float(np.min(bottom[bottom > 0], initial=float(np.min(top)))) / 10
            bottom = np.where(bottom > 0, bottom, floor)
        return np.concatenate([x[kept], x[kept][::-1]]), np.concatenate([bottom, top[::-1]])

    def add_level(self, level: float, name: str) -> None:
        """A thin dashed line across, where the axis can show it."""
        if not np.isfinite(level) or (self.log_value and level <= 0):
            return
        ends = [x[np.isfinite(x)] for x, _ in self.main.values()]
        ends = [x for x in ends if x.size]
        if not ends:
            return
        self.steady.append(np.array([level]))
        self.everything.append(np.array([level]))
        self.traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": [min(float(x[0]) for x in ends), max(float(x[-1]) for x in ends)],
                "y": [level, level],
                "customdata": [level, level],
                "hovertemplate": f"<b>{name}</b><br>{self.quantity} %{{customdata}}<extra></extra>",
                "line": {"color": style.NEUTRAL, "dash": "dash", "width": 1},
            }
        )

    def figure(self) -> go.Figure:
        """The gathered lines, the marks of divergence, and the axes."""
        window = self._window()
        for i, run in enumerate(self.runs):
            if run.diverged_at is not None:
                self._mark(i, run, window)
        axis = {"title": {"text": AXES[self.against]}, "type": "log" if self.log_axis else "linear"}
        value_axis: dict[str, Any] = {"title": {"text": self.title}, "type": "log" if self.log_value else "linear"}
        if self.log_value:
            value_axis["exponentformat"] = "power"
        if window is not None:
            value_axis["range"] = [float(self._scale(np.array(edge), self.log_value)) for edge in window]
        if self.log_axis:
            self._note(f"A logarithmic axis has no 0 {self.against}: the start is not drawn.")
        revision = f"{self.revision} {self.against} {self.log_value} {self.log_axis}"
        layout = style.layout(revision=revision, note=" ".join(self.notes), xaxis=axis, yaxis=value_axis)
        return style.figure(self.traces, layout)

    def _mark(self, i: int, run: Run, window: tuple[float, float] | None) -> None:
        x, y = self.main[i]
        seen = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        if not seen.size:
            return
        text = f"diverged at update {run.diverged_at:,}"
        at_x, at_y = float(x[seen[-1]]), float(y[seen[-1]])
        where = "top left"
        if window is not None and at_y > window[1]:
            # where the line leaves, as it is drawn: straight between two points of the (maybe logarithmic) axes
            after = int(np.argmax(y[seen] > window[1]))
            at_y, where = window[1], "bottom left"
            if after == 0:
                at_x = float(x[seen[0]])
            else:
                pair = seen[after - 1 : after + 1]
                heights, places = self._scale(y[pair], self.log_value), self._scale(x[pair], self.log_axis)
                share = (float(self._scale(np.array(window[1]), self.log_value)) - heights[0]) / np.diff(heights)[0]
                crossing = places[0] + share * (places[1] - places[0])
                at_x = float(10**crossing if self.log_axis else crossing)
        if self._share_of_axis(at_x) < 0.3:
            where = where.replace("left", "right")
        self.traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": [at_x],
                "y": [at_y],
                "text": [text],
                "textposition": where,
                "cliponaxis": False,
                "name": f"{self.labels[i]}: diverged",
                "legendgroup": f"variant {i}",
                "showlegend": False,
                "hovertemplate": f"<b>{self.labels[i]}</b><br>{text}<br>last recorded {self.quantity} "
                f"{float(self._recorded(run)[-1]):.6g}<extra></extra>",
                "marker": {"symbol": "x", "size": 11, "color": style.look(i).colour},
            }
        )

    def _recorded(self, run: Run) -> Array:
        names = {"loss": "loss", "learning rate": "learning_rate", "gradient norm": "gradient_norm"}
        return np.asarray(getattr(run, names[self.quantity]))

    def _share_of_axis(self, place: float) -> float:
        """How far along the horizontal axis a place lies, from 0 to 1."""
        everywhere = [self._scale(x[np.isfinite(x)], self.log_axis) for x, _ in self.main.values()]
        low = min(float(x[0]) for x in everywhere if x.size)
        high = max(float(x[-1]) for x in everywhere if x.size)
        return (float(self._scale(np.array(place), self.log_axis)) - low) / ((high - low) or 1.0)

    def _window(self) -> tuple[float, float] | None:
        """What the vertical axis shows, if not everything."""
        steady = np.concatenate(self.steady) if self.steady else np.empty(0)
        whole = np.concatenate(self.everything) if self.everything else np.empty(0)
        if not steady.size or not whole.size:
            return None
        low, high = float(whole.min()), float(whole.max())
        calm = float(steady.max())
        floor, ceiling = low, high
        diverged = [run.diverged_at is not None for run in self.runs]
        if any(diverged) and not all(diverged):
            room = calm * HEADROOM_LOG if self.log_value else calm + (HEADROOM_LINEAR - 1) * max(calm - low, calm / 10)
            ceiling = min(high, room)
        if self.excess and self.log_value:
            floor = max(low, ROUNDING * calm)
        if (floor, ceiling) == (low, high):
            return None
        if ceiling < high:
            self._note("A diverging curve leaves the window at the top; double-click the chart to see it whole.")
        if floor > low:
            self._note("Below the window the loss is the optimum's to within rounding.")
        if self.log_value:
            pad = (ceiling / floor) ** 0.05
            return floor / (pad if floor == low else 1.0), ceiling * (pad if ceiling == high else 1.0)
        return floor - 0.05 * (ceiling - floor), ceiling

    def _count(self, i: int, y: Array) -> None:
        drawn = y[np.isfinite(y)]
        self.everything.append(drawn)
        # a diverging run's start is where the others start, or what they must be compared with
        self.steady.append(drawn if self.runs[i].diverged_at is None else drawn[:1])

    def _drawable(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Both as floats, with gaps where the axes have no place for them."""
        x, y = style.finite(x), style.finite(y)
        if self.log_axis:
            x[x <= 0] = np.nan
        if self.log_value:
            y[y <= 0] = np.nan
        return x, y

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    @staticmethod
    def _scale(values: Array, log: bool) -> Array:
        if not log:
            return np.asarray(values)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.log10(values))
