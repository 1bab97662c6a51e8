"""The main job in a real browser: bring a CSV, pick the target, compare, and see one variant diverge."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from driving import Server, camera_eye, figure_of, trace_count, wait_ready

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

expect = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright").expect

VIEW = "compare"
LOSS, SURFACE = 0, 1
N_VARIANTS = 3
FEATURES = ["age", "sex", "bmi", "blood pressure", "total cholesterol", "ldl", "hdl", "tch", "ltg", "glucose"]


@pytest.fixture(scope="module")
def diabetes_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The diabetes data of scikit-learn, unscaled, as a person would have them: a CSV with the target in the middle."""
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True, scaled=False)
    rows = np.column_stack([X[:, :3], y, X[:, 3:]])
    path = tmp_path_factory.mktemp("data") / "clinic.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*FEATURES[:3], "progression", *FEATURES[3:]])
        writer.writerows(rows.tolist())
    return path


def choose(page: Page, label: str, option: str) -> None:
    """Pick an option of a menu, as a person does: type a part of it, and press Enter."""
    box = page.get_by_role("combobox", name=label)
    box.click()
    box.fill(option)
    page.get_by_role("option", name=option).first.click()
    wait_ready(page)


def open_page(page: Page, title: str) -> None:
    page.locator(".st-key-gd-menu").get_by_role("link", name=title).click()
    expect(page).to_have_title(re.compile(f"^{title}"))
    wait_ready(page)


def shades(page: Page, index: int) -> int:
    """How many colours the middle of a figure has on the screen, of which its background is one."""
    from PIL import Image

    box = figure_of(page, VIEW, index)
    box.scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    place = box.bounding_box()
    assert place is not None
    clip = {
        "x": place["x"] + place["width"] / 4,
        "y": place["y"] + place["height"] / 4,
        "width": place["width"] / 2,
        "height": place["height"] / 2,
    }
    picture = Image.open(io.BytesIO(page.screenshot(clip=clip))).convert("RGB")
    return len(picture.getcolors(picture.width * picture.height) or [])


def turn_by_mouse(page: Page, index: int, dx: int, dy: int) -> None:
    box = figure_of(page, VIEW, index)
    box.scroll_into_view_if_needed()
    place = box.bounding_box()
    assert place is not None
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    box.evaluate("(box) => { box.settled = false; box.once('plotly_relayout', () => (box.settled = true)); }")
    page.mouse.move(x, y)
    page.mouse.down()
    for part in range(1, 6):
        page.mouse.move(x + dx * part / 5, y + dy * part / 5)
        page.wait_for_timeout(60)
    page.mouse.up()
    page.wait_for_function("(box) => box.settled", arg=box.element_handle())
    page.wait_for_timeout(500)


def type_number(page: Page, label: str, value: str, place: int = 0) -> None:
    box = page.get_by_role("spinbutton", name=label).nth(place)
    box.fill(value)
    box.press("Enter")
    wait_ready(page)


@pytest.fixture(scope="module")
def uploaded(browser: Browser, app: Server, diabetes_csv: Path) -> Iterator[Page]:
    """One session that has uploaded the CSV and picked its target; the tests below go on in it, in order."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(45_000)
    page = context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(app.url)
    page.locator(".st-key-gd-menu").wait_for()
    wait_ready(page)
    open_page(page, "Data")
    page.get_by_text("Upload your own").click()
    page.locator("input[type=file]").set_input_files(diabetes_csv)
    expect(page.get_by_text("Table: clinic.csv, 442 rows, 11 columns")).to_be_visible()
    wait_ready(page)
    choose(page, "Target, the column to predict", "progression")
    expect(page.get_by_text("Data in use:")).to_have_text(
        "Data in use: clinic.csv (uploaded), 442 rows, 10 features, target progression"
    )
    open_page(page, "Compare")
    page.locator(f".st-key-{VIEW} .gd-figure").nth(SURFACE).wait_for()
    wait_ready(page)
    yield page
    context.close()
    assert not troubles


def test_charts_of_the_upload_are_drawn(uploaded: Page) -> None:
    expect(uploaded.get_by_text("Data in use:")).to_contain_text("clinic.csv (uploaded), 442 rows")
    assert trace_count(uploaded, VIEW, LOSS) >= N_VARIANTS + 1, "a line a variant, and the exact optimum"
    assert trace_count(uploaded, VIEW, SURFACE) >= N_VARIANTS + 1, "a path a variant, and the surface"
    kinds = figure_of(uploaded, VIEW, SURFACE).evaluate("(box) => box._fullData.map((trace) => trace.type)")
    assert "surface" in kinds
    assert kinds.count("scatter3d") >= N_VARIANTS
    assert shades(uploaded, SURFACE) > 300, "a drawn surface has hundreds of shades, an empty scene a few"
    assert shades(uploaded, LOSS) > 10


def test_the_exact_solution_is_that_of_least_squares(uploaded: Page) -> None:
    """The dashed line of the loss chart is the optimum of the uploaded table itself, worked out here anew."""
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True, scaled=False)
    residual = y - np.column_stack([np.ones(len(X)), X]) @ np.linalg.lstsq(np.column_stack([np.ones(len(X)), X]), y)[0]
    levels = figure_of(uploaded, VIEW, LOSS).evaluate(
        "(box) => box.data.filter((trace) => /optimum/.test(trace.name)).map((trace) => trace.customdata[0])"
    )
    assert levels == [pytest.approx(np.mean(residual**2) / 2, rel=1e-9)]


def test_camera_stays_when_a_setting_changes(uploaded: Page) -> None:
    before = camera_eye(uploaded, VIEW, SURFACE)
    turn_by_mouse(uploaded, SURFACE, 150, -20)
    turned = camera_eye(uploaded, VIEW, SURFACE)
    assert math.dist(before, turned) > 0.2
    points = "(box) => box.data.filter((trace) => trace.type === 'scatter3d').map((trace) => trace.x.length)"
    drawn = figure_of(uploaded, VIEW, SURFACE).evaluate(points)
    type_number(uploaded, "Epochs", "31")
    assert figure_of(uploaded, VIEW, SURFACE).evaluate(points) != drawn, "the setting changed nothing"
    assert camera_eye(uploaded, VIEW, SURFACE) == pytest.approx(turned, abs=1e-6)


def diverged_marks(page: Page) -> list[str]:
    return figure_of(page, VIEW, LOSS).evaluate(
        "(box) => box._fullData.filter((trace) => trace.marker?.symbol === 'x').map((trace) => trace.text.join())"
    )


def test_a_typed_rate_makes_one_variant_diverge_and_the_page_says_so(uploaded: Page) -> None:
    assert diverged_marks(uploaded) == []
    type_number(uploaded, "Learning rate, typed", "1.7")
    alert = uploaded.get_by_role("alert").filter(has_text="Diverged at update")
    expect(alert).to_have_count(1)
    expect(alert).to_contain_text("batch: Diverged at update")
    expect(alert).to_contain_text("the largest at which batch descent")
    (mark,) = diverged_marks(uploaded)
    assert mark.startswith("diverged at update ")
    expect(figure_of(uploaded, VIEW, LOSS).get_by_text(mark)).to_be_attached()
    assert shades(uploaded, SURFACE) > 300, "the surface must stay readable beside a diverging path"


def test_the_slider_brings_it_back_and_over_again(uploaded: Page) -> None:
    slider = uploaded.get_by_role("slider", name="Learning rate").first
    slider.focus()
    for _ in range(8):
        uploaded.keyboard.press("ArrowLeft")
    wait_ready(uploaded)
    expect(uploaded.get_by_text("Diverged at update")).to_have_count(0)
    rate = float(uploaded.get_by_role("spinbutton", name="Learning rate, typed").first.input_value())
    assert rate < 0.5
    slider.focus()
    for _ in range(8):
        uploaded.keyboard.press("ArrowRight")
    wait_ready(uploaded)
    assert float(uploaded.get_by_role("spinbutton", name="Learning rate, typed").first.input_value()) > 1
    expect(uploaded.get_by_role("alert").filter(has_text="batch: Diverged at update")).to_be_visible()
    assert len(diverged_marks(uploaded)) == 1


def test_another_session_is_independent(uploaded: Page, browser: Browser, app: Server) -> None:
    context = browser.new_context()
    context.set_default_timeout(45_000)
    other = context.new_page()
    other.goto(f"{app.url}/compare")
    other.locator(f".st-key-{VIEW} .gd-figure").nth(SURFACE).wait_for()
    wait_ready(other)
    expect(other.get_by_text("Data in use:")).to_contain_text("linear (generated), 200 rows")
    expect(other.get_by_text("clinic")).to_have_count(0)
    type_number(other, "Epochs", "5")
    context.close()
    assert uploaded.get_by_role("spinbutton", name="Epochs").input_value() == "31"
    expect(uploaded.get_by_text("Data in use:")).to_contain_text("clinic.csv")
