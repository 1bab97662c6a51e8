r"""Analytic surfaces over x and y, each a problem that a descent can run on.

    surface = Surface.named("rosenbrock")
    surface = Surface.from_expression("x^2 + 3*y^2", domain=((-2, 2), (-2, 2)))
    run = descend(surface, Variant(schedule=Constant(0.001)), Budget(updates=500))

A surface is its formula: the value and the exact gradient of all of them, built in or typed, come from the one compiled
machine of `gd_core.machine`, so a new surface costs no compilation, and any built-in one can be edited as text.

**Noise.** A surface has no rows, so nothing is stochastic about a descent on it until ``noise`` is set. Then it
carries a table of `NOISE_ROWS` normal vectors with mean 0 and that standard deviation, drawn with ``noise_seed``, and
an update adds the mean of the rows it reads to the exact gradient: one row with ``Stochastic()``, the mean of b rows
(so a standard deviation of noise / sqrt(b)) with ``MiniBatch(b)``, and none with ``Batch()``, which stays exact. The
variant's seed orders the rows, so descents with equal seeds meet the same noise, update by update. An epoch is one
pass over the table. Without noise there is a single row that adds nothing: ``Stochastic()`` then equals ``Batch()``,
and larger batches are refused.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from gd_core.checks import check_settings, require, setting
from gd_core.expressions import Expression
from gd_core.losses import half_squared_error, half_squared_error_derivative
from gd_core.models import quadratic_gradient, quadratic_value
from gd_core.problem import Kernel, Matrix, Optimum, Quadratic, Vector

Domain = tuple[tuple[float, float], tuple[float, float]]
# as many as a run records at most, so that watching a noisy descent leaves out no update that a quiet one would show
NOISE_ROWS = 2000
# shares of the domain where a start is looked for: off the centre, where typed formulas so often have their minimum
_STARTS = np.array([(0.9, 0.8), (0.1, 0.2), (0.8, 0.1), (0.2, 0.9), (0.7, 0.6), (0.6, 0.3), (0.5, 0.5)])


@dataclass(frozen=True)
class Surface:
    """A formula in x and y as a problem with the parameters x and y.

    ``domain``: ((x0, x1), (y0, y1)), what is drawn and where random starts are taken; a descent may leave it.
    ``start_at``: where a descent begins; None looks for a point with a slope.
    ``minima``: the known local minima (x, y, value), the lowest first; empty where none are known.
    ``learning_rate``: one at which plain descent gets somewhere from the start.
    ``noise``, ``noise_seed``: see the module's text.

    Raises ExpressionError, a ValueError, for anything but a formula in x and y, and ValueError for a domain, a start or
    a noise out of range.
    """

    expression: str
    _: KW_ONLY
    domain: Domain = ((-2.0, 2.0), (-2.0, 2.0))
    name: str = ""
    title: str = "your surface"
    note: str = ""
    start_at: tuple[float, float] | None = None
    minima: tuple[tuple[float, float, float], ...] = ()
    learning_rate: float = setting(0.01, above=0)
    noise: float = setting(0.0, least=0, help="standard deviation of what is added to each entry of the gradient")
    noise_seed: int = setting(0, least=0, help="draws the noise")

    def __post_init__(self) -> None:
        check_settings(self)
        _ = self.function
        object.__setattr__(self, "domain", _checked_domain(self.domain))
        if self.start_at is not None:
            object.__setattr__(self, "start_at", _numbers("start_at", self.start_at, 2))
        object.__setattr__(self, "minima", tuple(_numbers("a minimum", known, 3) for known in self.minima))

    @classmethod
    def named(cls, name: str, *, noise: float = 0.0, noise_seed: int = 0) -> Surface:
        """A surface of `SURFACES`; ValueError for any other name."""
        require(
            isinstance(name, str) and name in SURFACES, "surface must be one of {}, got {!r}", ", ".join(SURFACES), name
        )
        return SURFACES[name].with_noise(noise, noise_seed)

    @classmethod
    def from_expression(
        cls,
        text: str,
        domain: Domain = ((-2.0, 2.0), (-2.0, 2.0)),
        *,
        start: tuple[float, float] | None = None,
        noise: float = 0.0,
        noise_seed: int = 0,
    ) -> Surface:
        """The surface of a typed formula; ExpressionError, a ValueError, says what is wrong with it and where."""
        return cls(text, domain=domain, start_at=start, noise=noise, noise_seed=noise_seed)

    def with_noise(self, noise: float, noise_seed: int = 0) -> Surface:
        """The same surface with noise on its gradient."""
        return replace(self, noise=noise, noise_seed=noise_seed)

    # what it looks like

    @cached_property
    def function(self) -> Expression:
        """The formula, ready to be evaluated."""
        return Expression(self.expression)

    @property
    def formula(self) -> str:
        """The formula as LaTeX."""
        return self.function.latex

    @property
    def loss_title(self) -> str:
        """What an axis calls the objective."""
        return "value"

    def grid(self, resolution: int = 60) -> tuple[Vector, Vector, Matrix]:
        """x (k,), y (k,) and the values (k, k) over the domain, a row for each y; NaN where there is no value."""
        require(2 <= resolution <= 1000, "resolution must be between 2 and 1000, got {!r}", resolution)
        (x0, x1), (y0, y1) = self.domain
        xs, ys = np.linspace(x0, x1, resolution), np.linspace(y0, y1, resolution)
        values = self.function(xs, ys[:, None])
        values[~np.isfinite(values)] = np.nan
        return xs, ys, values

    # the problem

    @property
    def n_params(self) -> int:
        """2."""
        return 2

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """x and y."""
        return ("x", "y")

    @property
    def n_samples(self) -> int:
        """The rows of noise: `NOISE_ROWS`, or one that adds nothing."""
        return NOISE_ROWS if self.noise else 1

    @property
    def start(self) -> Vector:
        """Where a descent begins, (2,).

        Raises ValueError for a typed formula without a value anywhere that was tried in its domain.
        """
        return np.array(self.start_at if self.start_at is not None else self._found_start)

    @cached_property
    def _found_start(self) -> tuple[float, float]:
        tried = self._in_domain(np.vstack([_STARTS, np.random.default_rng(0).random((1000, 2))]))
        defined = tried[np.isfinite(self.function(tried[:, 0], tried[:, 1]))]
        require(len(defined) > 0, "the formula has no value at any of {} points tried in its domain", len(tried))
        slopes = self.kernel_without_noise.gradient_norms(defined)
        sloping = defined[np.isfinite(slopes) & (slopes > 0)]
        chosen = sloping[0] if len(sloping) else defined[0]
        return float(chosen[0]), float(chosen[1])

    def start_for(self, seed: int) -> Vector:
        """The start, the same for every seed, (2,)."""
        return self.start

    def random_start(self, seed: int) -> Vector:
        """A point drawn evenly from the domain, where the formula has a value, (2,)."""
        drawn = self._in_domain(np.random.default_rng([seed, 1]).random((1000, 2)))
        defined = np.flatnonzero(np.isfinite(self.function(drawn[:, 0], drawn[:, 1])))
        require(defined.size > 0, "the formula has no value at any of {} points tried in its domain", len(drawn))
        return np.array(drawn[defined[0]])

    def _in_domain(self, shares: Matrix) -> Matrix:
        bounds = np.array(self.domain)
        return np.ascontiguousarray(bounds[:, 0] + shares * (bounds[:, 1] - bounds[:, 0]))

    @cached_property
    def kernel(self) -> Kernel:
        """The parts for the loop, with the noise."""
        if not self.noise:
            return self.kernel_without_noise
        table = np.random.default_rng([self.noise_seed, 2]).standard_normal((NOISE_ROWS, 2))
        # every epoch reads the same rows, so a mean that is left over would be a slope, and would move the minimum
        return self.function.kernel((table - table.mean(axis=0)) * self.noise)

    @cached_property
    def kernel_without_noise(self) -> Kernel:
        """The parts for the loop, with the exact gradient."""
        return self.function.kernel()

    @cached_property
    def full_kernel(self) -> Kernel:
        """The parts for batch descent, which meets no noise; on a quadratic surface its Hessian stands in."""
        if self.quadratic is None:
            return self.kernel_without_noise
        return Kernel(
            gradient=quadratic_gradient,
            value=quadratic_value,
            derivative=half_squared_error_derivative,
            loss=half_squared_error,
            X=self.quadratic.hessian,
            y=self.quadratic.linear,
            constants=np.zeros(1),
            n_samples=1,
        )

    @cached_property
    def quadratic(self) -> Quadratic | None:
        """The closed form where the formula is quadratic and has a minimum, otherwise None."""
        found = self.function.quadratic
        if found is None or not np.min(np.linalg.eigvalsh(found[0])) > 0:
            return None
        hessian, linear, _ = found
        return Quadratic(hessian=hessian, linear=linear, find_optimum=partial(_lowest, self.function, hessian, linear))

    @cached_property
    def optimum(self) -> Optimum | None:
        """The global minimum; None where it is not known, or where several points share it."""
        if self.quadratic is not None:
            return self.quadratic.optimum
        lowest = [known for known in self.minima if math.isclose(known[2], self.minima[0][2], abs_tol=1e-9)]
        return Optimum(np.array(lowest[0][:2]), lowest[0][2]) if len(lowest) == 1 else None

    def value(self, theta: npt.ArrayLike) -> float:
        """The value at theta = (x, y); NaN or an infinity where there is none."""
        return float(self.kernel_without_noise.values(_theta(theta)[None, :])[0])

    def gradient(self, theta: npt.ArrayLike) -> Vector:
        """The exact gradient at theta = (x, y), without noise, (2,); NaN where the formula has no value."""
        return self.kernel_without_noise.gradient_at(_theta(theta))

    def values(self, thetas: Matrix) -> Vector:
        """The value at each of (k, 2) points, shape (k,)."""
        if self.quadratic is None:
            return self.kernel_without_noise.values(thetas)
        with np.errstate(over="ignore", invalid="ignore"):
            return self.quadratic.values(thetas)

    def gradients(self, thetas: Matrix) -> Matrix:
        """The exact gradient at each of (k, 2) points, shape (k, 2)."""
        return self.kernel_without_noise.gradients(thetas)

    def gradient_norms(self, thetas: Matrix) -> Vector:
        """The norm of the exact gradient at each of (k, 2) points, shape (k,)."""
        return self.kernel_without_noise.gradient_norms(thetas)

    def validation_values(self, thetas: Matrix) -> Vector | None:
        """None: a surface has no rows to set aside."""
        return None


def _theta(theta: npt.ArrayLike) -> Vector:
    found = np.ascontiguousarray(theta, dtype=np.float64)
    require(found.shape == (2,), "theta must have shape (2,), got {}", found.shape)
    return found


def _numbers(name: str, values: Any, count: int) -> tuple[float, ...]:
    usable = isinstance(values, (tuple, list)) and len(values) == count
    usable = usable and all(hasattr(v, "__float__") and not isinstance(v, bool) and math.isfinite(v) for v in values)
    require(usable, "{} must be {} finite numbers, got {!r}", name, count, values)
    return tuple(float(value) for value in values)


def _checked_domain(domain: Any) -> Domain:
    require(
        isinstance(domain, (tuple, list)) and len(domain) == 2, "domain must be ((x0, x1), (y0, y1)), got {!r}", domain
    )
    (x0, x1), (y0, y1) = (_numbers(f"the domain of {name}", pair, 2) for name, pair in zip("xy", domain, strict=True))
    require(x0 < x1 and y0 < y1, "each pair of domain must go from low to high, got {!r}", domain)
    require(max(map(abs, (x0, x1, y0, y1))) <= 1e6, "domain must stay within 10^6 of zero, got {!r}", domain)
    return (x0, x1), (y0, y1)


def _lowest(function: Expression, hessian: Matrix, linear: Vector) -> Optimum:
    theta = np.linalg.solve(hessian, linear)
    return Optimum(np.asarray(theta, dtype=np.float64), float(function(theta[0], theta[1])))


# Formulas and minima: Jamil and Yang, "A literature survey of benchmark functions for global optimisation problems",
# 2013; More, Garbow and Hillstrom, "Testing unconstrained optimization software", 1981 (Rosenbrock, Beale). The
# digits of the minima are the roots of the gradient, rounded from 30 digits. A domain is what is worth drawing: on
# the literature's search domain one would often see a wall and a flat floor.
SURFACES: dict[str, Surface] = {
    surface.name: surface
    for surface in (
        Surface(
            "x^2 + y^2",
            name="bowl",
            title="bowl",
            note="The simplest surface there is: every descent with a small enough rate runs straight to the middle.",
            domain=((-3, 3), (-3, 3)),
            start_at=(2, 2),
            minima=((0, 0, 0),),
            learning_rate=0.01,
        ),
        Surface(
            "x^2/2 + 12.5*y^2",
            name="ravine",
            title="ravine",
            note="Twenty-five times as steep across as along: a rate that suits one is wrong for the other.",
            domain=((-6, 6), (-2, 2)),
            start_at=(-5, 1.2),
            minima=((0, 0, 0),),
            learning_rate=0.07,
        ),
        Surface(
            "x^2 - y^2",
            name="saddle",
            title="saddle",
            note="Down along y and up along x: a descent slows near the middle, where there is no minimum.",
            domain=((-2, 2), (-2, 2)),
            start_at=(1.5, 0.01),
            learning_rate=0.05,
        ),
        Surface(
            "(1 - x)^2 + 100*(y - x^2)^2",
            name="rosenbrock",
            title="Rosenbrock",
            note="A curved valley: falling into it is quick, following its flat floor to the minimum is slow.",
            domain=((-2, 2), (-1, 3)),
            start_at=(-1.2, 1),
            minima=((1, 1, 0),),
            learning_rate=0.001,
        ),
        Surface(
            "(x^2 + y - 11)^2 + (x + y^2 - 7)^2",
            name="himmelblau",
            title="Himmelblau",
            note="Four minima of the same depth: the start decides which one is found.",
            domain=((-5, 5), (-5, 5)),
            start_at=(-0.5, -1),
            minima=(
                (3, 2, 0),
                (-2.8051180869527448, 3.1313125182505730, 0),
                (-3.7793102533777469, -3.2831859912861694, 0),
                (3.5844283403304917, -1.8481265269644036, 0),
            ),
            learning_rate=0.01,
        ),
        Surface(
            "(1.5 - x + x*y)^2 + (2.25 - x + x*y^2)^2 + (2.625 - x + x*y^3)^2",
            name="beale",
            title="Beale",
            note="A flat valley between steep walls: a rate that is safe on the walls crawls in the valley.",
            domain=((-4.5, 4.5), (-2, 2)),
            start_at=(1, 1),
            minima=((3, 0.5, 0),),
            learning_rate=0.01,
        ),
        Surface(
            "(x + 2*y - 7)^2 + (2*x + y - 5)^2",
            name="booth",
            title="Booth",
            note="A tilted bowl, nine times as steep one way as the other.",
            domain=((-10, 10), (-10, 10)),
            start_at=(-8, 6),
            minima=((1, 3, 0),),
            learning_rate=0.05,
        ),
        Surface(
            "0.26*(x^2 + y^2) - 0.48*x*y",
            name="matyas",
            title="Matyas",
            note="A narrow valley along the diagonal, twenty-five times as flat along as across.",
            domain=((-10, 10), (-10, 10)),
            start_at=(8, -5),
            minima=((0, 0, 0),),
            learning_rate=0.5,
        ),
        Surface(
            "2*x^2 - 1.05*x^4 + x^6/6 + x*y + y^2",
            name="three_hump_camel",
            title="three-hump camel",
            note="One deep minimum between two shallow ones: a descent that starts far out stays far out.",
            domain=((-2.2, 2.2), (-2.2, 2.2)),
            start_at=(2, 1),
            minima=(
                (0, 0, 0),
                (1.7475523458302889, -0.8737761729151444, 0.2986384422368598),
                (-1.7475523458302889, 0.8737761729151444, 0.2986384422368598),
            ),
            learning_rate=0.03,
        ),
        Surface(
            "(4 - 2.1*x^2 + x^4/3)*x^2 + x*y + (4*y^2 - 4)*y^2",
            name="six_hump_camel",
            title="six-hump camel",
            note="Six minima, two of them the lowest.",
            domain=((-2, 2), (-1.2, 1.2)),
            start_at=(1.2, 0.1),
            minima=(
                (0.0898420131003181, -0.7126564030207396, -1.0316284534898774),
                (-0.0898420131003181, 0.7126564030207396, -1.0316284534898774),
                (1.7036067149699808, -0.7960835686726251, -0.2154638243837176),
                (-1.7036067149699808, 0.7960835686726251, -0.2154638243837176),
                (1.6071047529201972, 0.5686514548841314, 2.1042503103112583),
                (-1.6071047529201972, -0.5686514548841314, 2.1042503103112583),
            ),
            learning_rate=0.02,
        ),
        Surface(
            "20 + x^2 - 10*cos(2*pi*x) + y^2 - 10*cos(2*pi*y)",
            name="rastrigin",
            title="Rastrigin",
            note="A bowl covered with dents: plain descent ends in the nearest dent, and there are about a hundred.",
            domain=((-5.12, 5.12), (-5.12, 5.12)),
            start_at=(2.7, -1.6),
            minima=((0, 0, 0),),
            learning_rate=0.001,
        ),
        Surface(
            "20 + e - 20*exp(-0.2*sqrt((x^2 + y^2)/2)) - exp((cos(2*pi*x) + cos(2*pi*y))/2)",
            name="ackley",
            title="Ackley",
            note="A plain of dents around a funnel; at its bottom is a kink, where the gradient counts as 0.",
            domain=((-5, 5), (-5, 5)),
            start_at=(3.4, 2.7),
            minima=((0, 0, 0),),
            learning_rate=0.02,
        ),
        Surface(
            "(x^4 - 16*x^2 + 5*x + y^4 - 16*y^2 + 5*y)/2",
            name="styblinski_tang",
            title="Styblinski-Tang",
            note="Four basins of different depth, one in each corner.",
            domain=((-5, 5), (-5, 5)),
            start_at=(0.3, 1),
            minima=(
                (-2.9035340277711771, -2.9035340277711771, -78.332331407542831),
                (2.7468027709908370, -2.9035340277711771, -64.195612359055358),
                (-2.9035340277711771, 2.7468027709908370, -64.195612359055358),
                (2.7468027709908370, 2.7468027709908370, -50.058893310567885),
            ),
            learning_rate=0.01,
        ),
        Surface(
            "x^3 - 3*x*y^2",
            name="monkey_saddle",
            title="monkey saddle",
            note="Three ways down: at the middle both the gradient and the curvature are zero.",
            domain=((-1.5, 1.5), (-1.5, 1.5)),
            start_at=(1.2, 0.05),
            learning_rate=0.02,
        ),
        Surface(
            "(1 + (x + y + 1)^2*(19 - 14*x + 3*x^2 - 14*y + 6*x*y + 3*y^2))"
            "*(30 + (2*x - 3*y)^2*(18 - 32*x + 12*x^2 + 48*y - 36*x*y + 27*y^2))",
            name="goldstein_price",
            title="Goldstein-Price",
            note="Values from 3 to a million: a rate small enough for the walls crawls on the floor.",
            domain=((-2, 2), (-2, 2)),
            start_at=(0.5, -0.5),
            minima=((0, -1, 3), (-0.6, -0.4, 30), (1.8, 0.2, 84), (1.2, 0.8, 840)),
            learning_rate=0.0001,
        ),
    )
}
