"""The Learn page in a real browser: drawn figures, live controls, two clicks to a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from driving import Server, figure_of, trace_count, wait_ready

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright").expect

DARK = {"color_scheme": "dark"}
PHONE = {"viewport": {"width": 375, "height": 812}, "is_mobile": True, "has_touch": True}
# each lesson's chart view, and how many figures it holds
VIEWS = {
    "walk": 2, "gradient": 1, "rate": 2, "price": 1, "stop": 1, "types": 2, "noise": 2, "costs": 2, "valleys": 2,
    "batches": 1, "settling": 2,
}  # fmt: skip


@pytest.fixture
def learn(page: Page, app: Server) -> Page:
    page.goto(app.url)
    # a machine's first visitor waits for the figures while the engine compiles, though not for the words
    page.locator(".gd-view").nth(len(VIEWS) - 1).wait_for(timeout=120_000)
    wait_ready(page)
    return page


def move(page: Page, name: str, key: str) -> None:
    page.locator(f".st-key-learn-{name}").get_by_role("slider").focus()
    page.keyboard.press(key)
    page.wait_for_timeout(300)
    wait_ready(page)


def test_every_figure_is_drawn(learn: Page) -> None:
    for name, count in VIEWS.items():
        for index in range(count):
            assert trace_count(learn, f"learn-{name}-chart", index) >= 1, name
            label = figure_of(learn, f"learn-{name}-chart", index).get_attribute("aria-label")
            assert len(label) > 40, name
    assert learn.get_by_test_id("stAlert").count() == 0


def test_too_large_a_rate_is_seen_and_said_to_diverge(learn: Page) -> None:
    expect(learn.get_by_text("Too large.", exact=True)).to_have_count(0)
    move(learn, "rate", "End")
    expect(learn.get_by_text("the walk counts as diverged at update")).to_be_visible()
    drawn = figure_of(learn, "learn-rate-chart", 1).evaluate(
        "(box) => box._fullData.map((trace) => trace.text).flat().join(' ')"
    )
    assert "diverged at update" in drawn


def test_a_control_redraws_its_own_lesson_alone(learn: Page) -> None:
    learn.evaluate(
        """() => {
            window.redrawn = [];
            document.querySelectorAll(".gd-figure").forEach((box) =>
                box.on("plotly_afterplot", () =>
                    window.redrawn.push(box.closest("[class*='st-key-learn-'][class*='-chart']").className)));
        }"""
    )
    before = figure_of(learn, "learn-walk-chart").evaluate("(box) => box._fullData[2].x.length")
    move(learn, "walk", "ArrowRight")
    after = figure_of(learn, "learn-walk-chart").evaluate("(box) => box._fullData[2].x.length")
    assert after == before + 1
    redrawn = learn.evaluate("() => window.redrawn")
    assert redrawn
    assert all("learn-walk-chart" in name for name in redrawn)


def test_the_other_start_is_counted_too(learn: Page) -> None:
    bars = "(box) => [...box._fullData[0].x]"
    poor = figure_of(learn, "learn-valleys-chart", 1).evaluate(bars)
    assert poor[0] == 0
    assert poor[1] > 0
    learn.get_by_role("radio", name="a start above the best valley").click()
    expect(learn.get_by_text("escaping works both ways")).to_be_visible()
    wait_ready(learn)
    good = figure_of(learn, "learn-valleys-chart", 1).evaluate(bars)
    assert good[0] == 20
    assert good[1] < 20


def test_two_clicks_lead_to_a_comparison_on_the_data(learn: Page) -> None:
    learn.get_by_role("link", name="Bring your own data").first.click()
    expect(learn).to_have_title("Data · Gradient Descent Lab")
    wait_ready(learn)
    learn.locator(".st-key-gd-menu").get_by_role("link", name="Compare").click()
    expect(learn).to_have_title("Compare · Gradient Descent Lab")
    wait_ready(learn)
    assert learn.locator(".gd-figure").count() >= 3


@pytest.mark.parametrize("view", [PHONE, DARK], indirect=True)
def test_nothing_is_wider_than_the_screen(learn: Page) -> None:
    width = learn.viewport_size["width"]
    assert learn.evaluate("document.querySelector('.stMain').scrollWidth") <= width
    for box in learn.locator(".gd-figure").all():
        place = box.bounding_box()
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= width
    for formula in learn.locator(".katex-display").all():
        assert formula.evaluate("(box) => box.scrollWidth <= box.clientWidth + 1"), formula.inner_text()
