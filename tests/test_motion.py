"""One clock for all figures: what each tick shows, that it was recorded, and what it costs on the wire."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

import gd_core as gd
from gd_core import figures
from gd_core.figures import motion
from pages.shared import chart

BATCH = gd.Variant(schedule=gd.Constant(0.1), label="batch")
MINI = gd.Variant(sampling=gd.MiniBatch(32), schedule=gd.Constant(0.05), label="mini-batch")
SINGLE = gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(0.002), label="stochastic")
ADAM = gd.Variant(sampling=gd.MiniBatch(32, drop_last=True), rule=gd.Adam(), schedule=gd.Cosine(0.1), label="Adam")
TOO_FAST = gd.Variant(schedule=gd.Constant(40.0), label="too fast")


def compared(variants: tuple[gd.Variant, ...], budget: gd.Budget, n_samples: int = 500, **model: Any) -> gd.Comparison:
    n_features = model.pop("n_features", 2)
    data = gd.generate("linear", n_samples=n_samples, n_features=n_features, noise=1.0)
    return gd.compare(gd.Regression(data, **model), variants, budget)


def views_of(comparison: gd.Comparison) -> list[Any]:
    plane = gd.plane(comparison.problem, comparison.runs)
    return [figures.OnCurve(), figures.OnSurface(plane=plane), figures.OnContour(plane=plane), figures.OnFit()]


def moving(comparison: gd.Comparison, **options: Any) -> figures.Motion:
    return figures.synchronised(comparison.runs, views_of(comparison), labels=comparison.labels, **options)


def received(wire: str) -> dict[str, Any]:
    """What the browser makes of the wire's text."""

    def unpack(node: dict[str, Any]) -> Any:
        return np.frombuffer(base64.b64decode(node["bdata"]), node["dtype"]) if "bdata" in node else node

    return json.loads(wire, object_hook=unpack)


LONG = compared((BATCH, MINI, SINGLE, ADAM), gd.Budget(epochs=20), 5000)
SHORT = compared((BATCH, TOO_FAST), gd.Budget(updates=60))
COMPARISONS = [LONG, SHORT, compared((SINGLE, BATCH), gd.Budget(examples=9000))]


@pytest.mark.parametrize("comparison", COMPARISONS, ids=["epochs", "updates", "examples"])
@pytest.mark.parametrize("unit", ["epochs", "updates", "examples"])
def test_every_tick_is_a_record_and_every_run_stands_at_its_last_one(comparison: gd.Comparison, unit: str) -> None:
    clock = moving(comparison, unit=unit).clock
    places = [np.asarray(getattr(run, unit), dtype=float) for run in comparison.runs]
    assert 2 <= clock.size <= motion.MOST_TICKS
    assert np.all(np.diff(clock) > 0)
    assert clock[0] == 0
    assert clock[-1] == max(place[-1] for place in places)
    assert np.all(np.isin(clock, np.concatenate(places)))
    for place, records in zip(places, moving(comparison, unit=unit).records, strict=True):
        for amount, record in zip(clock, records, strict=True):
            assert place[record] <= amount
            assert record == place.size - 1 or place[record + 1] > amount
        assert records[0] == 0, "every run begins at its start"
        assert records[-1] == place.size - 1, "every run ends at its end"
        assert place[-1] in clock


def test_runs_with_few_records_miss_none() -> None:
    for i, run in enumerate(LONG.runs):
        if len(run.updates) < 50:
            np.testing.assert_array_equal(np.unique(moving(LONG).records[i]), np.arange(len(run.updates)))
            break
    else:
        pytest.fail("no run with few records")


def test_ticks_are_dense_where_records_are_and_leave_no_gap() -> None:
    clock = moving(LONG).clock
    assert np.max(np.diff(clock)) <= 4 * clock[-1] / clock.size
    assert np.sum(clock < 0.5) > 2 * np.sum((clock >= 10) & (clock < 10.5))


def test_short_runs_tick_at_every_record() -> None:
    np.testing.assert_array_equal(moving(SHORT, unit="updates").clock, np.arange(61))


def test_seconds_count_updates() -> None:
    assert moving(SHORT, unit="seconds").unit == "updates"


@pytest.mark.parametrize("comparison", COMPARISONS, ids=["epochs", "updates", "examples"])
def test_browser_receives_what_was_recorded(comparison: gd.Comparison) -> None:
    made = moving(comparison)
    sent = received(chart.motion_to_wire(made))
    np.testing.assert_allclose(sent["clock"], made.clock, rtol=1e-6)
    plane = gd.plane(comparison.problem, comparison.runs)
    for run, records, path, got in zip(comparison.runs, made.records, plane.paths, sent["runs"], strict=True):
        at = got["at"]
        np.testing.assert_array_equal(got["updates"][at], run.updates[records])
        np.testing.assert_array_equal(got["loss"][at], run.loss[records])
        np.testing.assert_allclose(got["gradientNorm"][at], run.gradient_norm[records], rtol=1e-6)
        rate = got["rate"] if isinstance(got["rate"], float) else got["rate"][at]
        np.testing.assert_allclose(np.broadcast_to(rate, at.shape), run.learning_rate[records], rtol=1e-6)
        theta = got["theta"].reshape(len(got["updates"]), -1)[at]
        np.testing.assert_allclose(theta, run.theta[records], rtol=1e-6)
        np.testing.assert_allclose(got["u"][at], path.u[records], rtol=1e-6)
        np.testing.assert_allclose(got["v"][at], path.v[records], rtol=1e-6)
        updates, rows, batch = got["epoch"]
        whole, within = np.divmod(got["updates"][at], updates)
        np.testing.assert_array_equal(whole * rows + np.minimum(within * batch, rows), run.examples[records])
    assert [got["status"] for got in sent["runs"]] == [
        {"BUDGET_SPENT": "out of budget", "DIVERGED": "diverged", "CONVERGED": "converged"}[run.outcome.name]
        for run in comparison.runs
    ]


def test_linear_fit_is_rows_times_parameters() -> None:
    sent = received(chart.motion_to_wire(moving(LONG)))
    view, problem = sent["views"][3], LONG.problem
    rows = view["rows"] - 1
    basis = view["basis"].reshape(len(rows), -1)
    np.testing.assert_allclose(view["x"], problem.dataset.y[rows], rtol=1e-6)
    for run, got in zip(LONG.runs, sent["runs"], strict=True):
        theta = got["theta"].reshape(len(got["updates"]), -1)
        k = len(theta) // 2
        record = int(np.flatnonzero(run.updates == got["updates"][k])[0])
        expected = problem.predict(run.theta[record], problem.dataset.X[rows])
        np.testing.assert_allclose(basis @ theta[k], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("n_features", "model"), [(1, {"model": "tanh"}), (2, {"model": "mlp"}), (8, {"degree": 2})], ids=str
)
def test_other_fits_are_predictions_at_some_ticks(n_features: int, model: dict[str, Any]) -> None:
    comparison = compared((BATCH, MINI), gd.Budget(epochs=20), n_features=n_features, **model)
    made = moving(comparison)
    sent = received(chart.motion_to_wire(made))
    view, data = sent["views"][3], comparison.problem.dataset
    X = view["x"][:, None] if n_features == 1 else data.X[view["rows"] - 1]
    assert view["keys"][0] == 0
    assert view["keys"][-1] == len(made.clock) - 1
    for run, records, got in zip(comparison.runs, made.records, view["predicted"], strict=True):
        levels = got["levels"].reshape(-1, len(X))
        for key in (0, len(view["keys"]) // 2, len(view["keys"]) - 1):
            expected = comparison.problem.predict(run.theta[records[view["keys"][key]]], X)
            drawn = view["low"] + view["step"] * levels[got["at"][key]]
            inside = (expected > view["low"]) & (expected < view["low"] + view["step"] * motion.LEVELS)
            assert inside.any()
            np.testing.assert_allclose(drawn[inside], expected[inside], atol=view["step"] * 1.01)


def test_diverged_run_stops_at_its_last_record_and_stays_strict_json() -> None:
    sent = received(chart.motion_to_wire(moving(SHORT)))
    fast, run = sent["runs"][1], SHORT.runs[1]
    assert run.outcome is gd.Outcome.DIVERGED
    assert fast["status"] == "diverged"
    assert fast["divergedAt"] == run.diverged_at
    assert fast["updates"][fast["at"][-1]] == run.updates[-1] < SHORT.runs[0].updates[-1]


def test_point_stands_on_the_median_where_that_is_drawn() -> None:
    several = gd.compare(LONG.problem, (MINI,), gd.Budget(epochs=2), seeds=3)
    band = several.band(0)
    sent = received(chart.motion_to_wire(figures.synchronised(several.runs, [figures.OnCurve(bands=[band])])))
    got = sent["runs"][0]
    np.testing.assert_allclose(got["height"], np.interp(got["updates"], band.updates, band.median))


def test_surface_reads_out_value_and_gradient() -> None:
    runs = gd.compare(gd.Surface.named("bowl"), (gd.Variant(start=(2.0, 2.0)),), gd.Budget(updates=50)).runs
    made = figures.synchronised(runs, [figures.OnCurve(against="updates")], unit="updates", gradients=True)
    sent = received(chart.motion_to_wire(made))
    assert sent["quantity"] == "value"
    assert sent["runs"][0]["loss"][0] == 8
    np.testing.assert_array_equal(sent["runs"][0]["gradient"][:2], [4, 4])


def test_labels_are_text_in_the_readout_and_escaped_in_traces() -> None:
    hostile = gd.compare(SHORT.problem, (gd.Variant(label="<b>%{x}</b>"),), gd.Budget(updates=5))
    sent = received(chart.motion_to_wire(moving(hostile)))
    assert sent["runs"][0]["label"] == "<b>%{x}</b>"
    assert {trace["name"] for view in sent["views"][:3] for trace in view["traces"]} == {"&lt;b&gt;% {x}&lt;/b&gt;"}
    assert sent["views"][3]["names"] == ["&lt;b&gt;% {x}&lt;/b&gt;"]


@pytest.mark.parametrize("n_features", [1, 2, 10])
def test_four_variants_cost_less_than_60_kilobytes(n_features: int) -> None:
    comparison = compared((BATCH, MINI, SINGLE, ADAM), gd.Budget(epochs=20), 10_000, n_features=n_features)
    assert 15_000 < len(chart.motion_to_wire(moving(comparison))) < 60_000


def test_many_parameters_still_cost_less_than_100_kilobytes() -> None:
    comparison = compared((BATCH, MINI, SINGLE, ADAM, BATCH, MINI), gd.Budget(epochs=5), 2000, n_features=10, degree=2)
    assert len(chart.motion_to_wire(moving(comparison))) < 100_000


@pytest.mark.parametrize(
    ("runs", "options", "message"),
    [
        ((), {}, "at least one run"),
        (SHORT.runs, {"labels": ["one"]}, r"one a run \(2\)"),
        (SHORT.runs, {"unit": "hours"}, "unit must be one of .* got 'hours'"),
    ],
)
def test_misuse_raises(runs: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        figures.synchronised(runs, [], **options)


def test_motion_must_have_one_view_a_figure() -> None:
    figure = figures.loss_curves(SHORT.runs)
    with pytest.raises(ValueError, match=r"one view a figure \(1\), got 4"):
        chart.show(figure, key="k", summary="one", motion=moving(SHORT))


STEP = {"tick": 3, "amount": 1.5, "unit": "epochs", "updates": [1, 40]}


@pytest.mark.parametrize(
    ("payload", "accepted"),
    [
        (STEP, True),
        (None, False),
        ("step", False),
        ({**STEP, "tick": -1}, False),
        ({**STEP, "amount": float("nan")}, False),
        ({**STEP, "amount": 10**400}, False),
        ({**STEP, "unit": "<b>"}, False),
        ({**STEP, "updates": "all"}, False),
        ({**STEP, "updates": [float("inf")]}, False),
        ({"tick": 3}, False),
    ],
)
def test_steps_from_a_browser_are_checked(payload: object, accepted: bool) -> None:
    step = chart._step(payload)
    assert (step is not None) is accepted
    if step is not None:
        assert step == chart.Step(tick=3, amount=1.5, unit="epochs", updates=(1, 40))
