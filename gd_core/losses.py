r"""What a residual costs: each loss as a value and its derivative, side by side.

A loss is two scalar functions of the residual r = prediction - target and one parameter (Huber's threshold; the others
ignore it). The objective is the mean of the loss over the rows, plus the L2 penalty that `Regression` adds. A new loss
is one more pair of functions and one entry of `LOSSES`.

The half matters: half squared error (textbooks, scikit-learn's ``squared_error`` in SGDRegressor) and squared error
(PyTorch's MSELoss) differ by a factor of two in the gradient, so the same learning rate means different steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A loss of one residual: its names, its formula and its two functions.

    ``curvature`` is c where loss(r) = c r^2 / 2 exactly, and None for a loss that is not quadratic.
    """

    name: str
    title: str
    formula: str
    value: Callable[[float, float], float]
    derivative: Callable[[float, float], float]
    curvature: float | None = None
    parameter: str | None = None


def half_squared_error(residual: float, parameter: float) -> float:
    """r^2 / 2."""
    return 0.5 * residual * residual


def half_squared_error_derivative(residual: float, parameter: float) -> float:
    """r."""
    return residual


def squared_error(residual: float, parameter: float) -> float:
    """r^2."""
    return residual * residual


def squared_error_derivative(residual: float, parameter: float) -> float:
    """2 r."""
    return 2.0 * residual


def huber(residual: float, parameter: float) -> float:
    """r^2 / 2 while abs(r) <= delta, delta (abs(r) - delta / 2) beyond. Huber, 1964."""
    size = abs(residual)
    if size <= parameter:
        return 0.5 * residual * residual
    return parameter * (size - 0.5 * parameter)


def huber_derivative(residual: float, parameter: float) -> float:
    """r, held between -delta and delta."""
    return min(max(residual, -parameter), parameter)


def absolute_error(residual: float, parameter: float) -> float:
    """abs(r)."""
    return abs(residual)


def absolute_error_derivative(residual: float, parameter: float) -> float:
    """The sign of r: a subgradient, 0 at the kink, as in PyTorch's L1Loss."""
    if residual > 0.0:
        return 1.0
    if residual < 0.0:
        return -1.0
    return 0.0


def log_cosh(residual: float, parameter: float) -> float:
    """log(cosh(r)), written so that a large residual does not overflow."""
    size = abs(residual)
    return size + math.log1p(math.exp(-2.0 * size)) - math.log(2.0)


def log_cosh_derivative(residual: float, parameter: float) -> float:
    """tanh(r)."""
    return math.tanh(residual)


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss(
            name="half_squared_error",
            title="half squared error",
            formula=r"\frac{1}{2m}\sum_i r_i^2",
            value=half_squared_error,
            derivative=half_squared_error_derivative,
            curvature=1.0,
        ),
        Loss(
            name="squared_error",
            title="squared error",
            formula=r"\frac{1}{m}\sum_i r_i^2",
            value=squared_error,
            derivative=squared_error_derivative,
            curvature=2.0,
        ),
        Loss(
            name="huber",
            title="Huber",
            formula=r"\frac{1}{m}\sum_i \begin{cases}r_i^2/2 & |r_i|\le\delta\\ \delta(|r_i|-\delta/2) & \text{else}"
            r"\end{cases}",
            value=huber,
            derivative=huber_derivative,
            parameter="huber_delta",
        ),
        Loss(
            name="absolute_error",
            title="absolute error",
            formula=r"\frac{1}{m}\sum_i |r_i|",
            value=absolute_error,
            derivative=absolute_error_derivative,
        ),
        Loss(
            name="log_cosh",
            title="log-cosh",
            formula=r"\frac{1}{m}\sum_i \log\cosh r_i",
            value=log_cosh,
            derivative=log_cosh_derivative,
        ),
    )
}
