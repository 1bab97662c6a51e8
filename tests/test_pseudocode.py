"""A rule's lines give the run's own numbers, whatever the rule; an unreadable step leaves its recurrence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

import gd_core as gd
from gd_core.checks import setting

PROBLEM = gd.Regression(gd.generate("linear", n_samples=60, n_features=2, noise=1.0))
UPDATES = [1, 2, 3, 7, 14]
SETTINGS: dict[str, list[gd.Rule]] = {
    "SGD": [gd.SGD(momentum=0.9, dampening=0.1), gd.SGD(momentum=0.9, nesterov=True), gd.SGD(weight_decay=0.3)],
    "RMSprop": [gd.RMSprop(momentum=0.5, centered=True)],
    "NAdam": [gd.NAdam(weight_decay=0.1, decoupled_weight_decay=True)],
    "RAdam": [gd.RAdam(betas=(0.9, 0.8))],
}
RULES = [rule for name, kind in gd.RULES.items() for rule in [kind(), *SETTINGS.get(name, [])]]
TYPED = [
    gd.TypedRule(),
    gd.TypedRule(text="v = 0.9*v + 0.1*g^2\ntheta -= lr*g/(sqrt(v/(1-0.9^t)) + 1e-8)"),
    gd.TypedRule(text="theta = theta - lr*max(-abs(g), min(g, 2))*-1"),
]


def normed(theta, gradient, state, hyper, update, rate):
    """Plain descent by the gradient's direction: every parameter looks at all the others."""
    squares = 0.0
    for j in range(theta.size):
        squares += gradient[j] * gradient[j]
    length = math.sqrt(squares) + hyper[0]
    for j in range(theta.size):
        theta[j] -= rate * gradient[j] / length


@dataclass(frozen=True, kw_only=True)
class Normed(gd.Rule, step=normed, register=False):
    r"""theta <- theta - eta g / (|g| + eps).

    A rule of this test's own.
    """

    eps: float = setting(1e-8, least=0)


def strange(theta, gradient, state, hyper, update, rate):
    while update > 10**9:
        update -= 1
    for j in range(theta.size):
        theta[j] -= rate * gradient[j]


@dataclass(frozen=True, kw_only=True)
class Strange(gd.Rule, step=strange, register=False):
    r"""theta <- theta - eta g, in a way that no line says."""


def replayed(rule: gd.Rule) -> gd.Replay:
    variant = gd.Variant(sampling=gd.MiniBatch(8), rule=rule, schedule=gd.Cosine(0.05))
    return gd.replay(gd.descend(PROBLEM, variant, gd.Budget(epochs=2)), UPDATES)


@pytest.mark.parametrize("rule", [*RULES, *TYPED, Normed()], ids=lambda rule: rule.title)
def test_the_lines_give_the_runs_own_numbers(rule: gd.Rule) -> None:
    steps = replayed(rule)
    for k in range(len(UPDATES)):
        for parameter in range(PROBLEM.n_params):
            written = gd.pseudocode(rule, steps, k, parameter=parameter)
            thetas = [line.value for line in written.lines if line.name == "theta"]
            if not thetas:  # Rprop stays where the gradient's sign has turned
                assert isinstance(rule, gd.Rprop)
                assert steps.step[k, parameter] == 0
                continue
            assert thetas[-1] == pytest.approx(steps.after[k, parameter], rel=1e-14)
            assert written.numbers["theta"] == steps.before[k, parameter]
            assert written.numbers["rate"] == steps.rate[k]


@pytest.mark.parametrize("rule", [rule for rule in [*RULES, *TYPED] if rule.slot_names], ids=lambda rule: rule.title)
def test_the_lines_give_the_rules_own_state(rule: gd.Rule) -> None:
    steps = replayed(rule)
    for k in range(len(UPDATES)):
        values = [line.value for line in gd.pseudocode(rule, steps, k, parameter=1).lines]
        changed = steps.state_after[k, :, 1] != steps.state_before[k, :, 1]
        for value in steps.state_after[k, changed, 1]:
            assert np.isclose(values, value, rtol=1e-14, atol=0).any()


def evaluated(text: str) -> float:
    """A line's numbers, worked out from its text alone."""
    names = {"sqrt": math.sqrt, "max": max, "min": min, "abs": abs}
    return float(eval(text.replace("^", "**"), {"__builtins__": {}}, names))


@pytest.mark.parametrize("rule", [*RULES, *TYPED], ids=lambda rule: rule.title)
def test_the_numbers_put_in_give_the_value(rule: gd.Rule) -> None:
    steps = replayed(rule)
    for k in range(len(UPDATES)):
        for line in gd.pseudocode(rule, steps, k, parameter=2).lines:
            # six digits go in; a difference of two close numbers keeps fewer
            assert evaluated(line.numbers) == pytest.approx(line.value, rel=1e-3, abs=1e-4), line


def test_momentum_by_hand() -> None:
    bowl = gd.Surface.named("bowl")
    variant = gd.Variant(rule=gd.SGD(momentum=0.5), schedule=gd.Constant(0.1))
    steps = gd.replay(gd.descend(bowl, variant, gd.Budget(updates=3)), [2])
    assert gd.pseudocode(variant.rule, steps, 0, parameter=0).text == (
        "g        ← gradient + weight_decay * theta\n"
        "         = 3.2 + 0 * 1.6\n"
        "         = 3.2\n"
        "velocity ← momentum * velocity + (1 - dampening) * g\n"
        "         = 0.5 * 4 + (1 - 0) * 3.2\n"
        "         = 5.2\n"
        "g        ← velocity\n"
        "         = 5.2\n"
        "theta    ← theta - rate * g\n"
        "         = 1.6 - 0.1 * 5.2\n"
        "         = 1.08"
    )


def test_a_typed_rule_by_hand() -> None:
    rule = gd.TypedRule(text="m = 0.5*m - g\ntheta += lr*m")
    bowl = gd.Surface.named("bowl")
    steps = gd.replay(gd.descend(bowl, gd.Variant(rule=rule, schedule=gd.Constant(0.1)), gd.Budget(updates=3)), [2])
    assert gd.pseudocode(rule, steps, 0, parameter=1).text == (
        "m     ← 0.5 * m - g\n"
        "      = 0.5 * (-4) - 3.2\n"
        "      = -5.2\n"
        "theta ← theta + lr * m\n"
        "      = 1.6 + 0.1 * (-5.2)\n"
        "      = 1.08"
    )


@pytest.mark.parametrize("rule", [Strange(), type("Sourceless", (gd.SGD,), {"step": len})()])
def test_a_step_that_cannot_be_read_leaves_its_recurrence_and_its_numbers(rule: gd.Rule) -> None:
    steps = replayed(Strange())
    if rule.slot_names:
        steps = replayed(gd.SGD())
    written = gd.pseudocode(rule, steps, 0, parameter=0)
    assert written.lines == ()
    assert written.text == written.recurrence
    assert set(written.numbers) >= {"theta", "gradient", "rate", "update", *rule.slot_names}


def test_a_recurrence_is_the_docstrings_first_paragraph() -> None:
    written = gd.pseudocode(Strange(), replayed(Strange()), 0, parameter=0)
    assert written.text == "theta ← theta - eta g, in a way that no line says."


def test_another_rule_than_the_runs_is_refused() -> None:
    with pytest.raises(ValueError, match="1 state variables, and Adam has 2"):
        gd.pseudocode(gd.Adam(), replayed(gd.SGD()), 0, parameter=0)


def test_many_parameters_cost_no_more_than_one() -> None:
    problem = gd.Regression(gd.generate("linear", n_samples=900, n_features=800, noise=1.0))
    for rule in (gd.Adam(), Normed()):
        run = gd.descend(problem, gd.Variant(rule=rule, schedule=gd.Constant(0.01)), gd.Budget(updates=3))
        written = gd.pseudocode(rule, gd.replay(run, [3]), 0, parameter=700)
        # a loop over all the others is not worth its time
        assert bool(written.lines) == isinstance(rule, gd.Adam)
