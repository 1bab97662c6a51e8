"""The optimum of every loss: conditions of optimality, and other solvers' answers."""

import dataclasses

import numpy as np
import pytest

import gd_core as gd
from gd_core.optimum import find_optimum

ROBUST = ("huber", "log_cosh", "absolute_error")


def _few_rows() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(2)
    return draw.standard_normal((6, 9)), draw.standard_normal(6)


DATA = {
    "diabetes": lambda: gd.load("diabetes"),
    "outliers": lambda: gd.generate("linear", n_samples=120, n_features=2, noise=0.3, outliers=0.1, seed=4),
    "friedman": lambda: gd.generate("friedman", n_samples=1500, n_features=5, noise=1.0, seed=1),
    "fewer rows than columns": lambda: gd.Dataset(*_few_rows()),
}


def problem(data: str, **settings: object) -> gd.Regression:
    return gd.Regression(DATA[data](), **settings)


def largest_gradient(regression: gd.Regression, slope: float) -> float:
    """The norm that the gradient would have if every row pulled the same way with the given slope."""
    return slope * float(np.linalg.norm(np.mean(np.abs(regression.features), axis=0)))


@pytest.mark.parametrize("scaling", ["standard", "none"])
@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("loss", ["huber", "log_cosh"])
@pytest.mark.parametrize("data", DATA)
def test_the_gradient_vanishes_at_the_optimum_of_a_smooth_loss(data: str, loss: str, l2: float, scaling: str) -> None:
    regression = problem(data, loss=loss, l2=l2, scaling=scaling)
    found = regression.optimum
    assert found is not None
    assert np.linalg.norm(regression.gradient(found.theta)) <= 1e-10 * largest_gradient(regression, 1.0)
    assert found.value == regression.value(found.theta)


@pytest.mark.parametrize("scaling", ["standard", "none"])
@pytest.mark.parametrize("l2", [0.0, 0.1, 20.0])
@pytest.mark.parametrize("data", DATA)
def test_zero_is_a_subgradient_at_the_optimum_of_absolute_error(data: str, l2: float, scaling: str) -> None:
    """Some weights in [-1, 1] on the rows that the fit meets balance the others and the penalty."""
    from scipy.optimize import lsq_linear

    regression = problem(data, loss="absolute_error", l2=l2, scaling=scaling)
    found = regression.optimum
    assert found is not None
    Z, m = regression.features, regression.n_samples
    residuals = Z @ found.theta - regression.targets
    on = np.abs(residuals) <= 1e-11 * np.max(np.abs(regression.targets))
    pull = Z[~on].T @ np.sign(residuals[~on]) / m
    pull[regression.first_penalised :] += l2 * found.theta[regression.first_penalised :]
    lengths = np.sqrt(np.mean(Z**2, axis=0))
    if np.any(on):
        balance = lsq_linear(Z[on].T / m / lengths[:, None], -pull / lengths, bounds=(-1, 1), tol=1e-14)
        left = float(np.linalg.norm(balance.fun))
    else:
        left = float(np.linalg.norm(pull / lengths))
    assert left <= 1e-8


@pytest.mark.parametrize("data", DATA)
def test_absolute_error_agrees_with_the_plain_linear_programme(data: str) -> None:
    from scipy.optimize import linprog

    regression = problem(data, loss="absolute_error")
    Z, y = regression.features, regression.targets
    m, n = Z.shape
    cost = np.concatenate([np.zeros(n), np.full(2 * m, 1 / m)])
    equations = np.hstack([Z, -np.eye(m), np.eye(m)])
    answer = linprog(cost, A_eq=equations, b_eq=y, bounds=[(None, None)] * n + [(0, None)] * 2 * m, method="highs")
    assert regression.optimum.value == pytest.approx(answer.fun, rel=1e-10, abs=1e-12 * np.max(np.abs(y)))


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("loss", ROBUST)
def test_no_nearby_point_is_lower(loss: str, l2: float) -> None:
    regression = problem("outliers", loss=loss, l2=l2)
    found = regression.optimum
    away = np.random.default_rng(0).standard_normal((300, regression.n_params))
    for size in (1e-6, 1e-3, 1.0):
        assert np.min(regression.values(found.theta + size * away)) >= found.value * (1 - 1e-14)


@pytest.mark.parametrize("delta", [1e-3, 0.5, 1e6])
def test_huber_lies_between_absolute_and_squared_error(delta: float) -> None:
    regression = problem("outliers", loss="huber", huber_delta=delta)
    assert np.linalg.norm(regression.gradient(regression.optimum.theta)) <= 1e-10 * largest_gradient(regression, delta)
    if delta == 1e6:
        squared = problem("outliers").optimum
        np.testing.assert_allclose(regression.optimum.theta, squared.theta, rtol=1e-10)
    if delta == 1e-3:
        absolute = problem("outliers", loss="absolute_error").optimum
        assert regression.optimum.value / delta == pytest.approx(absolute.value, abs=delta)


@pytest.mark.parametrize("loss", ROBUST)
def test_data_on_a_line_is_fitted_exactly(loss: str) -> None:
    X = np.arange(12.0)[:, None]
    regression = gd.Regression(gd.Dataset(X, 3.0 * X[:, 0] - 2.0), loss=loss)
    assert regression.optimum.value <= 1e-13
    assert regression.coefficients(regression.optimum.theta) == pytest.approx({"intercept": -2.0, "x1": 3.0})


@pytest.mark.parametrize("loss", list(gd.LOSSES))
def test_the_sinusoid_finds_the_wave_that_made_the_data(loss: str) -> None:
    x = np.linspace(-3, 3, 80)
    data = gd.Dataset(x[:, None], 1.7 * np.sin(4.2 * x))
    regression = gd.Regression(data, model="sinusoid", loss=loss, scaling="none")
    found = regression.optimum
    np.testing.assert_allclose(found.theta, [1.7, 4.2], rtol=1e-6)
    # the mean of y is zero only up to rounding
    assert found.value <= 1e-8


@pytest.mark.parametrize("model", ["sinusoid", "tanh"])
@pytest.mark.parametrize("loss", ["half_squared_error", "huber", "log_cosh"])
def test_a_basin_found_is_the_lowest_of_a_fine_grid_and_rests(model: str, loss: str) -> None:
    x = np.random.default_rng(3).uniform(-2, 2, 90)
    y = np.tanh(2.5 * x) + 0.2 * np.random.default_rng(4).standard_normal(90)
    regression = gd.Regression(gd.Dataset(x[:, None], y), model=model, loss=loss)
    found = regression.optimum
    assert np.linalg.norm(regression.gradient(found.theta)) <= 1e-10
    grid = np.stack(np.meshgrid(np.linspace(-3, 3, 121), np.linspace(0.01, 20, 800)), axis=-1).reshape(-1, 2)
    assert found.value <= np.min(regression.values(grid))


@pytest.mark.parametrize("loss", list(gd.LOSSES))
def test_a_loss_without_a_minimum_has_no_optimum(loss: str) -> None:
    """tanh fits a straight line ever better as it grows flatter."""
    data = gd.generate("linear", n_samples=50, n_features=1, seed=0)
    assert find_optimum(gd.Regression(data, model="tanh", loss=loss)) is None


def test_nothing_vouches_for_a_network() -> None:
    assert gd.Regression(gd.load("linnerud"), model="mlp").optimum is None


def test_the_answer_does_not_depend_on_the_units() -> None:
    data = DATA["outliers"]()
    large = dataclasses.replace(data, X=data.X * 1e6)
    for loss in ROBUST:
        one, other = gd.Regression(data, loss=loss, scaling="none"), gd.Regression(large, loss=loss, scaling="none")
        assert one.optimum.value == pytest.approx(other.optimum.value, rel=1e-12)
