"""The Surface page in a real browser: play, step, turn, click a start, type a formula, write a rule."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from driving import Server, camera_eye, figure_of, trace_count, wait_ready

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright").expect

PHONE = {"viewport": {"width": 375, "height": 812}, "is_mobile": True, "has_touch": True}
SPACE, CONTOURS, CURVES = range(3)
POINT = """(box, run) => {
    const place = box.data.find(({ meta }) => meta?.moves === "point" && meta.run === run);
    return ["x", "y", "z"].filter((axis) => place[axis]).map((axis) => Array.from(place[axis])[0]);
}"""


@pytest.fixture
def lab(page: Page, app: Server) -> Page:
    return open_page(page, app)


def open_page(page: Page, app: Server, query: str = "") -> Page:
    page.goto(f"{app.url}/surface{query}")
    page.locator(".gd-view .gd-bar").wait_for()
    wait_ready(page)
    return page


def point(page: Page, figure: int, run: int = 0) -> list[float]:
    """Where a racer is drawn in a figure."""
    return figure_of(page, "surface", figure).evaluate(POINT, run)


def press(page: Page, button: str) -> None:
    page.locator(".gd-bar").get_by_role("button", name=button, exact=True).click()


def cells(page: Page, run: int = 0) -> dict[str, str]:
    """A row of the readout, by the titles of its columns."""
    titles = page.locator(".gd-readout thead th").all_text_contents()
    row = page.locator(".gd-readout tbody tr").nth(run)
    return dict(zip(titles, row.locator("th, td").all_text_contents(), strict=True))


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.strip("()").split(",")]


def type_in(page: Page, label: str, text: str) -> None:
    """Fill in a text or a number, and leave it."""
    box = page.get_by_label(label, exact=True)
    box.fill(text)
    box.press("Control+Enter" if box.evaluate("(box) => box.tagName") == "TEXTAREA" else "Enter")
    page.wait_for_timeout(300)
    wait_ready(page)


def choose(page: Page, label: str, option: str, place: int = 0) -> None:
    page.get_by_role("combobox", name=label).nth(place).click()
    page.get_by_role("option", name=option, exact=True).click()
    page.wait_for_timeout(300)
    wait_ready(page)


def click_at(page: Page, x: float, y: float) -> None:
    """Click a place on the contours' axes."""
    box = figure_of(page, "surface", CONTOURS)
    box.scroll_into_view_if_needed()
    place = box.evaluate(
        """(box, [x, y]) => {
            const { xaxis, yaxis } = box._fullLayout, { left, top } = box.getBoundingClientRect();
            return [left + xaxis._offset + xaxis.d2p(x), top + yaxis._offset + yaxis.d2p(y)];
        }""",
        [x, y],
    )
    page.mouse.move(*place)
    page.wait_for_timeout(300)
    page.mouse.click(*place)
    page.wait_for_timeout(500)
    wait_ready(page)


def test_the_bowl_at_two_two_reads_as_the_textbook_says(lab: Page) -> None:
    shown = cells(lab)
    assert shown["update"] == "0"
    assert shown["status"] == "ready"
    assert float(shown["value"]) == 8.0
    assert shown["value"].startswith("8.00")
    assert shown["gradient"] == "(4.00, 4.00)"
    assert float(shown["learning rate"]) == 0.01
    assert (float(shown["x"]), float(shown["y"])) == (2.0, 2.0)
    assert [trace_count(lab, "surface", figure) for figure in (SPACE, CONTOURS, CURVES)] == pytest.approx(
        [6, 6, 2], abs=2
    )


def test_step_moves_every_figure_and_back_returns(lab: Page) -> None:
    before = [point(lab, figure) for figure in (SPACE, CONTOURS, CURVES)]
    assert before[CONTOURS] == pytest.approx([2, 2])
    assert before[CURVES] == pytest.approx([0, 8])
    press(lab, "Step forward")
    # theta - 0.01 * gradient, by hand
    assert point(lab, CONTOURS) == pytest.approx([1.96, 1.96])
    assert point(lab, SPACE)[:2] == pytest.approx([1.96, 1.96])
    assert point(lab, CURVES) == pytest.approx([1, 2 * 1.96**2])
    shown = cells(lab)
    assert shown["update"] == "1"
    assert shown["status"] == "running"
    assert numbers(shown["gradient"]) == pytest.approx([3.92, 3.92])
    press(lab, "Step back")
    assert [point(lab, figure) for figure in (SPACE, CONTOURS, CURVES)] == before
    assert cells(lab)["status"] == "ready"


def test_play_moves_pause_holds_and_reset_returns(lab: Page) -> None:
    assert point(lab, CONTOURS) == pytest.approx([2, 2])
    press(lab, "Play")
    lab.wait_for_function("Number(document.querySelector('.gd-bar input[type=range]').value) > 20")
    press(lab, "Pause")
    moved = point(lab, CONTOURS)
    assert 0 < moved[0] < 1.5
    assert int(cells(lab)["update"]) == pytest.approx(math.log(moved[0] / 2) / math.log(0.98), abs=0.1)
    lab.wait_for_timeout(400)
    assert point(lab, CONTOURS) == moved
    press(lab, "To the start")
    assert point(lab, CONTOURS) == pytest.approx([2, 2])
    press(lab, "To the end")
    assert cells(lab)["status"] == "converged"
    assert math.hypot(*numbers(cells(lab)["gradient"])) <= 1e-3


def test_the_camera_stays_where_it_was_turned_while_playing_and_when_a_rate_changes(lab: Page) -> None:
    box = figure_of(lab, "surface", SPACE)
    box.scroll_into_view_if_needed()
    before = camera_eye(lab, "surface", SPACE)
    place = box.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    lab.mouse.move(x, y)
    lab.mouse.down()
    for part in range(1, 6):
        lab.mouse.move(x + 24 * part, y - 4 * part)
        lab.wait_for_timeout(60)
    lab.mouse.up()
    lab.wait_for_timeout(500)
    turned = camera_eye(lab, "surface", SPACE)
    assert math.dist(before, turned) > 0.2
    lab.mouse.wheel(0, 200)
    lab.wait_for_timeout(800)
    zoomed = camera_eye(lab, "surface", SPACE)
    assert math.hypot(*zoomed) > 1.02 * math.hypot(*turned)
    press(lab, "Step forward")
    assert camera_eye(lab, "surface", SPACE) == pytest.approx(zoomed, abs=1e-6)
    type_in(lab, "Learning rate, typed", "0.05")
    press(lab, "To the start")
    press(lab, "Step forward")
    assert numbers(cells(lab)["gradient"]) == pytest.approx([3.6, 3.6], rel=1e-2)
    assert camera_eye(lab, "surface", SPACE) == pytest.approx(zoomed, abs=1e-6)


def test_a_click_on_the_contours_starts_there(lab: Page) -> None:
    click_at(lab, -1.5, 1.0)
    found = point(lab, CONTOURS)
    assert found == pytest.approx([-1.5, 1.0], abs=0.03)
    assert float(lab.get_by_label("Start x", exact=True).input_value()) == pytest.approx(found[0], rel=1e-3)
    assert float(cells(lab)["value"]) == pytest.approx(found[0] ** 2 + found[1] ** 2, rel=1e-4)
    type_in(lab, "Start x", "2.5")
    assert point(lab, CONTOURS)[0] == pytest.approx(2.5)


def test_a_formula_replaces_the_surface_and_a_hostile_one_does_not(lab: Page) -> None:
    choose(lab, "Surface", "a formula of your own")
    type_in(lab, "Formula in x and y", "x^2 + 10*y^2 + 5")
    type_in(lab, "Start y", "1")
    x, y = (float(cells(lab)[axis]) for axis in "xy")
    assert float(cells(lab)["value"]) == pytest.approx(x**2 + 10 * y**2 + 5, rel=1e-3)
    assert numbers(cells(lab)["gradient"]) == pytest.approx([2 * x, 20 * y], rel=1e-2)
    kept = cells(lab)
    for hostile in ("__import__('os').system('id')", "x.__class__", "x^y^x^", "<img src=x onerror=alert(1)>"):
        type_in(lab, "Formula in x and y", hostile)
        said = lab.get_by_test_id("stAlert")
        expect(said).to_have_count(1)
        expect(lab.get_by_test_id("stCode").first).to_contain_text("^")
        assert lab.locator("img[src='x']").count() == 0
        assert cells(lab) == kept, "the former surface stays"
    type_in(lab, "Formula in x and y", "y^2 + x^2")
    expect(lab.get_by_test_id("stAlert")).to_have_count(0)


def test_a_start_without_a_value_is_refused_with_a_sentence(lab: Page) -> None:
    choose(lab, "Surface", "a formula of your own")
    type_in(lab, "Formula in x and y", "x*log(x) + y^2")
    type_in(lab, "Start x", "-1")
    expect(lab.get_by_test_id("stAlert")).to_contain_text("cannot start at (-1")
    type_in(lab, "Start x", "1")
    expect(lab.get_by_test_id("stAlert")).to_have_count(0)
    assert float(cells(lab)["x"]) == 1


def test_a_rule_can_be_written_and_races_at_once(lab: Page) -> None:
    lab.get_by_role("button", name="Add a racer").click()
    lab.wait_for_timeout(300)
    wait_ready(lab)
    choose(lab, "Rule", "your rule", 1)
    type_in(lab, "Your rule, a line for each step", "v = 0.5*v + g\ntheta = theta - lr*v")
    for _ in range(2):
        press(lab, "Step forward")
    # from 2 with gradient 2 theta and the rate 0.01: v = 4, theta = 1.96; v = 2 + 3.92, theta = 1.9008
    assert point(lab, CONTOURS, 1) == pytest.approx([1.9008, 1.9008])
    assert point(lab, CONTOURS, 0) == pytest.approx([2 * 0.98**2] * 2)
    assert float(cells(lab, 1)["x"]) == pytest.approx(1.9008, abs=1e-3)
    type_in(lab, "Your rule, a line for each step", "v = 0.5*v + g\ntheta = theta - lr*exec(v)")
    expect(lab.get_by_test_id("stAlert")).to_have_count(1)
    marked = lab.get_by_test_id("stCode").first.inner_text()
    assert "exec" in marked.splitlines()[0]
    assert marked.splitlines()[1].strip() == "^" * 4
    assert point(lab, CONTOURS, 1) == pytest.approx([1.9008, 1.9008]), "the rule that works stays"


ARROW = """(box, kind) => {
    const found = box.data.find(({ meta }) => meta?.moves === "arrow" && meta.kind === kind);
    return { visible: found.visible, x: Array.from(found.x), y: Array.from(found.y) };
}"""


def test_arrows_are_switched_on_and_move_along(lab: Page) -> None:
    box = figure_of(lab, "surface", CONTOURS)
    assert not box.evaluate(ARROW, "gradient")["visible"]
    for label in ("− gradient", "step"):
        lab.get_by_label(label, exact=True).check()
    lab.wait_for_timeout(500)
    gradient, step = box.evaluate(ARROW, "gradient"), box.evaluate(ARROW, "step")
    assert gradient["visible"]
    assert step["visible"]
    assert gradient["x"][1] < gradient["x"][0] == pytest.approx(2)
    assert [step["x"], step["y"]] == [pytest.approx([2, 1.96])] * 2
    # the arrow is drawn: its line has a length on the screen, and its tip a shape
    assert box.locator(".scatterlayer .trace path.js-line").evaluate_all(
        "(lines) => lines.filter((line) => line.getTotalLength() > 20).length"
    )
    press(lab, "Step forward")
    assert box.evaluate(ARROW, "step")["x"] == pytest.approx([1.96, 1.96 * 0.98])
    assert figure_of(lab, "surface", SPACE).evaluate(ARROW, "step")["visible"]
    type_in(lab, "Start x", "-2")
    assert box.evaluate(ARROW, "gradient")["visible"], "what was switched on stays on"


def test_racers_start_apart_and_a_click_moves_one(lab: Page) -> None:
    lab.get_by_role("button", name="Add a racer").click()
    lab.wait_for_timeout(300)
    wait_ready(lab)
    lab.get_by_text("One start for all").click()
    lab.wait_for_timeout(300)
    wait_ready(lab)
    click_at(lab, -1, -1)
    assert point(lab, CONTOURS, 0) == pytest.approx([-1, -1], abs=0.03)
    assert point(lab, CONTOURS, 1) == pytest.approx([2, 2])


@pytest.mark.parametrize("view", [PHONE], indirect=True)
def test_a_race_of_six_fits_a_phone(page: Page, app: Server) -> None:
    open_page(page, app, "?preset=valley-race")
    assert page.locator(".gd-readout tbody tr").count() == 6
    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= 375
    for box in page.locator(".gd-figure").all():
        place = box.bounding_box()
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= 375


def test_a_race_survives_the_other_pages(lab: Page) -> None:
    type_in(lab, "Learning rate, typed", "0.07")
    menu = lab.locator(".st-key-gd-menu")
    menu.get_by_role("link", name="Compare").click()
    lab.get_by_role("heading", name="Compare", exact=True).wait_for()
    wait_ready(lab)
    expect(lab.get_by_text("Data in use: linear")).to_be_visible()
    menu.get_by_role("link", name="Surface").click()
    lab.get_by_role("heading", name="Surface", exact=True).wait_for()
    wait_ready(lab)
    assert float(cells(lab)["learning rate"]) == 0.07


def shades(page: Page, figure: int) -> Any:
    return figure_of(page, "surface", figure).evaluate(
        """async (box) => {
            const image = new Image();
            image.src = await window.Plotly.toImage(box, { format: "png", width: 300, height: 200 });
            await image.decode();
            const canvas = Object.assign(document.createElement("canvas"), { width: 300, height: 200 });
            const paper = canvas.getContext("2d");
            paper.drawImage(image, 0, 0);
            const { data } = paper.getImageData(0, 0, 300, 200), found = new Set();
            for (let i = 0; i < data.length; i += 4) found.add(data[i] * 65536 + data[i + 1] * 256 + data[i + 2]);
            return found.size;
        }"""
    )


def test_surface_and_contours_have_pixels(lab: Page) -> None:
    assert shades(lab, SPACE) > 200
    assert shades(lab, CONTOURS) > 50
