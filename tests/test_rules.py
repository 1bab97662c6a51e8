"""Every rule against PyTorch along the whole path, against the papers, and in the loop's two forms."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from naming import stable
from oracles.make_trajectories import BATCH_SIZE, CASES, STORED, UPDATES, Case, torch_defaults, torch_path

import gd_core as gd
from gd_core.descent import advance
from gd_core.rules import Rule

# relative to the largest parameter on the path
TOLERANCE = 1e-10


@cache
def stored() -> dict[str, np.ndarray]:
    with np.load(STORED) as file:
        return {name: file[name] for name in file.files}


def about() -> dict:
    return json.loads(str(stored()["about"]))


@cache
def regression(loss: str) -> gd.Regression:
    data = gd.Dataset(stored()["X"], stored()["y"])
    return gd.Regression(data, scaling="none", intercept=False, loss=loss)


def our_run(case: Case) -> gd.Run:
    variant = gd.Variant(sampling=case.sampling, rule=case.rule, schedule=case.schedule, start=tuple(stored()["start"]))
    run = gd.descend(regression(case.loss), variant, gd.Budget(updates=UPDATES))
    assert len(run.updates) == UPDATES + 1
    return run


def our_path(case: Case) -> np.ndarray:
    return our_run(case).theta


def deviation(path: np.ndarray, oracle: np.ndarray) -> float:
    return float(np.max(np.abs(path - oracle)) / np.max(np.abs(oracle)))


def require_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        if os.environ.get("GD_LAB_REQUIRE_TORCH") == "1":
            raise
        pytest.skip("PyTorch is not installed; `python -m pip install torch==2.13.0` enables this comparison")


def case_id(case: Case) -> str:
    return f"{case.rule.title}-{case.schedule.title}-{case.sampling.title}-{case.loss}"


# PyTorch


def test_stored_paths_are_those_of_the_table() -> None:
    assert about()["cases"] == [case.key for case in CASES]
    assert about()["torch"].startswith("2.")


@pytest.mark.parametrize("index", range(len(CASES)), ids=[case_id(case) for case in CASES])
def test_path_equals_the_stored_path_of_pytorch(index: int) -> None:
    assert deviation(our_path(CASES[index]), stored()[f"path{index}"]) < TOLERANCE


@pytest.mark.torch
@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_path_equals_pytorch(case: Case) -> None:
    require_torch()
    path, _ = torch_path(case, stored())
    assert deviation(our_path(case), path) < TOLERANCE


def test_the_table_moves_every_hyperparameter_of_every_rule() -> None:
    moved = {
        (type(case.rule).__name__, field.name)
        for case in CASES
        for field in dataclasses.fields(case.rule)
        if getattr(case.rule, field.name) != field.default
    }
    all_of_them = {(name, field.name) for name in about()["defaults"] for field in dataclasses.fields(gd.RULES[name])}
    assert moved == all_of_them
    assert set(gd.RULES) - set(about()["defaults"]) == {"Lion"}


def test_no_two_cases_of_a_rule_have_the_same_path() -> None:
    ends = [(type(case.rule), case.loss, stored()[f"path{i}"][-1].tobytes()) for i, case in enumerate(CASES)]
    # Rprop under a schedule is Rprop at its first rate
    assert len(set(ends)) == len(ends) - 1


@pytest.mark.parametrize("name", [name for name in gd.RULES if name != "Lion"])
def test_defaults_are_those_of_pytorch(name: str) -> None:
    ours = {field.name: field.default for field in dataclasses.fields(gd.RULES[name])}
    theirs = {key: tuple(v) if isinstance(v, list) else v for key, v in about()["defaults"][name].items()}
    assert ours == theirs


@pytest.mark.torch
def test_stored_defaults_are_those_of_the_installed_pytorch() -> None:
    require_torch()
    assert json.loads(json.dumps(torch_defaults())) == about()["defaults"]


# references written from the papers


def amsgrad_reference(X, y, theta, batches, rate, beta1, beta2, eps):
    """Reddi, Kale and Kumar, 2018, algorithm 2, with Adam's corrections for the start at zero."""
    m, v, largest = np.zeros_like(theta), np.zeros_like(theta), np.zeros_like(theta)
    path = [theta]
    for t, rows in enumerate(batches, start=1):
        g = 2 * X[rows].T @ (X[rows] @ theta - y[rows]) / len(rows)
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        largest = np.maximum(largest, v)
        m_hat, v_hat = m / (1 - beta1**t), largest / (1 - beta2**t)
        theta = theta - rate * m_hat / (np.sqrt(v_hat) + eps)
        path.append(theta)
    return np.array(path)


def lion_reference(X, y, theta, batches, rate, beta1, beta2, decay):
    """Chen et al., 2023, algorithm 2."""
    m = np.zeros_like(theta)
    path = [theta]
    for rows in batches:
        g = 2 * X[rows].T @ (X[rows] @ theta - y[rows]) / len(rows)
        c = beta1 * m + (1 - beta1) * g
        theta = theta - rate * (np.sign(c) + decay * theta)
        m = beta2 * m + (1 - beta2) * g
        path.append(theta)
    return np.array(path)


def batches_of(sampling) -> list[np.ndarray]:
    rows = np.arange(len(stored()["y"]))
    if sampling.full:
        return [rows] * UPDATES
    epoch = [rows[i : i + BATCH_SIZE] for i in range(0, len(rows), BATCH_SIZE)]
    return epoch * (UPDATES // len(epoch))


@pytest.mark.parametrize("sampling", [gd.Batch(), gd.MiniBatch(BATCH_SIZE, shuffle=False)], ids=["batch", "mini-batch"])
@pytest.mark.parametrize(
    ("rule", "reference", "settings"),
    [
        (gd.AMSGrad(), amsgrad_reference, (0.9, 0.999, 1e-8)),
        (gd.AMSGrad(betas=(0.6, 0.5), eps=1e-3), amsgrad_reference, (0.6, 0.5, 1e-3)),
        (gd.Lion(), lion_reference, (0.9, 0.99, 0.0)),
        (gd.Lion(betas=(0.5, 0.8)), lion_reference, (0.5, 0.8, 0.0)),
        (gd.Lion(betas=(0.95, 0.98), weight_decay=0.3), lion_reference, (0.95, 0.98, 0.3)),
    ],
    ids=stable,
)
def test_path_equals_the_paper(rule, reference, settings, sampling) -> None:
    data = stored()
    path = reference(data["X"], data["y"], data["start"], batches_of(sampling), 0.05, *settings)
    assert deviation(our_path(Case(rule, gd.Constant(0.05), sampling)), path) < TOLERANCE


def test_amsgrad_is_not_adam_once_gradients_shrink() -> None:
    settings = {"betas": (0.6, 0.5)}
    paths = [our_path(Case(rule(**settings), gd.Constant(0.1), gd.Batch())) for rule in (gd.Adam, gd.AMSGrad)]
    assert deviation(*paths) > 1e-3


# the loop's two forms, and what every rule keeps


@pytest.mark.parametrize("sampling", [gd.Batch(), gd.MiniBatch(BATCH_SIZE, shuffle=False)], ids=["batch", "mini-batch"])
@pytest.mark.parametrize("name", gd.RULES)
def test_uncompiled_step_gives_the_same_path(name: str, sampling) -> None:
    compiled = gd.RULES[name](**({"momentum": 0.9} if name == "SGD" else {}))

    class Uncompiled(type(compiled), register=False):
        compiled = False

    plain = Uncompiled(**dataclasses.asdict(compiled))
    paths = [our_path(Case(rule, gd.Constant(0.05), sampling)) for rule in (compiled, plain)]
    assert deviation(*paths) < 1e-14
    assert "Uncompiled" not in gd.RULES


@pytest.mark.parametrize("name", gd.RULES)
def test_state_starts_at_zero_and_has_a_name_for_each_slot(name: str) -> None:
    rule = gd.RULES[name]()
    state = rule.state(3)
    assert state.shape == (max(rule.slots, 1), 3)
    assert not state.any()
    assert len(rule.slot_names) == rule.slots
    assert all(word and word == word.lower() for word in rule.slot_names)


@pytest.mark.parametrize("name", gd.RULES)
def test_state_holds_what_its_names_say_after_one_update(name: str) -> None:
    rule = gd.RULES[name](**({"momentum": 0.9} if name == "SGD" else {}))
    theta, gradient, state = np.array([1.0, -2.0]), np.array([3.0, -0.5]), rule.state(2)
    rule.step(theta, gradient, state, rule.hyper(), 1, 0.1)
    expected = {
        "velocity": gradient if name == "SGD" else 0 * gradient,
        "sum of squares": gradient**2,
        "mean square": (0.1 if name == "Adadelta" else 0.01) * gradient**2,
        "mean gradient": 0 * gradient,
        "mean square of moves": 0.1 * (gradient * math.sqrt(1e-6) / np.sqrt(0.1 * gradient**2 + 1e-6)) ** 2,
        "first moment": 0.1 * gradient,
        "second moment": 0.001 * gradient**2,
        "largest second moment": 0.001 * gradient**2,
        "largest gradient": np.abs(gradient) + 1e-8,
        "product of momenta": np.full(2, 0.9 * (1 - 0.5 * 0.96**0.004)),
        "previous gradient": gradient,
        "step size": np.full(2, 0.1),
        "momentum": 0.01 * gradient,
    }
    for slot, word in enumerate(rule.slot_names):
        np.testing.assert_allclose(state[slot], expected[word], rtol=1e-12, err_msg=word)


@pytest.mark.parametrize(
    ("name", "length"),
    [("Adam", 0.1), ("AdamW", 0.1), ("Adamax", 0.1), ("AMSGrad", 0.1), ("Adagrad", 0.1), ("Rprop", 0.1), ("Lion", 0.1)],
)
def test_first_step_of_normalised_rules_has_the_length_of_the_first_rate(name: str, length: float) -> None:
    settings = {"weight_decay": 0.0} if name == "AdamW" else {}
    for schedule in (gd.Constant(0.1), gd.ExponentialDecay(0.1, factor=0.5, per="update"), gd.Cosine(0.1)):
        path = our_path(Case(gd.RULES[name](**settings), schedule, gd.Batch()))
        np.testing.assert_allclose(np.abs(path[1] - path[0]), length, rtol=1e-6)


@pytest.mark.parametrize("name", gd.RULES)
def test_every_rule_descends_on_a_quadratic(name: str) -> None:
    # Adadelta's first steps have the length sqrt(eps), and Adagrad's steps only shrink: they need higher rates
    rule = gd.RULES[name]() if name != "Adadelta" else gd.Adadelta(eps=1e-2)
    rate = {"Adadelta": 1.0, "Adagrad": 0.5}.get(name, 0.02)
    problem = regression("squared_error")
    variant = gd.Variant(rule=rule, schedule=gd.Cosine(rate), start=tuple(stored()["start"]))
    run = gd.descend(problem, variant, gd.Budget(updates=1500))
    # AdamW's decay moves the minimum, so the excess loss is held against the start's, not against rounding
    excess = run.loss - problem.optimum.value
    assert excess[-1] < 0.01 * excess[0]
    assert run.outcome is not gd.Outcome.DIVERGED


@pytest.mark.parametrize("name", gd.RULES)
def test_a_rule_never_moves_a_parameter_without_gradient_and_decay(name: str) -> None:
    rule = gd.RULES[name]() if name != "AdamW" else gd.AdamW(weight_decay=0.0)
    theta, state = np.array([1.5, -2.0]), rule.state(2)
    for update in range(1, 8):
        rule.step(theta, np.array([0.0, 1.0]), state, rule.hyper(), update, 0.1)
    assert theta[0] == 1.5
    assert theta[1] < -2.0


def test_rprop_reads_only_the_first_rate() -> None:
    constant, falling = (
        our_path(Case(gd.Rprop(), schedule, gd.Batch()))
        for schedule in (gd.Constant(0.1), gd.ExponentialDecay(0.1, factor=0.5, per="update"))
    )
    np.testing.assert_array_equal(constant, falling)


# settings


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gd.SGD(momentum=-0.1), "momentum must be at least 0, got -0.1"),
        (lambda: gd.SGD(dampening=1.5, momentum=0.5), "dampening must be in [0, 1], got 1.5"),
        (lambda: gd.SGD(nesterov=True), "nesterov needs momentum above 0 and dampening 0"),
        (lambda: gd.SGD(nesterov=True, momentum=0.9, dampening=0.1), "nesterov needs momentum above 0"),
        (lambda: gd.SGD(nesterov="yes"), "nesterov must be True or False, got 'yes'"),
        (lambda: gd.SGD(weight_decay=float("nan")), "weight_decay must be finite, got nan"),
        (lambda: gd.Adagrad(lr_decay=-1), "lr_decay must be at least 0, got -1.0"),
        (lambda: gd.Adagrad(initial_accumulator_value=-1), "initial_accumulator_value must be at least 0, got -1.0"),
        (lambda: gd.RMSprop(alpha=1.1), "alpha must be in [0, 1], got 1.1"),
        (lambda: gd.RMSprop(eps="small"), "eps must be a number, got 'small'"),
        (lambda: gd.Adadelta(rho=-0.1), "rho must be in [0, 1], got -0.1"),
        (lambda: gd.Adam(betas=(0.9, 1.0)), "betas must be in [0, 1), got 1.0"),
        (lambda: gd.Adam(betas=0.9), "betas must be a pair of numbers, got 0.9"),
        (lambda: gd.Adam(betas=(0.9, 0.99, 0.999)), "betas must be a pair of numbers"),
        (lambda: gd.Adam(eps=-1e-8), "eps must be at least 0, got -1e-08"),
        (lambda: gd.AdamW(weight_decay=-1), "weight_decay must be at least 0, got -1.0"),
        (lambda: gd.Adamax(betas=(-0.1, 0.9)), "betas must be in [0, 1), got -0.1"),
        (lambda: gd.NAdam(momentum_decay=-1), "momentum_decay must be at least 0, got -1.0"),
        (lambda: gd.NAdam(decoupled_weight_decay=1), "decoupled_weight_decay must be True or False, got 1"),
        (lambda: gd.RAdam(betas=(1.0, 0.9)), "betas must be in [0, 1), got 1.0"),
        (lambda: gd.AMSGrad(betas=(0.9, float("inf"))), "betas must be finite"),
        (lambda: gd.Rprop(etas=(1.2, 0.5)), "etas must be one below and one above 1, got (1.2, 0.5)"),
        (lambda: gd.Rprop(etas=(0.0, 1.2)), "etas must be positive, got 0.0"),
        (lambda: gd.Rprop(step_sizes=(1.0, 0.1)), "step_sizes must be in ascending order, got (1.0, 0.1)"),
        (lambda: gd.Lion(betas=(0.9, 1.0)), "betas must be in [0, 1), got 1.0"),
        (lambda: gd.Lion(weight_decay=-0.1), "weight_decay must be at least 0, got -0.1"),
    ],
)
def test_settings_out_of_range_are_refused_with_name_requirement_and_value(make, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        make()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "title"),
    [
        (gd.SGD(), "plain"),
        (gd.SGD(momentum=0.9), "momentum (0.9)"),
        (gd.SGD(momentum=0.9, nesterov=True), "Nesterov (momentum=0.9)"),
        (gd.Adam(betas=(0.5, 0.9)), "Adam (betas=0.5 and 0.9)"),
        (gd.RMSprop(centered=True, eps=1e-3), "RMSprop (eps=0.001, centered)"),
    ],
)
def test_title_says_what_differs_from_the_defaults(rule: Rule, title: str) -> None:
    assert rule.title == title


@pytest.mark.parametrize("name", gd.RULES)
def test_rules_are_values(name: str) -> None:
    rule = gd.RULES[name]()
    assert rule == gd.RULES[name]()
    assert hash(rule) == hash(gd.RULES[name]())
    assert rule.hyper()[-1] == 0
    with pytest.raises(TypeError):
        gd.RULES[name](0.5)


# a rule of one's own


def signed(theta, gradient, state, hyper, update, rate):
    """A step of the rate's length against each gradient's sign, shrinking as hyper[0]^update."""
    for j in range(theta.size):
        state[0, j] += 1.0
        step = rate * hyper[0] ** float(update)
        theta[j] -= step if gradient[j] > 0.0 else -step


def test_a_rule_added_at_run_time_is_registered_and_runs() -> None:
    @dataclass(frozen=True, kw_only=True)
    class ShrinkingSigns(Rule, step=signed, slot_names=("updates seen",)):
        shrink: float = gd.setting(0.9, above=0, below=1)

    try:
        assert gd.RULES["ShrinkingSigns"] is ShrinkingSigns
        rule = ShrinkingSigns(shrink=0.95)
        run = gd.descend(
            regression("squared_error"), gd.Variant(rule=rule, schedule=gd.Constant(0.5)), gd.Budget(updates=40)
        )
        lengths = np.abs(np.diff(run.theta, axis=0))
        expected = np.repeat(0.5 * 0.95 ** np.arange(1, 41)[:, None], 3, axis=1)
        np.testing.assert_allclose(lengths, expected, rtol=1e-9)
        compared = gd.compare(
            regression("squared_error"), [gd.Variant(), gd.Variant(rule=rule)], gd.Budget(epochs=30), seeds=2
        )
        assert compared.runs[1].loss[-1] < compared.runs[1].loss[0]
        assert "ShrinkingSigns" in compared.differences().loc["rule"].tolist()
        with pytest.raises(ValueError, match="shrink must be in"):
            ShrinkingSigns(shrink=1.0)
    finally:
        del gd.RULES["ShrinkingSigns"]


FROM_AN_INTERPRETER = """
import numpy as np, gd_core as gd
from dataclasses import dataclass
def typed(theta, gradient, state, hyper, update, rate):
    for j in range(theta.size):
        theta[j] -= rate * gradient[j]

@dataclass(frozen=True, kw_only=True)
class Typed(gd.Rule, step=typed): pass

problem = gd.Regression(gd.Dataset(np.eye(4)[:, :2], np.arange(4.0)))
runs = [gd.descend(problem, gd.Variant(rule=rule), gd.Budget(updates=9)) for rule in (Typed(), gd.SGD())]
assert (runs[0].theta == runs[1].theta).all()
print("same path")
"""


def test_a_rule_typed_into_an_interpreter_is_compiled_without_a_cache() -> None:
    found = subprocess.run(
        [sys.executable, "-W", "error", "-"], input=FROM_AN_INTERPRETER, capture_output=True, text=True, check=False
    )
    assert found.stdout.strip() == "same path", found.stderr


def test_the_loop_itself_runs_uncompiled() -> None:
    # the same function that Numba compiles: no second loop to keep in step
    assert type(advance).__name__ == "function"
