"""Every schedule against its formula and PyTorch's scheduler; the line searches against what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from naming import stable
from oracles.make_trajectories import CASES, SCHEDULES, UPDATES, torch_path
from test_rules import our_run, require_torch, stored

import gd_core as gd

TOTAL, PER_EPOCH = 60, 5
ALL_UPDATES = np.arange(TOTAL)
SCHEDULED = [(i, case) for i, case in enumerate(CASES) if not isinstance(case.schedule, gd.Constant)]


def rates(schedule, total: int = TOTAL, per_epoch: int = PER_EPOCH) -> np.ndarray:
    return schedule.rates(np.arange(total), total, per_epoch)


def rates_of(case) -> np.ndarray:
    return rates(case.schedule, UPDATES, case.sampling.updates_per_epoch(len(stored()["y"])))


# formulas


@pytest.mark.parametrize(
    ("schedule", "formula"),
    [
        (gd.Constant(0.3), lambda t: 0.3),
        (gd.StepDecay(0.3), lambda t: 0.3 * 0.5 ** (t // PER_EPOCH // 5)),
        (gd.StepDecay(0.3, factor=0.7, every=4, per="update"), lambda t: 0.3 * 0.7 ** (t // 4)),
        (gd.ExponentialDecay(0.3), lambda t: 0.3 * 0.95 ** (t // PER_EPOCH)),
        (gd.ExponentialDecay(0.3, factor=0.9, per="update"), lambda t: 0.3 * 0.9**t),
        (gd.InverseScaling(0.3), lambda t: 0.3 / (t + 1) ** 0.25),
        (gd.InverseScaling(0.3, power=1.0, per="epoch"), lambda t: 0.3 / (t // PER_EPOCH + 1)),
        (gd.InverseScaling(0.3, power=0.0), lambda t: 0.3),
        (gd.Cosine(0.3), lambda t: 0.15 * (1 + math.cos(math.pi * t / TOTAL))),
        (gd.Cosine(0.3, low=0.1), lambda t: 0.1 + 0.1 * (1 + math.cos(math.pi * t / TOTAL))),
        (
            gd.WarmupCosine(0.3, warmup=0.2, low=0.1),
            lambda t: 0.3 * (t + 1) / 12 if t < 12 else 0.1 + 0.1 * (1 + math.cos(math.pi * (t - 12) / 48)),
        ),
        (gd.WarmupCosine(0.3, warmup=0.0), lambda t: 0.15 * (1 + math.cos(math.pi * t / TOTAL))),
    ],
    ids=stable,
)
def test_rates_follow_the_formula(schedule, formula) -> None:
    np.testing.assert_allclose(rates(schedule), [formula(t) for t in range(TOTAL)], rtol=1e-13)


def test_every_schedule_is_listed() -> None:
    assert list(gd.SCHEDULES) == [
        "Constant", "StepDecay", "ExponentialDecay", "InverseScaling", "Cosine", "WarmupCosine", "LineSearch",
        "ExactLineSearch",
    ]  # fmt: skip
    assert {type(schedule).__name__ for schedule in SCHEDULES} == set(list(gd.SCHEDULES)[1:6])


@pytest.mark.parametrize(("index", "case"), SCHEDULED, ids=[f"{c.rule.title}-{c.schedule.title}" for _, c in SCHEDULED])
def test_rates_equal_the_stored_rates_of_pytorch_and_are_recorded(index: int, case) -> None:
    theirs = stored()[f"rates{index}"]
    run = our_run(case)
    np.testing.assert_array_equal(run.learning_rate[1:], rates_of(case))
    assert run.learning_rate[0] == run.learning_rate[1]
    np.testing.assert_allclose(run.learning_rate[1:], theirs, rtol=1e-10)


@pytest.mark.torch
@pytest.mark.parametrize("case", [case for _, case in SCHEDULED], ids=lambda c: f"{c.rule.title}-{c.schedule.title}")
def test_rates_equal_pytorch(case) -> None:
    require_torch()
    np.testing.assert_allclose(rates_of(case), torch_path(case, stored())[1], rtol=1e-10)


def test_inverse_scaling_is_that_of_scikit_learn() -> None:
    from sklearn.linear_model import SGDRegressor

    X, y = stored()["X"], stored()["y"]
    theirs = SGDRegressor(
        learning_rate="invscaling", eta0=0.05, power_t=0.4, penalty=None, fit_intercept=False, shuffle=False,
        max_iter=7, tol=None,
    ).fit(X, y)  # fmt: skip
    problem = gd.Regression(gd.Dataset(X, y), scaling="none", intercept=False)
    schedule = gd.InverseScaling(0.05, power=0.4)
    run = gd.descend(problem, gd.Variant(sampling=gd.Stochastic(shuffle=False), schedule=schedule), gd.Budget(epochs=7))
    np.testing.assert_allclose(run.final, theirs.coef_, rtol=1e-12)


# properties

RATE = st.floats(1e-6, 1e3)
DECAYS = st.one_of(
    st.builds(gd.Constant, RATE),
    st.builds(
        gd.StepDecay, RATE, factor=st.floats(0.1, 1), every=st.integers(1, 50), per=st.sampled_from(["update", "epoch"])
    ),
    st.builds(gd.ExponentialDecay, RATE, factor=st.floats(0.5, 1), per=st.sampled_from(["update", "epoch"])),
    st.builds(gd.InverseScaling, RATE, power=st.floats(0, 2), per=st.sampled_from(["update", "epoch"])),
    st.builds(gd.Cosine, RATE, low=st.floats(0, 1e-6)),
)


@given(DECAYS, st.integers(1, 200), st.integers(1, 40))
def test_decays_start_at_the_rate_stay_positive_and_never_rise(schedule, total: int, per_epoch: int) -> None:
    found = rates(schedule, total, per_epoch)
    assert found.shape == (total,)
    assert found[0] == pytest.approx(schedule.learning_rate, rel=1e-12)
    assert np.all(found > 0)
    assert np.all(np.diff(found) <= 1e-15 * schedule.learning_rate)


@given(RATE, st.floats(0, 0.99), st.integers(1, 200))
def test_warmup_rises_to_the_rate_then_falls(rate: float, warmup: float, total: int) -> None:
    found = rates(gd.WarmupCosine(rate, warmup=warmup), total)
    top = int(np.argmax(found))
    slack = 1e-12 * rate
    assert np.all(found > 0)
    assert np.all(found <= rate + slack)
    assert np.all(np.diff(found[: top + 1]) >= -slack)
    assert np.all(np.diff(found[top:]) <= slack)
    assert found[top] == pytest.approx(rate, rel=1e-12)


@given(
    st.one_of(DECAYS, st.builds(gd.WarmupCosine, RATE, warmup=st.floats(0, 0.9))),
    st.integers(1, 100),
    st.integers(0, 100),
)
def test_rates_do_not_depend_on_the_stretch_they_are_asked_for_in(schedule, total: int, cut: int) -> None:
    cut = min(cut, total)
    parts = [schedule.rates(np.arange(a, b), total, 7) for a, b in ((0, cut), (cut, total))]
    np.testing.assert_array_equal(np.concatenate(parts), rates(schedule, total, 7))


# settings


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gd.Constant(-1), "learning_rate must be positive, got -1.0"),
        (lambda: gd.Constant(0), "learning_rate must be positive, got 0.0"),
        (lambda: gd.Constant(float("inf")), "learning_rate must be finite, got inf"),
        (lambda: gd.Constant("fast"), "learning_rate must be a number, got 'fast'"),
        (lambda: gd.StepDecay(0.1, factor=1.5), "factor must be in (0, 1], got 1.5"),
        (lambda: gd.StepDecay(0.1, every=0), "every must be at least 1, got 0"),
        (lambda: gd.StepDecay(0.1, every=2.5), "every must be a whole number, got 2.5"),
        (lambda: gd.StepDecay(0.1, per="week"), "per must be 'update' or 'epoch', got 'week'"),
        (lambda: gd.ExponentialDecay(0.1, factor=0), "factor must be in (0, 1], got 0.0"),
        (lambda: gd.InverseScaling(0.1, power=-1), "power must be at least 0, got -1.0"),
        (lambda: gd.Cosine(0.1, low=0.2), "low must be at most learning_rate (0.1), got 0.2"),
        (lambda: gd.WarmupCosine(0.1, warmup=1.0), "warmup must be in [0, 1), got 1.0"),
        (lambda: gd.WarmupCosine(0.1, low=0.2), "low must be at most learning_rate (0.1), got 0.2"),
        (lambda: gd.LineSearch(shrink=1.0), "shrink must be in (0, 0.99], got 1.0"),
        (lambda: gd.LineSearch(sufficient=0), "sufficient must be in (0, 1), got 0.0"),
        (lambda: gd.LineSearch(learning_rate=-2), "learning_rate must be positive, got -2.0"),
    ],
)
def test_settings_out_of_range_are_refused_with_name_requirement_and_value(make, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize("schedule", [gd.LineSearch(), gd.ExactLineSearch()], ids=repr)
@pytest.mark.parametrize("sampling", [gd.Stochastic(), gd.MiniBatch(8)], ids=repr)
def test_searches_say_that_they_do_not_apply_to_sampled_gradients(schedule, sampling) -> None:
    with pytest.raises(ValueError, match=r"needs Batch\(\); on a sampled gradient a decrease on one batch promises"):
        gd.Variant(sampling=sampling, schedule=schedule)


@pytest.mark.parametrize("schedule", [gd.LineSearch(), gd.ExactLineSearch()], ids=repr)
@pytest.mark.parametrize("rule", [gd.Adam(), gd.SGD(momentum=0.9), gd.SGD(weight_decay=0.1)], ids=repr)
def test_searches_say_that_they_need_the_plain_rule(schedule, rule) -> None:
    with pytest.raises(ValueError, match=r"searches along the gradient, so it needs the plain rule SGD\(\), got"):
        gd.Variant(rule=rule, schedule=schedule)


@pytest.mark.parametrize("loss", ["huber", "absolute_error", "log_cosh"])
def test_the_exact_search_says_that_it_needs_a_quadratic_loss(loss: str) -> None:
    with pytest.raises(ValueError, match="ExactLineSearch needs a quadratic loss; LineSearch works on any"):
        gd.descend(line_data(loss), gd.Variant(schedule=gd.ExactLineSearch()), gd.Budget(updates=3))


# line searches


def line_data(loss: str = "half_squared_error", *, stretch: float = 3.0, **settings) -> gd.Regression:
    generator = np.random.default_rng(4)
    X = generator.normal(size=(60, 3)) * np.array([1.0, stretch, 1.0 / stretch])
    y = 5.0 + X @ np.array([1.0, -2.0, 4.0]) + 0.2 * generator.standard_t(3, size=60)
    return gd.Regression(gd.Dataset(X, y), loss=loss, scaling="none", **settings)


def search(problem, schedule, updates: int = 300, **settings) -> gd.Run:
    return gd.descend(problem, gd.Variant(schedule=schedule, **settings), gd.Budget(updates=updates))


def sinusoid() -> gd.Regression:
    generator = np.random.default_rng(5)
    x = generator.uniform(-3, 3, size=(80, 1))
    data = gd.Dataset(x, 2 * np.sin(1.3 * x[:, 0]) + 0.1 * generator.normal(size=80))
    return gd.Regression(data, model="sinusoid", scaling="none")


PROBLEMS = {
    "half squared error": lambda: line_data(),
    "squared error, l2": lambda: line_data("squared_error", l2=0.1),
    "huber": lambda: line_data("huber"),
    "log-cosh": lambda: line_data("log_cosh"),
    "absolute error": lambda: line_data("absolute_error"),
    "sinusoid": sinusoid,
}


@pytest.mark.parametrize("schedule", [gd.LineSearch(), gd.LineSearch(0.3, shrink=0.8, sufficient=0.3)], ids=repr)
@pytest.mark.parametrize("name", PROBLEMS)
def test_armijo_condition_holds_at_every_update_with_the_largest_rate(name: str, schedule) -> None:
    problem = PROBLEMS[name]()
    start = (0.5, 0.4) if name == "sinusoid" else None
    run = search(problem, schedule, 40, start=start)
    assert len(run.updates) > 5
    for k in range(len(run.updates) - 1):
        before, gradient, rate = run.theta[k], problem.gradient(run.theta[k]), run.learning_rate[k + 1]
        np.testing.assert_allclose(run.theta[k + 1], before - rate * gradient, rtol=1e-9, atol=1e-12)
        tried = np.log(rate / schedule.learning_rate) / np.log(schedule.shrink)
        assert tried == pytest.approx(round(tried), abs=1e-9)
        assert tried >= -1e-9
        here = problem.value(before)
        # what rounding may hide of a decrease
        slack = 1e-11 * here
        assert problem.value(run.theta[k + 1]) <= here - schedule.sufficient * rate * (gradient @ gradient) + slack
        if tried > 0.5:
            # the rate before it in the list was refused
            longer = rate / schedule.shrink
            demanded = here - schedule.sufficient * longer * (gradient @ gradient)
            assert problem.value(before - longer * gradient) > demanded - slack


@pytest.mark.parametrize("name", ["half squared error", "squared error, l2", "huber", "log-cosh", "sinusoid"])
def test_armijo_search_reaches_the_optimum_to_rounding_and_says_so(name: str) -> None:
    problem = PROBLEMS[name]()
    start = (0.5, 0.4) if name == "sinusoid" else None
    run = search(problem, gd.LineSearch(4.0), 5000, start=start)
    assert (run.outcome, run.stopped_by) == (gd.Outcome.CONVERGED, "search")
    # comparing losses alone would end at the square root of rounding, 1e-8 and more
    assert run.gradient_norm[-1] < 1e-12 * max(1.0, run.gradient_norm[0])
    # the loss is worth its last digits only
    assert np.all(np.diff(run.loss) <= 1e-12 * run.loss[:-1])


@pytest.mark.parametrize("schedule", [gd.LineSearch(), gd.ExactLineSearch()], ids=repr)
def test_searches_started_at_the_optimum_stay_there(schedule) -> None:
    problem = line_data()
    run = search(problem, schedule, start=tuple(problem.optimum.theta))
    assert run.outcome is gd.Outcome.CONVERGED
    np.testing.assert_allclose(run.final, problem.optimum.theta, rtol=1e-12)


def test_exact_rate_is_the_minimiser_along_the_gradient() -> None:
    problem = line_data(l2=0.05)
    hessian = problem.quadratic.hessian
    run = search(problem, gd.ExactLineSearch(), 50)
    for k in range(30):
        gradient = problem.gradient(run.theta[k])
        best = (gradient @ gradient) / (gradient @ hessian @ gradient)
        assert run.learning_rate[k + 1] == pytest.approx(best, rel=1e-6)
        # the next gradient is at right angles to this one
        turned = problem.gradient(run.theta[k + 1]) @ gradient
        assert abs(turned) < 1e-6 * (gradient @ gradient)
    assert run.learning_rate[0] == run.learning_rate[1]


@pytest.mark.parametrize("stretch", [1.0, 3.0, 10.0])
def test_exact_search_converges_within_kantorovich_rate(stretch: float) -> None:
    problem = line_data(stretch=stretch)
    run = search(problem, gd.ExactLineSearch(), 1500)
    eigenvalues = np.linalg.eigvalsh(problem.quadratic.hessian)
    kappa = eigenvalues[-1] / eigenvalues[0]
    excess = run.loss - problem.optimum.value
    # Kantorovich: each update leaves at most ((kappa - 1) / (kappa + 1))^2 of the excess loss
    visible = excess[:-1] > 1e-10 * excess[0]
    assert np.all(excess[1:][visible] <= excess[:-1][visible] * ((kappa - 1) / (kappa + 1)) ** 2 * (1 + 1e-6))
    if stretch < 10:
        assert (run.outcome, run.stopped_by) == (gd.Outcome.CONVERGED, "search")


def test_searches_find_no_rate_where_the_gradient_is_not_a_number() -> None:
    # the loss overflows at the start: the search must end, and not call that converged
    problem = line_data("huber")
    run = search(problem, gd.LineSearch(), 20, start=(1e70, 1e70, 1e70, 1e70))
    assert len(run.updates) <= 21


@pytest.mark.parametrize("schedule", [gd.LineSearch(2.0), gd.ExactLineSearch()], ids=repr)
def test_searches_give_the_same_path_uncompiled(schedule) -> None:
    class Uncompiled(gd.SGD, register=False):
        compiled = False

    for problem in (line_data(), line_data("huber")) if isinstance(schedule, gd.LineSearch) else (line_data(),):
        compiled, plain = (search(problem, schedule, 30, rule=rule) for rule in (gd.SGD(), Uncompiled()))
        np.testing.assert_array_equal(compiled.updates, plain.updates)
        np.testing.assert_allclose(plain.theta, compiled.theta, rtol=1e-12)
