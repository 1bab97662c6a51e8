"""One update under the microscope: the arrows, the words and the tables are those of the run."""

from __future__ import annotations

import numpy as np
import pytest

import gd_core as gd
from pages.shared import microscope

PROBLEM = gd.Regression(gd.generate("linear", n_samples=80, n_features=1, noise=1.0), validation=0.25)
WIDE = gd.Regression(gd.generate("correlated", n_samples=80, n_features=5, noise=1.0))


def looked_at(problem: gd.Regression, rule: gd.Rule | None = None) -> tuple[gd.Comparison, gd.Replay, gd.Plane]:
    variants = (
        gd.Variant(label="batch"),
        gd.Variant(sampling=gd.MiniBatch(8), rule=rule or gd.SGD(), schedule=gd.Constant(0.05), label="mini"),
    )
    compared = gd.compare(problem, variants, gd.Budget(epochs=3))
    return compared, gd.replay(compared.runs[1], [1, 5]), gd.plane(problem, compared.runs)


def drawn(compared: gd.Comparison, steps: gd.Replay, plane: gd.Plane, k: int) -> dict:
    figure = gd.figures.update_on_contour(plane, steps, k, variant=1, labels=compared.labels, runs=compared.runs)
    return {trace.name: trace for trace in figure.data if trace.name}


@pytest.mark.parametrize("problem", [PROBLEM, WIDE])
def test_arrows_point_against_the_gradients_at_one_scale(problem: gd.Regression) -> None:
    compared, steps, plane = looked_at(problem)
    traces = drawn(compared, steps, plane, 1)
    assert "batch" not in traces
    assert "mini" in traces
    scales = []
    for name, gradients in (
        ("gradient on the batch, downhill", steps.gradient),
        ("full gradient, downhill", steps.full_gradient),
    ):
        arrow = np.array([traces[name].x, traces[name].y])
        np.testing.assert_allclose(arrow[:, 0], plane.directions @ (steps.before[1] - plane.origin))
        downhill = -plane.directions @ gradients[1]
        scales.append(np.linalg.norm(arrow[:, 1] - arrow[:, 0]) / np.linalg.norm(downhill))
        np.testing.assert_allclose(arrow[:, 1] - arrow[:, 0], scales[-1] * downhill, rtol=1e-9)
    assert scales[0] == pytest.approx(scales[1])
    step = np.array([traces["the step"].x, traces["the step"].y])
    np.testing.assert_allclose(step[:, 1], plane.directions @ (steps.after[1] - plane.origin))


def test_a_close_up_holds_the_step_and_is_not_much_wider() -> None:
    compared, steps, plane = looked_at(PROBLEM)
    window = gd.figures.close_up(plane, steps, 1)
    length = np.linalg.norm(steps.step[1])
    for (low, high), before, after in zip(window, steps.before[1], steps.after[1], strict=True):
        assert low < min(before, after)
        assert high > max(before, after)
        assert length < high - low < 5 * length
    near = gd.plane(PROBLEM, compared.runs, window=window)
    assert (near.u[0], near.u[-1], near.v[0], near.v[-1]) == (*window[0], *window[1])
    assert drawn(compared, steps, near, 1)


def test_a_step_of_length_zero_has_a_close_up() -> None:
    compared, _steps, plane = looked_at(PROBLEM)
    still = gd.replay(compared.runs[1], [1])
    still.after[:] = still.before
    (low, high), _ = gd.figures.close_up(plane, still, 0)
    assert low < high


@pytest.mark.parametrize("window", [((1, 1), (0, 1)), ((0, 1), (1, 0))])
def test_a_window_without_width_is_refused(window: tuple) -> None:
    with pytest.raises(ValueError, match="two ascending pairs"):
        gd.plane(PROBLEM, [], window=window)


def test_angle_between_the_gradients() -> None:
    compared, steps, _ = looked_at(WIDE)
    for k in range(2):
        a, b = steps.gradient[k], steps.full_gradient[k]
        expected = np.degrees(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))
        assert steps.angle[k] == pytest.approx(expected, rel=1e-9)
    whole = gd.replay(compared.runs[0], [1, 2])
    assert whole.angle.tolist() == [0, 0]
    steps.gradient[0] = 0
    assert np.isnan(steps.angle[0])
    steps.gradient[1] *= 1e200
    assert np.isfinite(steps.angle[1])


def test_words_name_the_update_and_both_lengths() -> None:
    compared, steps, _ = looked_at(WIDE)
    words = gd.figures.describe_update(steps, 1, compared.labels[1], WIDE.parameter_names)
    assert words.startswith("Update 5 of mini: intercept, x1, x2 (the first 3 of 6) go from (")
    assert "The gradient on its 8 rows has length" in words
    assert words.endswith("degrees apart.")


@pytest.mark.parametrize("rule", [gd.SGD(), gd.Adam(), gd.TypedRule()])
def test_the_table_of_parameters_is_the_runs_to_the_last_bit(rule: gd.Rule) -> None:
    compared, _, _ = looked_at(PROBLEM, rule)
    run = compared.runs[1]
    steps = gd.replay(run, run.updates[1:])
    for k in range(len(steps.updates)):
        table = microscope.parameter_table(run, steps, k)
        np.testing.assert_array_equal(table["theta before"], run.theta[k])
        np.testing.assert_array_equal(table["theta after"], run.theta[k + 1])
        assert [f"{name} after" in table for name in rule.slot_names] == [True] * len(rule.slot_names)


def test_the_rows_are_those_of_the_data_with_their_predictions() -> None:
    compared, steps, _ = looked_at(PROBLEM)
    run, data = compared.runs[1], PROBLEM.dataset
    table = microscope.row_table(run, steps, 1)
    assert len(table) == 8
    places = table["row"].to_numpy() - 1
    assert set(places) <= set(PROBLEM.training_rows)
    np.testing.assert_array_equal(table["x1"], data.X[places, 0])
    np.testing.assert_array_equal(table["prediction"], PROBLEM.predict(steps.before[1], data.X[places]))
    np.testing.assert_array_equal(table["residual"], table["prediction"] - data.y[places])
    # half squared error: the gradient is the mean of residual times (1, scaled x)
    mean = (table["residual"].to_numpy()[:, None] * PROBLEM.design(data.X[places])).mean(axis=0)
    np.testing.assert_allclose(mean, steps.gradient[1], rtol=1e-12)
