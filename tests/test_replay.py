"""A replayed update is the update that the run made, to the last bit, whatever the run was made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import gd_core as gd
from gd_core.replay import velocity_slot

LINE = gd.generate("linear", n_samples=53, n_features=3, noise=0.5, seed=1)
REGRESSION = gd.Regression(LINE)
ROBUST = gd.Regression(LINE, loss="huber", l2=0.1)
NETWORK = gd.Regression(LINE, model="mlp")
BOWL = gd.Surface.named("bowl")
ROSENBROCK = gd.Surface.named("rosenbrock")
NOISY = gd.Surface.named("rosenbrock", noise=0.5, noise_seed=3)
EPOCHS = gd.Budget(epochs=7)
HUNDRED = gd.Budget(updates=100)


@dataclass(frozen=True, kw_only=True)
class Uncompiled(gd.SGD, register=False):
    """Plain descent that Numba is not asked to take."""

    compiled = False


CASES = [
    (REGRESSION, gd.Variant(schedule=gd.Cosine(0.3)), HUNDRED),
    (REGRESSION, gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(0.01)), EPOCHS),
    (REGRESSION, gd.Variant(sampling=gd.Stochastic(replacement=True), rule=gd.Adam(), seed=4), EPOCHS),
    (REGRESSION, gd.Variant(sampling=gd.MiniBatch(8), rule=gd.SGD(momentum=0.9, nesterov=True)), EPOCHS),
    (REGRESSION, gd.Variant(sampling=gd.MiniBatch(8, drop_last=True), rule=gd.NAdam()), EPOCHS),
    (REGRESSION, gd.Variant(sampling=gd.MiniBatch(8), rule=gd.TypedRule()), EPOCHS),
    (REGRESSION, gd.Variant(schedule=gd.LineSearch()), HUNDRED),
    (REGRESSION, gd.Variant(schedule=gd.ExactLineSearch()), gd.Budget(updates=5)),
    (REGRESSION, gd.Variant(rule=Uncompiled()), HUNDRED),
    (ROBUST, gd.Variant(sampling=gd.MiniBatch(10), schedule=gd.InverseScaling(0.1)), EPOCHS),
    (NETWORK, gd.Variant(sampling=gd.Stochastic(), rule=gd.Rprop()), EPOCHS),
    (BOWL, gd.Variant(rule=gd.Lion(), schedule=gd.Constant(0.01)), HUNDRED),
    (BOWL, gd.Variant(schedule=gd.Constant(1.5)), HUNDRED),
    (ROSENBROCK, gd.Variant(schedule=gd.LineSearch()), HUNDRED),
    (NOISY, gd.Variant(sampling=gd.Stochastic(), rule=gd.AMSGrad(), schedule=gd.Constant(0.01)), HUNDRED),
]


@pytest.mark.parametrize(("problem", "variant", "budget"), CASES)
def test_every_update_is_the_runs_own(problem: gd.Surface, variant: gd.Variant, budget: gd.Budget) -> None:
    run = gd.descend(problem, variant, budget)
    every = gd.replay(run, run.updates[1:])
    np.testing.assert_array_equal(every.before, run.theta[:-1])
    np.testing.assert_array_equal(every.after, run.theta[1:])
    np.testing.assert_array_equal(every.rate, run.learning_rate[1:])
    np.testing.assert_array_equal(every.state_after[:-1], every.state_before[1:])
    assert not every.state_before[0].any()
    for update, rows in zip(every.updates, every.rows, strict=True):
        wanted = variant.sampling.rows_of(int(update), problem.n_samples, variant.seed)
        np.testing.assert_array_equal(rows, wanted)


@pytest.mark.parametrize(("problem", "variant", "budget"), CASES)
def test_single_updates_are_those_of_the_whole(problem: gd.Surface, variant: gd.Variant, budget: gd.Budget) -> None:
    run = gd.descend(problem, variant, budget)
    every = gd.replay(run, run.updates[1:])
    last = len(every.updates)
    chosen = sorted({1, min(2, last), max(1, last // 2), last})
    some = gd.replay(run, chosen)
    places = np.array(chosen) - 1
    for name in ("before", "after", "gradient", "full_gradient", "state_before", "state_after", "rate", "step"):
        np.testing.assert_array_equal(getattr(some, name), getattr(every, name)[places])


def test_gradients_are_those_of_the_rows_and_of_all_rows() -> None:
    run = gd.descend(REGRESSION, gd.Variant(sampling=gd.MiniBatch(8)), EPOCHS)
    steps = gd.replay(run, [1, 9, 30])
    for i in range(3):
        np.testing.assert_array_equal(steps.gradient[i], REGRESSION.gradient_of(steps.before[i], steps.rows[i]))
        np.testing.assert_array_equal(steps.full_gradient[i], REGRESSION.gradient(steps.before[i]))
        assert not np.allclose(steps.gradient[i], steps.full_gradient[i])


def test_noise_is_in_the_gradient_and_not_in_the_full_one() -> None:
    run = gd.descend(NOISY, gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(1e-3)), HUNDRED)
    steps = gd.replay(run, [1, 50])
    np.testing.assert_array_equal(steps.full_gradient, [NOISY.gradient(point) for point in steps.before])
    np.testing.assert_allclose(
        steps.gradient - steps.full_gradient, [NOISY.kernel.X[rows[0]] for rows in steps.rows], atol=1e-12
    )


def test_momentum_on_the_bowl_by_hand() -> None:
    run = gd.descend(BOWL, gd.Variant(rule=gd.SGD(momentum=0.5), schedule=gd.Constant(0.1)), HUNDRED)
    steps = gd.replay(run, [1, 2])
    # from (2, 2) with gradient 2 theta: v = 4, theta = 1.6; then v = 0.5 * 4 + 3.2 = 5.2, theta = 1.08
    assert steps.slot_names == ("velocity",)
    np.testing.assert_allclose(steps.gradient, [[4, 4], [3.2, 3.2]])
    np.testing.assert_allclose(steps.state_before[:, 0], [[0, 0], [4, 4]])
    np.testing.assert_allclose(steps.state_after[:, 0], [[4, 4], [5.2, 5.2]])
    np.testing.assert_allclose(steps.step, [[-0.4, -0.4], [-0.52, -0.52]])


@pytest.mark.parametrize("updates", [[0], [101], [2, 1], [3, 3], [1.5]])
def test_other_updates_are_refused(updates: list) -> None:
    run = gd.descend(BOWL, gd.Variant(schedule=gd.Constant(0.01)), HUNDRED)
    with pytest.raises(ValueError, match="update"):
        gd.replay(run, updates)


def test_no_updates_is_an_empty_replay() -> None:
    steps = gd.replay(gd.descend(BOWL, gd.Variant(), HUNDRED), [])
    assert steps.before.shape == steps.step.shape == (0, 2)
    assert steps.rows == ()


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (gd.SGD(), None),
        (gd.SGD(momentum=0.9), "velocity"),
        (gd.RMSprop(), None),
        (gd.RMSprop(momentum=0.5), "velocity"),
        (gd.Adam(), "first moment"),
        (gd.Lion(), "momentum"),
        (gd.Adagrad(), None),
        (gd.TypedRule(), "m"),
        (gd.TypedRule(text="velocity = 0.5*velocity + g\ntheta -= lr*velocity"), "velocity"),
        (gd.TypedRule(text="theta -= lr*g"), None),
    ],
)
def test_velocity_is_found_by_name(rule: gd.Rule, name: str | None) -> None:
    slot = velocity_slot(rule)
    assert (None if slot is None else rule.slot_names[slot]) == name
