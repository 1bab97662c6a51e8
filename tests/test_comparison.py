"""Several variants at once: the same rows for all, the numbers of each alone, and what the tables say."""

import itertools
import math
import re
from typing import Any

import numpy as np
import pytest

import gd_core as gd
from gd_core.comparison import TOLERANCE, distinct_labels, run_all

SAMPLINGS = (gd.Batch(), gd.Stochastic(), gd.MiniBatch(8))
BUDGET = gd.Budget(epochs=10)


def problem(**settings: Any) -> gd.Regression:
    return gd.Regression(gd.generate("correlated", n_samples=60, n_features=2, noise=0.5, seed=4), **settings)


def variants(**changed: Any) -> list[gd.Variant]:
    return [gd.Variant(sampling=sampling, schedule=gd.Constant(0.05), **changed) for sampling in SAMPLINGS]


def bits(run: gd.Run) -> list[bytes]:
    arrays = (run.updates, run.examples, run.epochs, run.theta, run.loss, run.gradient_norm, run.learning_rate)
    return [array.tobytes() for array in arrays] + [repr((run.variant, run.outcome, run.diverged_at)).encode()]


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_the_runs_are_those_of_each_variant_alone(seeds: int) -> None:
    # three variants with five seeds are enough runs to be spread over threads
    chosen = variants(seed=3)
    found = gd.compare(problem(), chosen, BUDGET, seeds=seeds)
    assert [len(repeat) for repeat in found.repeats] == [seeds] * 3
    for variant, repeat in zip(chosen, found.repeats, strict=True):
        for r, run in enumerate(repeat):
            with_seed = gd.Variant(sampling=variant.sampling, schedule=variant.schedule, seed=3 + r)
            assert bits(run) == bits(gd.descend(problem(), with_seed, BUDGET))
    assert found.runs == tuple(repeat[0] for repeat in found.repeats)


@pytest.mark.parametrize("model", ["linear", "mlp"])
@pytest.mark.parametrize("records", [10, 37])
def test_fewer_records_are_some_of_the_same(model: str, records: int) -> None:
    settings = {"seeds": 4, "budget": gd.Budget(updates=333)}
    whole = gd.compare(problem(model=model), variants(), **settings)
    fewer = gd.compare(problem(model=model), variants(), **settings, records=records)
    for repeat, thinned in zip(whole.repeats, fewer.repeats, strict=True):
        for run, short in zip(repeat, thinned, strict=True):
            assert records // 2 <= len(short.updates) <= records
            assert (short.updates[0], short.updates[-1]) == (0, 333)
            kept = np.isin(run.updates, short.updates)
            for name in ("updates", "examples", "epochs", "theta", "learning_rate", "loss"):
                np.testing.assert_array_equal(getattr(run, name)[kept], getattr(short, name))
    names = ["final loss", "loss, lowest", "loss, highest", "distance to optimum", "examples seen"]
    kept_names = [name for name in names if name in whole.table()]
    np.testing.assert_array_equal(whole.table()[kept_names], fewer.table()[kept_names])


@pytest.mark.parametrize("records", [9, 0, -1, 10.5])
def test_too_few_records_are_refused(records: float) -> None:
    with pytest.raises(ValueError, match="records"):
        gd.compare(problem(), variants(), BUDGET, records=records)


def test_seed_by_seed_all_variants_read_the_same_rows() -> None:
    found = gd.compare(problem(), variants(), BUDGET, seeds=3)
    for r in range(3):
        orders = []
        for repeat in found.repeats[1:]:
            run = repeat[r]
            sampling, seed = run.variant.sampling, run.variant.seed
            rows = [sampling.rows_of(update, 60, seed) for update in range(1, sampling.updates_per_epoch(60) + 1)]
            orders.append(np.concatenate(rows))
        np.testing.assert_array_equal(orders[0], orders[1])
        np.testing.assert_array_equal(orders[0], np.random.default_rng(r).permutation(60))


def test_all_variants_start_in_one_point_and_read_as_many_examples() -> None:
    found = gd.compare(problem(model="mlp"), variants(seed=2), BUDGET)
    for run in found.runs:
        np.testing.assert_array_equal(run.theta[0], found.runs[0].theta[0])
        assert run.examples[-1] == 600
        assert run.epochs[-1] == 10.0


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_many_runs_come_back_in_order(n_jobs: int) -> None:
    chosen = [gd.Variant(sampling=gd.Stochastic(), seed=seed, schedule=gd.Constant(0.01)) for seed in range(12)]
    runs = run_all(problem(), chosen, BUDGET, n_jobs=n_jobs)
    assert [run.variant.seed for run in runs] == list(range(12))
    assert [bits(run) for run in runs] == [bits(gd.descend(problem(), variant, BUDGET)) for variant in chosen]


@pytest.mark.parametrize("seeds", [1, 4])
def test_progress_rises_to_one(seeds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count()
    monkeypatch.setattr("gd_core.descent.drive.time.perf_counter", lambda: next(seconds))
    heard: list[float] = []
    gd.compare(problem(), variants(), gd.Budget(epochs=3, loss_tolerance=1e-300), seeds=seeds, progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert len(heard) >= 9
    assert all(0 < share <= 1 for share in heard)


# the table


def test_the_table_of_single_runs() -> None:
    found = gd.compare(problem(validation=0.25), variants(), BUDGET)
    table = found.table()
    assert list(table.index) == list(found.labels)
    assert list(table.columns) == [
        "final loss", "validation loss", "distance to optimum", "updates to tolerance", "updates", "examples seen",
        "seconds", "outcome", "why",
    ]  # fmt: skip
    optimum = found.problem.optimum
    target = optimum.value + TOLERANCE * (found.runs[0].loss[0] - optimum.value)
    assert found.target_loss == target
    for label, run in zip(found.labels, found.runs, strict=True):
        row = table.loc[label]
        assert row["final loss"] == run.loss[-1]
        assert row["validation loss"] == run.validation_loss[-1]
        assert row["distance to optimum"] == pytest.approx(np.sqrt(np.sum((run.final - optimum.theta) ** 2)))
        reached = run.updates[run.loss <= target]
        assert row["updates to tolerance"] == reached[0] if reached.size else math.isnan(row["updates to tolerance"])
        assert (row["updates"], row["examples seen"]) == (run.updates[-1], 450)
        assert (row["outcome"], row["why"]) == (run.outcome.value, run.explanation)
    # some variant has got there and some has not, or the test would show little
    assert 0 < table["updates to tolerance"].isna().sum() < 3


def test_the_table_of_repeated_runs_holds_medians() -> None:
    found = gd.compare(problem(), variants(), BUDGET, seeds=5)
    table = found.table()
    losses = [[run.loss[-1] for run in repeat] for repeat in found.repeats]
    np.testing.assert_array_equal(table["final loss"], np.median(losses, axis=1))
    np.testing.assert_array_equal(table["loss, lowest"], np.min(losses, axis=1))
    np.testing.assert_array_equal(table["loss, highest"], np.max(losses, axis=1))
    assert table["outcome"].tolist() == ["5 budget spent"] * 3


def test_without_an_optimum_the_best_loss_is_the_lowest_that_was_reached() -> None:
    found = gd.compare(problem(model="mlp"), variants(), BUDGET, seeds=2)
    assert found.problem.optimum is None
    assert found.best_loss == min(run.loss.min() for repeat in found.repeats for run in repeat)
    assert "distance to optimum" not in found.table()


def test_a_diverging_variant_is_told_apart_from_the_others() -> None:
    chosen = [gd.Variant(schedule=gd.Constant(rate)) for rate in (0.1, 50.0)]
    table = gd.compare(problem(), chosen, gd.Budget(updates=400)).table()
    assert table["outcome"].tolist() == ["budget spent", "diverged"]
    assert math.isnan(table["updates to tolerance"].iloc[1])
    assert np.isfinite(table["final loss"]).all()


# the differences


def test_the_table_of_differences_holds_what_differs_and_nothing_else() -> None:
    chosen = [
        gd.Variant(sampling=gd.Batch(), rule=gd.SGD(), label="a"),
        gd.Variant(sampling=gd.MiniBatch(8), rule=gd.Adam(betas=(0.8, 0.99)), label="b"),
    ]
    found = gd.compare(problem(), chosen, BUDGET).differences()
    assert list(found.columns) == ["a", "b"]
    rows = {name: tuple(values) for name, values in zip(found.index, found.to_numpy(), strict=True)}
    assert rows["sampling"] == ("Batch", "MiniBatch")
    assert rows["batch_size"] == ("-", "8")
    assert rows["rule"] == ("SGD", "Adam")
    assert rows["betas"] == ("-", "0.8, 0.99")
    assert rows["momentum"] == ("0", "-")
    assert rows["shuffle"] == ("-", "yes")
    assert not {"schedule", "learning_rate", "seed", "start", "weight_decay"} & set(rows)


def test_rates_that_differ_in_the_seventh_digit_differ() -> None:
    chosen = [gd.Variant(schedule=gd.Constant(rate)) for rate in (0.1234567, 0.1234568)]
    found = gd.compare(problem(), chosen, BUDGET).differences()
    assert found.loc["learning_rate"].tolist() == ["0.1234567", "0.1234568"]


def test_variants_that_are_the_same_differ_in_nothing() -> None:
    found = gd.compare(problem(), [gd.Variant(), gd.Variant()], BUDGET).differences()
    assert found.empty
    assert len(found.columns) == 2


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a", "b"], ("a", "b")),
        (["a", "a", "a"], ("a", "a (2)", "a (3)")),
        (["a", "a", "a (2)"], ("a", "a (2)", "a (2) (2)")),
        (["a (2)", "a", "a"], ("a (2)", "a", "a (3)")),
    ],
)
def test_labels_are_distinct(labels: list[str], expected: tuple[str, ...]) -> None:
    assert distinct_labels([gd.Variant(label=label) for label in labels]) == expected


# the bands


def test_a_band_is_the_median_and_the_quantiles_over_the_seeds() -> None:
    found = gd.compare(problem(), variants(), BUDGET, seeds=9)
    for i, repeat in enumerate(found.repeats):
        band = found.band(i)
        losses = np.array([run.loss for run in repeat])
        np.testing.assert_array_equal(band.updates, repeat[0].updates)
        np.testing.assert_array_equal(band.examples, repeat[0].examples)
        np.testing.assert_array_equal(band.epochs, repeat[0].epochs)
        np.testing.assert_array_equal(band.median, np.sort(losses, axis=0)[4])
        # of nine runs, the tenth part from below is 0.8 of the way to the second
        np.testing.assert_array_equal(band.low, np.sort(losses, axis=0)[1])
        np.testing.assert_array_equal(band.high, np.sort(losses, axis=0)[7])
        assert band.n_seeds == 9
    whole = found.band(1, quantiles=(0.0, 1.0))
    np.testing.assert_array_equal(whole.low, np.min([run.loss for run in found.repeats[1]], axis=0))
    # batch descent has no chance in it
    np.testing.assert_array_equal(found.band(0).low, found.band(0).high)


def test_an_even_number_of_seeds_has_the_median_between_the_middle_two() -> None:
    found = gd.compare(problem(), variants(), BUDGET, seeds=2)
    band = found.band(1)
    first, second = (run.loss for run in found.repeats[1])
    np.testing.assert_allclose(band.median, (first + second) / 2, rtol=1e-15)
    assert band.median[-1] == found.table()["final loss"].iloc[1]


def test_in_a_band_a_diverged_run_is_infinite_from_then_on_and_a_converged_one_stays() -> None:
    # near the edge of what is stable some seeds leave early, others late
    chosen = [gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(0.9))]
    found = gd.compare(problem(), chosen, gd.Budget(epochs=20, divergence=30.0), seeds=12)
    runs = found.repeats[0]
    ends = sorted(int(run.updates[-1]) for run in runs)
    assert all(run.outcome is gd.Outcome.DIVERGED for run in runs)
    assert ends[0] < ends[-1]
    band = found.band(0)
    assert band.updates[-1] == ends[-1]
    assert not any(np.isnan(values).any() for values in (band.low, band.median, band.high))
    assert np.isinf(band.high[-1])
    assert np.isfinite(band.low[: ends[0]]).all()

    # a rate that falls fast lets every seed settle, each after its own number of updates
    chosen = [gd.Variant(sampling=gd.MiniBatch(20), schedule=gd.ExponentialDecay(0.3, factor=0.5))]
    found = gd.compare(problem(), chosen, gd.Budget(epochs=30, loss_tolerance=1e-4), seeds=6)
    runs = found.repeats[0]
    assert all(run.outcome is gd.Outcome.CONVERGED for run in runs)
    band = found.band(0, quantiles=(0.0, 1.0))
    assert band.low[-1] == min(run.loss[-1] for run in runs)
    assert band.high[-1] == max(run.loss[-1] for run in runs)


# misuse


@pytest.mark.parametrize(
    ("chosen", "settings", "message"),
    [
        ([], {}, "compare needs at least one variant"),
        ([gd.SGD()], {}, "variants must be Variants, got SGD("),
        ([gd.Variant()], {"seeds": 0}, "seeds must be at least 1, got 0"),
        ([gd.Variant()], {"seeds": 1.5}, "seeds must be a whole number, got 1.5"),
        ([gd.Variant()], {"seeds": True}, "seeds must be a whole number, got True"),
        ([gd.Variant(sampling=gd.MiniBatch(61))], {}, "batch_size must be between 1 and n_samples (60), got 61"),
        ([gd.Variant(sampling=gd.MiniBatch(61))], {"seeds": 9}, "batch_size must be between 1 and n_samples (60), got"),
    ],
)
def test_misuse_is_said(chosen: list, settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        gd.compare(problem(), chosen, BUDGET, **settings)


@pytest.mark.parametrize("quantiles", [(0.9, 0.1), (-0.1, 0.9), (0.1, 1.1)])
def test_quantiles_in_disorder_are_refused(quantiles: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="quantiles must be 0 <= low <= high <= 1"):
        gd.compare(problem(), variants(), BUDGET).band(0, quantiles=quantiles)
