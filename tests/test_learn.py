"""The Learn page: what its figures say is worked out here in another way, and the page shows it."""

from __future__ import annotations

import json
import logging
import re
from base64 import b64decode
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import gd_core as gd
from gd_core.costs import closed_cost, preparing_cost, reading_cost
from gd_core.figures import lessons as draw
from pages.shared import lessons
from pages.shared.lessons.lesson import Lesson, in_latex, ravine, rough

APP = str(Path(__file__).parents[1] / "app.py")


def part(name: str) -> Any:
    """A lesson's own file; the package gives its function the same name."""
    return import_module(f"pages.shared.lessons.{name}")


def every_setting() -> list[Any]:
    """Each lesson with each place of its control."""
    computed: list[tuple[str, Callable[[Any], Lesson], Any]] = [
        ("walk", part("walk")._walk, range(part("walk").MOST_UPDATES + 1)),
        ("gradient", part("gradient")._gradient, range(part("gradient").MOST_UPDATES + 1)),
        ("rates", part("rates")._rates, part("rates").RATES),
        ("price", part("rates")._price, part("rates").CONDITIONS),
        ("stopping", part("stopping")._stopping, part("stopping").POWERS),
        ("three types", part("three_types")._types, range(1, part("three_types").EPOCHS + 1)),
        ("noise", part("noise")._noise, part("noise").SIZES),
        ("costs", part("costs")._costs, part("costs").ROWS),
        ("valleys", part("valleys")._valleys, part("valleys").STARTS),
        ("batch sizes", part("batch_sizes")._batch_sizes, part("batch_sizes").EXAMPLES),
        ("settling", part("settling")._settling, part("settling").SCHEDULES),
    ]
    assert len(computed) == len(lessons.LESSONS)
    return [
        pytest.param(compute, value, id=f"{name} {value}") for name, compute, values in computed for value in values
    ]


@pytest.mark.parametrize(("compute", "value"), every_setting())
def test_every_setting_has_figures_words_and_numbers(compute: Callable[[Any], Lesson], value: Any) -> None:
    found = compute(value)
    assert len(found.figures) == len(found.summaries)
    for figure in found.figures:
        assert json.loads(figure)["data"]
        assert len(figure) < 70_000
    told = " ".join([found.says, *found.summaries])
    assert not re.search(r"\b(nan|inf|None)\b|beyond what a computer|not a number", told)
    assert found.says.count("$") % 2 == 0
    table = found.table()
    assert len(table) >= 1
    assert not table.isna().all(axis=None)


def figures_of(found: Lesson, place: int = 0) -> list[dict]:
    return json.loads(found.figures[place])["data"]


# what the words say


@pytest.mark.parametrize("count", [1, 4, 15])
def test_the_walk_is_the_textbooks(count: int) -> None:
    walk = part("walk")
    data = walk._problem().dataset
    here, there = (
        float(gd.gradient_descent(data.X, data.y, learning_rate=walk.RATE, num_iterations=n)[0])
        for n in (count, count + 1)
    )
    assert rf"{{{there:.3f}}}_{{\text{{new }}\theta}}" in walk._walk(count).says
    assert rf"{{{here:.3f}}}_{{\theta}}" in walk._walk(count).says


def test_a_step_is_at_a_right_angle_to_the_contour_and_not_towards_the_lowest_point() -> None:
    problem = ravine()
    slope = problem.gradient(problem.start)
    along = np.array([-slope[1], slope[0]]) / np.linalg.norm(slope)
    for side in (-1e-6, 1e-6):
        assert problem.value(problem.start + side * along) == pytest.approx(problem.value(problem.start), abs=1e-11)
    towards = problem.optimum.theta - problem.start
    angle = np.degrees(np.arccos(-slope @ towards / np.linalg.norm(slope) / np.linalg.norm(towards)))
    assert angle > 15


@pytest.mark.parametrize("rate", part("rates").RATES)
def test_a_rates_verdict_is_what_happened(rate: float) -> None:
    problem = ravine()
    X, y, theta = problem.features, problem.targets, np.zeros(2)
    losses = [problem.value(theta)]
    for _ in range(part("rates").UPDATES):
        theta = theta - rate * X.T @ (X @ theta - y) / len(y)
        losses.append(problem.value(theta))
    best = float(np.linalg.lstsq(X, y, rcond=None)[1][0]) / len(y) / 2
    share = (np.array(losses) - best) / (losses[0] - best)
    says = part("rates")._rates(rate).says
    if rate > 2:
        assert says.startswith("**Too large.**")
        assert share[-1] > 1
    elif rate == 2:
        assert says.startswith("**On the limit.**")
        assert 0.9 < share[-1] < 1
    elif share.min() > 1e-3:
        assert f"After 200 updates {share[-1]:.1%}" in says
    else:
        assert f"after {int(np.argmax(share <= 1e-3))} updates" in says


@pytest.mark.parametrize("condition", [1, 10, 100])
def test_the_price_of_a_rate_is_the_one_that_theory_gives(condition: int) -> None:
    """The table counts updates that were made; theory says without any which update is the first to be close enough."""
    rates = part("rates")
    problem = ravine(condition_number=float(condition))
    counts = np.arange(rates.MOST_UPDATES + 1)
    needed = rates._price(condition).table()["updates needed"]
    for rate, told in list(zip(rates.GRID, needed, strict=True))[::6]:
        loss = gd.predicted_loss(problem, gd.Variant(schedule=gd.Constant(rate)), counts)
        close = loss - problem.optimum.value <= rates.ARRIVED_CLOSELY * (loss[0] - problem.optimum.value)
        assert told == (f"{int(np.argmax(close)):,}" if close.any() else "-")


def test_the_price_grows_with_the_condition_number_as_the_page_says() -> None:
    least = []
    for condition in (1, 100):
        needed = part("rates")._price(condition).table()["updates needed"]
        least.append(min(int(count.replace(",", "")) for count in needed if count != "-"))
    assert least[0] == 2
    assert 150 < least[1] < 250


@pytest.mark.parametrize("power", part("stopping").POWERS)
def test_the_small_gradient_keeps_its_promise_and_the_small_change_is_fooled(power: int) -> None:
    table = part("stopping")._stopping(power).table().set_index(["criterion", "walk"])["loss above best"]
    bound = 10.0 ** (-2 * power) / (2 * gd.curvature(ravine()).eigenvalues[0])
    assert (table["small gradient"] <= bound * (1 + 1e-6)).all()
    quick, slow = table["small change of the loss"]
    assert slow > 3 * quick


@pytest.mark.parametrize("size", [1, 20, 200])
def test_gradients_of_batches_are_right_on_average(size: int) -> None:
    problem = ravine(noise=1.0)
    drawn = part("noise").drawn_gradients(problem, size)
    rows = problem.features * (problem.features @ problem.start - problem.targets)[:, None]
    full = rows.mean(axis=0)
    spread = np.sqrt(rows.var(axis=0) / size * (200 - size) / 199 / len(drawn))
    assert np.all(np.abs(drawn.mean(axis=0) - full) <= 4 * spread + 1e-12)
    away = int(np.sum(drawn @ full <= 0))
    assert f"**{away} point the wrong way**" in part("noise")._noise(size).says
    assert (away > 20) if size == 1 else (away == 0)


def test_the_noise_falls_as_predicted() -> None:
    table = part("noise")._noise(1).table()
    before_all = table[table["batch size"] < 200]
    ratio = before_all.iloc[:, 2] / before_all["predicted"]
    assert ratio.between(0.6, 1.6).all()
    assert table.iloc[-1, 1:].tolist() == [0.0, 0.0]


def test_costs_are_those_of_the_arithmetic() -> None:
    """One multiplication with one addition each, counted in the loops that an update is made of."""
    b, n, m = 7, 3, 11
    made = sum(1 for _ in range(b) for _ in range(n)) * 2
    assert reading_cost(b, n) == (made, np.zeros((b, n)).nbytes + np.zeros(b).nbytes)
    assert closed_cost(n) == (n * n, np.zeros((n, n)).nbytes + np.zeros(n).nbytes)
    halves = sum(1 for _ in range(m) for i in range(n) for _ in range(i + 1))
    assert preparing_cost(m, n) == halves + m * n
    for cost, arguments in ((reading_cost, (0, 3)), (closed_cost, (0,)), (preparing_cost, (5, 0))):
        with pytest.raises(ValueError, match="must be at least 1, got 0"):
            cost(*arguments)


def test_noise_escapes_poor_valleys_and_good_ones_and_linear_regression_has_one() -> None:
    in_best = {}
    for case in part("valleys").STARTS:
        problem, variants, budget = part("valleys").setting(case)
        height = problem.values(np.array([run.theta[0] for run in gd.compare(problem, variants, budget).runs])).max()
        in_best[case] = []
        for variant, count in zip(variants, gd.count_basins(problem, variants, budget, seeds=20), strict=True):
            ends = [
                gd.descend(problem, gd.Variant(**{**vars(variant), "seed": seed}), budget).loss[-1]
                for seed in range(20)
            ]
            # another way to tell: the loss at the end itself, which only the best valley has
            low = sum(end < problem.optimum.value + 0.1 * (height - problem.optimum.value) for end in ends)
            assert count.in_best == low
            in_best[case].append(low)
    assert in_best["poor"][0] == 0
    assert in_best["poor"][1] >= 10
    assert in_best["good"][0] == 20
    assert 10 <= in_best["good"][1] < 20
    assert in_best["linear"] == [20, 20]
    assert f"stochastic {in_best['poor'][1]} of 20" in part("valleys")._valleys("poor").says


@pytest.mark.parametrize("examples", [300, 3000])
def test_a_shorter_budget_is_read_from_the_longer_run(examples: int) -> None:
    batches = part("batch_sizes")
    problem = ravine(n_samples=batches.N_SAMPLES, noise=1.0)
    size = 8
    found = {}
    for rate in batches.RATES:
        runs = gd.compare(
            problem,
            [gd.Variant(sampling=gd.MiniBatch(size), schedule=gd.Constant(rate))],
            gd.Budget(examples=examples),
            seeds=batches.SEEDS,
        ).repeats[0]
        found[rate] = float(np.median([run.loss[-1] for run in runs])) - problem.optimum.value
    best = batches.best_of(batches._runs()[size], examples)
    assert best.rate == min(found, key=found.__getitem__)
    # a record is not kept at every update of the longer run
    assert best.excess == pytest.approx(found[best.rate], rel=0.5)


def test_small_batches_win_short_races_and_larger_ones_long_races() -> None:
    winners = []
    for examples in part("batch_sizes").EXAMPLES:
        told = re.search(r"\*\*a batch of ([\d,]+) wins", part("batch_sizes")._batch_sizes(examples).says)
        winners.append(int(told[1].replace(",", "")))
    assert winners[0] == winners[1] == 1
    assert winners[-1] >= 64
    assert winners == sorted(winners)


def test_a_constant_rate_stays_at_the_floor_and_schedules_do_what_the_page_says() -> None:
    settling = part("settling")
    problem = ravine(noise=1.0)
    floor = gd.noise_floor(problem, gd.Variant(sampling=settling.SAMPLING, schedule=gd.Constant(settling.RATE)))
    ends = {}
    for name in settling.SCHEDULES:
        says = settling._settling(name).says
        level, theory = (float(number) for number in re.findall(r"\*\*([\d.e-]+)\*\*", says)[:2])
        assert theory == pytest.approx(floor.excess, rel=0.02)
        assert level == pytest.approx(floor.excess, rel=0.25)
        if name != "constant":
            ends[name] = float(re.findall(r"\*\*([\d.e-]+)\*\*", says)[2])
    assert ends["step"] < floor.excess / 10
    assert ends["cosine"] < floor.excess / 10
    assert ends["epochs"] < floor.excess / 10
    assert ends["updates"] > floor.excess, "too fast a schedule freezes"


@pytest.mark.parametrize(
    ("value", "told"), [(0.25, "$0.25$"), (5e-6, r"$5 \cdot 10^{-6}$"), (4.1e-5, r"$4.1 \cdot 10^{-5}$")]
)
def test_small_numbers_are_powers_of_ten(value: float, told: str) -> None:
    assert in_latex(value) == told


@pytest.mark.parametrize(("value", "told"), [(8.74, "8.7"), (113.4, "110"), (12345.0, "12,000")])
def test_factors_are_rounded_to_two_digits(value: float, told: str) -> None:
    assert rough(value) == told


# the figures


def test_the_tangent_has_the_slope_of_the_loss() -> None:
    walk = part("walk")
    tangent = next(trace for trace in figures_of(walk._walk(2)) if trace["name"].startswith("slope"))
    x, y = (np.frombuffer(b64decode(tangent[axis]["bdata"])) for axis in "xy")
    theta, h = float(x.mean()), 1e-6
    problem = walk._problem()
    measured = (problem.value([theta + h]) - problem.value([theta - h])) / (2 * h)
    assert (y[1] - y[0]) / (x[1] - x[0]) == pytest.approx(measured, rel=1e-6)
    assert y.mean() == pytest.approx(problem.value([theta]))


def test_figures_refuse_what_they_cannot_show() -> None:
    two = ravine()
    run = gd.descend(two, gd.Variant(), gd.Budget(updates=3))
    with pytest.raises(ValueError, match="1 parameter, got 2"):
        draw.parabola(two, run, parameter="theta")
    with pytest.raises(ValueError, match=r"one a rate \(2\), got 1"):
        draw.updates_by_rate([0.1, 0.2], [3], limit=2.0, best=1.0, most=10)
    with pytest.raises(ValueError, match=r"one a run \(1\), got 2"):
        draw.stopping_points([run], ["a"], {"criterion": [1, 2]}, best=0.0)
    with pytest.raises(ValueError, match=r"one a size \(2\)"):
        draw.loss_by_batch_size([1, 2], [0.1], [0.1])


def test_a_level_without_a_place_is_left_out() -> None:
    run = gd.descend(ravine(), gd.Variant(), gd.Budget(updates=3))
    figure = gd.figures.loss_curves([run])
    assert draw.with_level(figure, float("inf"), "floor") is figure
    assert draw.with_level(figure, 1.0, "floor").data[-1].y.tolist() == [1.0, 1.0]


# the page


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_file(APP, default_timeout=120).run()


def test_the_page_draws_every_lesson_and_leads_to_data_and_compare(page: AppTest) -> None:
    assert not page.exception
    assert not page.error
    assert len(page.get("bidi_component")) == len(lessons.LESSONS)
    assert len(page.select_slider) + len(page.get("button_group")) == len(lessons.LESSONS), "one control a figure"
    labels = [link.proto.label for link in page.get("page_link")]
    for label in ("Bring your own data", "Compare the three types"):
        assert labels.count(label) == 2, "near the top, and at the end"


def test_every_symbol_is_named_and_ten_minutes_are_enough(page: AppTest) -> None:
    text = " ".join(element.value for element in page.markdown)
    for name in ("theta", "eta", "lambda", "kappa", "epsilon", "sigma", "nabla", "trace"):
        assert re.search(rf"[(\"]([^)]* )?{name}", text, re.IGNORECASE), f"{name} is not named"
    for meaning in ("rows of the data", "**loss** $J", "**learning rate**", "**batch**: the $b$ rows"):
        assert meaning in " ".join(text.split()), meaning
    words = re.findall(r"[A-Za-z]{2,}", re.sub(r"\$[^$]*\$|```.*?```", " ", text))
    assert len(words) < 2000, "200 words a minute"
    # the page says of itself what is only half true
    assert text.count("### Half true") == 3


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("learn-walk", 0, "{0.000}_{\\theta}"),
        ("learn-rate", 2.2, "**Too large.**"),
        ("learn-price", 100, "takes 190 updates"),
        ("learn-stop", 1, "\\varepsilon = 0.1"),
        ("learn-types", 10, "read 2,000 rows"),
        ("learn-noise", 100, "batches of 100, **0 point"),
        ("learn-costs", 100, "100 rows"),
        ("learn-batches", 20_000, "20 passes"),
    ],
)
def test_a_slider_changes_what_is_said(page: AppTest, key: str, value: Any, told: str) -> None:
    assert not any(told in element.value for element in page.markdown)
    page.select_slider(key=key).set_value(value).run()
    assert any(told in element.value for element in page.markdown)
    assert not page.error


def test_settings_outlive_a_visit_to_another_page(page: AppTest) -> None:
    page.select_slider(key="learn-rate").set_value(2.2).run()
    page.switch_page("pages/data.py").run()
    page.switch_page("app.py").run()
    assert page.select_slider(key="learn-rate").value == 2.2


def test_a_lesson_that_fails_says_so_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(count: int) -> Lesson:
        raise RuntimeError("secret")

    monkeypatch.setattr(part("walk"), "_walk", broken)
    with caplog.at_level(logging.ERROR):
        page = AppTest.from_file(APP, default_timeout=120).run()
    assert not page.exception
    assert len(page.error) == 1
    assert "secret" not in page.error[0].value
    assert len(page.get("bidi_component")) == len(lessons.LESSONS) - 1
