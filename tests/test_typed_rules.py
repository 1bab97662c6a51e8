"""A rule that a person typed: equal to the built-in one it spells, and safe."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hostile import FORMULAS, NOT_A_TEXT, RULES, WITHOUT_A_VARIABLE, attempt, refusal
from hypothesis import given
from hypothesis import strategies as st

import gd_core as gd

PLAIN = "theta = theta - lr*g"
MOMENTUM = "m = 0.9*m + g\ntheta = theta - lr*m"
ADAM = """
m = 0.9*m + 0.1*g
v = 0.999*v + 0.001*g^2
m_hat = m/(1 - 0.9^t)
v_hat = v/(1 - 0.999^t)
theta -= lr*m_hat/(sqrt(v_hat) + 1e-8)
"""
TYPED = [
    (PLAIN, gd.SGD()),
    ("theta -= lr*g", gd.SGD()),
    (MOMENTUM, gd.SGD(momentum=0.9)),
    ("m *= 0.9\nm += g\n\ntheta -= lr*(g + 0.9*m)", gd.SGD(momentum=0.9, nesterov=True)),
    ("g = g + 0.1*theta\ntheta = theta - lr*g", gd.SGD(weight_decay=0.1)),
    ("s += g*g\r\ntheta -= lr*g/(sqrt(s) + 1e-10)\r\n", gd.Adagrad()),
    ("s = 0.99*s + 0.01*g**2\ntheta = theta - lr*g/(sqrt(s) + 1e-8)", gd.RMSprop()),
    (ADAM, gd.Adam()),
    ("m = 0.9*m + g\nlr /= 1 + t\ntheta -= lr*m", None),
]
PROBLEMS = {
    "rosenbrock": gd.Surface.named("rosenbrock"),
    "diabetes": gd.Regression(gd.load("diabetes")),
}


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize(("text", "rule"), TYPED[:-1], ids=[repr(rule) for _, rule in TYPED[:-1]])
def test_a_typed_rule_equals_the_rule_it_spells(text: str, rule: Any, problem: str) -> None:
    budget, schedule = gd.Budget(updates=400), gd.Constant(0.0005)
    typed, built_in = (
        gd.descend(PROBLEMS[problem], gd.Variant(rule=r, schedule=schedule), budget)
        for r in (gd.TypedRule.from_text(text), rule)
    )
    assert not np.array_equal(built_in.final, built_in.theta[0])
    np.testing.assert_allclose(typed.theta, built_in.theta, rtol=1e-12, atol=1e-12)


def test_a_value_given_to_the_rate_holds_for_one_update() -> None:
    bowl = gd.Surface.named("bowl")
    run = gd.descend(
        bowl,
        gd.Variant(rule=gd.TypedRule(text="lr = lr/t\ntheta = theta - lr*g"), schedule=gd.Constant(0.25)),
        gd.Budget(updates=3),
    )
    assert run.theta[:, 0].tolist() == pytest.approx([2, 1, 0.75, 0.75 * (1 - 0.5 / 3)])


def test_a_state_variable_starts_at_zero_and_is_kept() -> None:
    # last holds the gradient of the update before when it is read, because its own line comes after
    rule = gd.TypedRule(text="theta = theta - lr*(g + last)\nlast = g")
    run = gd.descend(gd.Surface.named("bowl"), gd.Variant(rule=rule, schedule=gd.Constant(0.1)), gd.Budget(updates=2))
    assert run.theta[:, 0].tolist() == pytest.approx([2, 1.6, 1.6 - 0.1 * (3.2 + 4)])


def test_what_a_typed_rule_is_called_and_made_of() -> None:
    rule = gd.TypedRule.from_text(ADAM)
    assert (rule.title, rule.name, rule.slots, rule.slot_names) == (
        "your rule",
        "your rule",
        4,
        ("m", "v", "m_hat", "v_hat"),
    )
    assert rule.state(3).shape == (4, 3)
    assert gd.TypedRule(text=PLAIN).state(3).shape == (1, 3)
    assert "TypedRule" not in gd.RULES
    copied = pickle.loads(pickle.dumps(rule))
    assert (copied, hash(copied)) == (rule, hash(rule))
    assert rule != gd.TypedRule(text=PLAIN)


def test_a_typed_rule_races_built_in_ones() -> None:
    rules = (gd.TypedRule(text=MOMENTUM), gd.SGD(momentum=0.9), gd.Adam())
    variants = tuple(gd.Variant(rule=rule, schedule=gd.Constant(0.01)) for rule in rules)
    compared = gd.compare(gd.Surface.named("himmelblau"), variants, gd.Budget(updates=200))
    assert np.array_equal(compared.runs[0].final, compared.runs[1].final)
    assert compared.table().shape[0] == 3


@pytest.mark.parametrize(
    "text", ["theta = theta/(t - t)", "theta = log(0 - t)", "theta = theta*1e9", "theta = g/(t - 2)"]
)
def test_a_typed_rule_that_leads_nowhere_is_a_result(text: str) -> None:
    run = gd.descend(gd.Surface.named("bowl"), gd.Variant(rule=gd.TypedRule(text=text)), gd.Budget(updates=50))
    assert run.outcome is gd.Outcome.DIVERGED
    assert np.isfinite(run.theta).all()
    assert np.isfinite(run.loss).all()
    assert np.isfinite(run.gradient_norm).all()


# refusals


def refused(text: Any) -> gd.ExpressionError:
    return refusal(lambda: gd.TypedRule.from_text(text))


# x and y are state variables here, so that nothing is refused for its names alone
AS_RULES = {name: f"x = g\ny = lr\ntheta = {text}" for name, text in FORMULAS.items() if name not in ("assignment",)}


@pytest.mark.parametrize(
    "text", [*RULES.values(), *AS_RULES.values()], ids=[*RULES, *(f"= {name}" for name in AS_RULES)]
)
def test_a_hostile_rule_is_refused_at_once_with_a_sentence(text: str) -> None:
    error = refused(text)
    assert str(error).endswith(".")
    assert 10 < len(str(error)) < 250
    assert str(error).isprintable()
    assert 0 <= error.position[0] <= error.position[1] <= len(text)
    line, carets = error.marked.rsplit("\n", 1)
    assert "\n" not in line
    assert carets.strip(" ^") == ""


def test_there_are_many_hostile_rules() -> None:
    assert len({*RULES.values(), *AS_RULES.values()}) >= 60


@pytest.mark.parametrize("text", WITHOUT_A_VARIABLE.values())
def test_a_constant_is_a_fine_right_hand_side(text: str) -> None:
    assert gd.TypedRule(text=f"theta = {text}").slots == 0


@pytest.mark.parametrize("value", NOT_A_TEXT, ids=repr)
def test_what_is_not_a_text_is_refused(value: Any) -> None:
    assert "is a text" in str(refused(value))


@pytest.mark.parametrize(
    ("text", "place", "line", "words"),
    [
        ("m = g\ntheta = theta - lr*v", "v", 2, "'v' is not known here; the names are theta, g, lr, t, m, pi, e."),
        ("m = g +\ntheta = m", "+", 1, "ends after '+'"),
        ("pi = 3\ntheta = g", "pi", 1, "already has a meaning"),
        ("theta ==  1", "=", 1, "must stand here"),
        ("theta =", "=", 1, "Nothing follows the equals sign"),
        ("\n\n3 = theta", "3", 3, "begins with the name"),
        ("m = g", "m = g", 1, "must change theta"),
        ("theta = theta - lr*g # plain", "#", 1, "'#' has no meaning"),
    ],
)  # fmt: skip
def test_a_refusal_points_at_the_place(text: str, place: str, line: int, words: str) -> None:
    error = refused(text)
    start, end = error.position
    assert (text[start:end], error.line, words in str(error)) == (place, line, True), str(error)


@given(st.text(alphabet="thetaglrm()+-*/^.,=019 \n_;:", max_size=80))
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    found = attempt(lambda: gd.TypedRule(text=f"theta = g\n{text}"))
    if isinstance(found, gd.ExpressionError):
        assert str(found).endswith(".")
    else:
        assert len(found.hyper()) > 2
