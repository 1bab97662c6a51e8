"""The regression as a problem: its optimum, its units, its scalings, its split, and its closed form."""

import dataclasses
import re
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gd_core as gd


def data(n_samples: int = 40, n_features: int = 3, seed: int = 0, name: str = "data") -> gd.Dataset:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)) * 3.0 ** np.arange(n_features) + np.arange(n_features)
    y = X @ rng.normal(size=n_features) + 2.5 + rng.normal(size=n_samples)
    return gd.Dataset(X, y, name=name)


SETTINGS = [
    {"scaling": scaling, "intercept": intercept, "degree": degree, "loss": loss}
    for scaling in gd.SCALINGS
    for intercept in (True, False)
    for degree in (1, 3)
    for loss in ("half_squared_error", "squared_error")
]


def words(settings: dict) -> str:
    return "-".join(str(value) for value in settings.values())


# the optimum


@pytest.mark.parametrize("settings", SETTINGS, ids=words)
def test_the_optimum_is_that_of_lstsq(settings: dict) -> None:
    problem = gd.Regression(data(), **settings)
    theta, *_ = np.linalg.lstsq(problem.features, problem.targets, rcond=None)
    residual = problem.features @ theta - problem.targets
    factor = 0.5 if settings["loss"] == "half_squared_error" else 1.0
    np.testing.assert_allclose(problem.predict(problem.optimum.theta), problem.predict(theta), rtol=1e-8, atol=1e-8)
    assert problem.optimum.value == pytest.approx(factor * np.mean(residual**2), rel=1e-10)
    assert problem.value(problem.optimum.theta) == pytest.approx(problem.optimum.value, rel=1e-9)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("scaling", gd.SCALINGS)
@pytest.mark.parametrize(("loss", "curvature"), [("half_squared_error", 1.0), ("squared_error", 2.0)])
@pytest.mark.parametrize("l2", [1e-3, 0.5, 20.0])
def test_with_a_penalty_the_optimum_is_that_of_ridge(
    intercept: bool, scaling: str, loss: str, curvature: float, l2: float
) -> None:
    from sklearn.linear_model import Ridge

    problem = gd.Regression(data(), scaling=scaling, intercept=intercept, loss=loss, l2=l2)
    # Ridge minimises |r|^2 + alpha |w|^2
    ridge = Ridge(alpha=l2 * problem.n_samples / curvature, fit_intercept=intercept, solver="svd")
    ridge.fit(problem.features[:, int(intercept) :], problem.targets)
    expected = [ridge.intercept_, *ridge.coef_] if intercept else ridge.coef_
    np.testing.assert_allclose(problem.optimum.theta, expected, rtol=1e-9, atol=1e-11)
    assert np.linalg.norm(problem.gradient(problem.optimum.theta)) < 1e-9 * (1 + np.abs(problem.quadratic.linear).max())


@pytest.mark.parametrize("case", ["repeated column", "constant column", "fewer rows than columns", "one row"])
@pytest.mark.parametrize("scaling", gd.SCALINGS)
def test_the_optimum_of_data_short_of_rank(case: str, scaling: str) -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(1 if case == "one row" else 3 if case == "fewer rows than columns" else 30, 5))
    if case == "repeated column":
        X[:, 4] = X[:, 0]
    if case == "constant column":
        X[:, 4] = 2.0
    y = rng.normal(size=len(X))
    problem = gd.Regression(gd.Dataset(X, y), scaling=scaling)
    theta, *_ = np.linalg.lstsq(problem.features, y, rcond=None)
    optimum = problem.optimum
    assert np.all(np.isfinite(optimum.theta))
    np.testing.assert_allclose(problem.features @ optimum.theta, problem.features @ theta, atol=1e-11)
    assert optimum.value == pytest.approx(0.5 * np.mean((problem.features @ theta - y) ** 2), abs=1e-25, rel=1e-10)
    assert np.all(problem.values(rng.normal(size=(20, problem.n_params))) >= optimum.value)


@pytest.mark.parametrize("loss", ["half_squared_error", "squared_error"])
@pytest.mark.parametrize("l2", [0.0, 0.4])
def test_the_closed_form_is_the_objective(loss: str, l2: float) -> None:
    problem = gd.Regression(data(), loss=loss, l2=l2)
    thetas = np.random.default_rng(1).normal(size=(50, problem.n_params)) * 10.0 ** np.arange(-3, 2).repeat(10)[:, None]
    np.testing.assert_allclose(problem.values(thetas), problem.kernel.values(thetas), rtol=1e-12)
    np.testing.assert_allclose(problem.values(thetas), [problem.value(theta) for theta in thetas], rtol=1e-12)
    expected = [np.linalg.norm(problem.gradient(theta)) for theta in thetas]
    np.testing.assert_allclose(problem.gradient_norms(thetas), expected, rtol=1e-11)
    np.testing.assert_allclose(problem.kernel.gradient_norms(thetas), expected, rtol=1e-11)
    H, b = problem.quadratic.hessian, problem.quadratic.linear
    np.testing.assert_allclose(problem.gradient(thetas[0]), H @ thetas[0] - b, rtol=1e-11, atol=1e-11)


def test_the_closed_form_keeps_its_digits_near_the_optimum() -> None:
    problem = gd.Regression(data())
    step = np.zeros(problem.n_params)
    step[1] = 1e-9
    found = problem.values((problem.optimum.theta + step)[None, :])[0] - problem.optimum.value
    # half of H_11 step^2 is 5e-19, below the rounding of a loss of about 0.5: it must not turn negative
    assert 0 <= found < 1e-15
    norm = problem.gradient_norms((problem.optimum.theta + step)[None, :])[0]
    assert norm == pytest.approx(np.linalg.norm(problem.quadratic.hessian @ step), rel=1e-6)


def test_far_out_the_norm_of_the_gradient_stays_a_number() -> None:
    problem = gd.Regression(data())
    far = np.full((1, problem.n_params), 1e200)
    expected = 1e200 * np.linalg.norm(problem.quadratic.hessian @ np.ones(problem.n_params))
    assert problem.gradient_norms(far)[0] == pytest.approx(expected)
    assert problem.kernel.gradient_norms(far)[0] == pytest.approx(expected)


def test_other_losses_and_models_have_no_closed_form() -> None:
    assert gd.Regression(data(), loss="huber").quadratic is None
    assert gd.Regression(data(), model="mlp").quadratic is None
    assert gd.Regression(data(), model="mlp").optimum is None


# units


@pytest.mark.parametrize("settings", SETTINGS, ids=words)
@pytest.mark.parametrize("validation", [0.0, 0.3])
def test_coefficients_in_original_units_give_the_predictions(settings: dict, validation: float) -> None:
    problem = gd.Regression(data(n_features=2), **settings, validation=validation)
    theta = np.random.default_rng(2).normal(size=problem.n_params)
    found = problem.coefficients(theta)
    columns = {name: problem.dataset.X[:, j] for j, name in enumerate(problem.dataset.feature_names)}
    expected = np.full(problem.dataset.n_samples, found.pop("intercept"))
    for name, slope in found.items():
        term = np.full(problem.dataset.n_samples, slope)
        for factor in name.split(" "):
            base, _, power = factor.partition("^")
            term = term * columns[base] ** int(power or 1)
        expected = expected + term
    np.testing.assert_allclose(problem.predict(theta), expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_coefficients_of_the_optimum_are_those_of_the_unscaled_data() -> None:
    dataset = data()
    X1 = np.column_stack([np.ones(dataset.n_samples), dataset.X])
    expected, *_ = np.linalg.lstsq(X1, dataset.y, rcond=None)
    for scaling in gd.SCALINGS:
        problem = gd.Regression(dataset, scaling=scaling)
        found = problem.coefficients(problem.optimum.theta)
        assert list(found) == ["intercept", "x1", "x2", "x3"]
        np.testing.assert_allclose(list(found.values()), expected, rtol=1e-10)


def test_every_coefficient_has_a_name_of_its_own() -> None:
    X = np.arange(10.0).reshape(5, 2)
    problem = gd.Regression(gd.Dataset(X, X[:, 0], feature_names=("intercept", "a")))
    assert list(problem.coefficients(np.array([1.0, 2.0, 3.0]))) == ["intercept", "intercept (2)", "a"]
    problem = gd.Regression(gd.Dataset(X, X[:, 0], feature_names=("a", "a^2")), degree=2)
    assert len(set(problem.parameter_names)) == problem.n_params == 6


def test_predictions_for_new_rows() -> None:
    problem = gd.Regression(data(), degree=2)
    theta = np.random.default_rng(0).normal(size=problem.n_params)
    np.testing.assert_array_equal(problem.predict(theta, problem.dataset.X[5:9]), problem.predict(theta)[5:9])


# scalings


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize("scaling", ["standard", "minmax", "robust"])
@pytest.mark.parametrize("validation", [0.0, 0.4])
def test_scalings_are_those_of_scikit_learn(scaling: str, degree: int, validation: float) -> None:
    from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, RobustScaler, StandardScaler

    X = data().X.copy()
    X[:, 1] = 4.0  # a column without spread
    problem = gd.Regression(gd.Dataset(X, X[:, 0]), scaling=scaling, degree=degree, validation=validation)
    columns = PolynomialFeatures(degree, include_bias=False).fit_transform(X)
    scaler = {"standard": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}[scaling]()
    scaler.fit(columns[problem.training_rows])
    np.testing.assert_allclose(
        problem.features[:, 1:], scaler.transform(columns[problem.training_rows]), rtol=1e-12, atol=1e-12
    )
    np.testing.assert_allclose(problem.design(X[:3])[:, 1:], scaler.transform(columns[:3]), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(problem.features[:, 0], 1.0)


@pytest.mark.parametrize("scaling", gd.SCALINGS)
def test_without_an_intercept_nothing_is_shifted(scaling: str) -> None:
    problem = gd.Regression(data(), scaling=scaling, intercept=False)
    np.testing.assert_array_equal(problem.design(np.zeros((2, 3))), 0.0)


# the split


@given(n_samples=st.integers(2, 200), share=st.floats(0.01, 0.9), seed=st.integers(0, 5))
def test_the_validation_rows_are_set_aside(n_samples: int, share: float, seed: int) -> None:
    dataset = gd.Dataset(np.arange(n_samples), np.arange(n_samples))
    held = max(1, round(share * n_samples))
    if held == n_samples:
        with pytest.raises(ValueError, match="leaves no training row"):
            gd.Regression(dataset, validation=share, seed=seed)
        return
    problem = gd.Regression(dataset, validation=share, seed=seed, scaling="none", intercept=False)
    assert len(problem.validation_rows) == held
    both = np.concatenate([problem.training_rows, problem.validation_rows])
    np.testing.assert_array_equal(np.sort(both), np.arange(n_samples))
    np.testing.assert_array_equal(problem.features[:, 0], problem.training_rows)
    np.testing.assert_array_equal(problem.targets, problem.training_rows)
    np.testing.assert_array_equal(problem.validation_targets, problem.validation_rows)
    again = gd.Regression(dataset, validation=share, seed=seed)
    np.testing.assert_array_equal(again.validation_rows, problem.validation_rows)


def test_another_seed_sets_other_rows_aside() -> None:
    first, second = (gd.Regression(data(), validation=0.25, seed=seed) for seed in (0, 1))
    assert not np.array_equal(first.validation_rows, second.validation_rows)


@pytest.mark.parametrize("loss", gd.LOSSES)
@pytest.mark.parametrize("model", ["linear", "mlp"])
def test_the_validation_loss_is_the_mean_loss_without_the_penalty(loss: str, model: str) -> None:
    problem = gd.Regression(data(), model=model, loss=loss, l2=0.3, validation=0.25)
    theta = np.random.default_rng(4).normal(size=problem.n_params)
    residuals = (problem.predict(theta) - problem.dataset.y)[problem.validation_rows]
    expected = np.mean([gd.LOSSES[loss].value(r, problem.huber_delta) for r in residuals])
    assert problem.validation_values(theta[None, :])[0] == pytest.approx(expected, rel=1e-12)
    assert dataclasses.replace(problem, validation=0.0).validation_values(theta[None, :]) is None


# misuse


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "forest"}, "model must be one of linear, sinusoid, tanh, mlp, got 'forest'"),
        ({"loss": "mse"}, "loss must be one of half_squared_error, squared_error, huber, absolute_error, log_cosh, "),
        ({"scaling": "unit"}, "scaling must be one of none, standard, minmax, robust, got 'unit'"),
        ({"degree": 0}, "degree must be in [1, 12], got 0"),
        ({"degree": 2.0}, "degree must be a whole number, got 2.0"),
        ({"degree": 2, "model": "mlp"}, "degree above 1 needs the linear model, got 'mlp'"),
        ({"degree": 12}, "X must be within 316 so that the loss stays a number, got 900.0"),
        ({"l2": -1.0}, "l2 must be at least 0, got -1.0"),
        ({"l2": float("nan")}, "l2 must be finite, got nan"),
        ({"l2": "much"}, "l2 must be a number, got 'much'"),
        ({"l2": 10**400}, "l2 must be finite, got 1000"),
        ({"huber_delta": 0}, "huber_delta must be positive, got 0"),
        ({"validation": 0.95}, "validation must be in [0, 0.9], got 0.95"),
        ({"hidden": 65}, "hidden must be in [1, 64], got 65"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"intercept": "yes"}, "intercept must be True or False, got 'yes'"),
        ({"model": "tanh"}, "the tanh model needs a data set with 1 feature, got 2"),
    ],
)
def test_misuse_is_said(settings: dict, message: str) -> None:
    X = np.array([[900.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        gd.Regression(gd.Dataset(X, [1.0, 2.0, 3.0]), **{"scaling": "none", **settings})


def test_sizes_that_no_loss_can_hold_are_refused() -> None:
    with pytest.raises(ValueError, match=r"y must be within 1e\+30 so that the loss stays a number, got 1e\+40"):
        gd.Regression(gd.Dataset([1.0, 2.0], [1.0, 1e40]))
    with pytest.raises(ValueError, match=r"X must be within 1e\+150"):
        gd.Regression(gd.Dataset([1.0, -1e160], [1.0, 2.0]))
    assert gd.Regression(gd.Dataset([1e100, -1e100], [1.0, 2.0])).optimum.value < 1e-25


def test_too_many_columns_are_refused_before_they_are_made() -> None:
    dataset = data(n_samples=5, n_features=20)
    with pytest.raises(ValueError, match="degree 4 makes 10626 columns of 20 features, and the most is 1000"):
        gd.Regression(dataset, degree=4)


def test_only_a_dataset_is_data() -> None:
    with pytest.raises(ValueError, match="dataset must be a Dataset, got ndarray"):
        gd.Regression(np.zeros((3, 2)))


def test_shapes_are_checked_rather_than_broadcast() -> None:
    problem = gd.Regression(data())
    with pytest.raises(ValueError, match=r"theta must have shape \(4,\), got \(3,\)"):
        problem.value(np.zeros(3))
    with pytest.raises(ValueError, match=r"X must have shape \(n_samples, 3\), got \(5, 1\)"):
        problem.predict(np.zeros(4), np.zeros((5, 1)))
    with pytest.raises(ValueError, match=r"X must have shape \(n_samples, 3\), got \(3,\)"):
        problem.predict(np.zeros(4), np.zeros(3))


@pytest.mark.parametrize("name", gd.BUNDLED)
def test_real_data_is_a_problem_without_a_warning(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        problem = gd.Regression(gd.load(name), validation=0.2)
        theta, *_ = np.linalg.lstsq(problem.features, problem.targets, rcond=None)
        assert problem.optimum.value == pytest.approx(problem.value(theta), rel=1e-9)
