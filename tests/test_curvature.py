"""Curvature against eigenvalues known beforehand, and stability limits against runs on either side of them."""

import math
import subprocess
import sys

import numpy as np
import pytest

import gd_core as gd
from gd_core.curvature import hessian, in_words, largest_row_curvature


def diagonal(curvatures: tuple[float, ...]) -> gd.Regression:
    """A regression whose Hessian is diagonal with the given entries."""
    n = len(curvatures)
    X = np.vstack([np.diag(np.sqrt(np.array(curvatures) * n)), np.zeros((n, n))])
    y = np.concatenate([X[:n] @ np.ones(n), np.ones(n)])
    return gd.Regression(gd.Dataset(X * math.sqrt(2), y * math.sqrt(2)), scaling="none", intercept=False)


def test_a_known_hessian() -> None:
    found = gd.curvature(diagonal((4.0, 1.0, 0.25)))
    np.testing.assert_allclose(found.eigenvalues, [0.25, 1.0, 4.0])
    assert found.exact
    assert not found.singular
    assert not found.indefinite
    assert found.condition_number == pytest.approx(16)
    assert found.max_stable_learning_rate == pytest.approx(0.5)
    assert found.best_learning_rate == pytest.approx(2 / 4.25)
    assert found.best_rate == pytest.approx(15 / 17)
    assert found.best_momentum == pytest.approx((3 / 5) ** 2)
    assert found.best_momentum_rate == pytest.approx(3 / 5)
    assert found.best_momentum_learning_rate == pytest.approx(4 / (2 + 0.5) ** 2)
    assert found.directions == ("x3", "x2", "x1")


def test_the_eigenvectors_diagonalise_the_hessian() -> None:
    problem = gd.Regression(gd.load("diabetes"))
    found = gd.curvature(problem)
    product = found.eigenvectors.T @ problem.quadratic.hessian @ found.eigenvectors
    np.testing.assert_allclose(product, np.diag(found.eigenvalues), atol=1e-13)
    assert gd.curvature(problem) is found
    assert gd.curvature(gd.Regression(gd.load("diabetes"))) is not found


def test_a_copied_column_makes_it_singular() -> None:
    x = np.random.default_rng(0).standard_normal((40, 1))
    data = gd.Dataset(np.hstack([x, 2 * x]), x[:, 0], feature_names=("a", "b"))
    found = gd.curvature(gd.Regression(data))
    assert found.singular
    assert found.condition_number == math.inf
    assert found.direction(0) == "0.71 a - 0.71 b"
    # of the other two directions, both are curved: the intercept's 1 and the pair's 2
    assert found.smallest == pytest.approx(1)
    assert found.best_learning_rate == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("vector", "words"),
    [
        ((1, 0, 0, 0, 0, 0), "a"),
        ((-1, 0, 0, 0, 0, 0), "a"),
        ((-0.6, 0.8, 0, 0, 0, 0), "0.80 b - 0.60 a"),
        ((1, 1, 1, 1, 1, 1), "0.41 a + 0.41 b + 0.41 c + 0.41 d ..."),
        ((0.1, 0.99, 0, 0, 0, 0.05), "0.99 b"),
        ((0, 0, 0, 0, 0, 0), "no direction"),
    ],
)
def test_directions_in_words(vector: tuple[float, ...], words: str) -> None:
    assert in_words(np.array(vector, dtype=float), tuple("abcdef")) == words


@pytest.mark.parametrize("loss", ["huber", "log_cosh"])
@pytest.mark.parametrize("model", ["linear", "sinusoid", "tanh", "mlp"])
def test_differences_agree_with_second_differences_of_the_value(model: str, loss: str) -> None:
    data = gd.generate("sinusoid", n_samples=40)
    problem = gd.Regression(data, model=model, loss=loss, hidden=2, l2=0.1)
    theta = 0.3 * np.random.default_rng(1).standard_normal(problem.n_params)
    found = hessian(problem, theta)
    width, unit = 1e-4, np.eye(problem.n_params)
    for i in range(problem.n_params):
        for j in range(problem.n_params):
            corners = [
                a * b * problem.value(theta + width * (a * unit[i] + b * unit[j])) for a in (1, -1) for b in (1, -1)
            ]
            assert found[i, j] == pytest.approx(sum(corners) / (4 * width**2), abs=2e-5)


def test_a_huber_loss_without_outliers_curves_like_a_quadratic_one() -> None:
    data = gd.load("linnerud")
    huber = gd.Regression(data, loss="huber", huber_delta=1e6)
    np.testing.assert_allclose(
        gd.curvature(huber, huber.start).eigenvalues, gd.curvature(gd.Regression(data)).eigenvalues, rtol=1e-6
    )


def test_a_saddle_is_indefinite() -> None:
    found = gd.curvature(gd.Surface.named("saddle"), (0.0, 0.0))
    assert found.indefinite
    assert found.condition_number == math.inf
    assert found.max_stable_learning_rate == pytest.approx(2 / found.eigenvalues[1])


def test_a_bowl_is_round() -> None:
    found = gd.curvature(gd.Surface.named("bowl"))
    np.testing.assert_allclose(found.eigenvalues, [2, 2], rtol=1e-9)
    assert found.max_stable_learning_rate == pytest.approx(1)


FORMS = [
    gd.SGD(),
    gd.SGD(momentum=0.5),
    gd.SGD(momentum=0.9),
    gd.SGD(momentum=0.9, dampening=0.4),
    gd.SGD(momentum=0.6, dampening=0.9),
    gd.SGD(momentum=0.3, nesterov=True),
    gd.SGD(momentum=0.9, nesterov=True),
    gd.SGD(momentum=1.0, nesterov=True),
    gd.SGD(momentum=1.2, nesterov=True),
    gd.SGD(weight_decay=0.5),
    gd.SGD(momentum=0.9, weight_decay=0.5),
    gd.SGD(momentum=0.8, nesterov=True, weight_decay=0.3),
]


@pytest.mark.parametrize("rule", FORMS, ids=lambda rule: rule.title)
def test_runs_converge_below_the_limit_and_diverge_above_it(rule: gd.SGD) -> None:
    problem = diagonal((3.0, 1.1, 0.9))
    limit = gd.curvature(problem).max_stable_learning_rate_with(rule)
    budget = gd.Budget(updates=20_000, divergence=1e6)
    below, above = (
        gd.descend(problem, gd.Variant(rule=rule, schedule=gd.Constant(share * limit), start=(5.0, -3.0, 2.0)), budget)
        for share in (0.99, 1.01)
    )
    assert below.outcome is gd.Outcome.BUDGET_SPENT
    assert np.linalg.norm(below.theta[-1] - below.theta[-2]) < 1e-12
    assert above.outcome is gd.Outcome.DIVERGED


def test_momentum_without_a_stable_rate() -> None:
    found = gd.curvature(diagonal((100.0, 1.0)))
    assert found.max_stable_learning_rate_with(gd.SGD(momentum=1.0)) == 0
    assert found.max_stable_learning_rate_with(gd.SGD(momentum=2.0, nesterov=True)) == 0


@pytest.mark.parametrize("name", [name for name in gd.RULES if name != "SGD"])
def test_theory_has_no_limit_for_other_rules(name: str) -> None:
    with pytest.raises(ValueError, match=f"^theory gives no stability limit for {name}$"):
        gd.curvature(diagonal((2.0, 1.0))).max_stable_learning_rate_with(gd.RULES[name]())


def test_the_best_rate_contracts_as_promised() -> None:
    problem = diagonal((10.0, 3.0, 1.0))
    found = gd.curvature(problem)
    variant = gd.Variant(schedule=gd.Constant(found.best_learning_rate), start=(2.0, 2.0, 2.0))
    run = gd.descend(problem, variant, gd.Budget(updates=60))
    left = np.linalg.norm(run.theta - problem.optimum.theta, axis=1)
    assert left[50] / left[49] == pytest.approx(found.best_rate, rel=1e-9)
    heavy = gd.Variant(
        rule=gd.SGD(momentum=found.best_momentum),
        schedule=gd.Constant(found.best_momentum_learning_rate),
        start=(2.0, 2.0, 2.0),
    )
    run = gd.descend(problem, heavy, gd.Budget(updates=400))
    left = np.linalg.norm(run.theta - problem.optimum.theta, axis=1)
    # a double root: the contraction is reached like 1 / t
    assert (left[60] / left[30]) ** (1 / 30) == pytest.approx(found.best_momentum_rate, rel=0.05)


def test_the_steepest_row() -> None:
    problem = gd.Regression(gd.load("diabetes"), loss="squared_error", l2=0.5)
    steepest = max(float(row @ row) for row in problem.features)
    assert largest_row_curvature(problem) == pytest.approx(2 * steepest + 0.5)
    assert largest_row_curvature(gd.Surface.named("bowl")) is None


def test_a_gradient_without_a_value_is_refused() -> None:
    surface = gd.Surface.from_expression("log(x) + y**2", domain=((0.1, 2), (-1, 1)))
    with pytest.raises(ValueError, match="no finite curvature"):
        gd.curvature(surface, (0.0, 0.0))


def test_importing_the_file_does_not_hide_the_function() -> None:
    program = "import gd_core.curvature, gd_core as gd; assert callable(gd.curvature)"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("condition_number", [1.0, 30.0, 1000.0])
def test_so_many_updates_at_the_best_rate_divide_the_distance_by_ten(condition_number: float) -> None:
    data = gd.generate("linear", n_samples=60, n_features=2, condition_number=condition_number)
    problem = gd.Regression(data, scaling="none")
    found = gd.curvature(problem)
    updates = round(3 * found.updates_for_a_digit)
    run = gd.descend(problem, gd.Variant(schedule=gd.Constant(found.best_learning_rate)), gd.Budget(updates=updates))
    left = np.linalg.norm(run.final - problem.optimum.theta) / np.linalg.norm(problem.start - problem.optimum.theta)
    assert left <= 1.05e-3
    assert found.updates_for_a_digit >= 1
