r"""The loss on a plane through parameter space, and how far each path leaves that plane.

With two parameters the plane is all there is. With more, a drawing shows a slice, and a path seldom stays in it: every
path therefore carries, beside its projection, the loss where it really is, the loss of its projection, and its distance
off the plane, so that a drawing can say how much it leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from gd_core.checks import require
from gd_core.curvature import curvature, in_words
from gd_core.problem import Kernel, Matrix, Problem, Vector

if TYPE_CHECKING:
    from gd_core.descent import Run

Axes = tuple[int, int] | Literal["principal", "eigen"]

# a path that goes further from the optimum than this many times the furthest start is leaving; it widens the window by
# as much at most
REACH = 3.0
# empty space around what the window covers, as a share of its width
MARGIN = 0.12
# a window is at least this share of its other side wide
NARROWEST = 0.05


class PlanePath(NamedTuple):
    """A run's path beside the plane, at its k recorded updates, each (k,).

    ``u``, ``v``: the projection's coordinates; ``loss``: the loss where the path is; ``plane_loss``: the loss of the
    projection; ``off``: the Euclidean distance between the two.
    """

    u: Vector
    v: Vector
    loss: Vector
    plane_loss: Vector
    off: Vector


class PlanePoint(NamedTuple):
    """A point on the plane."""

    u: float
    v: float
    loss: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Plane:
    """The loss on the plane ``origin + u directions[0] + v directions[1]``.

    ``u``, ``v`` (resolution,); ``loss`` (resolution, resolution) with ``loss[i, j]`` at ``(u[j], v[i])``, not finite
    where the problem has no value; ``origin`` (n_params,); ``directions`` (2, n_params), orthonormal; ``paths`` has one
    entry a run; ``minimum`` is the optimum where it is known, which always lies on the plane, and otherwise the lowest
    point of the grid.
    """

    u: Vector
    v: Vector
    loss: Matrix
    origin: Vector
    directions: Matrix
    axis_titles: tuple[str, str]
    paths: tuple[PlanePath, ...]
    minimum: PlanePoint


def plane(
    problem: Problem,
    runs: Sequence[Run],
    *,
    axes: Axes = (0, 1),
    resolution: int = 60,
    margin: float = MARGIN,
    window: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> Plane:
    """The loss on a plane, with the paths of the runs projected onto it; ``runs`` may be empty.

    ``axes``: two parameters' indices, the others held at the optimum (without one, at the first run's end);
    "principal", the two directions in which the paths extend most, from the singular vectors of their points around
    the optimum or that end (Li et al., Visualizing the Loss Landscape of Neural Nets, 2018, section 7); or "eigen", the
    directions of largest and smallest curvature through that point.

    The window covers the starts, the optimum and the paths. A path that leaves, further from the optimum than three
    times the furthest start, counts only where it is inside three times what the others cover, so that a diverging run
    does not flatten the rest. No path point is moved: those outside the window lie outside. A surface with a ``domain``
    is shown over that, widened to hold the starts. A ``window`` ((u low, u high), (v low, v high)) is taken as given.

    On a quadratic loss the grid comes from the Hessian in closed form, without reading the data.
    Raises ValueError for a problem with one parameter, and for axes, a resolution or a window out of range.
    """
    require(problem.n_params >= 2, "a plane needs at least 2 parameters, got {}", problem.n_params)
    whole = hasattr(resolution, "__index__") and not isinstance(resolution, bool)
    require(whole and 2 <= resolution <= 2000, "resolution must be between 2 and 2000, got {!r}", resolution)
    anchor = _anchor(problem, runs)
    starts = np.array([run.theta[0] for run in runs]) if runs else problem.start[None, :]
    origin, directions, titles = _span(problem, runs, axes, anchor, starts)
    flat = _Flat(problem, origin, directions)
    paths = tuple(_path(problem, flat, run) for run in runs)
    if window is None:
        u, v = _window(problem, flat, paths, anchor, starts, resolution, margin)
    else:
        require(all(low < high for low, high in window), "window must be two ascending pairs, got {!r}", window)
        u, v = (np.linspace(low, high, resolution) for low, high in window)
    grid = np.column_stack([np.tile(u, resolution), np.repeat(v, resolution)])
    with np.errstate(all="ignore"):
        loss = flat.values(grid).reshape(resolution, resolution)
    return Plane(
        u=u,
        v=v,
        loss=loss,
        origin=origin,
        directions=directions,
        axis_titles=titles,
        paths=paths,
        minimum=_minimum(problem, flat, u, v, loss),
    )


def _anchor(problem: Problem, runs: Sequence[Run]) -> Vector:
    """The point that the plane goes through: the optimum, the first run's end, its lowest point, or the start."""
    if problem.optimum is not None:
        return np.array(problem.optimum.theta)
    if not runs:
        return np.array(problem.start)
    first = runs[0]
    return np.array(first.theta[-1 if first.diverged_at is None else int(np.argmin(first.loss))])


def _span(
    problem: Problem, runs: Sequence[Run], axes: Axes, anchor: Vector, starts: Matrix
) -> tuple[Vector, Matrix, tuple[str, str]]:
    names = tuple(problem.parameter_names)
    if axes == "eigen":
        found = curvature(problem, anchor)
        n = len(names)
        directions = _signed(found.eigenvectors[:, [n - 1, 0]].T)
        titles = [
            f"{which} curvature, {found.eigenvalues[i]:.3g}: {found.direction(i)}"
            for which, i in (("largest", n - 1), ("smallest", 0))
        ]
        return anchor, directions, (titles[0], titles[1])
    if axes == "principal":
        directions, shares = _principal(runs, anchor, starts)
        titles = [
            f"{which} principal direction ({100 * share:.3g} %): {in_words(direction, names)}"
            for which, share, direction in zip(("first", "second"), shares, directions, strict=True)
        ]
        return anchor, directions, (titles[0], titles[1])
    i, j = _parameters(axes, len(names))
    origin = anchor.copy()
    origin[[i, j]] = 0.0
    directions = np.zeros((2, len(names)))
    directions[0, i] = directions[1, j] = 1.0
    return origin, directions, (names[i], names[j])


def _parameters(axes: Any, n_params: int) -> tuple[int, int]:
    pair = isinstance(axes, (tuple, list)) and len(axes) == 2
    require(pair, "axes must be two parameters' indices, 'principal' or 'eigen', got {!r}", axes)
    whole = all(hasattr(axis, "__index__") and not isinstance(axis, bool) for axis in axes)
    require(
        whole and axes[0] != axes[1] and all(0 <= axis < n_params for axis in axes),
        "axes must be two different parameters' indices from 0 to {}, got {!r}",
        n_params - 1,
        axes,
    )
    return int(axes[0]), int(axes[1])


def _principal(runs: Sequence[Run], anchor: Vector, starts: Matrix) -> tuple[Matrix, Vector]:
    """The first two right singular vectors of the paths' points around the anchor, and the share of squares of each."""
    reach = REACH * max(float(np.max(np.linalg.norm(starts - anchor, axis=1))), np.finfo(float).tiny)
    clouds = [starts - anchor]
    for run in runs:
        with np.errstate(over="ignore"):
            away = run.theta - anchor
            clouds.append(away[np.linalg.norm(away, axis=1) <= reach])
    cloud = np.vstack(clouds)
    n = cloud.shape[1]
    # R has the singular values of the cloud, and rows of zeros make room for two directions
    R = np.linalg.qr(np.vstack([cloud, np.zeros((n, n))]), mode="r")
    _, sizes, rows = np.linalg.svd(R)
    total = float(np.sum(sizes**2))
    shares = sizes[:2] ** 2 / total if total > 0 else np.zeros(2)
    return _signed(rows[:2]), shares


def _signed(directions: Matrix) -> Matrix:
    """Each row with its largest entry positive, so that the same paths give the same drawing."""
    largest = directions[np.arange(len(directions)), np.argmax(np.abs(directions), axis=1)]
    return np.ascontiguousarray(directions * np.where(largest < 0, -1.0, 1.0)[:, None])


class _Flat:
    """The loss as a function of (u, v), by the cheapest exact way that the problem has."""

    def __init__(self, problem: Problem, origin: Vector, directions: Matrix) -> None:
        self.problem, self.origin, self.directions = problem, origin, directions
        self.values: Callable[[Matrix], Vector] = self._by_points
        if problem.quadratic is not None:
            self.values = self._by_hessian
        elif getattr(getattr(problem, "predictor", None), "linear", False):
            self.kernel, self.penalty = self._reduced()
            self.values = self._by_kernel

    def project(self, thetas: Matrix) -> Matrix:
        """The coordinates (k, 2) of the projections of (k, n_params) points."""
        return (thetas - self.origin) @ self.directions.T

    def points(self, coordinates: Matrix) -> Matrix:
        """The points (k, n_params) with the given coordinates."""
        return self.origin + coordinates @ self.directions

    def _by_points(self, coordinates: Matrix) -> Vector:
        return self.problem.values(np.ascontiguousarray(self.points(coordinates)))

    def _by_hessian(self, coordinates: Matrix) -> Vector:
        """The optimum lies on the plane, so the loss is the optimum's plus a quadratic form in two variables."""
        quadratic = self.problem.quadratic
        assert quadratic is not None
        small = self.directions @ quadratic.hessian @ self.directions.T
        away = coordinates - self.project(quadratic.optimum.theta[None, :])
        return quadratic.optimum.value + 0.5 * np.einsum("kj,kj->k", away @ small, away)

    def _reduced(self) -> tuple[Kernel, Callable[[Matrix], Vector]]:
        """A linear model's predictions on the plane are linear in (1, u, v): three columns in place of n_params."""
        problem: Any = self.problem
        full: Kernel = problem.kernel
        columns = np.ascontiguousarray(full.X @ np.vstack([self.origin, self.directions]).T)
        constants = full.constants.copy()
        constants[1] = 0.0
        first = problem.first_penalised

        def penalty(coordinates: Matrix) -> Vector:
            return 0.5 * problem.l2 * np.sum(self.points(coordinates)[:, first:] ** 2, axis=1)

        kernel = Kernel(
            gradient=full.gradient, value=full.value, derivative=full.derivative, loss=full.loss, X=columns, y=full.y,
            constants=constants, n_samples=full.n_samples,
        )  # fmt: skip
        return kernel, penalty

    def _by_kernel(self, coordinates: Matrix) -> Vector:
        extended = np.column_stack([np.ones(len(coordinates)), coordinates])
        values = self.kernel.values(extended)
        return values + self.penalty(coordinates) if getattr(self.problem, "l2", 0.0) else values


def _path(problem: Problem, flat: _Flat, run: Run) -> PlanePath:
    with np.errstate(over="ignore", invalid="ignore"):
        coordinates = flat.project(run.theta)
        if problem.n_params == 2:
            plane_loss, off = run.loss, np.zeros(len(run.theta))
        else:
            plane_loss = flat.values(coordinates)
            off = np.linalg.norm(run.theta - flat.points(coordinates), axis=1)
    return PlanePath(coordinates[:, 0].copy(), coordinates[:, 1].copy(), run.loss, plane_loss, np.asarray(off))


def _window(
    problem: Problem,
    flat: _Flat,
    paths: Sequence[PlanePath],
    anchor: Vector,
    starts: Matrix,
    resolution: int,
    margin: float,
) -> tuple[Vector, Vector]:
    middle = flat.project(anchor[None, :])
    begun = flat.project(starts)
    domain = getattr(problem, "domain", None)
    if domain is not None:
        corners = np.array([[x, y] for x in domain[0] for y in domain[1]], dtype=np.float64)
        shown = np.vstack([flat.project(corners), begun])
        return _side(shown[:, 0], 0.0, 0.0, resolution), _side(shown[:, 1], 0.0, 0.0, resolution)
    reach = REACH * float(np.max(np.linalg.norm(begun - middle, axis=1)))
    reach = reach if reach > 0 else max(1.0, float(np.linalg.norm(middle)))
    staying: list[Matrix] = [middle, begun]
    leaving: list[Matrix] = []
    for path in paths:
        points = np.column_stack([path.u, path.v])
        with np.errstate(over="ignore", invalid="ignore"):
            near = np.linalg.norm(points - middle, axis=1) <= reach
        (staying if near.all() else leaving).append(points)
    shown = np.vstack(staying)
    # a path that leaves widens the window in proportion to each side: a ravine stays narrow
    sides = np.max(np.abs(shown - middle), axis=0)
    box = REACH * np.maximum(sides, NARROWEST * np.max(sides))
    shown = np.vstack([shown, *(points[np.all(np.abs(points - middle) <= box, axis=1)] for points in leaving)])
    widths = np.ptp(shown, axis=0)
    least = NARROWEST * float(np.max(widths)) or 1.0
    return _side(shown[:, 0], least, margin, resolution), _side(shown[:, 1], least, margin, resolution)


def _side(values: Vector, least: float, margin: float, resolution: int) -> Vector:
    low, high = float(np.min(values)), float(np.max(values))
    missing = max(0.0, least - (high - low)) / 2 + margin * max(high - low, least)
    return np.linspace(low - missing, high + missing, resolution)


def _minimum(problem: Problem, flat: _Flat, u: Vector, v: Vector, loss: Matrix) -> PlanePoint:
    if problem.optimum is not None:
        where = flat.project(np.asarray(problem.optimum.theta)[None, :])[0]
        return PlanePoint(float(where[0]), float(where[1]), float(problem.optimum.value))
    finite = np.where(np.isfinite(loss), loss, np.inf)
    i, j = np.unravel_index(int(np.argmin(finite)), loss.shape)
    return PlanePoint(float(u[j]), float(v[i]), float(loss[i, j]))
