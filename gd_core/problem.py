"""What a descent needs to know of a problem: a start, a value, a gradient, and the compiled parts for the loop.

`Regression` and `Surface` are problems. A problem with a `Quadratic` also has its loss in closed form around the exact
optimum, which is cheap along any path and accurate close to the optimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from gd_core.compiled import GRADIENT, SCALAR, VALUE, Part, compile_loop, compile_part, function_type, read_only_types

Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


class Optimum(NamedTuple):
    """The exact minimiser (n_params,) and the objective there."""

    theta: Vector
    value: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Kernel:
    """The parts and the arrays that the loop reads; `gd_core.compiled` gives the signatures.

    ``compiled`` is False for a problem whose functions Numba cannot take: the loop then runs uncompiled.
    """

    gradient: Part
    value: Part
    derivative: Part
    loss: Part
    X: Matrix
    y: Vector
    constants: Vector
    n_samples: int
    compiled: bool = True

    def arguments(self) -> tuple[Any, ...]:
        """The gradient and derivative, ready for the loop."""
        if not self.compiled:
            return self.gradient, self.derivative
        return compile_part(self.gradient, GRADIENT), compile_part(self.derivative, SCALAR)

    @cached_property
    def all_rows(self) -> npt.NDArray[np.int64]:
        return np.arange(self.n_samples)

    @cached_property
    def largest(self) -> float:
        """The largest entry of X by size."""
        return max(float(np.max(self.X)), -float(np.min(self.X)))

    def gradient_at(self, theta: Vector) -> Vector:
        """The gradient over all rows, (n_params,)."""
        return self.gradient_of(theta, self.all_rows)

    def gradient_of(self, theta: Vector, rows: npt.NDArray[np.int64]) -> Vector:
        """The gradient over the given rows, (n_params,)."""
        gradient, derivative = self.arguments()
        out = np.empty_like(theta)
        gradient(theta, self.X, self.y, rows, derivative, self.constants, out)
        return out

    def values(self, thetas: Matrix) -> Vector:
        """The objective over all rows at each of (k, n_params) points, shape (k,)."""
        if not self.compiled:
            return np.array([self.value(t, self.X, self.y, self.all_rows, self.loss, self.constants) for t in thetas])
        out = np.empty(thetas.shape[0])
        evaluate = compile_loop(_values, _values_signature)
        value, loss = compile_part(self.value, VALUE), compile_part(self.loss, SCALAR)
        evaluate(value, loss, np.ascontiguousarray(thetas), self.X, self.y, self.all_rows, self.constants, out)
        return out

    def gradients(self, thetas: Matrix) -> Matrix:
        """The gradient over all rows at each of (k, n_params) points, shape (k, n_params)."""
        out = np.empty(thetas.shape)
        evaluate = compile_loop(_gradients, _gradients_signature) if self.compiled else _gradients
        gradient, derivative = self.arguments()
        evaluate(gradient, derivative, np.ascontiguousarray(thetas), self.X, self.y, self.all_rows, self.constants, out)
        return out

    def gradient_norms(self, thetas: Matrix) -> Vector:
        """The norm of the full gradient at each of (k, n_params) points, shape (k,)."""
        out = np.empty(thetas.shape[0])
        evaluate = compile_loop(_norms, _norms_signature) if self.compiled else _norms
        gradient, derivative = self.arguments()
        evaluate(gradient, derivative, np.ascontiguousarray(thetas), self.X, self.y, self.all_rows, self.constants, out)
        return out


def _values(value, loss, thetas, X, y, rows, constants, out):  # type: ignore[no-untyped-def]
    for k in range(thetas.shape[0]):
        out[k] = value(thetas[k], X, y, rows, loss, constants)


def _gradients(gradient, derivative, thetas, X, y, rows, constants, out):  # type: ignore[no-untyped-def]
    for k in range(thetas.shape[0]):
        gradient(thetas[k], X, y, rows, derivative, constants, out[k])


def _norms(gradient, derivative, thetas, X, y, rows, constants, out):  # type: ignore[no-untyped-def]
    g = np.empty(thetas.shape[1])
    for k in range(thetas.shape[0]):
        gradient(thetas[k], X, y, rows, derivative, constants, g)
        largest = np.max(np.abs(g))
        # scaled by the largest entry, so that a diverging path does not overflow the squares
        out[k] = largest * np.sqrt(np.sum((g / largest) ** 2)) if 0.0 < largest < np.inf else largest


def _values_signature() -> Any:
    from numba import types as t

    given, table, rows = read_only_types()
    points, out = t.float64[:, ::1], t.float64[::1]
    return t.void(function_type(VALUE), function_type(SCALAR), points, table, given, rows, given, out)


def _gradients_signature() -> Any:
    from numba import types as t

    given, table, rows = read_only_types()
    points = t.float64[:, ::1]
    return t.void(function_type(GRADIENT), function_type(SCALAR), points, table, given, rows, given, points)


def _norms_signature() -> Any:
    from numba import types as t

    given, table, rows = read_only_types()
    points, out = t.float64[:, ::1], t.float64[::1]
    return t.void(function_type(GRADIENT), function_type(SCALAR), points, table, given, rows, given, out)


@dataclass(frozen=True, kw_only=True, eq=False)
class Quadratic:
    """The objective of a quadratic problem: gradient H theta - b, hessian H (n_params, n_params), b (n_params,).

    ``optimum`` comes from an orthogonal factorisation of the data, not from H; it is worked out when first asked for.
    """

    hessian: Matrix
    linear: Vector
    find_optimum: Any

    @cached_property
    def optimum(self) -> Optimum:
        found: Optimum = self.find_optimum()
        return found

    def values(self, thetas: Matrix) -> Vector:
        """loss* + (theta - theta*)' H (theta - theta*) / 2 at each of (k, n_params) points, shape (k,)."""
        away = thetas - self.optimum.theta
        return self.optimum.value + 0.5 * np.einsum("kj,kj->k", away @ self.hessian, away)

    def gradient_norms(self, thetas: Matrix) -> Vector:
        """The norm of H (theta - theta*) at each of (k, n_params) points, shape (k,)."""
        gradients = (thetas - self.optimum.theta) @ self.hessian
        # scaled by the largest entry, so that a diverging path does not overflow the squares
        largest = np.max(np.abs(gradients), axis=1, initial=np.finfo(np.float64).tiny)
        return np.asarray(largest * np.linalg.norm(gradients / largest[:, None], axis=1))


class Problem(Protocol):
    """What `gd_core.descent` asks of a problem."""

    @property
    def n_params(self) -> int: ...
    @property
    def parameter_names(self) -> tuple[str, ...]: ...
    @property
    def n_samples(self) -> int: ...
    @property
    def start(self) -> Vector: ...
    @property
    def kernel(self) -> Kernel: ...
    @property
    def quadratic(self) -> Quadratic | None: ...
    @property
    def optimum(self) -> Optimum | None: ...
    @property
    def loss_title(self) -> str: ...
    def start_for(self, seed: int) -> Vector: ...
    def random_start(self, seed: int) -> Vector: ...
    def value(self, theta: npt.ArrayLike) -> float: ...
    def gradient(self, theta: npt.ArrayLike) -> Vector: ...
    def values(self, thetas: Matrix) -> Vector: ...
    def gradients(self, thetas: Matrix) -> Matrix: ...
    def gradient_norms(self, thetas: Matrix) -> Vector: ...
    def validation_values(self, thetas: Matrix) -> Vector | None: ...
