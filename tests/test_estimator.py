"""The estimator keeps scikit-learn's whole contract, and its numbers are the engine's."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LinearRegression, Ridge, SGDRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from gd_core.datasets import generate, load
from gd_core.descent import Budget, Variant, descend
from gd_core.estimator import GradientDescentRegressor
from gd_core.regression import SCALINGS, Regression
from gd_core.rules import SGD, Adam
from gd_core.sampling import Batch, MiniBatch, Stochastic
from gd_core.schedules import Constant, Cosine, InverseScaling, LineSearch

DIABETES = load("diabetes")


@parametrize_with_checks(
    [
        GradientDescentRegressor(),
        GradientDescentRegressor(sampling="stochastic", schedule="InverseScaling", learning_rate=0.02),
        GradientDescentRegressor(
            sampling="batch", rule=Adam(), learning_rate=0.1, loss="huber", scaling="robust", epochs=300
        ),
        GradientDescentRegressor(rule=SGD(momentum=0.9), l2=0.01, tol=1e-9, scaling="minmax"),
        GradientDescentRegressor(rule="Adam", learning_rate=0.02, scaling="none"),
    ]
)
def test_the_contract_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize(
    ("given", "sampling"),
    [("batch", Batch()), ("stochastic", Stochastic()), ("minibatch", MiniBatch(16)), (MiniBatch(7), MiniBatch(7))],
)
def test_the_numbers_are_those_of_the_engine(given, sampling, intercept, scaling):
    dataset = generate("correlated", n_samples=80, n_features=3, condition_number=5.0)
    model = GradientDescentRegressor(
        sampling=given,
        batch_size=16,
        rule=SGD(momentum=0.5),
        learning_rate=0.02,
        epochs=7,
        l2=0.1,
        fit_intercept=intercept,
        scaling=scaling,
        random_state=5,
    ).fit(dataset.X, dataset.y)
    problem = Regression(dataset, intercept=intercept, scaling=scaling, l2=0.1)
    variant = Variant(sampling=sampling, rule=SGD(momentum=0.5), schedule=Constant(0.02), seed=5)
    run = descend(problem, variant, Budget(epochs=7))
    np.testing.assert_array_equal(model.run_.theta, run.theta)
    wanted = problem.coefficients(run.final)
    np.testing.assert_allclose([model.intercept_, *model.coef_], list(wanted.values()), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(model.predict(dataset.X), problem.predict(run.final), rtol=1e-12, atol=1e-13)


def test_it_agrees_with_least_squares_and_ridge():
    X, y = DIABETES.X, DIABETES.y
    ours = GradientDescentRegressor(sampling="batch", rule=SGD(momentum=0.9), learning_rate=0.2, epochs=5000)
    exact = LinearRegression().fit(X, y)
    np.testing.assert_allclose(ours.fit(X, y).coef_, exact.coef_, rtol=1e-7)
    assert ours.intercept_ == pytest.approx(exact.intercept_, rel=1e-7)
    ridge = make_pipeline(StandardScaler(), Ridge(alpha=0.3 * len(y))).fit(X, y)
    np.testing.assert_allclose(clone(ours).set_params(l2=0.3).fit(X, y).predict(X), ridge.predict(X), rtol=1e-9)


def test_it_goes_on_as_sgd_regressor_does():
    Z = StandardScaler().fit_transform(DIABETES.X)
    ours = GradientDescentRegressor(
        sampling=Stochastic(shuffle=False), schedule=InverseScaling(0.01, power=0.4), scaling="none"
    )
    theirs = SGDRegressor(penalty=None, learning_rate="invscaling", eta0=0.01, power_t=0.4, shuffle=False)
    for _ in range(3):
        ours.partial_fit(Z, DIABETES.y)
        theirs.partial_fit(Z, DIABETES.y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-10)
    assert ours.n_iter_ == 3


def test_partial_fit_is_fit_an_epoch_at_a_time():
    X, y = DIABETES.X, DIABETES.y
    # the plain rule has no state to lose between the calls
    settings = {"sampling": Batch(), "schedule": Cosine(0.3), "epochs": 12, "l2": 0.1}
    whole = GradientDescentRegressor(**settings).fit(X, y)
    parts = GradientDescentRegressor(**settings)
    for _ in range(12):
        parts.partial_fit(X, y)
    np.testing.assert_allclose(parts.coef_, whole.coef_, rtol=1e-12)
    assert parts.intercept_ == pytest.approx(whole.intercept_, rel=1e-12)
    assert parts.n_iter_ == whole.n_iter_ == 12


def test_partial_fit_learns_from_parts_of_the_rows():
    model = GradientDescentRegressor(learning_rate=0.05, random_state=0)
    for start in range(0, 442, 100):
        model.partial_fit(DIABETES.X[start : start + 100], DIABETES.y[start : start + 100])
    for _ in range(30):
        model.partial_fit(DIABETES.X, DIABETES.y)
    assert model.score(DIABETES.X, DIABETES.y) > 0.5
    with pytest.raises(ValueError, match="no line search"):
        GradientDescentRegressor(sampling="batch", schedule=LineSearch()).partial_fit(DIABETES.X, DIABETES.y)


def test_pipelines_grids_and_cross_validation():
    pipeline = make_pipeline(StandardScaler(), PolynomialFeatures(2), GradientDescentRegressor(random_state=0))
    grid = GridSearchCV(
        pipeline,
        {
            "gradientdescentregressor__learning_rate": [1e-4, 0.005],
            "gradientdescentregressor__rule": ["SGD", Adam()],
        },
        cv=3,
        error_score="raise",
    ).fit(DIABETES.X, DIABETES.y)
    assert grid.best_params_["gradientdescentregressor__learning_rate"] == 0.005
    scores = cross_val_score(GradientDescentRegressor(random_state=0), DIABETES.X, DIABETES.y, cv=5)
    exact = cross_val_score(LinearRegression(), DIABETES.X, DIABETES.y, cv=5)
    np.testing.assert_allclose(scores, exact, atol=0.02)


def test_it_remembers_the_names_of_a_table():
    frame = pd.DataFrame(DIABETES.X, columns=DIABETES.feature_names)
    model = GradientDescentRegressor(epochs=2).fit(frame, pd.Series(DIABETES.y))
    assert model.feature_names_in_.tolist() == list(DIABETES.feature_names)
    assert model.run_.problem.parameter_names[1:] == DIABETES.feature_names
    assert model.n_features_in_ == 10
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"age (years)": "age"}))


def test_a_feature_may_be_called_intercept():
    frame = pd.DataFrame({"intercept": [1.0, 2.0, 4.0], "x": [0.0, 1.0, 0.0]})
    model = GradientDescentRegressor(sampling="batch", epochs=500, learning_rate=0.5).fit(frame, [1.0, 3.0, 4.0])
    np.testing.assert_allclose(model.predict(frame), [1.0, 3.0, 4.0], atol=1e-6)


def test_the_run_can_be_looked_at_and_kept():
    model = GradientDescentRegressor(epochs=3, random_state=1).fit(DIABETES.X, DIABETES.y)
    kept = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(kept.run_.loss, model.run_.loss)
    assert model.run_.updates[-1] == 3 * 14
    assert len(model.run_.to_frame()) == 43


def test_a_divergence_is_a_warning_and_a_result():
    model = GradientDescentRegressor(sampling="batch", learning_rate=5.0, epochs=500)
    with pytest.warns(ConvergenceWarning, match="[Dd]iverge"):
        model.fit(DIABETES.X, DIABETES.y)
    assert np.isfinite(model.coef_).all()
    assert model.run_.outcome.value == "diverged"


def test_tol_stops_early():
    model = GradientDescentRegressor(sampling="batch", learning_rate=0.3, epochs=5000, tol=1e-3)
    assert model.fit(DIABETES.X, DIABETES.y).n_iter_ < 1000
    assert model.run_.outcome.value == "converged"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"sampling": "some"}, "sampling must be 'minibatch'"),
        ({"rule": "Newton"}, "rule must be a Rule or one of SGD"),
        ({"rule": 3}, "rule must be a Rule or one of SGD"),
        ({"schedule": "weekly"}, "schedule must be a Schedule or one of Constant"),
        ({"learning_rate": -1}, "learning_rate must be positive, got -1"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"epochs": 0}, "epochs must be between"),
        ({"tol": -1.0}, "loss_tolerance must be at least 0"),
        ({"loss": "hinge"}, "loss must be one of"),
        ({"l2": -1.0}, "l2 must be at least 0"),
        ({"scaling": "whiten"}, "scaling must be one of"),
    ],
)
def test_a_wrong_setting_is_named_when_fitting(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        GradientDescentRegressor(**settings).fit(DIABETES.X, DIABETES.y)


def test_nothing_is_predicted_before_fitting():
    with pytest.raises(NotFittedError):
        GradientDescentRegressor().predict(DIABETES.X)
