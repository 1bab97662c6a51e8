"""A sweep's cells are the runs one would do by hand, in the grid's shape, whatever does them."""

import dataclasses
import importlib.util
import tracemalloc

import joblib
import numpy as np
import pytest

from gd_core.comparison import compare
from gd_core.curvature import curvature
from gd_core.datasets import generate
from gd_core.descent import Budget, Outcome, Variant, descend
from gd_core.regression import Regression
from gd_core.rules import SGD, Adam
from gd_core.sampling import Batch, MiniBatch, Stochastic
from gd_core.schedules import Constant, InverseScaling, StepDecay
from gd_core.surfaces import Surface
from gd_core.sweep import sweep, variant_with

PROBLEM = Regression(generate("correlated", n_samples=60, n_features=2, condition_number=8.0))
BUDGET = Budget(epochs=15)
RATES = [0.01, 0.1, 0.5, 5.0]
SIZES = [1, 8, 60]


def test_the_grid_is_that_of_single_runs():
    found = sweep(PROBLEM, Variant(sampling=MiniBatch(8)), {"learning_rate": RATES, "batch_size": SIZES}, BUDGET)
    assert found.final_loss.shape == found.outcome.shape == found.shape == (4, 3)
    for i, rate in enumerate(RATES):
        for j, size in enumerate(SIZES):
            variant = Variant(sampling=MiniBatch(size), schedule=Constant(rate))
            assert found.variant_at((i, j)) == found.variant_at(3 * i + j) == variant
            run = descend(PROBLEM, variant, BUDGET)
            assert found.final_loss[i, j] == run.loss[-1]
            assert found.outcome[i, j] is run.outcome
            assert found.updates[i, j] == run.updates[-1]
            reached = run.updates_to(found.target_loss)
            if reached is None:
                assert np.isnan(found.updates_to_tolerance[i, j])
                assert np.isnan(found.examples_to_tolerance[i, j])
            else:
                assert found.updates_to_tolerance[i, j] == reached
                assert found.examples_to_tolerance[i, j] == run.examples[run.updates == reached][0]
    assert found.outcome[3, 2] is Outcome.DIVERGED
    assert np.isfinite(found.updates_to_tolerance).any()
    assert np.isnan(found.updates_to_tolerance).any()


def test_the_target_is_that_of_a_comparison():
    found = sweep(PROBLEM, Variant(), {"learning_rate": RATES}, BUDGET)
    comparison = compare(PROBLEM, [found.variant_at(i) for i in range(4)], BUDGET)
    assert found.target_loss == comparison.target_loss


def test_where_no_optimum_is_known_the_lowest_run_sets_the_target():
    surface = Surface.from_expression("sin(3*x) + y^2", domain=((-2, 2), (-2, 2)))
    assert surface.optimum is None
    variant = Variant(start=(0.3, 1.0))
    found = sweep(surface, variant, {"learning_rate": [0.001, 0.05, 0.2]}, Budget(updates=60))
    comparison = compare(surface, [found.variant_at(i) for i in range(3)], Budget(updates=60))
    assert found.target_loss == comparison.target_loss
    assert found.updates_to_tolerance[1] == comparison.runs[1].updates_to(comparison.target_loss)


def test_stability_shows_in_the_map():
    limit = curvature(PROBLEM).max_stable_learning_rate
    found = sweep(
        PROBLEM, Variant(), {"learning_rate": [0.5 * limit, 0.99 * limit, 1.05 * limit]}, Budget(updates=2000)
    )
    assert [outcome is Outcome.DIVERGED for outcome in found.outcome] == [False, False, True]


NAMES = [
    ("learning_rate", 0.3, lambda v: v.schedule.learning_rate),
    ("every", 4, lambda v: v.schedule.every),
    ("per", "update", lambda v: v.schedule.per),
    ("momentum", 0.5, lambda v: v.rule.momentum),
    ("weight_decay", 0.1, lambda v: v.rule.weight_decay),
    ("seed", 7, lambda v: v.seed),
    ("batch_size", 5, lambda v: v.sampling.batch_size),
    ("shuffle", False, lambda v: v.sampling.shuffle),
    ("drop_last", True, lambda v: v.sampling.drop_last),
    ("start", "random", lambda v: v.start),
    ("rule", Adam(), lambda v: v.rule),
    ("sampling", Stochastic(), lambda v: v.sampling),
    ("schedule", Constant(0.2), lambda v: v.schedule),
]


@pytest.mark.parametrize(("name", "value", "read"), NAMES, ids=[row[0] for row in NAMES])
def test_every_setting_can_be_an_axis(name, value, read):
    variant = Variant(sampling=MiniBatch(8), rule=SGD(momentum=0.9), schedule=StepDecay(0.1))
    changed = variant_with(variant, {name: value})
    assert read(changed) == value
    assert read(sweep(PROBLEM, variant, {name: [value]}, BUDGET).variant_at(0)) == value
    others = {field.name for field in dataclasses.fields(variant)}
    differing = {other for other in others if getattr(changed, other) != getattr(variant, other)}
    assert len(differing) == 1


def test_a_batch_size_keeps_how_rows_are_drawn():
    assert variant_with(Variant(sampling=Stochastic(replacement=True)), {"batch_size": 4}).sampling == MiniBatch(
        4, replacement=True
    )
    assert variant_with(Variant(sampling=Batch()), {"batch_size": 4}).sampling == MiniBatch(4)


def test_a_part_is_set_before_its_fields():
    changed = variant_with(Variant(), {"power": 0.5, "schedule": InverseScaling(0.3)})
    assert changed.schedule == InverseScaling(0.3, power=0.5)


def test_the_table_has_a_row_a_cell():
    found = sweep(PROBLEM, Variant(), {"learning_rate": RATES, "seed": [0, 1]}, BUDGET)
    frame = found.to_frame()
    assert len(frame) == 8
    assert frame.columns.tolist()[:3] == ["learning_rate", "seed", "final_loss"]
    row = frame.iloc[5]
    assert (row["learning_rate"], row["seed"]) == (RATES[2], 1)
    assert row["final_loss"] == found.final_loss[2, 1]
    assert set(frame["outcome"]) <= {outcome.value for outcome in Outcome}


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_another_backend_gives_the_same_numbers(backend):
    axes = {"learning_rate": RATES, "batch_size": SIZES}
    alone = sweep(PROBLEM, Variant(), axes, BUDGET, n_jobs=1)
    with joblib.parallel_config(backend=backend, n_jobs=2):
        spread = sweep(PROBLEM, Variant(), axes, BUDGET)
    np.testing.assert_array_equal(alone.final_loss, spread.final_loss)
    np.testing.assert_array_equal(alone.updates_to_tolerance, spread.updates_to_tolerance)
    assert [o.value for o in alone.outcome.ravel()] == [o.value for o in spread.outcome.ravel()]


@pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="needs Dask: pip install distributed, then run this again"
)
@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster_gives_the_same_numbers():
    from distributed import Client

    axes = {"learning_rate": RATES, "batch_size": SIZES}
    alone = sweep(PROBLEM, Variant(), axes, BUDGET, n_jobs=1)
    with (
        Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None),
        joblib.parallel_config(backend="dask"),
    ):
        spread = sweep(PROBLEM, Variant(), axes, BUDGET)
    np.testing.assert_array_equal(alone.final_loss, spread.final_loss)


@pytest.mark.parametrize("cells", [3, 20])
def test_progress_counts_the_runs(cells):
    seen = []
    sweep(PROBLEM, Variant(), {"seed": range(cells)}, BUDGET, progress=seen.append)
    np.testing.assert_allclose(seen, np.arange(1, cells + 1) / cells)


def test_memory_does_not_hold_the_paths():
    # 100 runs of 2,000 records of 101 parameters: 160 MB, were they kept
    problem = Regression(generate("linear", n_samples=150, n_features=100))
    variant = Variant(sampling=MiniBatch(10), schedule=Constant(0.005))
    sweep(problem, variant, {"seed": [0]}, Budget(epochs=1))
    tracemalloc.start()
    found = sweep(problem, variant, {"seed": range(100)}, Budget(updates=2500))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.final_loss.shape == (100,)
    assert peak < 40_000_000


@pytest.mark.parametrize(
    ("axes", "sentence"),
    [
        ({}, "at least one axis"),
        ({"learning_rate": []}, "axis 'learning_rate' needs at least one value"),
        ({"beta": [1]}, "an axis must be a setting of the variant, one of learning_rate, momentum, .*got 'beta'"),
        ({"learning_rate": [0.1, -1]}, "learning_rate must be positive, got -1"),
        ({"batch_size": [0]}, "batch_size must be at least 1"),
        ({"batch_size": [61]}, r"between 1 and n_samples \(60\), got 61"),
        ({"seed": range(101), "momentum": np.linspace(0, 0.9, 100)}, "at most 10,000 runs, got 10,100"),
        ({"nesterov": [True]}, "nesterov needs momentum"),
    ],
)
def test_what_cannot_be_swept_is_said(axes, sentence):
    with pytest.raises(ValueError, match=sentence):
        sweep(PROBLEM, Variant(), axes, BUDGET)
    with pytest.raises(ValueError, match="index must have 1 entries"):
        sweep(PROBLEM, Variant(), {"seed": [0]}, BUDGET).variant_at((0, 0))
