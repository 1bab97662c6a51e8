"""Every script is run, and prints the parameters that the engine ends with, 1e-10 apart at most."""

import contextlib
import csv
import dataclasses
import importlib.util
import inspect
import io
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from gd_core.datasets import BUNDLED, GENERATORS, Dataset
from gd_core.descent import Budget, Variant
from gd_core.experiment import Bundled, Experiment, Generated, Model, OnSurface, Uploaded
from gd_core.export import LANGUAGES, script, trace_csv
from gd_core.export.pytorch_script import TORCH_RULES
from gd_core.losses import LOSSES
from gd_core.regression import SCALINGS
from gd_core.rules import RULES, SGD, Adam, Lion, Rule
from gd_core.sampling import Batch, MiniBatch, Stochastic
from gd_core.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    ExactLineSearch,
    ExponentialDecay,
    InverseScaling,
    LineSearch,
    StepDecay,
    WarmupCosine,
)
from gd_core.surfaces import SURFACES
from gd_core.tables import to_dataset
from gd_core.typed_rules import TypedRule

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="needs PyTorch: pip install torch, then run this file again"
)
DESCENTS = ["numpy", pytest.param("pytorch", marks=needs_torch)]
TOLERANCE = 1e-10


def printed(text: str) -> dict[str, np.ndarray]:
    """What a script's standard output says, by label."""
    found: dict[str, list[float]] = {}
    label = ""
    for line in text.splitlines():
        if line.startswith("    "):
            found[label].append(float(line.split()[0]))
        elif line:
            label = line
            found[label] = []
    return {name: np.array(values) for name, values in found.items()}


def executed(text: str) -> dict[str, np.ndarray]:
    out = io.StringIO()
    # a script may silence NumPy for itself, and not for the tests after it
    with contextlib.redirect_stdout(out), np.errstate():
        exec(compile(text, "script.py", "exec"), {"__name__": "__main__"})
    return printed(out.getvalue())


@pytest.fixture(autouse=True)
def _torch_as_it_was():
    """A script for PyTorch works in float64 throughout; the tests after it must not."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_default_dtype(sys.modules["torch"].float32)


def assert_same(experiment: Experiment, language: str, dataset: Dataset | None = None) -> dict[str, np.ndarray]:
    text = script(experiment, language, dataset)
    found = executed(text)
    comparison = experiment.run(dataset)
    for label, repeats in zip(comparison.labels, comparison.repeats, strict=True):
        for run in repeats:
            name = label if len(repeats) == 1 else f"{label}, seed {run.variant.seed}"
            assert found[name].shape == run.final.shape
            apart = np.abs(found[name] - run.final).max()
            assert apart <= TOLERANCE * max(np.abs(run.final).max(), 1e-300), (name, found[name], run.final)
    return found


SMALL = Generated("linear", n_samples=30, n_features=2, seed=1)
THREE = (
    Variant(schedule=Constant(0.2)),
    Variant(sampling=MiniBatch(7), schedule=Constant(0.1), seed=3),
    Variant(sampling=Stochastic(), schedule=Constant(0.02), seed=4),
)


# data: every kind, made by the script to the last bit


def data_of(text: str) -> tuple[np.ndarray, np.ndarray]:
    """X and y as a script makes them, before it prepares them."""
    head = text.split("\nscale = ")[0].split("\nZ = ")[0]
    space: dict[str, object] = {}
    exec(compile(head, "head.py", "exec"), space)
    return space["X"], space["y"]


DATA = [
    *(Generated(kind, n_samples=80, n_features=6, seed=5) for kind in GENERATORS),
    *(Generated(kind, n_samples=12, seed=6) for kind in GENERATORS),
    Generated("linear", n_samples=300, n_features=3, condition_number=1e4, noise=0.0, seed=2),
    Generated("correlated", n_samples=300, n_features=3, condition_number=50.0, outliers=0.1),
    Generated("heteroscedastic", n_samples=1000, outliers=0.001),
    *(Bundled(name) for name in BUNDLED),
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("data", DATA, ids=str)
def test_a_script_makes_the_same_data_to_the_last_bit(data, language):
    if language == "pytorch" and importlib.util.find_spec("torch") is None:
        pytest.skip("needs PyTorch: pip install torch, then run this file again")
    experiment = Experiment(data, Model(scaling="none"), (Variant(sampling=Stochastic()),))
    X, y = data_of(script(experiment, language))
    np.testing.assert_array_equal(X, experiment.dataset().X)
    np.testing.assert_array_equal(y, experiment.dataset().y)


def test_small_data_are_written_out_and_large_ones_are_drawn():
    assert "X = np.array([" in script(Experiment(SMALL), "numpy")
    assert "default_rng(1).spawn(3)" in script(Experiment(dataclasses.replace(SMALL, n_samples=100)), "numpy")


# models, losses, scalings, rows


MODELS = [
    *(Model(loss=loss, l2=l2) for loss in LOSSES for l2 in (0.0, 0.3)),
    *(Model(scaling=scaling, intercept=intercept, l2=0.1) for scaling in SCALINGS for intercept in (True, False)),
    Model(degree=3),
    Model(degree=2, scaling="minmax", loss="squared_error", intercept=False),
    Model(validation=0.3, seed=11),
    Model(validation=0.2, degree=2, scaling="robust"),
    Model(loss="huber", huber_delta=0.25, validation=0.1),
]


@pytest.mark.parametrize("language", DESCENTS)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: "-".join(map(str, dataclasses.astuple(model))))
def test_linear_models(model, language):
    assert_same(Experiment(SMALL, model, THREE, Budget(epochs=4)), language)


@pytest.mark.parametrize("language", DESCENTS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", ["sinusoid", "tanh", "mlp"])
def test_models_that_are_not_linear(name, loss, language):
    data = Generated("sinusoid", n_samples=24, n_features=2 if name == "mlp" else 1, seed=2)
    for l2 in (0.0, 0.05):
        assert_same(
            Experiment(data, Model(model=name, loss=loss, l2=l2, hidden=3), THREE, Budget(epochs=5), seeds=2), language
        )


def test_a_column_without_spread():
    X = np.random.default_rng(0).standard_normal((15, 3))
    X[:, 1] = 0.1
    dataset = Dataset(X, X[:, 0] + 1.0)
    experiment = Experiment(Uploaded(dataset.fingerprint, "flat.csv", "y", ("x1", "x2", "x3")))
    for scaling in SCALINGS:
        changed = dataclasses.replace(experiment, model=Model(scaling=scaling))
        text = script(changed, "numpy", dataset)
        assert ("without spread" in text) == (scaling != "none")


# rules and schedules: all that are registered


def exercised(kind: type) -> list:
    """A part with its defaults, and with every field moved off its default at once, as far as they go together."""
    moved = {}
    for field in dataclasses.fields(kind):
        value = field.default
        if isinstance(value, bool):
            moved[field.name] = not value
        elif isinstance(value, float):
            moved[field.name] = 0.05 if value == 0 else value * 0.9
        elif isinstance(value, tuple):
            moved[field.name] = tuple(part * 0.95 for part in value)
        elif isinstance(value, int):
            moved[field.name] = value + 1
    try:
        return [kind(), kind(**moved)]
    except ValueError:
        return [kind()]


RULES_EXERCISED = [
    *(rule for kind in RULES.values() for rule in exercised(kind)),
    SGD(momentum=0.9),
    SGD(momentum=0.8, dampening=0.3),
    SGD(momentum=0.9, nesterov=True),
    SGD(momentum=0.9, nesterov=True, weight_decay=0.1),
    SGD(weight_decay=0.2),
]


@pytest.mark.parametrize("language", DESCENTS)
@pytest.mark.parametrize("rule", RULES_EXERCISED, ids=str)
def test_every_rule(rule, language):
    variants = (
        Variant(rule=rule, schedule=Constant(0.05)),
        Variant(rule=rule, schedule=Cosine(0.05), sampling=MiniBatch(8)),
    )
    assert_same(Experiment(SMALL, variants=variants, budget=Budget(updates=40)), language)


SCHEDULES_EXERCISED = [
    Constant(0.07),
    StepDecay(0.2, factor=0.3, every=2, per="epoch"),
    StepDecay(0.2, factor=0.9, every=3, per="update"),
    ExponentialDecay(0.2, factor=0.8),
    ExponentialDecay(0.2, factor=0.97, per="update"),
    InverseScaling(0.2, power=0.5),
    InverseScaling(0.2, power=0.5, per="epoch"),
    Cosine(0.2),
    Cosine(0.2, low=0.01),
    WarmupCosine(0.2),
    WarmupCosine(0.2, warmup=0.37, low=0.02),
    WarmupCosine(0.2, warmup=0.0),
]


@pytest.mark.parametrize("language", DESCENTS)
@pytest.mark.parametrize("schedule", SCHEDULES_EXERCISED, ids=str)
def test_every_schedule(schedule, language):
    variants = tuple(dataclasses.replace(variant, schedule=schedule) for variant in THREE[:2])
    assert_same(Experiment(SMALL, variants=variants, budget=Budget(epochs=6)), language)
    # a budget in updates ends in the middle of an epoch
    assert_same(Experiment(SMALL, variants=variants, budget=Budget(updates=13)), language)


@pytest.mark.parametrize("language", DESCENTS)
@pytest.mark.parametrize("loss", ["half_squared_error", "squared_error"])
def test_line_searches(loss, language):
    variants = (Variant(schedule=LineSearch(3.0, shrink=0.6)), Variant(schedule=ExactLineSearch()), *THREE)
    data = dataclasses.replace(SMALL, condition_number=20.0)
    model = Model(loss=loss, l2=0.05, scaling="none")
    assert_same(Experiment(data, model, variants, Budget(updates=8)), language)


@pytest.mark.parametrize("language", DESCENTS)
def test_a_line_search_on_a_loss_that_is_not_quadratic(language):
    data = Generated("sinusoid", n_samples=24, seed=2)
    for model in (Model(loss="huber"), Model(model="tanh", loss="log_cosh", l2=0.01)):
        assert_same(Experiment(data, model, (Variant(schedule=LineSearch(2.0)),), Budget(updates=6)), language)


def test_every_schedule_was_exercised():
    seen = {type(schedule) for schedule in SCHEDULES_EXERCISED} | {LineSearch, ExactLineSearch}
    assert set(SCHEDULES.values()) <= seen


# samplings, starts, seeds, budgets


SAMPLINGS = [
    (MiniBatch(7, drop_last=True),),
    (MiniBatch(7, shuffle=False),),
    (MiniBatch(7, replacement=True),),
    (Stochastic(shuffle=False), MiniBatch(30)),
    (Batch(), MiniBatch(7, drop_last=True), MiniBatch(8), Stochastic(replacement=True), MiniBatch(5, shuffle=False)),
]


@pytest.mark.parametrize("language", DESCENTS)
@pytest.mark.parametrize("samplings", SAMPLINGS, ids=str)
def test_every_sampling(samplings, language):
    variants = tuple(Variant(sampling=sampling, schedule=Constant(0.05), seed=8) for sampling in samplings)
    for budget in (Budget(epochs=3), Budget(updates=11), Budget(examples=70)):
        assert_same(Experiment(SMALL, variants=variants, budget=budget, seeds=2), language)


@pytest.mark.parametrize("language", DESCENTS)
@pytest.mark.parametrize("model", [Model(), Model(loss="huber"), Model(model="mlp", hidden=2)], ids=str)
def test_starts(model, language):
    n = model.build(Experiment(SMALL).dataset()).n_params
    variants = (Variant(start="random", seed=5), Variant(start=tuple(np.linspace(-1, 2, n))), Variant(seed=6))
    assert_same(Experiment(SMALL, model, variants, Budget(epochs=5), seeds=3), language)


@pytest.mark.parametrize("language", DESCENTS)
@pytest.mark.parametrize(
    "budget",
    [
        Budget(epochs=200, gradient_tolerance=0.05),
        Budget(epochs=200, loss_tolerance=1e-3),
        Budget(updates=500, gradient_tolerance=1e-9, loss_tolerance=1e-4),
        Budget(epochs=3, gradient_tolerance=1e3),
    ],
    ids=str,
)
def test_stopping_before_the_budget_is_spent(budget, language):
    for variants in (THREE, THREE[:1], THREE[1:], (Variant(rule=Adam()), THREE[1])):
        experiment = Experiment(SMALL, variants=variants, budget=budget)
        assert_same(experiment, language)
        assert any(run.outcome.value == "converged" for run in experiment.run().runs)


@pytest.mark.parametrize("language", DESCENTS)
@pytest.mark.parametrize("rule", [SGD(), SGD(momentum=0.9), SGD(momentum=0.5, weight_decay=0.1)], ids=str)
def test_a_run_that_diverges_stops_where_the_engine_stops(rule, language):
    variants = (
        Variant(rule=rule, schedule=Constant(4.0)),
        Variant(rule=rule, sampling=MiniBatch(7), schedule=Constant(4.0)),
    )
    for divergence in (1e12, 1e4):
        experiment = Experiment(SMALL, variants=variants, budget=Budget(updates=300, divergence=divergence))
        assert {run.outcome.value for run in experiment.run().runs} == {"diverged"}
        assert_same(experiment, language)


@pytest.mark.parametrize("language", DESCENTS)
def test_a_step_that_is_lost_is_taken_back(language):
    # without eps the first step of RMSprop in a flat direction is 0 / 0
    X = np.column_stack([np.arange(6.0), np.zeros(6)])
    dataset = Dataset(X, np.arange(6.0) ** 2)
    experiment = Experiment(
        Uploaded(dataset.fingerprint, "x.csv", "y", ("x1", "x2")),
        Model(scaling="none"),
        (Variant(rule=RULES["RMSprop"](eps=0.0)),),
    )
    text = script(experiment, language, dataset)
    text = text.replace("import pandas as pd\n", "")
    a = text.index("frame = ")
    b = text.index("Z = X")
    given = f"X, y = np.array({X.tolist()}), np.array({dataset.y.tolist()})\n"
    with np.errstate(invalid="ignore"):
        found = executed(text[:a] + given + text[b:])
    np.testing.assert_array_equal(next(iter(found.values())), experiment.run(dataset).runs[0].final)


# surfaces, and rules that a person typed


FORMULAS = [
    "exp(-x^2) + y^2 / (1 + x^2)",
    "2^x + x^(y + 3) - log(x) + log2(x) + log10(x + y + 5)",
    "-(x - 1)^3 * -y^-2 + sqrt(x^2 + 1)",
    "sin(x) - cos(y) * tan(x/4) + atan(x*y) + asin(x/5) - acos(y/5)",
    "sinh(x/2) + cosh(y/2) + tanh(x*y) + abs(x - 3) + sign(y) * y",
    "max(x, 2) + min(x*y, y^2) + max(min(x, y), 0.5*y) + pi*x^2 + e*y^2",
    "x^2 + 1",
]


@pytest.mark.parametrize("language", DESCENTS)
@pytest.mark.parametrize("surface", [*SURFACES, *FORMULAS])
def test_surfaces(surface, language):
    start = () if surface in SURFACES else ({"start": (0.7, 1.2)},)
    rate = Constant(SURFACES[surface].learning_rate / 10 if surface in SURFACES else 0.01)
    variants = (
        Variant(schedule=rate, **dict(*start)),
        Variant(sampling=Stochastic(), schedule=rate, rule=SGD(momentum=0.5), **dict(*start)),
    )
    for noise in (0.0, 0.3):
        data = OnSurface(surface, noise=noise, noise_seed=4)
        assert_same(Experiment(data, variants=variants, budget=Budget(updates=25)), language)


@pytest.mark.parametrize("language", DESCENTS)
def test_surfaces_with_every_other_setting(language):
    data = OnSurface("x^2 + 3*y^2 + x*y", ((-1, 1), (-1, 2)), noise=0.5)
    variants = (
        Variant(sampling=MiniBatch(64), rule=Adam(), start="random", seed=3, schedule=Cosine(0.1)),
        Variant(schedule=ExactLineSearch(), start=(1.0, -0.5)),
        Variant(schedule=LineSearch(), start=(1.0, -0.5)),
        Variant(rule=Lion(), start="random", seed=4),
    )
    assert_same(Experiment(data, variants=variants, budget=Budget(updates=6), seeds=3), language)
    for budget in (Budget(updates=500, gradient_tolerance=0.1), Budget(updates=500, loss_tolerance=1e-3)):
        assert_same(Experiment(data, variants=variants[:1] + variants[3:], budget=budget), language)
        assert_same(Experiment(OnSurface("bowl"), variants=variants[1:3], budget=budget), language)
    away = (Variant(schedule=Constant(3.0)),)
    assert_same(Experiment(OnSurface("rosenbrock"), variants=away, budget=Budget(updates=500)), language)


def test_scikit_learn_has_no_surfaces():
    with pytest.raises(ValueError, match="a descent on a surface has none"):
        script(Experiment(OnSurface("bowl")), "scikit-learn")


TYPED = [
    "m = 0.9*m + g\ntheta = theta - lr*m",
    "v = 0.99*v + 0.01*g^2\ntheta -= lr * g / (sqrt(v) + 1e-8)",
    "theta = theta - lr*(g + old)/2\nold = g",
    "lambda = 0.5*lambda + g\nnp = lambda\nimport = max(np, -1)\ntheta -= lr*import / t^0.5",
    "g = sign(g)\nlr = lr / t\ntheta -= lr*g",
    "class = 0.25\ntheta_now = theta\ntheta = theta_now - lr*class*g",
]


@pytest.mark.parametrize("language", DESCENTS)
@pytest.mark.parametrize("text", TYPED)
def test_typed_rules(text, language):
    variants = (
        Variant(rule=TypedRule(text=text), schedule=Constant(0.05)),
        Variant(rule=TypedRule(text=TYPED[0]), sampling=MiniBatch(7), schedule=Cosine(0.05)),
    )
    assert_same(Experiment(SMALL, variants=variants, budget=Budget(updates=20)), language)


# scikit-learn


EXPRESSED = [
    (Model(), Constant(0.02)),
    (Model(loss="squared_error", l2=0.1), Constant(0.01)),
    (Model(l2=0.2, intercept=False, scaling="robust"), InverseScaling(0.05, power=0.5)),
    (Model(loss="huber", huber_delta=0.3, degree=2), Constant(0.01)),
    (Model(loss="absolute_error", validation=0.2), InverseScaling(0.05)),
    (Model(scaling="minmax", intercept=False), Constant(0.05)),
    (Model(scaling="none", degree=2), Constant(0.01)),
]


@pytest.mark.parametrize(("model", "schedule"), EXPRESSED, ids=str)
def test_scikit_learn_where_it_can(model, schedule):
    variants = tuple(
        Variant(sampling=sampling, schedule=schedule, seed=3)
        for sampling in (Stochastic(), Stochastic(replacement=True), MiniBatch(1, shuffle=False))
    )
    for budget in (Budget(epochs=4), Budget(updates=50)):
        experiment = Experiment(SMALL, model, variants, budget, seeds=2)
        assert "Not in scikit-learn" not in script(experiment, "scikit-learn")
        assert_same(experiment, "scikit-learn")


NOT_EXPRESSED = [
    (Model(), Variant(), Budget(epochs=2), "no batch or mini-batch"),
    (Model(), Variant(sampling=MiniBatch(4)), Budget(epochs=2), "no batch or mini-batch"),
    (Model(loss="log_cosh"), THREE[2], Budget(epochs=2), "does not have the log-cosh loss"),
    (Model(model="mlp"), THREE[2], Budget(epochs=2), "fits linear models"),
    (Model(), Variant(sampling=Stochastic(), rule=Adam()), Budget(epochs=2), "not Adam"),
    (Model(), Variant(sampling=Stochastic(), rule=SGD(weight_decay=0.1)), Budget(epochs=2), "plain rule"),
    (Model(), Variant(sampling=Stochastic(), schedule=Cosine()), Budget(epochs=2), "rates alone"),
    (Model(), Variant(sampling=Stochastic(), schedule=InverseScaling(per="epoch")), Budget(epochs=2), "rates alone"),
    (Model(), Variant(sampling=Stochastic(), start="random"), Budget(epochs=2), "starts from zeros"),
    (Model(), THREE[2], Budget(epochs=2, loss_tolerance=1e-3), "stops by a rule of its own"),
    (Model(l2=60.0), THREE[2], Budget(epochs=2), "turn a parameter's sign"),
]


@pytest.mark.parametrize(("model", "variant", "budget", "why"), NOT_EXPRESSED)
def test_scikit_learn_says_why_where_it_cannot(model, variant, budget, why):
    experiment = Experiment(SMALL, model, (variant,), budget)
    text = script(experiment, "scikit-learn")
    assert why in text
    found = executed(text)
    optimum = experiment.problem().optimum
    if "exact minimum" in found:
        np.testing.assert_allclose(found["exact minimum"], optimum.theta, rtol=1e-9, atol=1e-12)
    else:
        assert list(found) == ["least squares"]


@pytest.mark.parametrize(
    "model", [Model(l2=0.3), Model(l2=0.3, loss="squared_error"), Model(intercept=False), Model(l2=2.0, degree=2)]
)
def test_the_exact_minimum_beside_it_is_ours(model):
    experiment = Experiment(SMALL, model, (Variant(), THREE[2]), Budget(epochs=2))
    found = executed(script(experiment, "scikit-learn"))
    np.testing.assert_allclose(found["exact minimum"], experiment.problem().optimum.theta, rtol=1e-9, atol=1e-12)
    run = experiment.run().runs[1]
    np.testing.assert_allclose(found[run.label], run.final, rtol=1e-10)


def test_scikit_learn_says_that_it_diverged():
    experiment = Experiment(SMALL, variants=(Variant(sampling=Stochastic(), schedule=Constant(3.0)),))
    assert experiment.run().runs[0].outcome.value == "diverged"
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(script(experiment, "scikit-learn"), {})
    assert "diverged" in out.getvalue()


# uploads


TABLE = pd.DataFrame(
    {
        "size": [50.0, 80.5, None, 120.0, 65.0, 90.0, 70.0, 55.0],
        "town": ["Ulm", "Bonn", "Ulm", None, "Aachen", "Bonn", "Bonn", "Ulm"],
        "rooms": [2, 3, 3, 5, 2, 4, 3, 2],
        "garden": [True, False, True, True, False, False, True, False],
        "price": [100.5, 160.0, 150.0, 260.0, None, 190.0, 140.0, 110.0],
    }
)


def uploaded(frame: pd.DataFrame, filename: str, **options: object) -> tuple[Experiment, Dataset]:
    target = options.pop("target", "price")
    dataset = to_dataset(frame, target=target, **options)
    data = Uploaded(dataset.fingerprint, filename, target, **options)
    return Experiment(data, variants=(Variant(sampling=MiniBatch(3), label="one"),), budget=Budget(epochs=3)), dataset


@pytest.mark.parametrize("language", DESCENTS)
@pytest.mark.parametrize("missing", ["drop", "mean", "median", "most_frequent"])
@pytest.mark.parametrize("categories", ["one-hot", "ordinal", "drop"])
@pytest.mark.parametrize("features", [None, ["rooms", "town", "size"]])
def test_an_uploaded_table(missing, categories, features, language, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    TABLE.to_csv("houses.csv", index=False)
    experiment, dataset = uploaded(TABLE, "houses.csv", missing=missing, categories=categories, features=features)
    assert_same(experiment, language, dataset)


@pytest.mark.parametrize(
    "filename", ["houses.CSV", "houses.tsv", "../../houses.csv", "houses.json", "houses.parquet", "houses.xlsx"]
)
def test_files_of_other_formats(filename, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = filename.rpartition("/")[2]
    frame = TABLE[["size", "rooms", "price"]].dropna()
    writers = {
        "json": lambda: frame.to_json(name, orient="records"),
        "parquet": lambda: frame.to_parquet(name),
        "xlsx": lambda: frame.to_excel(name, index=False),
        "tsv": lambda: frame.to_csv(name, index=False, sep="\t"),
    }
    writers.get(name.rpartition(".")[2], lambda: frame.to_csv(name, index=False, sep=";"))()
    experiment, dataset = uploaded(frame, filename)
    assert_same(experiment, "numpy", dataset)


def test_another_table_is_noticed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiment, dataset = uploaded(TABLE, "houses.csv")
    for other in (TABLE.iloc[1:], TABLE.assign(rooms=TABLE.rooms + 1)):
        other.to_csv("houses.csv", index=False)
        with pytest.raises(AssertionError):
            executed(script(experiment, "numpy", dataset))


def test_an_uploaded_table_is_needed():
    experiment, _ = uploaded(TABLE, "houses.csv")
    with pytest.raises(ValueError, match="hand over its data set"):
        script(experiment, "numpy")


HOSTILE = [
    "'; raise SystemExit('owned') #",
    '"; raise SystemExit("owned") #',
    '"""\nraise SystemExit("owned")\n"""',
    "'''\nraise SystemExit('owned')\n'''",
    "\nraise SystemExit('owned')\n",
    "\r\nraise SystemExit('owned')",
    "\u2028raise SystemExit('owned')",
    "\x0craise SystemExit('owned')",
    "\x00\\",
    "{raise_}{0}%s%(x)s",
    "\\",
    "\\'",
    "# -*- coding: utf-7 -*-",
    "import os",
    "from os import system",
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_text(text, language, tmp_path, monkeypatch):
    if language == "pytorch" and importlib.util.find_spec("torch") is None:
        pytest.skip("needs PyTorch: pip install torch, then run this file again")
    monkeypatch.chdir(tmp_path)
    X = np.arange(12.0).reshape(6, 2)
    target = text + " target"
    dataset = Dataset(X, X[:, 0] - 2 * X[:, 1] ** 2, (text, "b"), target)
    data = Uploaded(dataset.fingerprint, text, target, (text, "b"))
    variants = (Variant(label=text, sampling=Stochastic(), schedule=Constant(0.01)), Variant(label=text))
    made = script(Experiment(data, variants=variants, seeds=2), language, dataset)
    read: list[str] = []
    frame = pd.DataFrame({text: X[:, 0], "b": X[:, 1], target: dataset.y})
    # the script strips the names of the columns, as the reading of a table does
    monkeypatch.setattr(pd, "read_csv", lambda name, **_: read.append(name) or frame.copy())
    made = made.replace("frame.columns = frame.columns.astype(str).str.strip()", "pass")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(made, "script.py", "exec"), {"__name__": "__main__"})
    assert len(read) == 1
    assert text in out.getvalue()
    # and every line that is a comment is one line
    for line in made.split("\n"):
        assert not line.startswith("raise")


def test_scripts_run_as_programs(tmp_path):
    experiment = Experiment(Bundled("linnerud"), Model(degree=2), (*THREE, Variant(rule=Lion())), Budget(epochs=2))
    runs = experiment.run()
    # PyTorch's takes long to start, and is executed everywhere else in this file
    for language in ("numpy", "scikit-learn"):
        path = tmp_path / "program.py"
        path.write_text(script(experiment, language), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "error", str(path)], capture_output=True, text=True, timeout=120, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        found = printed(done.stdout)
        wanted = [runs.runs[2]] if language == "scikit-learn" else runs.runs
        for run in wanted:
            np.testing.assert_allclose(found[run.label], run.final, rtol=1e-9)


def test_a_rule_added_later_is_in_the_scripts():
    added = Experiment(SMALL, variants=(Variant(rule=Halving(), schedule=Constant(0.1)),), budget=Budget(updates=9))
    try:
        assert_same(added, "numpy")
        if importlib.util.find_spec("torch") is not None:
            assert_same(added, "pytorch")
    finally:
        RULES.pop("Halving", None)


def halving(theta, gradient, state, hyper, update, rate):
    """Half of the last step, and the gradient."""
    for j in range(theta.size):
        state[0, j] = hyper[0] * state[0, j] - rate * gradient[j]
        theta[j] += state[0, j]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Halving(Rule, step=halving, slots=1):
    """v <- v / 2 - eta g; theta <- theta + v."""

    share: float = 0.5


RULES.pop("Halving")


@pytest.fixture(autouse=True)
def _halving_is_registered(request):
    if "added_later" in request.node.name:
        RULES["Halving"] = Halving
    yield
    RULES.pop("Halving", None)


@needs_torch
def test_our_defaults_are_those_of_torch():
    import torch

    for kind, (name, _) in TORCH_RULES.items():
        theirs = inspect.signature(getattr(torch.optim, name)).parameters
        for field in dataclasses.fields(kind):
            assert field.default == theirs[field.name].default, (name, field.name)


def test_what_has_no_script_says_so():
    with pytest.raises(ValueError, match="language must be one of numpy, pytorch, scikit-learn"):
        script(Experiment(SMALL), "fortran")


# the trace


def test_the_trace_holds_every_record_to_the_last_bit():
    experiment = Experiment(SMALL, Model(validation=0.2), THREE, Budget(epochs=3), seeds=2)
    comparison = experiment.run()
    rows = list(csv.DictReader(io.StringIO(trace_csv(comparison))))
    assert len(rows) == sum(len(run.updates) for repeat in comparison.repeats for run in repeat)
    position = 0
    for label, repeat in zip(comparison.labels, comparison.repeats, strict=True):
        for run in repeat:
            part = rows[position : position + len(run.updates)]
            position += len(run.updates)
            assert {row["variant"] for row in part} == {label}
            assert {row["seed"] for row in part} == {str(run.variant.seed)}
            np.testing.assert_array_equal([float(row["loss"]) for row in part], run.loss)
            np.testing.assert_array_equal([float(row["validation_loss"]) for row in part], run.validation_loss)
            np.testing.assert_array_equal([float(row["theta: x2"]) for row in part], run.theta[:, 2])
            np.testing.assert_array_equal([int(row["update"]) for row in part], run.updates)


@pytest.mark.parametrize("mark", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_text_of_the_trace_is_a_formula(mark):
    text = mark + 'HYPERLINK("http://example.org")'
    comparison = Experiment(SMALL, variants=(Variant(label=text),), budget=Budget(updates=2)).run()
    rows = list(csv.reader(io.StringIO(trace_csv(comparison), newline="")))
    assert rows[1][0] == "'" + text
    for row in rows[1:]:
        for cell in row[1:]:
            float(cell)
