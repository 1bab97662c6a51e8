"""The player in a real browser: one clock moves all figures, exactly and fast enough, and leaves the camera alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from driving import HERE, Server, camera_eye, figure_of, move_slider, start_server, wait_ready

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

expect = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright").expect

LOSS, SURFACE, CONTOUR, FIT = range(4)
PHONE = {"viewport": {"width": 375, "height": 812}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_server(HERE / "apps" / "player.py", tmp_path_factory.mktemp("player"))
    yield server
    server.stop()


@pytest.fixture
def player(page: Page, demo: Server) -> Page:
    page.goto(demo.url)
    page.locator(".gd-bar").wait_for()
    wait_ready(page)
    return page


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def scrubber(page: Page) -> Locator:
    return page.get_by_role("slider", name="Position")


def tick(page: Page) -> int:
    return int(scrubber(page).input_value())


def last_tick(page: Page) -> int:
    return int(scrubber(page).get_attribute("max") or 0)


def scrub(page: Page, to: int) -> None:
    scrubber(page).evaluate(
        "(input, to) => { input.value = to; input.dispatchEvent(new Event('input', { bubbles: true })); }", to
    )


def traces(page: Page, index: int, key: str = "moving") -> list[dict[str, Any]]:
    """What the moving traces of a figure hold: in its data, and in what plotly.js has computed from them."""
    return figure_of(page, key, index).evaluate(
        """(box) => box.data.flatMap(({ x, y, z, meta }, curve) => !meta?.moves ? [] : [{
            ...meta, x: Array.from(x), y: Array.from(y), z: Array.from(z ?? []),
            drawn: Array.from(box._fullData[curve].x), computed: box.calcdata[curve].length,
        }])"""
    )


def everything(page: Page, key: str = "moving") -> list[list[dict[str, Any]]]:
    return [traces(page, index, key) for index in range(page.locator(f".st-key-{key} .gd-figure").count())]


def readout(page: Page) -> list[dict[str, str]]:
    """The readout, one row a variant, by column title."""
    return page.locator(".gd-readout table").evaluate(
        """(table) => {
            const titles = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
            return [...table.tBodies[0].rows].map((row) =>
                Object.fromEntries([...row.cells].map((cell, j) => [titles[j], cell.textContent])));
        }"""
    )


def point(page: Page, index: int, run: int) -> tuple[float, ...]:
    trace = next(each for each in traces(page, index) if each["run"] == run and each["moves"] == "point")
    return tuple(trace[name][0] for name in "xyz" if trace[name])


def test_opens_at_the_end_and_does_not_play_by_itself(player: Page) -> None:
    assert tick(player) == last_tick(player) > 50
    player.wait_for_timeout(600)
    assert tick(player) == last_tick(player)
    expect(player.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert {row["status"] for row in readout(player)} <= {"out of budget", "diverged", "converged"}


def test_play_moves_the_points_of_all_figures_together(player: Page) -> None:
    press(player, "To the start")
    before = everything(player)
    press(player, "Play")
    player.wait_for_function("() => document.querySelector('.gd-bar input').valueAsNumber > 15")
    press(player, "Pause")
    assert 0 < tick(player) < last_tick(player)
    after = everything(player)
    for index in (LOSS, SURFACE, CONTOUR, FIT):
        assert before[index] != after[index], f"figure {index} stands still"
        for trace in after[index]:
            assert trace["drawn"] == pytest.approx(trace["x"]), "the figure shows other numbers than its data"
    states = readout(player)
    for run, state in enumerate(states):
        x, y = point(player, LOSS, run)
        assert x == pytest.approx(float(state["epoch"]), rel=1e-3)
        assert y == pytest.approx(float(state["loss"]), rel=1e-5)
        u, v = point(player, CONTOUR, run)
        assert (u, v) == pytest.approx((float(state["intercept"]), float(state["x1"])), rel=1e-3, abs=1e-6)
        assert point(player, SURFACE, run)[:2] == (u, v)
    # every run stands where it stood at this many epochs: none is ahead of the clock
    epochs = [float(state["epoch"]) for state in states]
    now = float(player.locator(".gd-place").inner_text().split()[0])
    assert max(epochs) == pytest.approx(now, rel=1e-3)


def test_marks_are_drawn_where_the_data_say(player: Page) -> None:
    scrub(player, 20)
    for index in (LOSS, CONTOUR):
        apart = figure_of(player, "moving", index).evaluate(
            """(box) => {
                const { xaxis, yaxis } = box._fullLayout, frame = box.querySelector(".bglayer")
                    ?? box, corner = box.getBoundingClientRect();
                return box._fullData.filter(({ meta }) => meta?.moves === "point").map(({ uid, x, y }) => {
                    const place = box.querySelector(`.trace${uid} .points path`).getBoundingClientRect();
                    return Math.hypot(
                        place.x + place.width / 2 - corner.x - xaxis._offset - xaxis.c2p(xaxis.d2c(x[0])),
                        place.y + place.height / 2 - corner.y - yaxis._offset - yaxis.c2p(yaxis.d2c(y[0])),
                    );
                });
            }"""
        )
        assert len(apart) == 4
        assert max(apart) < 3, "a triangle's box has another middle than the triangle, by two pixels"


def test_fit_shows_what_the_parameters_of_that_tick_predict(player: Page) -> None:
    import gd_core as gd

    scrub(player, 30)
    problem = gd.Regression(gd.generate("linear", n_samples=1000, n_features=2, noise=1.0))
    states = readout(player)
    assert any(state["status"] == "running" for state in states)
    rows = figure_of(player, "moving", FIT).evaluate("(box) => Array.from(box.data[0].customdata)")
    for trace, state in zip(traces(player, FIT), states, strict=True):
        theta = [float(state[name]) for name in problem.parameter_names]
        expected = problem.predict(theta, problem.dataset.X[[row - 1 for row in rows]])
        assert trace["y"] == pytest.approx(list(expected), rel=2e-3, abs=2e-3)
        assert trace["computed"] == len(rows)


def test_step_forward_and_back_returns_to_the_same_place(player: Page) -> None:
    scrub(player, 25)
    before, words = everything(player), readout(player)
    press(player, "Step forward")
    assert tick(player) == 26
    assert everything(player) != before
    press(player, "Step back")
    assert tick(player) == 25
    assert everything(player) == before
    assert readout(player) == words
    press(player, "To the end")
    scrub(player, 25)
    assert everything(player) == before


def test_start_and_end(player: Page) -> None:
    final = everything(player)
    press(player, "To the start")
    assert tick(player) == 0
    assert {row["status"] for row in readout(player)} == {"ready"}
    starts = {point(player, CONTOUR, run) for run in range(4)}
    assert starts == {(0.0, 0.0)}
    press(player, "Step back")
    assert tick(player) == 0
    press(player, "To the end")
    assert everything(player) == final
    press(player, "Step forward")
    assert tick(player) == last_tick(player)


def test_keys_step_and_leave_others_alone(player: Page) -> None:
    box = figure_of(player, "moving", SURFACE)
    box.focus()
    player.keyboard.press("Home")
    assert tick(player) == 0
    for key, expected in ((".", 1), ("]", 2), (",", 1), ("[", 0), ("End", last_tick(player)), ("Home", 0)):
        player.keyboard.press(key)
        expect(scrubber(player), f"after {key}").to_have_value(str(expected))
    scrolled = player.evaluate("document.querySelector('[data-testid=stMain]').scrollTop")
    player.keyboard.press("Space")
    expect(player.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    player.keyboard.press("Space")
    expect(player.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert player.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == scrolled
    here, eye = tick(player), camera_eye(player, "moving", SURFACE)
    player.keyboard.press("ArrowRight")
    for _ in range(40):
        player.wait_for_timeout(100)
        if math.dist(camera_eye(player, "moving", SURFACE), eye) > 0.05:
            break
    else:
        pytest.fail("an arrow key did not turn the scene")
    assert tick(player) == here, "an arrow key turns the scene, it does not step"
    scrubber(player).focus()
    player.keyboard.press("ArrowRight")
    expect(scrubber(player)).to_have_value(str(here + 1))
    # the speed's own keys stay its own
    player.get_by_label("Speed").focus()
    player.keyboard.press("Home")
    assert tick(player) == here + 1


def test_speed(player: Page) -> None:
    def after_a_second(speed: str) -> int:
        player.get_by_label("Speed").select_option(speed)
        press(player, "To the start")
        press(player, "Play")
        player.wait_for_timeout(1000)
        reached = tick(player)
        press(player, "To the start")
        return reached

    slow, usual = after_a_second("0.25"), after_a_second("1")
    assert 0 < slow < 0.7 * usual
    assert after_a_second("8") > usual * 1.5


def test_play_stops_at_the_end_and_begins_again(player: Page) -> None:
    scrub(player, last_tick(player) - 3)
    player.get_by_label("Speed").select_option("8")
    press(player, "Play")
    expect(player.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert tick(player) == last_tick(player)
    player.get_by_label("Speed").select_option("0.25")
    press(player, "Play")
    player.wait_for_timeout(300)
    press(player, "Pause")
    assert tick(player) < last_tick(player) / 4


def turn(page: Page) -> None:
    """Turn the scene with the mouse."""
    box = figure_of(page, "moving", SURFACE)
    box.scroll_into_view_if_needed()
    place = box.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for part in range(1, 6):
        page.mouse.move(x + 25 * part, y - 3 * part)
        page.wait_for_timeout(60)
    page.mouse.up()
    page.wait_for_timeout(700)


def test_scene_can_be_turned_while_it_plays_and_stays_turned(player: Page) -> None:
    press(player, "To the start")
    player.get_by_label("Speed").select_option("0.25")
    press(player, "Play")
    before = camera_eye(player, "moving", SURFACE)
    turn(player)
    turned, here = camera_eye(player, "moving", SURFACE), tick(player)
    assert math.dist(before, turned) > 0.2
    player.wait_for_timeout(800)
    assert tick(player) > here, "the turn has stopped the clock"
    assert camera_eye(player, "moving", SURFACE) == pytest.approx(turned, abs=1e-6)
    press(player, "Pause")
    player.wait_for_timeout(600)
    assert camera_eye(player, "moving", SURFACE) == pytest.approx(turned, abs=1e-6)


def test_changed_setting_keeps_camera_and_clock(player: Page) -> None:
    turn(player)
    scrub(player, 40)
    turned, words = camera_eye(player, "moving", SURFACE), player.locator(".gd-place").inner_text()
    loss = readout(player)[0]["loss"]
    move_slider(player, "Rate", 3)
    expect(player.locator(".gd-readout tbody td").nth(3)).not_to_have_text(loss)
    wait_ready(player)
    assert player.locator(".gd-place").inner_text() == words
    assert camera_eye(player, "moving", SURFACE) == pytest.approx(turned, abs=1e-6)
    expect(player.get_by_role("button", name="Play", exact=True)).to_be_visible()
    x, y = point(player, LOSS, 0)
    assert (x, y) == pytest.approx((float(readout(player)[0]["epoch"]), float(readout(player)[0]["loss"])), rel=1e-3)
    # another number of variants has another clock: the nearest tick of the same share
    move_slider(player, "Variants", 2)
    expect(player.locator(".gd-readout tbody tr")).to_have_count(6)
    wait_ready(player)
    assert float(player.locator(".gd-place").inner_text().split()[0]) == pytest.approx(float(words.split()[0]), rel=0.1)
    assert len(traces(player, LOSS)) == 6


def test_changed_setting_does_not_stop_what_plays(player: Page) -> None:
    press(player, "To the start")
    player.get_by_label("Speed").select_option("0.25")
    press(player, "Play")
    player.wait_for_timeout(300)
    player.get_by_role("slider", name="Rate").focus()
    player.keyboard.press("ArrowRight")
    wait_ready(player)
    expect(player.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    here = tick(player)
    assert 0 < here < last_tick(player)
    player.wait_for_timeout(800)
    assert tick(player) > here


@pytest.mark.parametrize("presses", [-1, 1])
def test_other_numbers_of_features_play_too(player: Page, presses: int) -> None:
    player.get_by_role("slider", name="Features").focus()
    player.keyboard.press("ArrowRight" if presses > 0 else "ArrowLeft")
    wait_ready(player)
    final = traces(player, FIT)
    scrub(player, 10)
    assert len(traces(player, FIT)) == 4
    assert all(now["y"] != then["y"] for now, then in zip(traces(player, FIT), final, strict=True))
    press(player, "To the end")
    assert traces(player, FIT) == final


def test_hidden_variant_stays_hidden_and_is_right_when_shown_again(player: Page) -> None:
    box = figure_of(player, "moving", CONTOUR)
    hide = """(box, visible) => window.Plotly.restyle(box, { visible },
        box.data.flatMap(({ legendgroup }, curve) => (legendgroup === "variant 0" ? [curve] : [])))"""
    box.evaluate(hide, "legendonly")
    scrub(player, 40)
    shown = "(box) => box._fullData.filter(({ meta, visible }) => meta?.run === 0 && visible === true).length"
    assert box.evaluate(shown) == 0
    box.evaluate(hide, True)
    assert box.evaluate(shown) == 2
    x, y = point(player, CONTOUR, 0)
    assert (x, y) == pytest.approx(tuple(float(readout(player)[0][name]) for name in ("intercept", "x1")), rel=1e-3)


def test_python_hears_of_the_step_that_was_left(player: Page) -> None:
    expect(player.get_by_text("Left at: None")).to_be_visible()
    scrub(player, 12)
    press(player, "Step forward")
    updates = ", ".join(state["update"].replace(",", "") for state in readout(player))
    expect(player.get_by_text("Left at: Step(tick=13")).to_contain_text(f"updates=({updates})")
    wait_ready(player)
    assert tick(player) == 13, "the rerun has moved the clock"


def test_labels_are_text(player: Page) -> None:
    assert readout(player)[0]["variant"] == "batch <b>plain</b>"
    assert player.locator(".gd-readout b").count() == 0


def test_controls_have_names_and_a_place(player: Page) -> None:
    names = (
        player.get_by_role("toolbar", name="Player")
        .locator("button")
        .evaluate_all("(all) => all.map((each) => each.ariaLabel)")
    )
    assert names == ["To the start", "Step back", "Play", "Step forward", "To the end"]
    assert "epochs" in (scrubber(player).get_attribute("aria-valuetext") or "")
    place = player.get_by_role("toolbar", name="Player").bounding_box()
    assert place["y"] + place["height"] <= 900, "the bar is in sight with its figures"


@pytest.mark.parametrize("view", [PHONE], indirect=True)
def test_player_fits_a_phone(player: Page) -> None:
    assert player.evaluate("document.documentElement.scrollWidth") <= 375
    place = player.get_by_role("toolbar", name="Player").bounding_box()
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= 375


# Counts what a person would see: ticks after which the 3D scene has been drawn too.
COUNT = """() => {
    const scene = document.querySelectorAll(".gd-figure")[1]._fullLayout.scene._scene.glplot;
    const place = document.querySelector(".gd-place");
    const seen = (window.seen = { pictures: 0, scenes: 0, from: performance.now() });
    const before = scene.onrender;
    scene.onrender = () => { seen.scenes += 1; before?.(); };
    new MutationObserver(() => (seen.pictures += 1)).observe(place, { childList: true });
}"""


def pictures_a_second(page: Page) -> tuple[float, float]:
    """Over three seconds of play: how often all figures showed a new tick, and how often the scene was drawn."""
    page.get_by_label("Speed").select_option("1")
    press(page, "To the start")
    press(page, "Play")
    page.wait_for_timeout(500)
    page.evaluate(COUNT)
    page.wait_for_timeout(3000)
    seen = page.evaluate("() => ({ ...window.seen, now: performance.now() })")
    press(page, "Pause")
    seconds = (seen["now"] - seen["from"]) / 1000
    return seen["pictures"] / seconds, seen["scenes"] / seconds


# How often this browser can show anything new at all, such as one word, while the machine does its other work.
MOST = """() => new Promise((done) => {
    const place = document.querySelector(".gd-place"), from = performance.now();
    let pictures = 0;
    const next = (now) => {
        place.textContent = String((pictures += 1));
        if (now - from < 2000) requestAnimationFrame(next);
        else done((pictures * 1000) / (now - from));
    };
    requestAnimationFrame(next);
})"""


def test_six_variants_move_ten_times_a_second(player: Page) -> None:
    move_slider(player, "Variants", 2)
    expect(player.locator(".gd-readout tbody tr")).to_have_count(6)
    wait_ready(player)
    for _ in range(3):  # the best of three: the machine has other work too
        most = player.evaluate(MOST)
        pictures, scenes = pictures_a_second(player)
        print(f"six variants: {pictures:.1f} pictures a second, {scenes:.1f} of the scene; one word: {most:.1f}")
        wait_ready(player)
        # a machine that is so busy that a word cannot change 20 times a second can at least change all in half of that
        if min(pictures, scenes) >= min(10, most / 2):
            break
    else:
        pytest.fail(f"{pictures:.1f} pictures a second in the last of three attempts")


def test_compare_plays_without_asking_the_server(page: Page, app: Server) -> None:
    sent: list[int] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(len(frame))))
    page.goto(f"{app.url}/compare")
    page.locator(".gd-bar").wait_for()
    wait_ready(page)
    final = everything(page, "compare")
    assert len(final) == 4
    press(page, "To the start")
    start = everything(page, "compare")
    before = len(sent)
    press(page, "Play")
    page.wait_for_timeout(1500)
    press(page, "Pause")
    middle = everything(page, "compare")
    for index in range(4):
        assert final[index]
        assert start[index] != middle[index] != final[index]
    page.wait_for_timeout(600)
    assert len(sent) == before, "the browser has asked the server for something"
    press(page, "To the end")
    assert everything(page, "compare") == final
