"""Each loss: its derivative against finite differences, its formula, and what it does far out."""

import math

import numpy as np
import pytest

import gd_core as gd
from gd_core.compiled import SCALAR, compile_part
from gd_core.losses import Loss

LOSSES = list(gd.LOSSES.values())
# away from the kinks of huber (1.5) and of the absolute error (0)
RESIDUALS = (-40.0, -3.0, -1.2, -0.3, -1e-3, 1e-3, 0.3, 1.2, 3.0, 40.0)
DELTA = 1.5


def named(loss: Loss) -> str:
    return loss.name


@pytest.mark.parametrize("loss", LOSSES, ids=named)
@pytest.mark.parametrize("residual", RESIDUALS)
def test_the_derivative_is_that_of_the_value(loss: Loss, residual: float) -> None:
    h = 1e-5 * max(abs(residual), 0.01)
    slope = (loss.value(residual + h, DELTA) - loss.value(residual - h, DELTA)) / (2 * h)
    assert loss.derivative(residual, DELTA) == pytest.approx(slope, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("loss", LOSSES, ids=named)
def test_it_is_zero_at_zero_and_the_same_on_both_sides(loss: Loss) -> None:
    assert loss.value(0.0, DELTA) == 0.0
    assert loss.derivative(0.0, DELTA) == 0.0
    for residual in RESIDUALS:
        assert loss.value(residual, DELTA) == loss.value(-residual, DELTA) > 0
        assert loss.derivative(residual, DELTA) == -loss.derivative(-residual, DELTA)


@pytest.mark.parametrize("loss", LOSSES, ids=named)
def test_compiled_it_gives_the_same(loss: Loss) -> None:
    value, derivative = compile_part(loss.value, SCALAR), compile_part(loss.derivative, SCALAR)
    for residual in (*RESIDUALS, 0.0, DELTA, -DELTA):
        assert value(residual, DELTA) == pytest.approx(loss.value(residual, DELTA), rel=1e-15)
        assert derivative(residual, DELTA) == pytest.approx(loss.derivative(residual, DELTA), rel=1e-15)


@pytest.mark.parametrize(
    ("name", "residual", "value", "derivative"),
    [
        ("half_squared_error", 3.0, 4.5, 3.0),
        ("squared_error", 3.0, 9.0, 6.0),
        ("huber", 1.0, 0.5, 1.0),
        ("huber", 1.5, 1.125, 1.5),
        ("huber", -3.0, 1.5 * (3.0 - 0.75), -1.5),
        ("absolute_error", -3.0, 3.0, -1.0),
        ("log_cosh", 1.0, math.log(math.cosh(1.0)), math.tanh(1.0)),
        ("log_cosh", 1000.0, 1000.0 - math.log(2.0), 1.0),
    ],
)
def test_values_worked_out_by_hand(name: str, residual: float, value: float, derivative: float) -> None:
    loss = gd.LOSSES[name]
    assert loss.value(residual, DELTA) == pytest.approx(value, rel=1e-14)
    assert loss.derivative(residual, DELTA) == pytest.approx(derivative, rel=1e-14)


@pytest.mark.parametrize("loss", LOSSES, ids=named)
def test_curvature_says_whether_it_is_quadratic(loss: Loss) -> None:
    quadratic = [loss.value(r, DELTA) / (r * r / 2) for r in RESIDUALS]
    if loss.curvature is None:
        assert np.ptp(quadratic) > 0.1
    else:
        assert quadratic == pytest.approx([loss.curvature] * len(RESIDUALS))


@pytest.mark.parametrize("loss", LOSSES, ids=named)
def test_it_is_described(loss: Loss) -> None:
    assert gd.LOSSES[loss.name] is loss
    assert loss.title
    assert r"\sum_i" in loss.formula
    assert loss.formula.count("{") == loss.formula.count("}")
