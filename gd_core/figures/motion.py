"""How the figures of a comparison move: one clock for all of them, and what each one shows at its every tick.

    moving = synchronised(runs, [OnCurve(), OnSurface(plane=plane), OnContour(plane=plane), OnFit()], labels=labels)

The clock counts the unit in which the runs are compared (epochs, updates or examples seen), and at every tick each run
is shown where it stood at that amount: at its last record up to there. So a run of many small updates and one of few
large ones move fairly, and nothing is interpolated. Every tick is a record of at least one run.

What moves is described here once and computed in the browser: from the recorded parameters, and for models that are
linear in them from a sample of design rows. Only where a prediction cannot be had from few numbers is it sent itself,
at fewer ticks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from gd_core.checks import require
from gd_core.comparison import Band, distinct_labels
from gd_core.figures import style
from gd_core.figures.curves import AXES, Against, position
from gd_core.figures.landscape import Height, _Scale, _window
from gd_core.figures.surface import KINDS, LONGEST, arrow_trace, arrow_vectors, steepest_start

if TYPE_CHECKING:
    from gd_core.descent import Run
    from gd_core.landscape import Plane
    from gd_core.regression import Regression

Array = npt.NDArray[Any]
Unit = Literal["epochs", "updates", "examples"]

# 8 seconds at 50 pictures a second
MOST_TICKS = 400
FEWEST_TICKS = 120
# what the ticks of all runs may take on the wire; base64 makes four bytes of three
MOST_BYTES = 42_000
# of the ticks that are free, so many are spread evenly over the clock; the others fall where the records are
EVEN_SHARE = 2 / 3
# with more parameters than this, predictions take fewer bytes than the parameters
MOST_PARAMETERS = 30
SHOWN_PARAMETERS = 3
# rows of a moving fit: one symbol each, moved some ten times a second
MOST_ROWS = 200
MOST_ROWS_TOGETHER = 600
CURVE_POINTS = 80
# where predictions are sent themselves
MOST_KEYS = 60
KEY_BYTES = 20_000
# arrows as whole numbers of this share of the longest: 1/100 of a pixel
ARROW_LEVELS = 32_000
NO_ARROW = -32_768
# predictions as whole numbers across the window and as much again on both sides: 1/100 of a pixel
LEVELS = 65_000


@dataclass(frozen=True, kw_only=True)
class OnCurve:
    """A point on each curve of `loss_curves`; ``against``, ``excess`` and ``bands`` as that figure had them."""

    against: Against = "epochs"
    excess: bool = False
    bands: Sequence[Band | None] | None = None


@dataclass(frozen=True, kw_only=True)
class OnSurface:
    """The paths of `surface_paths` up to now; ``plane``, ``height`` and ``only`` as that figure had them."""

    plane: Plane
    height: Height = "log"
    only: int | None = None


@dataclass(frozen=True, kw_only=True)
class OnContour:
    """The paths of `contour_paths` up to now."""

    plane: Plane


@dataclass(frozen=True, kw_only=True)
class OnFit:
    """What each run predicts now, in place of what it predicts at its end in the figure `fit`."""


View = OnCurve | OnSurface | OnContour | OnFit


@dataclass(frozen=True, kw_only=True, eq=False)
class Motion:
    """One clock for several figures: ``clock`` (n_ticks,), ascending, in ``unit``, and each run's record at each tick.

    ``records``: one (n_ticks,) a run, indices into its recorded updates. ``views``: one a figure, None for a figure
    that stands still.
    """

    runs: Sequence[Run]
    labels: tuple[str, ...]
    unit: Unit
    clock: Array
    records: tuple[Array, ...]
    views: tuple[View | None, ...]
    gradients: bool = False
    opens_at: Literal["start", "end"] = "end"
    arrows: bool = False

    @cached_property
    def content(self) -> dict[str, Any]:
        """What the browser needs: plain values and arrays, the arrays single precision where a screen needs no more."""
        names = self.runs[0].problem.parameter_names
        return {
            "unit": self.unit,
            "unitTitle": AXES[self.unit],
            "clock": style.counts(self.clock) if self.unit != "epochs" else style.compact(self.clock),
            "quantity": "value" if self.runs[0].problem.loss_title == "value" else "loss",
            "parameters": [style.shorten(name, 24) for name in names[:SHOWN_PARAMETERS]],
            "gradients": self.gradients,
            "opensAt": self.opens_at,
            "arrowUnit": self._longest / ARROW_LEVELS if self.arrows and self._plane is not None else None,
            "arrows": [[kind, title] for kind, title in KINDS.items() if any(kind in found for found in self._arrows)],
            "runs": [self._run(i) for i in range(len(self.runs))],
            "views": [self._view(view) for view in self.views],
        }

    def _run(self, i: int) -> dict[str, Any]:
        run = self.runs[i]
        sampling, n_samples = run.variant.sampling, run.problem.n_samples
        kept, at = np.unique(self.records[i], return_inverse=True)
        theta = run.theta[kept]
        rates = run.learning_rate[kept]
        status = {"converged": "converged", "budget spent": "out of budget", "diverged": "diverged"}
        found: dict[str, Any] = {
            "label": style.shorten(self.labels[i]),
            "colour": style.look(i).colour,
            "at": at.astype(np.uint16),
            "updates": run.updates[kept].astype(np.int32 if run.updates[-1] < 2**31 else np.float64),
            # an update reads rows, an epoch updates and reads rows: the examples follow
            "epoch": [
                sampling.updates_per_epoch(n_samples),
                sampling.examples_per_epoch(n_samples),
                sampling.rows_per_update(n_samples),
            ],
            "seconds": run.seconds / max(int(run.updates[-1]), 1),
            "loss": style.finite(run.loss[kept]),
            "gradientNorm": _single(run.problem.gradient_norms(theta)),
            "rate": float(rates[0]) if np.all(rates == rates[0]) else _single(rates),
            "theta": _single(theta[:, : self._n_sent()]),
            "status": status[run.outcome.value],
            "divergedAt": run.diverged_at,
        }
        if self.gradients:
            found["gradient"] = _single(run.problem.gradients(theta)[:, :SHOWN_PARAMETERS])
        if self.arrows:
            found["arrows"] = {kind: self._packed_arrows(vectors, kind) for kind, vectors in self._arrows[i].items()}
        plane = self._plane
        if plane is not None:
            path = plane.paths[i]
            # where the plane is all of the parameter space, theta says it
            if not (run.problem.n_params == 2 and np.array_equal(np.column_stack([path.u, path.v]), run.theta)):
                found["u"], found["v"] = _single(path.u[kept]), _single(path.v[kept])
        for view in self.views:
            band = view.bands[i] if isinstance(view, OnCurve) and view.bands is not None else None
            if band is not None:
                median = np.where(np.isfinite(band.median), band.median, np.nan)
                found["height"] = np.interp(run.updates[kept], band.updates, median)
        return found

    @cached_property
    def _plane(self) -> Plane | None:
        return next((view.plane for view in self.views if isinstance(view, OnSurface | OnContour)), None)

    def _packed_arrows(self, vectors: Array, kind: str) -> Array:
        """Steps as they are; the others, which are no longer than the longest, as whole numbers of `ARROW_LEVELS`."""
        if kind == "step":
            return _single(vectors).ravel()
        levels = np.rint(vectors / self._longest * ARROW_LEVELS)
        return np.where(np.isfinite(levels), levels, NO_ARROW).astype(np.int16).ravel()

    @cached_property
    def _longest(self) -> float:
        """The length of the longest gradient or velocity that is drawn."""
        assert self._plane is not None
        return LONGEST * min(float(np.ptp(self._plane.u)), float(np.ptp(self._plane.v)))

    @cached_property
    def _arrows(self) -> list[dict[str, Array]]:
        """Each run's arrows at the records that it is shown at."""
        if not self.arrows or self._plane is None:
            return [{} for _ in self.runs]
        reference = steepest_start(self.runs)
        return [
            arrow_vectors(run, np.unique(records), longest=self._longest, reference=reference)
            for run, records in zip(self.runs, self.records, strict=True)
        ]

    @cached_property
    def _fits(self) -> bool:
        return any(isinstance(view, OnFit) for view in self.views)

    @cached_property
    def _by_parameters(self) -> bool:
        """Whether the browser works out the fit: the prediction is a product with parameters that are few."""
        problem: Any = self.runs[0].problem
        return self._fits and problem.predictor.linear and problem.n_params <= MOST_PARAMETERS

    def _n_sent(self) -> int:
        return self.runs[0].problem.n_params if self._by_parameters else SHOWN_PARAMETERS

    # the figures

    def _view(self, view: View | None) -> dict[str, Any] | None:
        if view is None:
            return None
        if isinstance(view, OnFit):
            return self._fit()
        if isinstance(view, OnCurve):
            optimum = self.runs[0].problem.optimum
            base = optimum.value if view.excess and optimum is not None else 0.0
            traces = [self._point(i, spatial=False) for i in range(len(self.runs))]
            return {"kind": "curve", "against": view.against, "base": float(base), "traces": traces}
        spatial = isinstance(view, OnSurface)
        scale = _Scale.of(view.plane, view.height if isinstance(view, OnSurface) else "log", "")
        window = _window(view.plane, scale)
        only = view.only if isinstance(view, OnSurface) else None
        shown = [i for i in range(len(self.runs)) if only is None or i == only]
        arrows = [arrow_trace(kind, i, spatial=spatial) for i in shown for kind in self._arrows[i]]
        return {
            "kind": "space" if spatial else "flat",
            "window": [list(side) for side in window[: 3 if spatial else 2]],
            "log": [scale.lowest, scale.epsilon] if spatial and scale.kind == "log" else None,
            "traces": [trace(i, spatial=spatial) for i in shown for trace in (self._path, self._point)] + arrows,
        }

    def _place(self, i: int, moves: str, spatial: bool) -> dict[str, Any]:
        return {
            "type": "scatter3d" if spatial else "scatter",
            "name": style.escape(self.labels[i]),
            "legendgroup": f"variant {i}",
            "hoverinfo": "skip",
            "meta": {"moves": moves, "run": i},
        }

    def _point(self, i: int, *, spatial: bool) -> dict[str, Any]:
        look = style.look(i)
        marker = {
            "color": look.colour,
            "symbol": look.spatial_symbol if spatial else look.symbol,
            "size": 8 if spatial else 13,
            "line": {"color": "#ffffff", "width": 1 if spatial else 2},
        }
        return {**self._place(i, "point", spatial), "mode": "markers", "showlegend": False, "marker": marker}

    def _path(self, i: int, *, spatial: bool) -> dict[str, Any]:
        look = style.look(i)
        line = {"color": look.colour, "dash": look.dash, "width": 5 if spatial else 3}
        return {**self._place(i, "path", spatial), "mode": "lines", "line": line}

    # the fit

    def _fit(self) -> dict[str, Any]:
        problem: Any = self.runs[0].problem
        data = problem.dataset
        names = [style.escape(label) for label in self.labels]
        rows = None
        if data.n_features == 1:
            straight = problem.model == "linear" and problem.degree == 1
            places = np.linspace(float(data.X.min()), float(data.X.max()), 2 if straight else CURVE_POINTS)
            X, mode = places[:, None], "lines"
        else:
            most = min(MOST_ROWS, MOST_ROWS_TOGETHER // len(self.runs))
            rows = style.thin_rows(np.arange(data.n_samples), most)
            X, places, mode = data.X[rows], data.y[rows], "markers"
        found: dict[str, Any] = {"kind": "fit", "names": names, "mode": mode, "x": style.compact(places)}
        if rows is not None:
            # as the figure's own points carry them
            found["rows"] = rows.astype(np.int32) + 1
        if self._by_parameters:
            return {**found, "basis": _single(problem.design(X))}
        return {**found, **self._predictions(problem, X)}

    def _predictions(self, problem: Regression, X: Array) -> dict[str, Any]:
        """The predictions themselves at some of the ticks, as whole numbers between ``low`` and ``high``."""
        n_ticks = len(self.clock)
        n_keys = int(np.clip(KEY_BYTES // (2 * len(X) * len(self.runs)), 12, MOST_KEYS))
        keys = np.unique(np.linspace(0, n_ticks - 1, min(n_ticks, n_keys)).round().astype(np.int64))
        y = problem.dataset.y
        span = float(np.ptp(y)) or max(abs(float(y[0])), 1.0)
        low, high = float(y.min()) - span, float(y.max()) + span
        predicted = []
        for run, records in zip(self.runs, self.records, strict=True):
            kept, at = np.unique(records[keys], return_inverse=True)
            with np.errstate(over="ignore", invalid="ignore"):
                values = np.array([problem.predict(run.theta[record], X) for record in kept])
            levels = np.clip(np.nan_to_num((values - low) / (high - low), nan=1.0, posinf=1.0, neginf=0.0), 0, 1)
            predicted.append({"at": at.astype(np.uint16), "levels": np.rint(levels * LEVELS).astype(np.uint16)})
        return {
            "keys": keys.astype(np.uint16),
            "low": low,
            "step": (high - low) / LEVELS,
            "predicted": predicted,
        }


def synchronised(
    runs: Sequence[Run],
    views: Sequence[View | None],
    *,
    labels: Sequence[str] | None = None,
    unit: str = "epochs",
    gradients: bool = False,
    opens_at: Literal["start", "end"] = "end",
    arrows: bool = False,
    most_ticks: int | None = None,
) -> Motion:
    """How figures of these runs move together; ``views`` says of each figure, in order, what it is (None: it stands).

    ``unit`` is the clock's: "epochs", "updates" or "examples"; "seconds" counts updates, since what a second holds is
    no record. ``gradients`` adds the first entries of the full gradient to the readout, one gradient a tick.
    ``opens_at``: what a person sees before they first play; it never plays by itself. ``arrows`` adds those of
    `gd_core.figures.surface` to a problem of two parameters, to be switched on. ``most_ticks``: None keeps the ticks
    within `MOST_BYTES`.
    Raises ValueError for no runs, labels that are not one a run, and a unit of another name.
    """
    require(len(runs) > 0, "synchronised needs at least one run")
    require(labels is None or len(labels) == len(runs), "labels must be one a run ({})", len(runs))
    require(unit in AXES, "unit must be one of {}, got {!r}", ", ".join(AXES), unit)
    counted: Unit = "updates" if unit == "seconds" else unit  # type: ignore[assignment]
    places = [position(run, counted) for run in runs]
    clock = ticks(places, most_ticks or _most_ticks(runs, views, gradients))
    return Motion(
        runs=tuple(runs),
        labels=tuple(labels) if labels is not None else distinct_labels([run.variant for run in runs]),
        unit=counted,
        clock=clock,
        records=tuple(np.searchsorted(place, clock, side="right") - 1 for place in places),
        views=tuple(views),
        gradients=gradients,
        opens_at=opens_at,
        arrows=arrows,
    )


def ticks(places: Sequence[Array], most: int) -> Array:
    """At most ``most`` of the records' places on the clock, ascending, from the first to the last; all of them if few.

    Kept are the ends of every run and every record of the runs that have few. Of the others two thirds are those
    nearest to an even spread, and a third follows the records, which lie close where much happens.
    """
    every = np.unique(np.concatenate([np.asarray(place, dtype=np.float64) for place in places]))
    if every.size <= most:
        return every
    ends = [float(place[edge]) for place in places for edge in (0, -1)]
    few = np.unique(np.concatenate([place for place in places if len(place) <= most // 4] or [np.empty(0)]))
    kept = np.unique(np.concatenate([ends, few[_evenly(few.size, most // 2)]]))
    free = most - kept.size
    n_even = int(EVEN_SHARE * free)
    wanted = np.linspace(every[0], every[-1], n_even)
    right = np.clip(np.searchsorted(every, wanted), 1, every.size - 1)
    nearest = np.where(wanted - every[right - 1] < every[right] - wanted, right - 1, right)
    return np.unique(np.concatenate([kept, every[nearest], every[_evenly(every.size, free - n_even)]]))


def _evenly(size: int, most: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, size - 1, min(size, most)).round().astype(np.int64))


def _most_ticks(runs: Sequence[Run], views: Sequence[View | None], gradients: bool) -> int:
    """So many ticks that their numbers stay within `MOST_BYTES`."""
    problem: Any = runs[0].problem
    fits = any(isinstance(view, OnFit) for view in views)
    sent = problem.n_params if fits and problem.predictor.linear else SHOWN_PARAMETERS
    if sent > MOST_PARAMETERS:
        sent = SHOWN_PARAMETERS
    numbers = 4 + min(sent, problem.n_params) + (SHOWN_PARAMETERS if gradients else 0)
    numbers += 2 if any(isinstance(view, OnSurface | OnContour) for view in views) else 0
    numbers += 2 if any(isinstance(view, OnCurve) and view.bands is not None for view in views) else 0
    size = sum((4 * numbers + 2 + (4 if np.ptp(run.learning_rate) else 0)) * 4 / 3 for run in runs)
    # runs that have fewer records than there are ticks cost less than a number for each of them
    spare = [len(run.updates) for run in runs if len(run.updates) < FEWEST_TICKS]
    size -= len(spare) * 4 * numbers * 4 / 3 * 0.9
    return int(np.clip(MOST_BYTES / max(size, 1.0), FEWEST_TICKS, MOST_TICKS))


def _single(values: Array) -> Array:
    """Single precision, and NaN for what it cannot hold."""
    with np.errstate(over="ignore"):
        return style.finite(np.asarray(values, dtype=np.float64).astype(np.float32)).astype(np.float32)
