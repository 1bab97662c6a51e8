"""The chart view in a real browser: the camera stays, the data change, and everyone can read it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from driving import HERE, Server, camera_eye, figure_of, move_slider, start_server, trace_count, wait_ready

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright").expect

DARK = {"color_scheme": "dark"}
PHONE = {"viewport": {"width": 375, "height": 812}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def surface(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_server(HERE / "apps" / "surface.py", tmp_path_factory.mktemp("surface"))
    yield server
    server.stop()


@pytest.fixture
def charts(page: Page, surface: Server) -> Page:
    page.goto(surface.url)
    page.locator(".gd-view").nth(3).wait_for()
    wait_ready(page)
    return page


def drag(page: Page, key: str, index: int, dx: int, dy: int, *, hold: bool = False) -> None:
    box = figure_of(page, key, index)
    box.scroll_into_view_if_needed()
    place = box.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    box.evaluate("(box) => { box.settled = false; box.once('plotly_relayout', () => (box.settled = true)); }")
    page.mouse.move(x, y)
    page.mouse.down()
    for part in range(1, 6):
        page.mouse.move(x + dx * part / 5, y + dy * part / 5)
        page.wait_for_timeout(60)
    if not hold:
        release(page, key, index)


def release(page: Page, key: str, index: int) -> None:
    page.mouse.up()
    page.wait_for_function("(box) => box.settled", arg=figure_of(page, key, index).element_handle())
    page.wait_for_timeout(500)  # the other scenes of the view follow


def highest(page: Page, key: str, index: int = 0) -> float:
    """The top of the drawn surface, from the ranges that plotly.js computed for it."""
    return figure_of(page, key, index).evaluate("(box) => box._fullLayout.scene.zaxis.range[1]")


def test_camera_stays_where_it_was_turned_when_the_data_change(charts: Page) -> None:
    before, top = camera_eye(charts, "bowl"), highest(charts, "bowl")
    drag(charts, "bowl", 0, 150, -20)
    turned = camera_eye(charts, "bowl")
    assert math.dist(before, turned) > 0.2
    move_slider(charts, "Elongation", 3)
    assert highest(charts, "bowl") > 2 * top
    assert camera_eye(charts, "bowl") == pytest.approx(turned, abs=1e-6)
    assert trace_count(charts, "bowl") == 2


def test_camera_stays_when_the_window_changes(charts: Page) -> None:
    drag(charts, "bowl", 0, 150, -20)
    turned = camera_eye(charts, "bowl")
    charts.set_viewport_size({"width": 700, "height": 900})
    wait_ready(charts)
    assert figure_of(charts, "bowl").evaluate("(box) => box._fullLayout.width <= 700")
    assert camera_eye(charts, "bowl") == pytest.approx(turned, abs=1e-6)


def test_camera_is_remembered_when_a_view_goes_and_comes_back(charts: Page) -> None:
    drag(charts, "still", 0, 100, -20)
    turned = camera_eye(charts, "still")
    for views in (3, 4):
        charts.get_by_text("Shown").click()
        expect(charts.locator(".gd-view")).to_have_count(views)
        wait_ready(charts)
    assert camera_eye(charts, "still") == pytest.approx(turned, abs=1e-6)


def test_zoom_and_hidden_traces_stay_in_two_dimensions(charts: Page) -> None:
    drag(charts, "curve", 0, 200, 0)
    box = figure_of(charts, "curve")
    zoomed = box.evaluate("(box) => box._fullLayout.xaxis.range")
    assert zoomed[1] - zoomed[0] < 150
    move_slider(charts, "Elongation", 1)
    assert box.evaluate("(box) => box._fullLayout.xaxis.range") == pytest.approx(zoomed)
    assert box.evaluate("(box) => box._fullData[0].y[0]") == pytest.approx(2)


def test_unchanged_figure_is_not_drawn_again(charts: Page) -> None:
    figure_of(charts, "still").evaluate("(box) => box.on('plotly_afterplot', () => (box.drawnAgain = true))")
    move_slider(charts, "Elongation", 1)
    assert not figure_of(charts, "still").evaluate("(box) => Boolean(box.drawnAgain)")


def test_cameras_go_together_while_turning_and_after(charts: Page) -> None:
    drag(charts, "pair", 0, 120, -20, hold=True)
    for index in (0, 1):  # the second is a frame behind the first
        assert math.dist(camera_eye(charts, "pair", index), (1.25, 1.25, 1.25)) > 0.2
    release(charts, "pair", 0)
    turned = camera_eye(charts, "pair", 0)
    assert camera_eye(charts, "pair", 1) == pytest.approx(turned, abs=1e-6)
    drag(charts, "pair", 1, -60, 0)
    again = camera_eye(charts, "pair", 1)
    assert math.dist(again, turned) > 0.1
    assert camera_eye(charts, "pair", 0) == pytest.approx(again, abs=1e-6)
    move_slider(charts, "Elongation", 1)
    for index in (0, 1):
        assert camera_eye(charts, "pair", index) == pytest.approx(again, abs=1e-6)
    assert camera_eye(charts, "bowl") == pytest.approx((1.25, 1.25, 1.25)), "another view's camera has moved"


def test_keys_turn_and_zoom_a_scene(charts: Page) -> None:
    box = figure_of(charts, "bowl")
    box.focus()
    charts.keyboard.press("ArrowRight")
    charts.wait_for_timeout(500)
    x, y, z = camera_eye(charts, "bowl")
    assert math.degrees(math.atan2(y, x)) == pytest.approx(50)
    assert z == pytest.approx(1.25)
    charts.keyboard.press("+")
    charts.wait_for_timeout(500)
    assert math.hypot(*camera_eye(charts, "bowl")) == pytest.approx(math.hypot(1.25, 1.25, 1.25) / 1.1)


def test_click_reaches_python(charts: Page) -> None:
    box = figure_of(charts, "curve")
    box.scroll_into_view_if_needed()
    x, y = box.evaluate(
        """(box) => {
            const { xaxis, yaxis } = box._fullLayout, place = box.getBoundingClientRect();
            return [place.x + xaxis._offset + xaxis.l2p(7), place.y + yaxis._offset + yaxis.l2p(0.9 ** 7)];
        }"""
    )
    charts.mouse.move(x, y)
    charts.wait_for_timeout(200)
    charts.mouse.click(x, y)
    expect(charts.get_by_text("Clicked: Click(")).to_contain_text("curve=0, point=7, x=7, y=0.478")
    expect(charts.get_by_text("Clicked: Click(")).to_contain_text("customdata=7")
    wait_ready(charts)
    move_slider(charts, "Elongation", 1)
    expect(charts.get_by_text("Clicked: None")).to_be_visible()


def test_every_figure_has_alternative_text(charts: Page) -> None:
    labels = charts.locator(".gd-figure").evaluate_all("(all) => all.map((box) => [box.role, box.ariaLabel])")
    assert labels == [
        ["img", "A bowl 1 times as steep along y."],
        ["img", "A bowl that does not change."],
        ["img", "The loss falls by a tenth at each update. <b>not bold</b> ![x](y)"],
        ["img", "The first bowl."],
        ["img", "The second bowl, twice as steep along y."],
    ]


def test_words_are_plain_text_and_numbers_a_table(charts: Page) -> None:
    assert charts.get_by_test_id("stDataFrame").count() == 0, "the table was made before anyone asked for it"
    charts.get_by_text("In words and numbers").click()
    expect(charts.get_by_text("<b>not bold</b> ![x](y)")).to_be_visible()
    expect(charts.get_by_test_id("stDataFrame")).to_be_visible()


LUMINANCE = "(text) => text.match(/[\\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765"


@pytest.mark.parametrize("view", [DARK], indirect=True)
def test_charts_follow_the_theme_while_open(charts: Page) -> None:
    def brightness(index: int, selector: str, attribute: str) -> float:
        element = figure_of(charts, "curve", index).locator(selector).first
        return element.evaluate(f"(element) => ({LUMINANCE})(getComputedStyle(element).{attribute})")

    assert brightness(0, ".xtick text", "fill") > 0.7
    assert brightness(0, ".main-svg", "backgroundColor") < 0.2
    assert brightness(0, ".gridlayer path", "stroke") < 0.5
    charts.emulate_media(color_scheme="light")
    charts.wait_for_timeout(500)
    wait_ready(charts)
    assert brightness(0, ".xtick text", "fill") < 0.3
    assert brightness(0, ".main-svg", "backgroundColor") > 0.8
    assert brightness(0, ".gridlayer path", "stroke") > 0.5


@pytest.mark.parametrize("view", [PHONE], indirect=True)
def test_fits_a_phone(charts: Page) -> None:
    assert charts.evaluate("document.documentElement.scrollWidth") <= 375
    for box in charts.locator(".gd-figure").all():
        place = box.bounding_box()
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= 375
        assert box.evaluate("(box) => box._fullLayout.width") == pytest.approx(place["width"], abs=1)
    first, second = (figure_of(charts, "pair", index).bounding_box() for index in (0, 1))
    assert second["y"] >= first["y"] + first["height"], "two scenes stand side by side on a phone"


def test_surface_has_pixels(charts: Page) -> None:
    box = figure_of(charts, "bowl")
    box.scroll_into_view_if_needed()
    shades = box.evaluate(
        """async (box) => {
            const image = new Image();
            image.src = await window.Plotly.toImage(box, { format: "png", width: 300, height: 200 });
            await image.decode();
            const canvas = Object.assign(document.createElement("canvas"), { width: 300, height: 200 });
            const paper = canvas.getContext("2d");
            paper.drawImage(image, 0, 0);
            const { data } = paper.getImageData(0, 0, 300, 200), shades = new Set();
            for (let i = 0; i < data.length; i += 4) shades.add(data[i] * 65536 + data[i + 1] * 256 + data[i + 2]);
            return shades.size;
        }"""
    )
    assert shades > 300, "a drawn surface has hundreds of shades, an empty scene a few"


def test_charts_are_drawn_without_the_browsers_store(page: Page, surface: Server) -> None:
    # as over http from another machine, where browsers offer no store
    page.add_init_script(
        "delete Window.prototype.caches; Object.defineProperty(window, 'caches', { value: undefined })"
    )
    page.goto(surface.url)
    page.locator(".gd-view").nth(3).wait_for()
    wait_ready(page)
    assert trace_count(page, "bowl") == 2


def test_plotly_is_fetched_once_and_kept(page: Page, surface: Server) -> None:
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    for _ in range(2):
        page.goto(surface.url)
        page.locator(".gd-view").nth(3).wait_for()
        wait_ready(page)
    assert sum(url.endswith(".gz") for url in fetched) == 1
    assert not [url for url in fetched if not url.startswith((surface.url, "data:", "blob:"))]
