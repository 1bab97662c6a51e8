"""Every page in a real browser: on a phone, in light and dark, with the keyboard, and with names that mean harm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from driving import Server, wait_ready

import gd_core as gd
from pages.shared.frame import PAGES
from pages.shared.presets import PRESETS

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright").expect

PHONE = {"viewport": {"width": 375, "height": 812}, "is_mobile": True, "has_touch": True}
SCHEMES = ("light", "dark")
EVIL = "evil.example"
HOSTILE = [f"![x](http://{EVIL}/x)", f"<img src=http://{EVIL}/y>", f"https://{EVIL}/z", "$\\frac{1}{2}$", ":red[r]"]
# as wide as a comparison gets: ten features, six variants, long names
WIDE = gd.Experiment(
    gd.Bundled("diabetes"),
    variants=tuple(
        replace(variant, label=f"{variant.label}, under a name that is rather long {i}")
        for i, variant in enumerate(2 * PRESETS["three-types"].variants)
    ),
    budget=gd.Budget(epochs=5),
)


def address(path: str) -> str:
    return "/" if path == "app.py" else f"/{Path(path).stem}"


def opened(page: Page, app: Server, where: str) -> Page:
    page.goto(app.url + where)
    page.locator(".st-key-gd-menu").wait_for()
    wait_ready(page)
    return page


@pytest.mark.parametrize("view", [{**PHONE, "color_scheme": scheme} for scheme in SCHEMES], ids=SCHEMES, indirect=True)
@pytest.mark.parametrize("entry", PAGES, ids=lambda entry: entry.title)
def test_nothing_is_wider_than_a_phone(page: Page, app: Server, entry, tmp_path: Path, view: dict) -> None:
    opened(page, app, f"{address(entry.path)}?e={WIDE.to_link_token()}")
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 375
    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= 375
    assert page.locator(".st-key-gd-frame").get_by_text("Data in use:").count() == 1
    ground, ink = page.evaluate(
        """() => [".stApp", ".stMainBlockContainer"].map((name, index) => {
            const style = getComputedStyle(document.querySelector(name));
            const [red, green, blue] = (index ? style.color : style.backgroundColor).match(/[\\d.]+/g).map(Number);
            return (red + green + blue) / 765;
        })"""
    )
    assert (ground > 0.8 > 0.4 > ink) if view["color_scheme"] == "light" else (ground < 0.2 < 0.6 < ink)
    # a picture for whoever looks, with all of the page: the page scrolls inside the window
    height = page.evaluate("document.querySelector('.stMain').scrollHeight")
    page.set_viewport_size({"width": 375, "height": min(height, 9000)})
    wait_ready(page)
    page.screenshot(path=tmp_path / f"{entry.title}-{view['color_scheme']}.png")


def test_data_in_use_stays_in_sight(page: Page, app: Server) -> None:
    opened(page, app, "/compare")
    line = page.get_by_text("Data in use:")
    expect(line).to_be_in_viewport()
    page.locator(".stMain").evaluate("(main) => main.scrollTo(0, main.scrollHeight)")
    expect(page.get_by_text("Equal budget in")).not_to_be_in_viewport()
    expect(line).to_be_in_viewport(ratio=1)


def test_keyboard_reaches_the_controls_and_the_charts(page: Page, app: Server) -> None:
    opened(page, app, "/compare")
    reached: list[str] = []
    for _ in range(90):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """() => {
                    const box = document.activeElement;
                    return box.classList.contains("gd-figure") ? "a chart: " + box.ariaLabel
                        : box.ariaLabel || box.labels?.[0]?.innerText || box.innerText || box.tagName;
                }"""
            )
            .strip()
            .split("\n")[-1]  # before a link's words comes its icon's name
        )
        if reached[-1].startswith("a chart: "):
            break
    wanted = ["Data", "Momentum", "Epochs", "Learning rate", "Learning rate, typed", "a chart: "]
    matches = [
        lambda name, want=want: name == want or (want == "a chart: " and name.startswith(want)) for want in wanted
    ]
    places = [next((i for i, name in enumerate(reached) if match(name)), -1) for match in matches]
    assert -1 not in places, (dict(zip(wanted, places, strict=True)), reached)
    assert places[0] < places[1] < places[2] < places[3] < places[-1]


def test_a_slider_that_is_held_down_keeps_charts_and_connection(page: Page, app: Server) -> None:
    opened(page, app, "/compare")
    page.locator(".st-key-compare .gd-view").evaluate("(view) => (view.dataset.mark = 'the first')")
    slider = page.get_by_role("slider", name="Learning rate").first
    slider.focus()
    before = slider.input_value()
    for key in ("ArrowLeft", "ArrowRight"):
        for _ in range(8):
            page.keyboard.press(key)
            page.wait_for_timeout(20)
        wait_ready(page)
        page.wait_for_timeout(500)
        wait_ready(page)
    assert slider.input_value() == before
    expect(page.get_by_role("spinbutton", name="Learning rate, typed").first).to_have_value("0.1")
    expect(slider).to_be_focused()
    expect(page.locator(".st-key-compare .gd-view")).to_have_attribute("data-mark", "the first")


def test_names_from_a_file_fetch_and_link_nothing(page: Page, app: Server) -> None:
    import csv
    import io
    import random

    draw = random.Random(0)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*HOSTILE, "y"])
    writer.writerows([[round(draw.gauss(0, 1), 3) for _ in range(len(HOSTILE) + 1)] for _ in range(20)])
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    opened(page, app, "/data")
    page.get_by_text("Upload your own").click()
    files = page.locator("input[type=file]")
    files.set_input_files(
        {"name": f"www.{EVIL} <b>a</b>.csv", "mimeType": "text/csv", "buffer": text.getvalue().encode()}
    )
    expect(page.get_by_text("Data in use:")).to_contain_text("20 rows, 5 features, target y")
    wait_ready(page)
    # a sentence about the file, which quotes its name
    broken = {"name": f"https://{EVIL} ![x](http://{EVIL}/w).csv", "mimeType": "text/csv", "buffer": b""}
    files.set_input_files(broken)
    expect(page.get_by_role("alert")).to_contain_text("is empty")
    page.locator(".st-key-gd-menu").get_by_role("link", name="Compare").click()
    page.locator(".st-key-compare .gd-figure").nth(1).wait_for()
    wait_ready(page)
    box = page.get_by_role("spinbutton", name="Learning rate, typed").first
    box.fill("50")
    box.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Diverged")).to_be_visible()
    wait_ready(page)
    assert not [url for url in fetched if EVIL in url]
    assert page.locator(f"a[href*='{EVIL}'], img[src*='{EVIL}'], .katex").count() == 0
