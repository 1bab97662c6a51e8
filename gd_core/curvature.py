r"""How strongly the loss curves, in which directions, and what that means for the learning rate.

Near a minimum the loss is quadratic, and gradient descent treats each eigenvector of the Hessian H on its own: along an
eigenvector with eigenvalue lambda one update multiplies the distance to the minimum by 1 - eta lambda. The largest
eigenvalue therefore limits the rate and the smallest decides how long it takes; their ratio is the condition number.

On a quadratic loss this holds everywhere. Elsewhere it holds close to the point at which the Hessian is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from gd_core.checks import require
from gd_core.problem import Matrix, Problem, Vector
from gd_core.regression import Regression
from gd_core.rules import SGD, Rule

# the terms of a direction that are named: together they hold at least 95 % of its squared length, or are the first four
NAMED_SHARE = 0.95
MOST_NAMED = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class Curvature:
    """The eigenvalues (n_params,) of a Hessian, ascending, and its eigenvectors as columns (n_params, n_params).

    ``exact`` is False for a Hessian taken by differences of the gradient; ``rounding`` is the size below which an
    eigenvalue of it cannot be told from zero.
    """

    eigenvalues: Vector
    eigenvectors: Matrix
    parameter_names: tuple[str, ...]
    exact: bool
    rounding: float

    @property
    def singular(self) -> bool:
        """Whether some direction is flat within rounding: descent never moves along it; the optimum is not unique."""
        return bool(np.any(np.abs(self.eigenvalues) <= self.rounding))

    @property
    def indefinite(self) -> bool:
        """Whether the loss curves downwards in some direction: near a saddle or a maximum, never on convex losses."""
        return bool(self.eigenvalues[0] < -self.rounding)

    @property
    def largest(self) -> float:
        """The largest eigenvalue, or 0 where no direction curves upwards."""
        return float(self.eigenvalues[-1]) if self.eigenvalues[-1] > self.rounding else 0.0

    @property
    def smallest(self) -> float:
        """The smallest eigenvalue above rounding, or 0 where no direction curves upwards."""
        upward = self.eigenvalues[self.eigenvalues > self.rounding]
        return float(upward[0]) if upward.size else 0.0

    @property
    def condition_number(self) -> float:
        """kappa = lambda_max / lambda_min; infinite where the Hessian is singular or indefinite."""
        if self.singular or self.indefinite:
            return math.inf
        return self.largest / self.smallest

    @property
    def max_stable_learning_rate(self) -> float:
        """2 / lambda_max: plain batch descent diverges above it; infinite where nothing curves upwards."""
        return 2.0 / self.largest if self.largest else math.inf

    @property
    def best_learning_rate(self) -> float:
        """2 / (lambda_min + lambda_max), the constant rate with the fastest certain progress of plain batch descent.

        Where the Hessian is singular or indefinite, lambda_min is the smallest eigenvalue above rounding: flat
        directions do not move at any rate. Polyak, Introduction to Optimization, 1987, section 1.4.
        """
        return 2.0 / (self.smallest + self.largest) if self.largest else math.inf

    @property
    def best_rate(self) -> float:
        """(kappa - 1) / (kappa + 1): what an update at the best learning rate leaves of the distance, at worst.

        kappa is taken over the directions that curve upwards, as in `best_learning_rate`.
        """
        return (self.largest - self.smallest) / (self.largest + self.smallest) if self.largest else 1.0

    @property
    def updates_for_a_digit(self) -> float:
        """-1 / log10(best_rate), at least 1: updates at the best rate that divide the distance by ten, at worst."""
        rate = self.best_rate
        return 1.0 if rate <= 0.1 else (math.inf if rate >= 1 else -1.0 / math.log10(rate))

    @property
    def best_momentum(self) -> float:
        """((sqrt kappa - 1) / (sqrt kappa + 1))^2, the heavy ball's best momentum (Polyak, 1964).

        kappa is taken over the directions that curve upwards.
        """
        return self.best_momentum_rate**2

    @property
    def best_momentum_learning_rate(self) -> float:
        """4 / (sqrt lambda_max + sqrt lambda_min)^2, the rate that goes with `best_momentum` (Polyak, 1964)."""
        if not self.largest:
            return math.inf
        return 4.0 / (math.sqrt(self.largest) + math.sqrt(self.smallest)) ** 2

    @property
    def best_momentum_rate(self) -> float:
        """(sqrt kappa - 1) / (sqrt kappa + 1): what an update of the best heavy ball leaves of the distance."""
        low, high = math.sqrt(self.smallest), math.sqrt(self.largest)
        return (high - low) / (high + low) if high else 1.0

    def max_stable_learning_rate_with(self, rule: Rule) -> float:
        r"""The largest constant rate at which batch descent with this form of SGD does not diverge.

        With L = lambda_max + weight_decay, momentum b and dampening d, an error e along an eigenvector obeys

            plain:      e+ = (1 - eta L) e                                     stable below 2 / L
            heavy ball: e+ = (1 + b - (1 - d) eta L) e - b e-                  2 (1 + b) / ((1 - d) L)
            Nesterov:   e+ = (1 + b) (1 - eta L) e - b (1 - eta L) e-          2 (1 + b) / ((1 + 2 b) L)

        (torch's forms; e- is the error one update before). The roots of z^2 - p z + q lie inside the unit circle
        exactly when abs(q) < 1 and abs(p) < 1 + q. A momentum for which no rate is stable gives 0.

        Raises ValueError for the other rules, for which theory gives no limit.
        """
        require(isinstance(rule, SGD), "theory gives no stability limit for {}", rule.name)
        assert isinstance(rule, SGD)
        top = self.largest + rule.weight_decay
        b = rule.momentum
        if b == 0:
            numerator = 2.0
        elif rule.nesterov:
            numerator = 2.0 * (1.0 + b) / (1.0 + 2.0 * b)
            # beyond momentum 1 the flattest direction needs eta lambda > 1 - 1 / b
            low = max(float(self.eigenvalues[0]), 0.0) + rule.weight_decay
            if b > 1 and numerator * low <= (1.0 - 1.0 / b) * top:
                return 0.0
        elif b >= 1:
            return 0.0
        else:
            numerator = 2.0 * (1.0 + b) / (1.0 - rule.dampening) if rule.dampening < 1 else math.inf
        return numerator / top if top else math.inf

    def direction(self, i: int) -> str:
        """Eigenvector ``i`` in words, such as "0.71 bmi + 0.70 bp": plain text, the largest parts first.

        Parts are left out once those named hold 95 % of the squared length, or after four of them; then it ends in
        "...". The sign, which an eigenvector leaves open, makes the first part positive.
        """
        return in_words(self.eigenvectors[:, i], self.parameter_names)

    @cached_property
    def directions(self) -> tuple[str, ...]:
        """All eigenvectors in words, in the order of the eigenvalues."""
        return tuple(self.direction(i) for i in range(len(self.eigenvalues)))


def in_words(vector: Vector, names: tuple[str, ...]) -> str:
    """A direction (n_params,) as a sum of named parts; see `Curvature.direction`."""
    length = float(np.linalg.norm(vector))
    if length == 0:
        return "no direction"
    unit = vector / length
    # rounded, so that equal parts keep the parameters' order
    order = np.argsort(-np.abs(unit).round(9), kind="stable")
    held = np.cumsum(unit[order] ** 2)
    count = min(int(np.searchsorted(held, NAMED_SHARE)) + 1, MOST_NAMED, len(order))
    unit = unit * (1.0 if unit[order[0]] >= 0 else -1.0)
    if abs(unit[order[0]]) > 0.995:
        return names[order[0]]
    words = f"{unit[order[0]]:.2f} {names[order[0]]}"
    for j in order[1:count]:
        words += f" {'-' if unit[j] < 0 else '+'} {abs(unit[j]):.2f} {names[j]}"
    return words if held[count - 1] >= NAMED_SHARE else words + " ..."


_known: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


def remembered(problem: Problem, name: str, find: Callable[[], Any]) -> Any:
    """``find()``, worked out once for each problem and dropped with it."""
    try:
        store = _known.setdefault(problem, {})
    except TypeError:
        # a problem that cannot be hashed is worked out each time
        return find()
    if name not in store:
        store[name] = find()
    return store[name]


def hessian(problem: Problem, theta: npt.ArrayLike) -> Matrix:
    """The Hessian (n_params, n_params) at theta (n_params,): exact for a quadratic, by central differences otherwise.

    Differences of the exact gradient over eps^(1/3) of each parameter's size: about ten digits of the largest entry.
    """
    if problem.quadratic is not None:
        return np.array(problem.quadratic.hessian)
    point = np.array(theta, dtype=np.float64)
    require(point.shape == (problem.n_params,), "theta must have shape ({},), got {}", problem.n_params, point.shape)
    columns = np.empty((point.size, point.size))
    for j in range(point.size):
        ahead, behind = point.copy(), point.copy()
        width = np.finfo(float).eps ** (1 / 3) * max(1.0, abs(point[j]))
        ahead[j] += width
        behind[j] -= width
        columns[:, j] = (problem.gradient(ahead) - problem.gradient(behind)) / (ahead[j] - behind[j])
    return 0.5 * (columns + columns.T)


def curvature(problem: Problem, theta: npt.ArrayLike | None = None) -> Curvature:
    """The curvature of a problem's loss at theta (n_params,), by default at the optimum, or at the start without one.

    A quadratic loss curves the same everywhere, so theta is not read. Raises ValueError where the gradient around theta
    is not finite.
    """
    quadratic = problem.quadratic
    if quadratic is not None:
        known: Curvature = remembered(problem, "curvature", lambda: _decompose(problem, quadratic.hessian, True))
        return known
    if theta is None:
        default: Curvature = remembered(problem, "curvature", lambda: _at(problem, _resting_point(problem)))
        return default
    return _at(problem, theta)


def _resting_point(problem: Problem) -> Vector:
    return problem.start if problem.optimum is None else problem.optimum.theta


def _at(problem: Problem, theta: npt.ArrayLike) -> Curvature:
    with np.errstate(all="ignore"):
        found = hessian(problem, theta)
    require(bool(np.all(np.isfinite(found))), "the loss has no finite curvature at theta")
    return _decompose(problem, found, False)


def _decompose(problem: Problem, found: Matrix, exact: bool) -> Curvature:
    eigenvalues, eigenvectors = np.linalg.eigh(found)
    size = float(np.max(np.abs(eigenvalues)))
    # an exact Hessian is a sum over rows and rounds once a column; differences lose a third of the digits
    relative = len(eigenvalues) * np.finfo(float).eps if exact else 1e-8
    return Curvature(
        eigenvalues=eigenvalues,
        eigenvectors=eigenvectors,
        parameter_names=tuple(problem.parameter_names),
        exact=exact,
        rounding=float(relative * size),
    )


def largest_row_curvature(problem: Problem) -> float | None:
    """c max_i |x_i|^2 + l2: the largest curvature of a single row's loss; None without rows or a quadratic loss.

    On its own row, an update of size eta overshoots by more than it corrects once eta exceeds 2 over this.
    """
    if problem.quadratic is None or not isinstance(problem, Regression):
        return None

    def find() -> float:
        kernel = problem.kernel
        longest = float(np.max(np.einsum("ij,ij->i", kernel.X, kernel.X)))
        return float(kernel.constants[3]) * longest + float(kernel.constants[1])

    known: float = remembered(problem, "row curvature", find)
    return known
