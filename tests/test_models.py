"""Each model with each loss: the compiled gradient against finite differences, the value against its predictions."""

import numpy as np
import pytest

import gd_core as gd

SIZES = {"linear": 3, "sinusoid": 1, "tanh": 1, "mlp": 2}
CASES = [(model, loss, l2) for model in gd.MODELS for loss in gd.LOSSES for l2 in (0.0, 0.7)]


def problem_of(model: str, loss: str, l2: float) -> gd.Regression:
    rng = np.random.default_rng(5)
    X = rng.normal(size=(17, SIZES[model]))
    y = np.sin(2 * X[:, 0]) + X.sum(axis=1) + rng.normal(size=17)
    return gd.Regression(gd.Dataset(X, y), model=model, loss=loss, l2=l2, huber_delta=0.6, hidden=3)


def theta_of(problem: gd.Regression) -> np.ndarray:
    return np.random.default_rng(6).normal(size=problem.n_params)


@pytest.mark.parametrize(("model", "loss", "l2"), CASES)
def test_the_gradient_is_that_of_the_value(model: str, loss: str, l2: float) -> None:
    problem = problem_of(model, loss, l2)
    theta = theta_of(problem)
    h = 1e-6
    steps = h * np.eye(problem.n_params)
    slopes = [(problem.value(theta + step) - problem.value(theta - step)) / (2 * h) for step in steps]
    np.testing.assert_allclose(problem.gradient(theta), slopes, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("model", "loss", "l2"), CASES)
def test_the_value_is_the_mean_loss_of_the_predictions(model: str, loss: str, l2: float) -> None:
    problem = problem_of(model, loss, l2)
    theta = theta_of(problem)
    residuals = problem.predict(theta) - problem.dataset.y
    mean = np.mean([gd.LOSSES[loss].value(r, problem.huber_delta) for r in residuals])
    penalised = theta[1:] if model == "linear" else theta
    assert problem.value(theta) == pytest.approx(mean + 0.5 * l2 * penalised @ penalised, rel=1e-12)


@pytest.mark.parametrize(("model", "loss", "l2"), CASES)
def test_the_gradient_over_rows_is_the_mean_of_theirs(model: str, loss: str, l2: float) -> None:
    problem = problem_of(model, loss, l2)
    theta = theta_of(problem)
    alone = np.array([problem.gradient_of(theta, np.array([i])) for i in range(problem.n_samples)])
    np.testing.assert_allclose(problem.gradient(theta), alone.mean(axis=0), rtol=1e-11, atol=1e-13)
    batch = np.array([3, 8, 8, 16])
    np.testing.assert_allclose(problem.gradient_of(theta, batch), alone[batch].mean(axis=0), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("n_features", range(1, 10))
@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_the_sums_side_by_side_leave_no_column_out(n_features: int, loss: str) -> None:
    rng = np.random.default_rng(n_features)
    X, y = rng.normal(size=(6, n_features)), rng.normal(size=6)
    problem = gd.Regression(gd.Dataset(X, y), scaling="none", intercept=False, loss=loss, huber_delta=0.5, l2=0.3)
    theta = rng.normal(size=n_features)
    residuals = X @ theta - y
    slopes = 2 * residuals if loss == "squared_error" else np.clip(residuals, -0.5, 0.5)
    np.testing.assert_allclose(problem.gradient(theta), X.T @ slopes / 6 + 0.3 * theta, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("model", gd.MODELS)
def test_the_start_is_seeded_and_descent_can_leave_it(model: str) -> None:
    problem = problem_of(model, "half_squared_error", 0.0)
    assert problem.start.shape == (problem.n_params,) == (len(problem.parameter_names),)
    assert len(set(problem.parameter_names)) == problem.n_params
    np.testing.assert_array_equal(problem.start_for(3), problem.start_for(3))
    assert np.all(problem.gradient(problem.start) != 0)
    if model == "linear":
        np.testing.assert_array_equal(problem.start_for(3), np.zeros(problem.n_params))
    else:
        assert not np.array_equal(problem.start_for(3), problem.start_for(4))


@pytest.mark.parametrize("model", gd.MODELS)
def test_a_model_has_its_words(model: str) -> None:
    found = gd.MODELS[model]
    assert found.name == model
    assert found.title
    assert r"\hat y" in found.formula
