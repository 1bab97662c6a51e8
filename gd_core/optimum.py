r"""The best parameters where no closed form gives them: robust losses, and the two models with two parameters.

Huber and log-cosh are smooth and convex: Newton's method from the least-squares solution, with the loss made less round
stage by stage, so that rows far out do not leave it without curvature. For absolute error smoothing finds the rows near
the solution, and a linear programme, or with a penalty the conditions of optimality, give it exactly. The sinusoid and
tanh are not convex: a grid finds basins, and the best is polished.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gd_core.problem import Matrix, Optimum, Vector

if TYPE_CHECKING:
    from gd_core.regression import Regression

# a loss as its derivative and its second derivative at residuals (m,), and the loss itself
Smooth = Callable[[Vector], tuple[Vector, Vector, Vector]]
# each stage brings the loss this much nearer to its final form
STAGE = 0.25
NEWTON_STEPS = 200
# the smallest width of the smoothed absolute error, relative to the largest residual
NARROWEST = 1e-10
# smoothing has done its part once this many rows a parameter are near the solution
NEAR_ROWS = 12
# the grid of the two-parameter models: waves over the data's range, points a wave, rows enough to see the basins
MOST_WAVES = 20
POINTS_A_WAVE = 20
GRID_ROWS = 500
POLISHED = 12
# a first parameter this many times the largest target belongs to a curve that is a straight line on the data: the loss
# keeps falling, ever more slowly, as it grows, and has no minimum
FURTHEST = 10.0


def find_optimum(regression: Regression) -> Optimum | None:
    """The minimiser of an objective that is not quadratic, or None for the mlp, where nothing can vouch for a basin.

    Linear models: the minimum of a convex objective, to a gradient norm of 1e-10 relative to the largest possible
    (Huber, log-cosh), and to rounding for absolute error; where the minimiser is not unique, one of them. In the rare
    case that absolute error with a penalty ties more rows than it has parameters, its value is good to 1e-10.
    "sinusoid" and "tanh": the best of the basins found on a grid, of frequencies up to 20 waves over the data; the twin
    with both signs turned is as good. None where the loss has no minimum, as for tanh on a straight line.
    """
    if regression.predictor.linear:
        return _linear(regression)
    if regression.model in ("sinusoid", "tanh"):
        return _two_parameters(regression)
    return None


@dataclass(frozen=True, eq=False)
class _Scaled:
    """A linear model with columns of mean square one: A phi = Z theta, and the objective in phi (n,).

    sum_i loss(A phi - y)_i / m + pull'phi + phi'P phi / 2, with P diagonal. ``pull`` stands in for rows left out of A.
    """

    A: Matrix
    y: Vector
    m: int
    P: Vector
    pull: Vector

    @property
    def n(self) -> int:
        return self.A.shape[1]

    def times(self, width: float) -> _Scaled:
        """The same with everything but the loss multiplied by ``width``: Huber's loss is width times abs(r) far out."""
        return replace(self, P=self.P * width, pull=self.pull * width)

    def only(self, band: Any, signs: Vector) -> _Scaled:
        """The same for absolute error with the rows outside ``band`` held on the side that ``signs`` gives."""
        pull = self.pull + self.A[~band].T @ signs[~band] / self.m
        return replace(self, A=np.ascontiguousarray(self.A[band]), y=self.y[band], pull=pull)

    def least_squares(self) -> Vector:
        """The minimiser of the half squared error with the same penalty."""
        rows = np.vstack([self.A / math.sqrt(self.m), np.diag(np.sqrt(self.P))])
        found, *_ = np.linalg.lstsq(rows, np.concatenate([self.y / math.sqrt(self.m), np.zeros(self.n)]), rcond=None)
        return np.asarray(found)

    def residuals(self, phi: Vector) -> Vector:
        return np.asarray(self.A @ phi - self.y)

    def minimise(self, smooth: Smooth, phi: Vector) -> Vector:
        """Newton's method, damped as by Levenberg where a step does not pay, from phi (n,)."""
        loss, slope, bend = smooth(self.residuals(phi))
        value = self._objective(loss, phi)
        damping = 0.0
        for _ in range(NEWTON_STEPS):
            gradient = self.A.T @ slope / self.m + self.pull + self.P * phi
            # the entries of A have mean square 1, so this is the largest norm that the gradient could have
            if np.linalg.norm(gradient) <= 1e-15 * float(np.max(np.abs(slope), initial=0.0)):
                break
            bent = (self.A * bend[:, None]).T @ self.A / self.m
            bent[np.diag_indices(self.n)] += self.P
            while True:
                move = _solve(bent, gradient, damping)
                loss, ahead, bend_ahead = smooth(self.residuals(phi - move))
                reached = self._objective(loss, phi - move)
                if reached <= value or damping > 1e8:
                    break
                damping = max(10.0 * damping, 1e-10)
            if not reached <= value:
                break
            phi = phi - move
            still = value - reached <= 4e-16 * abs(value) and np.linalg.norm(move) <= 1e-13 * np.linalg.norm(phi)
            value, slope, bend = reached, ahead, bend_ahead
            damping = damping / 10.0 if damping > 1e-12 else 0.0
            if still:
                break
        return phi

    def _objective(self, loss: Vector, phi: Vector) -> float:
        return float(np.sum(loss) / self.m + self.pull @ phi + 0.5 * np.sum(self.P * phi**2))


def _solve(matrix: Matrix, vector: Vector, damping: float) -> Vector:
    """(matrix + damping I)^-1 vector, and the shortest solution where that is singular."""
    found, *_ = np.linalg.lstsq(matrix + damping * np.eye(len(vector)), vector, rcond=1e-14)
    return np.asarray(found)


def _linear(regression: Regression) -> Optimum:
    Z, y = regression.features, regression.targets
    lengths = np.sqrt(np.mean(Z**2, axis=0))
    lengths[lengths == 0] = 1.0
    penalty = np.where(np.arange(Z.shape[1]) >= regression.first_penalised, regression.l2, 0.0) / lengths**2
    scaled = _Scaled(Z / lengths, y, len(y), penalty, np.zeros(Z.shape[1]))
    phi = scaled.least_squares()
    if regression.loss == "absolute_error":
        phi = _least_absolute(scaled, phi)
    else:
        build, final = (_huber, regression.huber_delta) if regression.loss == "huber" else (_log_cosh, 1.0)
        for width in _widths(float(np.max(np.abs(scaled.residuals(phi)))), final):
            phi = scaled.minimise(build(width), phi)
    theta = phi / lengths
    return Optimum(theta, regression.value(theta))


def _widths(first: float, final: float) -> Iterator[float]:
    """From the first width down to the final one, a stage at a time."""
    width = first * STAGE
    while width > final:
        yield width
        width *= STAGE
    yield final


def _huber(width: float) -> Smooth:
    def smooth(r: Vector) -> tuple[Vector, Vector, Vector]:
        size = np.abs(r)
        inside = size <= width
        loss = np.where(inside, 0.5 * r**2, width * (size - 0.5 * width))
        return loss, np.clip(r, -width, width), inside.astype(np.float64)

    return smooth


def _log_cosh(width: float) -> Smooth:
    def smooth(r: Vector) -> tuple[Vector, Vector, Vector]:
        size = np.abs(r) / width
        tail = np.exp(-2.0 * size)
        bend = 4.0 * tail / (1.0 + tail) ** 2
        return width**2 * (size + np.log1p(tail) - math.log(2.0)), width * np.tanh(r / width), bend

    return smooth


def _least_absolute(scaled: _Scaled, phi: Vector) -> Vector:
    """The minimiser of the mean absolute error plus the penalty, from phi (n,).

    Smoothing finds which rows are near the solution; the others are held on their side, and the few that are left make
    a small problem, solved exactly. If that moves a row across, more rows are taken in. Portnoy and Koenker, 1997.
    """
    width = largest = float(np.max(np.abs(scaled.residuals(phi))))
    if largest == 0:
        return phi
    near = len(scaled.y)
    while near > NEAR_ROWS * scaled.n and width > NARROWEST * largest:
        width *= STAGE
        # the smoothed loss over its width is within width / 2 of the absolute error
        phi = scaled.times(width).minimise(_huber(width), phi)
        near = int(np.sum(np.abs(scaled.residuals(phi)) <= width))
    residuals = scaled.residuals(phi)
    signs, reach = np.sign(residuals), max(4.0 * width, 1e-12 * largest)
    while reach < 16.0 * largest:
        band = np.abs(residuals) <= reach
        small = scaled.only(band, signs)
        found = _few_rows(small, phi, min(width, reach)) if np.any(scaled.P) else _linear_programme(small)
        if found is not None and np.all(scaled.residuals(found)[~band] * signs[~band] >= 0):
            return found
        reach *= 4.0
    return phi


def _few_rows(scaled: _Scaled, phi: Vector, width: float) -> Vector:
    """With a penalty: smoothing, ever narrower, until the rows within its width are those that the solution meets."""
    narrowest = NARROWEST * width
    while width > narrowest:
        phi = scaled.times(width).minimise(_huber(width), phi)
        residuals = scaled.residuals(phi)
        exact = _through_rows(scaled, np.abs(residuals) <= width, np.sign(residuals))
        if exact is not None:
            return exact
        width *= STAGE
    return phi


def _through_rows(scaled: _Scaled, on: Any, signs: Vector) -> Vector | None:
    """The minimiser that passes through the rows ``on`` and leaves the others on their side, or None if there is none.

    Optimality: P phi + pull + A'd / m = 0 with d the sign of each residual off the line and anything in [-1, 1] on it.
    """
    rows, n = scaled.A[on], scaled.n
    count = len(rows)
    if count > 2 * n + 50:
        return None
    pull = scaled.pull + scaled.A[~on].T @ signs[~on] / scaled.m
    system = np.zeros((n + count, n + count))
    system[:n, :n] = np.diag(scaled.P)
    system[:n, n:] = rows.T / scaled.m
    system[n:, :n] = rows
    found, *_ = np.linalg.lstsq(system, np.concatenate([-pull, scaled.y[on]]), rcond=None)
    phi, weights = found[:n], found[n:]
    residuals = scaled.residuals(phi)
    size = float(np.max(np.abs(scaled.y))) + float(np.max(np.abs(residuals)))
    through = np.all(np.abs(residuals[on]) <= 1e-12 * size)
    sides = np.all(residuals[~on] * signs[~on] >= 0)
    balanced = np.linalg.norm(scaled.P * phi + rows.T @ weights / scaled.m + pull) <= 1e-12
    return phi if through and sides and balanced and np.all(np.abs(weights) <= 1 + 1e-9) else None


def _linear_programme(scaled: _Scaled) -> Vector | None:
    """Without a penalty, by the dual: min y'd with A'd = -m pull and abs(d) <= 1, n constraints for the rows.

    The multipliers of the constraints are phi; the rows with abs(d) < 1 are passed through, and sharpen it.
    None where the rows are too few to hold the solution.
    """
    from scipy.optimize import linprog

    if len(scaled.y) == 0:
        return None
    size = float(np.max(np.abs(scaled.y))) or 1.0
    balance = -scaled.m * scaled.pull
    found = linprog(scaled.y / size, A_eq=scaled.A.T, b_eq=balance, bounds=(-1.0, 1.0), method="highs")
    if not found.success:
        return None
    phi = np.asarray(found.eqlin.marginals) * size
    on = np.abs(found.x) < 1.0 - 1e-9
    if np.any(on):
        sharper = phi - np.linalg.lstsq(scaled.A[on], scaled.residuals(phi)[on], rcond=None)[0]
        phi = min((phi, sharper), key=lambda one: scaled._objective(np.abs(scaled.residuals(one)), one))
    return np.asarray(phi)


# two parameters


def _two_parameters(regression: Regression) -> Optimum | None:
    """The best basin on a grid of the second parameter, with a few sizes of the first around its best square fit."""
    x = regression.features[:, 0]
    width = float(np.ptp(x))
    if width == 0 or not np.any(regression.targets):
        return None
    chosen = np.unique(np.linspace(0, len(x) - 1, GRID_ROWS).astype(np.int64))
    if regression.model == "sinusoid":
        # more waves than half the rows cannot be told from fewer
        waves = min(MOST_WAVES, max(1, (len(x) - 1) // 2))
        second = np.arange(1, waves * POINTS_A_WAVE + 1) * 2.0 * math.pi / (width * POINTS_A_WAVE)
        shape = np.sin(np.outer(second, x[chosen]))
    else:
        second = np.geomspace(0.01, 1000.0, 120) / width
        shape = np.tanh(np.outer(second, x[chosen]))
    targets = regression.targets[chosen]
    first = shape @ targets / np.maximum(np.sum(shape**2, axis=1), np.finfo(float).tiny)
    sizes = np.array([0.25, 0.5, 0.75, 1.0, 1.25, 1.5])
    grid = np.column_stack([np.outer(sizes, first).ravel(), np.tile(second, len(sizes))])
    kernel = replace(
        regression.kernel,
        X=np.ascontiguousarray(regression.features[chosen]),
        y=np.ascontiguousarray(targets),
        n_samples=len(chosen),
    )
    values = kernel.values(grid)
    best: Optimum | None = None
    for k in _lowest_apart(values.reshape(len(sizes), -1)):
        theta = _polish(regression, grid[k])
        if theta is not None:
            value = regression.value(theta)
            if best is None or value < best.value:
                best = Optimum(theta if theta[1] >= 0 else -theta, value)
    if best is None or abs(best.theta[0]) > FURTHEST * float(np.max(np.abs(regression.targets))):
        return None
    return best


def _lowest_apart(values: Matrix) -> list[int]:
    """The flat indices of the lowest local minima along the second axis, at most `POLISHED` of them."""
    lowest = np.min(values, axis=0)
    padded = np.concatenate([[np.inf], lowest, [np.inf]])
    valleys = np.flatnonzero((lowest <= padded[:-2]) & (lowest <= padded[2:]))
    chosen = valleys[np.argsort(lowest[valleys], kind="stable")][:POLISHED]
    return [int(np.argmin(values[:, j])) * values.shape[1] + int(j) for j in chosen]


def _polish(regression: Regression, theta: Vector) -> Vector | None:
    """The bottom of the basin around theta (2,), or None where the search overflows."""
    from scipy.optimize import minimize

    scale = np.maximum(np.abs(theta), 1e-3)

    def value(t: Vector) -> float:
        return regression.value(t * scale)

    if regression.loss == "absolute_error":
        options = {"xatol": 1e-12, "fatol": 1e-15 * max(value(theta / scale), 1e-300), "maxiter": 2000}
        found = minimize(value, theta / scale, method="Nelder-Mead", options=options).x * scale
    else:
        found = minimize(
            value,
            theta / scale,
            jac=lambda t: regression.gradient(t * scale) * scale,
            method="BFGS",
            options={"gtol": 1e-9 * max(value(theta / scale), 1e-300), "maxiter": 500},
        ).x
        found = _newton(regression, found * scale, scale)
    return np.ascontiguousarray(found) if np.all(np.isfinite(found)) else None


def _newton(regression: Regression, theta: Vector, scale: Vector) -> Vector:
    """A few Newton steps, kept while the gradient shrinks; the Hessian by differences of the exact gradient."""
    gradient = regression.gradient(theta)
    for _ in range(5):
        columns = np.empty((2, 2))
        for j in range(2):
            width = 6e-6 * scale[j]
            shift = np.eye(2)[j] * width
            columns[:, j] = (regression.gradient(theta + shift) - regression.gradient(theta - shift)) / (2 * width)
        step, *_ = np.linalg.lstsq(columns, gradient, rcond=1e-12)
        ahead = regression.gradient(theta - step)
        if not np.linalg.norm(ahead * scale) < np.linalg.norm(gradient * scale):
            break
        theta, gradient = theta - step, ahead
    return theta
