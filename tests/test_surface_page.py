"""The Surface page without a browser: every surface, formulas, rules, starts, links, and what a rerun costs."""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import FORMULAS, RULES
from streamlit.testing.v1 import AppTest

import gd_core as gd
from gd_core.figures import surface as arrows
from pages.shared import chart, races, surface_controls, surface_views

ROOT = Path(__file__).parents[1]
UNEXPECTED = "Something went wrong"
SLOT = "gd-experiment-surface"
# what a browser can send: a lone surrogate is no text
SENT, WRITTEN = ([text for text in texts.values() if "\ud800" not in text] for texts in (FORMULAS, RULES))
OPTIONS = {"height": "linear", "log_value": True}


class Lab:
    """A person's session on the Surface page: controls by label."""

    def __init__(self, **query: str) -> None:
        self.app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        for name, value in query.items():
            self.app.query_params[name] = value
        self.go("surface")

    def go(self, page: str) -> Lab:
        self.app.switch_page(f"pages/{page}.py")
        return self.run()

    def run(self) -> Lab:
        self.app.run()
        assert not [error.value for error in self.app.exception]
        assert not [text for text in self.said if UNEXPECTED in text]
        return self

    @property
    def said(self) -> list[str]:
        """What the page says in its alerts, without the escapes."""
        app = self.app
        return [re.sub(r"\\(.)", r"\1", alert.value) for kind in (app.error, app.warning, app.info) for alert in kind]

    @property
    def experiment(self) -> gd.Experiment:
        return self.app.session_state[SLOT]

    def all(self, label: str) -> list[Any]:
        kinds = ("selectbox", "button_group", "number_input", "toggle", "select_slider", "text_input", "text_area")
        return [each for kind in kinds for each in getattr(self.app, kind) if each.label == label]

    def set(self, label: str, value: Any, place: int = 0) -> Lab:
        self.all(label)[place].set_value(value)
        return self.run()

    def press(self, label: str) -> Lab:
        next(each for each in self.app.button if each.label == label).click()
        return self.run()


def walk(nodes: list[Any]) -> Iterator[Any]:
    for node in nodes:
        if hasattr(node, "children"):
            yield from walk(list(node.children.values()))
        else:
            yield node


def test_it_begins_on_the_bowl_at_two_two_with_a_rate_of_a_hundredth() -> None:
    lab = Lab()
    assert not lab.said
    assert lab.experiment.data.surface == "bowl"
    assert lab.experiment.variants[0].start == (2, 2)
    assert lab.experiment.variants[0].schedule == gd.Constant(0.01)
    assert lab.experiment.variants[0].rule == gd.SGD()
    assert len(lab.experiment.variants) == 1


@pytest.mark.parametrize("name", gd.SURFACES)
def test_every_surface_can_be_chosen_and_is_drawn(name: str) -> None:
    lab = Lab().set("Surface", name)
    # down from a saddle there is no end
    assert ["Diverged" in text for text in lab.said] == ["saddle" in name] * ("saddle" in name)
    surface = gd.SURFACES[name]
    assert lab.experiment.data.surface == name
    assert lab.experiment.variants[0].start == pytest.approx(tuple(surface.start))
    assert lab.experiment.variants[0].schedule.learning_rate == pytest.approx(surface.learning_rate, rel=1e-2)
    run = surface_views.race(lab.experiment, OPTIONS).compared.runs[0]
    assert run.loss[-1] < run.loss[0]


def test_a_formula_is_drawn_and_keeps_the_start() -> None:
    lab = Lab().set("Surface", surface_controls.YOURS)
    lab.set("Start x", 0.5).set("Formula in x and y", "x^2 + 5*y^2 + 1").set("x to", 4.0)
    assert not lab.said
    assert lab.experiment.data == gd.OnSurface("x^2 + 5*y^2 + 1", domain=((-2, 4), (-2, 2)), noise=1.0)
    assert lab.experiment.variants[0].start[0] == 0.5


@pytest.mark.parametrize("text", SENT[::4])
def test_a_hostile_formula_is_a_sentence_with_its_place_and_changes_nothing(text: str) -> None:
    lab = Lab().set("Surface", surface_controls.YOURS)
    before = lab.experiment
    lab.all("Formula in x and y")[0].set_value(text[:500])
    lab.run()
    assert len(lab.said) == 1
    assert lab.experiment == before


def test_a_wrong_formula_is_marked_as_plain_text() -> None:
    lab = Lab().set("Surface", surface_controls.YOURS).set("Formula in x and y", "x^2 + **bold** + z")
    assert len(lab.app.error) == 1
    marked = lab.app.code[0].value
    assert marked.splitlines()[0] == "x^2 + **bold** + z"
    assert "^" in marked.splitlines()[1]


def test_a_domain_the_wrong_way_round_is_a_sentence() -> None:
    lab = Lab().set("Surface", surface_controls.YOURS).set("x from", 3.0)
    assert "low to high" in lab.said[0]


def test_a_start_without_a_value_is_refused() -> None:
    lab = Lab().set("Surface", surface_controls.YOURS).set("Formula in x and y", "x*log(x) + y^2")
    lab.set("Start x", -1.0)
    assert "cannot start at (-1, " in lab.said[0]
    assert not lab.set("Start x", 1.0).said


def test_a_formula_without_any_value_is_a_sentence() -> None:
    lab = Lab().set("Surface", surface_controls.YOURS).set("Formula in x and y", "log(-1 - x^2)")
    assert len(lab.said) == 1


@pytest.mark.parametrize("text", WRITTEN[::3])
def test_a_hostile_rule_is_a_sentence_and_the_rule_before_it_stays(text: str) -> None:
    lab = Lab().set("Rule", "your rule")
    assert lab.experiment.variants[0].rule == gd.TypedRule()
    lab.set("Your rule, a line for each step", text[:1000])
    assert len(lab.said) == 1
    assert lab.experiment.variants[0].rule == gd.TypedRule()


def test_a_written_rule_races_and_goes_into_the_link() -> None:
    text = "v = 0.5*v + g\ntheta -= lr*v"
    lab = Lab().set("Rule", "your rule").set("Your rule, a line for each step", text)
    assert not lab.said
    assert lab.experiment.variants[0].rule.text == text
    other = Lab(e=lab.experiment.to_link_token())
    assert other.experiment == lab.experiment
    assert not other.said


def test_a_written_rule_works_in_compare() -> None:
    lab = Lab().go("compare").set("Rule", "your rule")
    assert not lab.said
    assert isinstance(lab.app.session_state["gd-experiment"].variants[0].rule, gd.TypedRule)


def test_up_to_six_racers_each_with_any_rule() -> None:
    lab = Lab()
    for _ in range(5):
        lab.press("Add a racer")
    assert next(each for each in lab.app.button if each.label == "Add a racer").disabled
    for place, rule in enumerate(("momentum", "Nesterov", "Adam", "Adagrad", "Lion", "your rule")):
        lab.set("Rule", rule, place)
    assert not lab.said
    assert len({repr(each.rule) for each in lab.experiment.variants}) == 6


def test_noise_is_called_noise_and_equal_for_all() -> None:
    lab = Lab().press("Add a racer")
    assert not lab.all("Noise")
    lab.set("Gradient", "Stochastic", 0).set("Gradient", "MiniBatch", 1).set("Averaged", 4).set("Noise", 0.5)
    assert lab.experiment.data.noise == 0.5
    assert [each.sampling for each in lab.experiment.variants] == [gd.Stochastic(), gd.MiniBatch(4)]
    exact = Lab().experiment
    assert surface_views.race(lab.experiment, OPTIONS) is not surface_views.race(exact, OPTIONS)


def test_racers_can_start_apart() -> None:
    lab = Lab().press("Add a racer").set("One start for all", False).set("Start x", -1.0, 1)
    assert [each.start for each in lab.experiment.variants] == [(2, 2), (-1, 2)]
    assert [each.start for each in lab.set("One start for all", True).experiment.variants] == [(2, 2), (2, 2)]


def test_the_two_experiments_do_not_meet() -> None:
    lab = Lab().set("Learning rate, typed", 0.05)
    lab.go("compare").set("Learning rate, typed", 0.3)
    assert lab.experiment.variants[0].schedule == gd.Constant(0.05)
    assert lab.app.session_state["gd-experiment"].variants[0].schedule == gd.Constant(0.3)
    lab.go("surface")
    assert lab.all("Learning rate, typed")[0].value == 0.05


@pytest.mark.parametrize("name", races.RACES)
def test_a_race_opens_by_its_button_and_by_its_link(name: str) -> None:
    wanted = races.RACES[name]
    lab = Lab().press(wanted.title)
    assert not lab.said
    started = tuple(replace(each, start=tuple(lab.experiment.problem().start)) for each in wanted.experiment.variants)
    assert lab.experiment == replace(wanted.experiment, variants=started)
    assert Lab(preset=name).experiment == lab.experiment


def test_a_link_on_data_opens_where_it_belongs_and_says_so() -> None:
    on_data = gd.Experiment(data=gd.Bundled("diabetes"))
    lab = Lab(e=on_data.to_link_token())
    assert "see Compare" in lab.said[0]
    assert lab.app.session_state["gd-experiment"] == on_data
    assert lab.experiment.data.surface == "bowl"


def test_the_surface_can_be_locked_and_hidden() -> None:
    locked = Lab(lock="surface")
    assert locked.all("Start x")[0].disabled
    assert "the surface and the start" in locked.said[0]
    assert not Lab(hide="surface,budget,variants,views,presets").all("Start x")


def test_a_race_can_be_taken_away() -> None:
    lab = Lab()
    lab.app.session_state["gd-take-away"] = True
    lab.run()
    assert not lab.said
    assert lab.experiment.to_link_token() in lab.app.code[0].value
    labels = {each.proto.label for each in walk(list(lab.app.main.children.values())) if each.type == "download_button"}
    assert {"Trace, CSV", "Experiment, JSON", "Script, NumPy", "Surface, HTML", "Values, HTML"} <= labels


def test_a_diverging_racer_is_shown_diverging() -> None:
    lab = Lab().set("Learning rate, typed", 1.5)
    run = surface_views.race(lab.experiment, OPTIONS).compared.runs[0]
    assert run.outcome is gd.Outcome.DIVERGED
    assert any("iverged" in text for text in lab.said + [each.value for each in lab.app.text])


CLICK = chart.Click(figure=1, curve=0, point=None, x=0.0, y=0.0, z=None, customdata=None, at=(-1.23456, 0.98765))


def test_a_click_off_the_contours_changes_nothing() -> None:
    def clicked() -> None:
        from dataclasses import replace

        import streamlit as st
        from test_surface_page import CLICK

        from pages.shared import state, surface_views

        with state.slot("surface"):
            for figure in (0, 2, 1):
                surface_views._clicked(replace(CLICK, figure=figure))
                st.text(str(state.experiment().variants[0].start))

    app = AppTest.from_function(clicked, default_timeout=60).run()
    assert [text.value for text in app.text] == ["None", "None", "(-1.23, 0.988)"]


# the arrows


def test_arrows_are_of_the_next_update() -> None:
    bowl = gd.Surface.named("bowl")
    rule = gd.SGD(momentum=0.5)
    run = gd.descend(bowl, gd.Variant(rule=rule, schedule=gd.Constant(0.1)), gd.Budget(updates=10))
    found = arrows.arrow_vectors(run, np.array([0, 1, 10]), longest=1.0, reference=np.hypot(4, 4))
    # from (2, 2): g = v = (4, 4), step -0.4; then g = 3.2 and v = 0.5 * 4 + 3.2, step -0.52
    np.testing.assert_allclose(found["step"][:2], [[-0.4, -0.4], [-0.52, -0.52]])
    assert np.isnan(found["step"][2]).all(), "after the last update there is no next"
    np.testing.assert_allclose(found["gradient"][0], [-np.sqrt(0.5)] * 2)
    np.testing.assert_allclose(found["gradient"][1], [-np.sqrt(0.5 * 0.8)] * 2)
    np.testing.assert_allclose(found["velocity"][1], [-np.sqrt(0.5)] * 2, err_msg="no longer than the longest")
    assert np.isfinite(found["gradient"][2]).all()
    assert np.isfinite(found["velocity"][2]).all()


@pytest.mark.parametrize(
    ("rule", "rate", "velocity"),
    [(gd.SGD(), 0.1, False), (gd.Adam(), 0.1, True), (gd.SGD(), 1e3, False), (gd.SGD(momentum=0.9), 1e80, True)],
)
def test_arrows_of_any_run_are_short_or_absent(rule: gd.Rule, rate: float, velocity: bool) -> None:
    variant = gd.Variant(rule=rule, schedule=gd.Constant(rate), sampling=gd.Stochastic())
    run = gd.descend(gd.Surface.named("rosenbrock", noise=1.0), variant, gd.Budget(updates=30))
    found = arrows.arrow_vectors(run, np.arange(len(run.updates)), longest=2.0, reference=arrows.steepest_start([run]))
    assert ("velocity" in found) is velocity
    for kind in {"gradient", "velocity"} & set(found):
        sizes = np.hypot(*found[kind].T)
        assert np.all((sizes <= 2.0 + 1e-9) | np.isnan(sizes))


def test_motion_of_a_race_has_every_update_and_its_arrows() -> None:
    drawn = surface_views.race(races.RACES["ravine-race"].experiment, OPTIONS)
    sent = json.loads(drawn.motion)
    assert sent["opensAt"] == "start"
    assert [kind for kind, _ in sent["arrows"]] == ["gradient", "velocity", "step"]
    assert "velocity" not in sent["runs"][0]["arrows"]
    kinds = [trace["meta"]["kind"] for trace in sent["views"][0]["traces"] if trace["meta"]["moves"] == "arrow"]
    assert len(kinds) == 2 + 3 + 3
    assert not any(trace.get("visible", True) for trace in sent["views"][1]["traces"] if "kind" in trace["meta"])


# what it costs

THREE = replace(
    races.RACES["ravine-race"].experiment,
    variants=(
        gd.Variant(rule=gd.SGD(), schedule=gd.Constant(0.01), label="plain"),
        gd.Variant(rule=gd.SGD(momentum=0.9), schedule=gd.Constant(0.005), label="momentum"),
        gd.Variant(rule=gd.Adam(), schedule=gd.Constant(0.05), label="Adam"),
    ),
    budget=gd.Budget(updates=500),
)


def test_three_racers_of_500_updates_are_computed_in_a_tenth_of_a_second() -> None:
    surface_views._drawn.clear()
    times = []
    for k in range(7):
        changed = replace(THREE, data=gd.OnSurface("ravine", noise=1.0 + k))
        started = time.perf_counter()
        surface_views._drawn(changed.key, "", changed, OPTIONS)
        times.append(time.perf_counter() - started)
    # the bound of the page is 0.1 s on an idle machine; tests share theirs
    assert statistics.median(times[1:]) < 0.3, times


def test_a_race_of_three_sends_under_300_kilobytes() -> None:
    drawn = surface_views._drawn(THREE.key, "", THREE, OPTIONS)
    assert len(drawn.motion) + sum(map(len, drawn.figures)) < 300_000
