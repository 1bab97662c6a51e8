"""The one loop against oracles: the textbook, the closed form, scikit-learn, and NumPy replaying every row."""

import itertools
import os
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naming import stable

import gd_core as gd
from gd_core.descent import MOST_RECORDS, UNUSABLE, record_points

TEXTBOOK_X, TEXTBOOK_Y = np.array([[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]]), np.array([2.0, 4.0, 6.0])


def plain(X: Any, y: Any, **changed: Any) -> gd.Regression:
    """A regression on the numbers as they are: no scaling, no intercept."""
    return gd.Regression(gd.Dataset(X, y), **{"scaling": "none", "intercept": False, **changed})


def random_data(n_samples: int = 23, n_features: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    return X, X @ rng.normal(size=n_features) + 0.3 * rng.normal(size=n_samples)


def bits(run: gd.Run) -> list[bytes]:
    """Everything that a run records, to compare it to the last bit."""
    arrays = (run.updates, run.examples, run.epochs, run.theta, run.loss, run.gradient_norm, run.learning_rate)
    return [array.tobytes() for array in arrays] + [repr((run.outcome, run.diverged_at, run.stopped_by)).encode()]


# batch descent


@pytest.mark.parametrize("iterations", [1, 2, 10, 1000, 5000])
@pytest.mark.parametrize("rate", [0.001, 0.01, 0.05, 0.1])
@pytest.mark.parametrize("data", [(TEXTBOOK_X, TEXTBOOK_Y), random_data()], ids=["textbook", "random"])
def test_batch_descent_is_the_textbooks(data: tuple, rate: float, iterations: int) -> None:
    run = gd.descend(plain(*data), gd.Variant(schedule=gd.Constant(rate)), gd.Budget(updates=iterations))
    expected = gd.gradient_descent(*data, rate, iterations)
    np.testing.assert_allclose(run.final, expected, rtol=1e-12, atol=1e-12)
    assert run.updates[-1] == iterations


def test_the_textbook_function_by_hand() -> None:
    # at zero the gradient is -X'y / 3 = -(28, 40) / 3
    np.testing.assert_allclose(gd.gradient_descent(TEXTBOOK_X, TEXTBOOK_Y, 0.3, 1), [2.8, 4.0], rtol=1e-15)
    np.testing.assert_allclose(gd.gradient_descent(TEXTBOOK_X, TEXTBOOK_Y, 0.05, 10**5), [2.0, 0.0], atol=1e-9)


@pytest.mark.parametrize("loss", ["half_squared_error", "squared_error"])
@pytest.mark.parametrize("l2", [0.0, 0.2])
def test_batch_descent_is_the_closed_form(loss: str, l2: float) -> None:
    problem = gd.Regression(gd.Dataset(*random_data()), loss=loss, l2=l2)
    start = (3.0, -1.0, 0.5, 2.0)
    run = gd.descend(problem, gd.Variant(schedule=gd.Constant(0.15), start=start), gd.Budget(updates=60))
    best, contraction = problem.optimum.theta, np.eye(4) - 0.15 * problem.quadratic.hessian
    expected = [best + np.linalg.matrix_power(contraction, k) @ (start - best) for k in range(61)]
    np.testing.assert_allclose(run.theta, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("loss", gd.LOSSES)
def test_batch_descent_reads_all_rows_for_any_loss(loss: str) -> None:
    problem = gd.Regression(gd.Dataset(*random_data()), loss=loss, huber_delta=0.4)
    run = gd.descend(problem, gd.Variant(schedule=gd.Constant(0.1)), gd.Budget(updates=40))
    theta = problem.start
    for _ in range(40):
        theta = theta - 0.1 * problem.gradient(theta)
    np.testing.assert_allclose(run.final, theta, rtol=1e-11, atol=1e-12)


def test_the_loss_along_a_run_is_the_objective() -> None:
    for sampling in (gd.Batch(), gd.Stochastic(), gd.MiniBatch(5)):
        problem = gd.Regression(gd.Dataset(*random_data()), l2=0.1)
        run = gd.descend(problem, gd.Variant(sampling=sampling, schedule=gd.Constant(0.05)), gd.Budget(epochs=20))
        np.testing.assert_allclose(run.loss, [problem.value(theta) for theta in run.theta], rtol=1e-11)
        norms = [np.linalg.norm(problem.gradient(theta)) for theta in run.theta]
        np.testing.assert_allclose(run.gradient_norm, norms, rtol=1e-8, atol=1e-13)


# sampled descent


@pytest.mark.parametrize("schedule", [gd.Constant(0.02), gd.InverseScaling(0.05, power=0.25)], ids=["constant", "inv"])
@pytest.mark.parametrize("alpha", [0.0, 0.01])
@pytest.mark.parametrize("intercept", [True, False])
def test_stochastic_descent_is_scikit_learns_row_for_row(schedule: Any, alpha: float, intercept: bool) -> None:
    from sklearn.linear_model import SGDRegressor

    X, y = random_data(n_samples=29, n_features=4)
    constant = isinstance(schedule, gd.Constant)
    theirs = SGDRegressor(
        penalty="l2" if alpha else None,
        alpha=alpha,
        learning_rate="constant" if constant else "invscaling",
        eta0=schedule.learning_rate,
        power_t=0.25,
        fit_intercept=intercept,
        shuffle=False,
    )
    problem = plain(X, y, intercept=intercept, l2=alpha)
    variant = gd.Variant(sampling=gd.Stochastic(shuffle=False), schedule=schedule)
    run = gd.descend(problem, variant, gd.Budget(epochs=3))
    for update in range(1, 3 * 29 + 1):
        row = (update - 1) % 29
        theirs.partial_fit(X[row : row + 1], y[row : row + 1])
        expected = [*theirs.intercept_, *theirs.coef_] if intercept else theirs.coef_
        np.testing.assert_allclose(run.theta[update], expected, rtol=1e-12, atol=1e-12)


SAMPLED = [
    gd.Stochastic(),
    gd.Stochastic(shuffle=False),
    gd.Stochastic(replacement=True),
    gd.MiniBatch(1),
    gd.MiniBatch(5),
    gd.MiniBatch(5, drop_last=True),
    gd.MiniBatch(5, shuffle=False),
    gd.MiniBatch(5, replacement=True),
    gd.MiniBatch(23),
]


@pytest.mark.parametrize("sampling", SAMPLED, ids=repr)
@pytest.mark.parametrize("loss", gd.LOSSES)
def test_sampled_descent_replayed_row_by_row(sampling: Any, loss: str) -> None:
    X, y = random_data()
    n, l2, rate = len(X), 0.05, 0.03
    problem = plain(X, y, loss=loss, l2=l2, huber_delta=0.4)
    run = gd.descend(problem, gd.Variant(sampling=sampling, schedule=gd.Constant(rate), seed=9), gd.Budget(epochs=4))
    generator = np.random.default_rng(9)
    size = 1 if isinstance(sampling, gd.Stochastic) else sampling.batch_size
    derivative = np.vectorize(lambda r: gd.LOSSES[loss].derivative(r, 0.4))
    theta, path, seen = np.zeros(3), [np.zeros(3)], [0]
    for _ in range(4):
        if sampling.replacement:
            order = generator.integers(n, size=n)
        else:
            order = generator.permutation(n) if sampling.shuffle else np.arange(n)
        for first in range(0, n, size):
            rows = order[first : first + size]
            if len(rows) < size and getattr(sampling, "drop_last", False):
                continue
            gradient = X[rows].T @ derivative(X[rows] @ theta - y[rows]) / len(rows) + l2 * theta
            theta = theta - rate * gradient
            path.append(theta)
            seen.append(seen[-1] + len(rows))
    np.testing.assert_allclose(run.theta, path, rtol=1e-11, atol=1e-13)
    np.testing.assert_array_equal(run.examples, seen)
    np.testing.assert_allclose(run.epochs, np.array(seen) / seen[-1] * 4)


def test_a_stretch_of_epochs_is_the_epochs_one_by_one() -> None:
    # 3 rows: thousands of epochs are handed to the loop at once; with a tolerance that is never met, one at a time
    problem = plain(TEXTBOOK_X, TEXTBOOK_Y)
    variant = gd.Variant(sampling=gd.MiniBatch(2), rule=gd.Adam(), schedule=gd.InverseScaling(0.05))
    together = gd.descend(problem, variant, gd.Budget(epochs=6000))
    apart = gd.descend(problem, variant, gd.Budget(epochs=6000, gradient_tolerance=1e-300))
    assert bits(together) == bits(apart)


class GeneralSGD(gd.SGD, step=gd.SGD.step, slot_names=("velocity",), register=False):
    """The plain rule under another class: the fused kernel does not take it."""


class UncompiledSGD(gd.SGD, step=gd.SGD.step, slot_names=("velocity",), register=False):
    """The plain rule as a rule that cannot be compiled."""

    compiled = False


@pytest.mark.parametrize("n_features", [1, 2, 3, 4, 5, 7, 8, 12])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("loss", ["half_squared_error", "squared_error"])
def test_the_fused_kernel_is_the_general_loop_to_the_last_bit(
    n_features: int, intercept: bool, l2: float, loss: str
) -> None:
    problem = gd.Regression(gd.Dataset(*random_data(20, n_features)), loss=loss, l2=l2, intercept=intercept)
    # from crawling to leaving at once, with limits that are met early, late and never
    for rate, limit in [(1e-3, 1e12), (0.1, 1e12), (0.5, 3.0), (2.0, 50.0), (3.0, 1e70), (1e40, 1e12), (1e200, 1e12)]:
        budget = gd.Budget(epochs=8, divergence=limit)
        for sampling in (gd.Stochastic(), gd.MiniBatch(1)):
            fused, general = (
                gd.descend(problem, gd.Variant(sampling=sampling, rule=rule, schedule=gd.Constant(rate)), budget)
                for rule in (gd.SGD(), GeneralSGD())
            )
            assert bits(fused) == bits(general)


@pytest.mark.parametrize(
    ("size", "l2", "rate"),
    # what drives the parameters away: large features, or the penalty alone beside features that hardly count
    [(1e3, 0.0, 3e-6), (1e3, 0.2, 1e-6), (1e-6, 2.0, 1.3), (1e-6, 1.0, 2.5)],
)
def test_no_way_out_passes_the_fused_kernel_unseen(size: float, l2: float, rate: float) -> None:
    X, y = random_data(20)
    problem = plain(size * X, y, l2=l2)
    for limit in (3.0, 5.0, 1e3, 1e12, 1e300):
        fused, general = (
            gd.descend(
                problem,
                gd.Variant(sampling=gd.Stochastic(), rule=rule, schedule=gd.Constant(rate), start=(1.0, -1.0, 2.0)),
                gd.Budget(epochs=100, divergence=limit),
            )
            for rule in (gd.SGD(), GeneralSGD())
        )
        assert bits(fused) == bits(general)
        assert fused.outcome is gd.Outcome.DIVERGED


@pytest.mark.parametrize("rule", [gd.SGD(), GeneralSGD(), UncompiledSGD()], ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize("sampling", [gd.Batch(), gd.Stochastic()], ids=repr)
def test_the_last_point_before_the_unusable_is_recorded(rule: gd.SGD, sampling: Any) -> None:
    # theta <- -1.1 theta on x = 1 and y = 0: past 1e75 long after the record has become sparse
    problem = plain([1.0, 1.0], [0.0, 0.0])
    variant = gd.Variant(sampling=sampling, rule=rule, schedule=gd.Constant(2.1), start=(1.0,))
    run = gd.descend(problem, variant, gd.Budget(updates=5000, divergence=1e300))
    last = int(75 / np.log10(1.1))
    assert (run.diverged_at, run.updates[-1]) == (last + 1, last)
    assert len(run.updates) < last
    assert run.final[0] == pytest.approx((-1.1) ** last, rel=1e-10)


@pytest.mark.parametrize("sampling", [gd.Batch(), gd.Stochastic(), gd.MiniBatch(4)], ids=repr)
def test_an_uncompiled_rule_gives_the_same_numbers(sampling: Any) -> None:
    problem = gd.Regression(gd.Dataset(*random_data(12)))
    for rate in (0.1, 1e8, 1e200):
        slow, fast = (
            gd.descend(
                problem, gd.Variant(sampling=sampling, rule=rule, schedule=gd.Constant(rate)), gd.Budget(epochs=5)
            )
            for rule in (UncompiledSGD(), GeneralSGD())
        )
        assert bits(slow) == bits(fast)


# the record


@given(total=st.integers(0, 10**12), most=st.sampled_from([200, 777, MOST_RECORDS]))
def test_record_points(total: int, most: int) -> None:
    points = record_points(total, most)
    assert points[0] == 0
    assert points[-1] == total
    assert len(points) <= most
    assert np.all(np.diff(points) > 0)
    early = min(total, most // 5 - 1)
    np.testing.assert_array_equal(points[: early + 1], np.arange(early + 1))
    if total >= most:
        assert len(points) > most // 2
        assert np.max(np.diff(points)) <= 3 * total / most + 1


@pytest.mark.parametrize(
    ("sampling", "budget", "records"),
    [
        (gd.Batch(), gd.Budget(updates=50_000), None),
        (gd.Stochastic(), gd.Budget(epochs=500), None),
        (gd.MiniBatch(4), gd.Budget(examples=30_001), None),
        (gd.MiniBatch(4), gd.Budget(updates=7), 8),
        (gd.Batch(), gd.Budget(updates=1999), 2000),
        (gd.Batch(), gd.Budget(updates=2000), None),
    ],
)
def test_the_shapes_of_a_record(sampling: Any, budget: gd.Budget, records: int | None) -> None:
    problem = gd.Regression(gd.Dataset(*random_data()), validation=0.2)
    run = gd.descend(problem, gd.Variant(sampling=sampling, schedule=gd.Constant(0.01)), budget)
    k = len(run.updates)
    assert k <= MOST_RECORDS
    assert k == records or records is None
    assert run.theta.shape == (k, problem.n_params)
    for name in ("updates", "examples", "epochs", "loss", "validation_loss", "gradient_norm", "learning_rate"):
        assert getattr(run, name).shape == (k,), name
    assert run.updates.dtype == run.examples.dtype == np.int64
    assert run.updates[0] == run.examples[0] == run.epochs[0] == 0
    assert run.updates[-1] == budget.updates_for(sampling, problem.n_samples)
    np.testing.assert_array_equal(run.final, run.theta[-1])
    frame = run.to_frame()
    assert len(frame) == k
    assert list(frame)[:5] == ["update", "epoch", "examples", "learning_rate", "loss"]
    assert list(frame)[-problem.n_params :] == [f"theta: {name}" for name in problem.parameter_names]


def test_the_recorded_rate_is_the_one_that_led_there() -> None:
    problem = plain(TEXTBOOK_X, TEXTBOOK_Y)
    schedule = gd.StepDecay(0.05, factor=0.5, every=2, per="update")
    run = gd.descend(problem, gd.Variant(schedule=schedule), gd.Budget(updates=6))
    np.testing.assert_allclose(run.learning_rate, [0.05, 0.05, 0.05, 0.025, 0.025, 0.0125, 0.0125])


def test_watching_a_loss_without_closed_form_does_not_cost_more_than_the_descent() -> None:
    X, y = random_data(20_000)
    problem = gd.Regression(gd.Dataset(X, y), loss="huber")
    run = gd.descend(problem, gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(1e-3)), gd.Budget(epochs=3))
    assert 50 <= len(run.updates) <= 100
    assert run.updates[-1] == 60_000


# budgets


@pytest.mark.parametrize(
    ("sampling", "budget", "updates", "examples"),
    [
        (gd.Batch(), gd.Budget(epochs=4), 4, 40),
        (gd.Stochastic(), gd.Budget(epochs=4), 40, 40),
        (gd.MiniBatch(4), gd.Budget(epochs=4), 12, 40),
        (gd.MiniBatch(4, drop_last=True), gd.Budget(epochs=4), 8, 32),
        (gd.Batch(), gd.Budget(updates=7), 7, 70),
        (gd.Stochastic(), gd.Budget(updates=7), 7, 7),
        (gd.MiniBatch(4), gd.Budget(updates=7), 7, 24),
        # an update that would read past the budget is not made
        (gd.Batch(), gd.Budget(examples=39), 3, 30),
        (gd.Stochastic(), gd.Budget(examples=39), 39, 39),
        (gd.MiniBatch(4), gd.Budget(examples=39), 11, 38),
        (gd.MiniBatch(4), gd.Budget(examples=40), 12, 40),
        (gd.MiniBatch(4, drop_last=True), gd.Budget(examples=39), 9, 36),
        (gd.Batch(), gd.Budget(examples=9), 0, 0),
    ],
    ids=stable,
)
def test_a_budget_in_each_unit(sampling: Any, budget: gd.Budget, updates: int, examples: int) -> None:
    problem = gd.Regression(gd.Dataset(*random_data(10)))
    assert budget.updates_for(sampling, 10) == updates
    run = gd.descend(problem, gd.Variant(sampling=sampling, schedule=gd.Constant(0.01)), budget)
    assert (run.updates[-1], run.examples[-1]) == (updates, examples)
    assert run.outcome is gd.Outcome.BUDGET_SPENT
    assert np.all(np.isfinite(run.loss))


@given(examples=st.integers(1, 400), batch_size=st.integers(1, 23), drop_last=st.booleans())
@settings(max_examples=60)
def test_a_budget_in_examples_is_spent_to_the_last_update_that_fits(
    examples: int, batch_size: int, drop_last: bool
) -> None:
    sampling = gd.MiniBatch(batch_size, drop_last=drop_last)
    updates = gd.Budget(examples=examples).updates_for(sampling, 23)
    assert sampling.examples_at(updates, 23) <= examples < sampling.examples_at(updates + 1, 23)


def test_equal_epochs_are_equal_examples() -> None:
    problem = gd.Regression(gd.Dataset(*random_data()))
    runs = [
        gd.descend(problem, gd.Variant(sampling=sampling, schedule=gd.Constant(0.01)), gd.Budget(epochs=6))
        for sampling in (gd.Batch(), gd.Stochastic(), gd.MiniBatch(5), gd.MiniBatch(23))
    ]
    assert {int(run.examples[-1]) for run in runs} == {6 * 23}
    assert {float(run.epochs[-1]) for run in runs} == {6.0}


# stopping


@pytest.mark.parametrize("tolerance", [1e-2, 1e-6, 1e-10])
@pytest.mark.parametrize("loss", ["half_squared_error", "log_cosh"])
def test_batch_descent_stops_at_the_first_small_gradient(tolerance: float, loss: str) -> None:
    problem = gd.Regression(gd.Dataset(*random_data()), loss=loss)
    budget = gd.Budget(updates=20_000, gradient_tolerance=tolerance)
    run = gd.descend(problem, gd.Variant(schedule=gd.Constant(0.2)), budget)
    assert run.outcome is gd.Outcome.CONVERGED
    assert run.stopped_by == "gradient"
    theta, updates = problem.start, 0
    while np.linalg.norm(problem.gradient(theta)) > tolerance:
        theta, updates = theta - 0.2 * problem.gradient(theta), updates + 1
    assert abs(int(run.updates[-1]) - updates) <= (1 if tolerance < 1e-9 else 0)
    assert problem.gradient_norms(run.final[None, :])[0] <= tolerance * (1 + 1e-6)


def test_a_sampled_run_looks_at_the_full_gradient_after_each_epoch() -> None:
    problem = gd.Regression(gd.Dataset(*random_data()))
    variant = gd.Variant(sampling=gd.MiniBatch(5), schedule=gd.InverseScaling(0.3, power=1.0, per="epoch"))
    run = gd.descend(problem, variant, gd.Budget(epochs=400, gradient_tolerance=0.01))
    assert run.outcome is gd.Outcome.CONVERGED
    assert run.updates[-1] % 5 == 0
    whole = run.updates % 5 == 0
    assert run.gradient_norm[-1] <= 0.01
    assert np.all(run.gradient_norm[whole & (run.updates > 0)][:-1] > 0.01)


@pytest.mark.parametrize("sampling", [gd.Batch(), gd.Stochastic(), gd.MiniBatch(5)], ids=repr)
def test_a_run_stops_when_an_epoch_hardly_changes_the_loss(sampling: Any) -> None:
    problem = gd.Regression(gd.Dataset(*random_data()))
    variant = gd.Variant(sampling=sampling, schedule=gd.ExponentialDecay(0.2, factor=0.9))
    run = gd.descend(problem, variant, gd.Budget(epochs=80, loss_tolerance=1e-4))
    per_epoch = sampling.updates_per_epoch(problem.n_samples)
    assert run.outcome is gd.Outcome.CONVERGED
    assert run.stopped_by == "loss"
    assert run.updates[-1] % per_epoch == 0
    changes = np.abs(np.diff(run.loss[run.updates % per_epoch == 0]))
    assert changes[-1] <= 1e-4
    assert np.all(changes[:-1] > 1e-4)


def test_part_of_an_epoch_is_no_epoch_to_judge_by() -> None:
    # 101 updates: the last one alone hardly changes the loss, and says nothing
    problem = gd.Regression(gd.Dataset(*random_data(100)))
    variant = gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(1e-4))
    run = gd.descend(problem, variant, gd.Budget(updates=101, loss_tolerance=1e-3))
    assert run.outcome is gd.Outcome.BUDGET_SPENT
    assert run.updates[-1] == 101


def test_a_start_at_the_optimum_has_converged() -> None:
    problem = gd.Regression(gd.Dataset(*random_data()))
    variant = gd.Variant(start=tuple(problem.optimum.theta))
    run = gd.descend(problem, variant, gd.Budget(updates=10, gradient_tolerance=1e-9))
    assert (run.outcome, run.updates.tolist()) == (gd.Outcome.CONVERGED, [0])


# divergence


@pytest.mark.parametrize("limit", [5.0, 1e3, 1e12, 1e60, 1e300])
@pytest.mark.parametrize("sampling", [gd.Batch(), gd.Stochastic(), gd.MiniBatch(5)], ids=repr)
def test_divergence_is_found_at_the_right_update(sampling: Any, limit: float) -> None:
    X, y = random_data()
    budget = gd.Budget(updates=5000, divergence=limit)
    run = gd.descend(plain(X, y), gd.Variant(sampling=sampling, schedule=gd.Constant(3.0), seed=4), budget)
    theta, update = np.zeros(3), 0
    while np.max(np.abs(theta)) <= min(limit, UNUSABLE):
        update += 1
        rows = sampling.rows_of(update, len(X), 4)
        theta = theta - 3.0 * X[rows].T @ (X[rows] @ theta - y[rows]) / len(rows)
    assert run.outcome is gd.Outcome.DIVERGED
    assert run.diverged_at == update
    if limit < UNUSABLE:
        # the point that is too far is shown
        assert run.updates[-1] == update
        np.testing.assert_allclose(run.final, theta, rtol=1e-9)
    else:
        assert run.updates[-1] == update - 1
        assert np.max(np.abs(run.final)) <= UNUSABLE


def test_a_start_far_out_is_no_divergence() -> None:
    problem = gd.Regression(gd.Dataset(*random_data(200)))
    start = (1e20, -1e20, 1e20, 1e20)
    for sampling in (gd.Batch(), gd.Stochastic()):
        variant = gd.Variant(sampling=sampling, schedule=gd.Constant(1e-4), start=start)
        run = gd.descend(problem, variant, gd.Budget(epochs=1, divergence=1e30))
        assert run.outcome is gd.Outcome.BUDGET_SPENT
        run = gd.descend(problem, variant, gd.Budget(epochs=1, divergence=1e12))
        assert (run.outcome, run.diverged_at) == (gd.Outcome.DIVERGED, 1)


def finite(run: gd.Run) -> None:
    """No NaN, no infinity, no disorder in anything that a page could show."""
    for name in ("theta", "loss", "gradient_norm", "learning_rate", "epochs"):
        assert np.all(np.isfinite(getattr(run, name))), name
    if run.validation_loss is not None:
        assert np.all(np.isfinite(run.validation_loss))
    assert np.all(np.diff(run.updates) > 0)
    assert run.updates[0] == 0
    assert (run.outcome is gd.Outcome.DIVERGED) == (run.diverged_at is not None)
    assert run.diverged_at is None or run.diverged_at >= run.updates[-1]
    assert run.explanation
    assert run.seconds >= 0


magnitudes = st.integers(-8, 8).map(lambda exponent: 10.0**exponent)


@given(
    x_size=magnitudes,
    y_size=magnitudes,
    rate=st.integers(-6, 6).map(lambda exponent: 10.0**exponent),
    sampling=st.sampled_from([gd.Batch(), gd.Stochastic(), gd.MiniBatch(5), gd.MiniBatch(4, replacement=True)]),
    rule=st.sampled_from(list(gd.RULES.values())),
    loss=st.sampled_from(list(gd.LOSSES)),
    model=st.sampled_from(["linear", "linear", "mlp"]),
    scaling=st.sampled_from(list(gd.SCALINGS)),
    l2=st.sampled_from([0.0, 0.1, 1e6]),
    validation=st.sampled_from([0.0, 0.25]),
    limit=st.sampled_from([1e12, 1e308]),
)
@settings(max_examples=250)
def test_nothing_that_is_not_a_number_and_no_warning(
    x_size: float, y_size: float, rate: float, sampling: Any, rule: Any, loss: str, model: str, scaling: str,
    l2: float, validation: float, limit: float,
) -> None:  # fmt: skip
    X, y = random_data(12, 2)
    problem = gd.Regression(
        gd.Dataset(x_size * X, y_size * y), model=model, loss=loss, scaling=scaling, l2=l2, validation=validation
    )
    variant = gd.Variant(sampling=sampling, rule=rule(), schedule=gd.Constant(rate))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        finite(gd.descend(problem, variant, gd.Budget(epochs=12, divergence=limit)))


@pytest.mark.parametrize("rule", gd.RULES)
@pytest.mark.parametrize("rate", [1e100, 1e300])
@pytest.mark.parametrize("sampling", [gd.Batch(), gd.Stochastic(), gd.MiniBatch(5)], ids=repr)
def test_a_rate_beyond_all_measure(rule: str, rate: float, sampling: Any) -> None:
    problem = gd.Regression(gd.Dataset(*random_data()))
    variant = gd.Variant(sampling=sampling, rule=gd.RULES[rule](), schedule=gd.Constant(rate))
    run = gd.descend(problem, variant, gd.Budget(epochs=5))
    finite(run)
    if rule == "SGD":
        assert (run.outcome, run.diverged_at, run.updates.tolist()) == (gd.Outcome.DIVERGED, 1, [0])


# determinism

DETERMINED = [
    gd.Variant(sampling=sampling, rule=rule, schedule=gd.Cosine(0.05), seed=3)
    for sampling in (gd.Batch(), gd.Stochastic(), gd.MiniBatch(7))
    for rule in (gd.SGD(), gd.Adam())
]


def determined(variant: gd.Variant) -> gd.Run:
    return gd.descend(gd.Regression(gd.Dataset(*random_data(50))), variant, gd.Budget(epochs=40))


@pytest.mark.parametrize("variant", DETERMINED, ids=lambda variant: variant.title)
def test_the_same_run_twice_is_the_same(variant: gd.Variant) -> None:
    assert bits(determined(variant)) == bits(determined(variant))


def test_many_threads_at_once_change_nothing() -> None:
    problem = gd.Regression(gd.Dataset(*random_data(500, 4, seed=8)))
    variants = [gd.Variant(sampling=v.sampling, rule=v.rule, seed=seed) for v in DETERMINED for seed in (0, 77)]
    alone = [bits(gd.descend(problem, variant, gd.Budget(epochs=15))) for variant in variants]
    fresh = gd.Regression(gd.Dataset(*random_data(500, 4, seed=8)))
    found: dict[int, list[bytes]] = {}
    gate = threading.Barrier(len(variants))

    def work(i: int) -> None:
        gate.wait()
        found[i] = bits(gd.descend(fresh, variants[i], gd.Budget(epochs=15)))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(variants))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(len(variants))] == alone


ELSEWHERE = """
import hashlib, sys
from numba.core.event import install_recorder
with install_recorder("numba:compile") as compilations:
    import numpy as np
    import gd_core as gd
    rng = np.random.default_rng(2)
    X = rng.normal(size=(40, 3))
    dataset = gd.Dataset(X, np.sin(X).sum(axis=1))
    digest = hashlib.sha256()
    for settings in ({}, {"model": "mlp", "loss": "huber"}):
        problem = gd.Regression(dataset, **settings)
        for sampling in (gd.Batch(), gd.Stochastic(), gd.MiniBatch(8)):
            for rule in (gd.SGD(), gd.Adam()):
                run = gd.descend(problem, gd.Variant(sampling=sampling, rule=rule, seed=5), gd.Budget(epochs=30))
                for array in (run.theta, run.loss, run.gradient_norm):
                    digest.update(array.tobytes())
print(digest.hexdigest(), len(compilations.buffer))
"""


def test_a_second_process_gives_the_same_bits_and_compiles_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path(gd.__file__).parent.parent)}
    outputs = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE], env=environment, capture_output=True, text=True, check=True
        )
        outputs.append(done.stdout.split())
    assert outputs[0][0] == outputs[1][0]
    # the recorder does see compilations, when there are any
    assert int(outputs[0][1]) > 10
    assert int(outputs[1][1]) == 0


def test_another_seed_is_another_order() -> None:
    problem = gd.Regression(gd.Dataset(*random_data(50)))
    first, second = (
        gd.descend(problem, gd.Variant(sampling=gd.Stochastic(), seed=seed), gd.Budget(epochs=1)) for seed in (0, 1)
    )
    assert not np.array_equal(first.final, second.final)


# the start


def test_a_random_start_is_seeded() -> None:
    problem = gd.Regression(gd.Dataset(*random_data()))
    starts = [gd.Variant(start="random", seed=seed).start_on(problem) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[0], starts[2])
    assert np.all(starts[0] != 0)


@pytest.mark.parametrize("start", [(1.0, 2.0), [1, 2], np.array([1.0, 2.0])], ids=repr)
def test_a_given_start_is_the_first_point(start: Any) -> None:
    variant = gd.Variant(start=start, sampling=gd.Stochastic())
    assert variant.start == (1.0, 2.0)
    run = gd.descend(plain(TEXTBOOK_X, TEXTBOOK_Y), variant, gd.Budget(updates=1))
    np.testing.assert_array_equal(run.theta[0], [1.0, 2.0])


# progress


@pytest.mark.parametrize("sampling", [gd.Batch(), gd.Stochastic(), gd.MiniBatch(5)], ids=repr)
def test_progress_rises_to_one(sampling: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # a clock on which every look is a second later: no stretch of updates goes by unreported
    seconds = itertools.count()
    monkeypatch.setattr("gd_core.descent.drive.time.perf_counter", lambda: next(seconds))
    heard: list[float] = []
    problem = gd.Regression(gd.Dataset(*random_data(10_000)), loss="huber")
    variant = gd.Variant(sampling=sampling, schedule=gd.Constant(1e-3))
    updates = 3000 if sampling.full else 400_000 // sampling.rows_per_update(10_000)
    gd.descend(problem, variant, gd.Budget(updates=updates), progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-2:] == [1.0, 1.0]
    assert 3 <= len(heard) <= 20
    assert all(0 < share <= 1 for share in heard)


# misuse


def budget(**given: Any) -> Callable[[], Any]:
    return lambda: gd.Budget(**given)


def variant(**given: Any) -> Callable[[], Any]:
    return lambda: gd.Variant(**given)


def descend(**given: Any) -> Callable[[], Any]:
    return lambda: gd.descend(plain(TEXTBOOK_X, TEXTBOOK_Y), gd.Variant(**given), gd.Budget(epochs=1))


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (budget(), "a budget is exactly one of epochs, updates and examples, got none"),
        (budget(epochs=1, updates=2), "a budget is exactly one of epochs, updates and examples, got {'epochs': 1, 'up"),
        (budget(epochs=0), "epochs must be between 1 and 10^12, got 0"),
        (budget(updates=10**13), "updates must be between 1 and 10^12, got 10000000000000"),
        (budget(examples=1.5), "examples must be a whole number, got 1.5"),
        (budget(epochs=True), "epochs must be a whole number, got True"),
        (budget(epochs=1, gradient_tolerance=-1e-3), "gradient_tolerance must be at least 0, got -0.001"),
        (budget(epochs=1, loss_tolerance=float("inf")), "loss_tolerance must be finite, got inf"),
        (budget(epochs=1, loss_tolerance="small"), "loss_tolerance must be a number, got 'small'"),
        (budget(epochs=1, divergence=0.0), "divergence must be positive, got 0.0"),
        (variant(sampling="batch"), "sampling must be a Sampling, such as Batch(), got 'batch'"),
        (variant(sampling=gd.Batch), "sampling must be a Sampling, such as Batch(), got <class"),
        (variant(rule=gd.Batch()), "rule must be a Rule, such as SGD(), got Batch()"),
        (variant(schedule=0.1), "schedule must be a Schedule, such as Constant(0.1), got 0.1"),
        (variant(seed=-1), "seed must be at least 0, got -1"),
        (variant(seed=0.5), "seed must be a whole number, got 0.5"),
        (variant(label=3), "label must be a text or None, got 3"),
        (variant(start="zeros"), "start must be None, 'random' or one number for each parameter, got 'zeros'"),
        (variant(start=5.0), "start must be None, 'random' or one number for each parameter, got 5.0"),
        (variant(start=(1.0, float("nan"))), "start must be finite, got nan"),
        (variant(start=("1", "2")), "start must be a number, got '1'"),
        (variant(schedule=gd.LineSearch(), sampling=gd.Stochastic()), "LineSearch compares losses over all rows, so"),
        (variant(schedule=gd.LineSearch(), rule=gd.Adam()), "LineSearch searches along the gradient, so it needs the"),
        (descend(start=(1.0,)), "start must have 2 numbers, one for each parameter, got 1"),
        (descend(start=(1.0, 1e80)), "start must be within 1e+75, got 1e+80"),
        (descend(sampling=gd.MiniBatch(4)), "batch_size must be between 1 and n_samples (3), got 4"),
        (lambda: gd.descend(plain(TEXTBOOK_X, TEXTBOOK_Y), gd.SGD(), gd.Budget(epochs=1)), "variant must be a Variant"),
        (lambda: gd.descend(plain(TEXTBOOK_X, TEXTBOOK_Y), gd.Variant(), 20), "budget must be a Budget, such as Budg"),
        (
            lambda: gd.descend(
                plain(TEXTBOOK_X, TEXTBOOK_Y, loss="huber"),
                gd.Variant(schedule=gd.ExactLineSearch()),
                gd.Budget(epochs=1),
            ),
            "ExactLineSearch needs a quadratic loss; LineSearch works on any",
        ),
    ],
)
def test_misuse_is_said(misuse: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        misuse()
