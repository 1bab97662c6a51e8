"""The sentence that says why a run ended: its claims against the run, and its cost."""

import re
import time

import numpy as np
import pytest

import gd_core as gd

DIABETES = gd.Regression(gd.load("diabetes"))


def sentence(problem: gd.Regression = DIABETES, budget: gd.Budget | None = None, **variant: object) -> str:
    return gd.descend(problem, gd.Variant(**variant), budget or gd.Budget(updates=3000)).explanation


CASES = {
    "gradient": (
        {"schedule": gd.Constant(0.3)},
        gd.Budget(updates=50_000, gradient_tolerance=1e-3),
        r"^Converged after [\d,]+ updates: the gradient's norm, [\d.e-]+, reached the tolerance of 0\.001\.$",
    ),
    "loss": (
        {"schedule": gd.Constant(0.3)},
        gd.Budget(updates=50_000, loss_tolerance=1e-3),
        r"^Converged after [\d,]+ updates: its last epoch changed the loss by no more than 0\.001\.$",
    ),
    "budget": (
        {"schedule": gd.Constant(0.1), "sampling": gd.MiniBatch(32)},
        gd.Budget(epochs=3),
        r"^Spent its budget of 3 epochs \(42 updates\) with half squared error [\d.]+, which is [\d.]+ above the "
        r"optimum's 1430: [\d.]+ % of the way down is left\.$",
    ),
    "one update": ({}, gd.Budget(updates=1), r"^Spent its budget of 1 update with"),
    "full gradient": (
        {"schedule": gd.Constant(0.6)},
        None,
        r"^Diverged at update 74, mostly along .*total cholesterol.*: the rate 0\.6 is above 0\.497, the largest at "
        r"which batch descent with the plain rule is stable here\.$",
    ),
    "momentum": (
        {"schedule": gd.Constant(1.0), "rule": gd.SGD(momentum=0.9)},
        None,
        r"the rate 1 is above 0\.9443, the largest at which batch descent with momentum \(0\.9\) is stable here\.$",
    ),
    "no stable momentum": (
        {"schedule": gd.Constant(0.1), "rule": gd.SGD(momentum=1.5)},
        None,
        r"with momentum 1\.5 no rate is stable\.$",
    ),
    "schedule": (
        {"schedule": gd.Cosine(3.0)},
        None,
        r"the rate of up to [\d.]+ is above 0\.497, the largest",
    ),
    "single rows": (
        {"schedule": gd.Constant(0.2), "sampling": gd.Stochastic()},
        None,
        r"the rate 0\.2 is stable for exact gradients \(up to 0\.497\), but single rows curve more steeply; for the "
        r"plain rule, rates below 0\.0402 are safe, where no single row overshoots\.$",
    ),
    "any rows": (
        {"schedule": gd.Constant(0.7), "sampling": gd.MiniBatch(8)},
        None,
        r"the rate 0\.7 is above 0\.497, the limit even for exact gradients; for the plain rule, rates below 0\.0402",
    ),
    "adaptive": (
        {"schedule": gd.Constant(1e12), "rule": gd.Adam()},
        gd.Budget(updates=100, divergence=1e10),
        r"theory gives no stability limit for Adam, so try smaller rates\.$",
    ),
    "a narrow fence": (
        {"schedule": gd.Constant(0.1)},
        gd.Budget(updates=10, divergence=5.0),
        r"a parameter went further than 5 from its start, although the rate 0\.1 is within 0\.497, the "
        r"largest stable one\.$",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_sentence_of(case: str) -> None:
    variant, budget, pattern = CASES[case]
    assert re.search(pattern, sentence(budget=budget, **variant))


def test_the_line_search_says_so() -> None:
    told = sentence(schedule=gd.LineSearch(), budget=gd.Budget(updates=100_000))
    assert "line search found no rate" in told or "within rounding" in told


def test_the_rates_it_calls_safe_are_safe() -> None:
    safe = float(re.search(r"rates below ([\d.]+) are safe", sentence(
        schedule=gd.Constant(0.2), sampling=gd.Stochastic()))[1])  # fmt: skip
    for seed in range(3):
        variant = gd.Variant(schedule=gd.Constant(0.99 * safe), sampling=gd.Stochastic(), seed=seed)
        assert gd.descend(DIABETES, variant, gd.Budget(epochs=100)).outcome is gd.Outcome.BUDGET_SPENT


def test_the_direction_is_the_one_that_grew() -> None:
    """A start with nothing along the steepest direction diverges along the next."""
    data = gd.Dataset(np.diag([4.0, 2.0]), np.zeros(2), feature_names=("steep", "less"))
    problem = gd.Regression(data, scaling="none", intercept=False)
    told = sentence(problem, schedule=gd.Constant(2.0), start=(0.0, 1.0))
    assert "mostly along less: the rate 2 is above 0.25, the largest" in told


@pytest.mark.parametrize("name", ["rosenbrock", "beale", "himmelblau"])
def test_on_other_losses_the_local_curvature_is_named(name: str) -> None:
    told = sentence(gd.Surface.named(name), schedule=gd.Constant(1.0), start=(1.9, 2.2))
    assert re.search(r"the rate 1 was above [\d.e-]+, the largest stable one for the curvature there", told)


def test_a_loss_without_a_lower_end() -> None:
    told = sentence(gd.Surface.named("saddle"), schedule=gd.Constant(0.1), start=(0.5, 0.1))
    assert "the loss was still falling that way" in told


@pytest.mark.parametrize("loss", list(gd.LOSSES))
@pytest.mark.parametrize("model", ["linear", "sinusoid", "tanh", "mlp"])
@pytest.mark.parametrize("rate", [1e-3, 1e8])
def test_every_problem_gets_a_sentence(loss: str, model: str, rate: float) -> None:
    problem = gd.Regression(gd.generate("sinusoid", n_samples=30), model=model, loss=loss)
    told = sentence(problem, schedule=gd.Constant(rate), budget=gd.Budget(updates=50, divergence=1e4))
    assert told.endswith(".")
    assert "nan" not in told
    assert told.count(". ") <= 1


def test_names_arrive_as_they_are() -> None:
    data = gd.Dataset(np.array([[1.0], [2.0], [4.0]]), np.array([1.0, 2.0, 3.0]), feature_names=("a *b* _c_",))
    told = sentence(gd.Regression(data, intercept=False), schedule=gd.Constant(50.0))
    assert "mostly along a *b* _c_: the rate 50 is above" in told


def test_a_hundred_parameters_cost_little() -> None:
    problem = gd.Regression(gd.generate("linear", n_samples=2000, n_features=99))
    run = gd.descend(problem, gd.Variant(schedule=gd.Constant(30.0)), gd.Budget(updates=500))
    assert run.outcome is gd.Outcome.DIVERGED
    gd.curvature(problem)
    best = min(_seconds(run) for _ in range(5))
    assert best < 0.005


def _seconds(run: gd.Run) -> float:
    run.__dict__.pop("explanation", None)
    started = time.perf_counter()
    assert run.explanation
    return time.perf_counter() - started
