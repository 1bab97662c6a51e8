"""The Code page in a real browser: numbers typed, descents brought together, marked lines, programs taken away."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from driving import Server, figure_of, trace_count, wait_ready

import gd_core as gd
from gd_core.export.differences import marked_script
from pages.shared import presets
from pages.shared.snippets import FILES

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright").expect

PHONE = {"viewport": {"width": 375, "height": 812}, "is_mobile": True, "has_touch": True}

# For every line of a program: the number that its mark bears, and the width of its bar.
MARKS = """(pre) => [...pre.querySelectorAll("code > span")].map((line) => {
    const mark = getComputedStyle(line, "::before").content.replaceAll('"', "");
    return [mark === "none" ? "" : mark, parseFloat(getComputedStyle(line).borderLeftWidth), line.textContent];
})"""


def open_code(page: Page, app: Server) -> None:
    page.goto(f"{app.url}/code")
    page.locator(".st-key-gd-menu").wait_for()
    wait_ready(page)


def last_y(page: Page, key: str, trace: int) -> float:
    script = "(box, i) => { const y = box._fullData[i].y; return y[y.length - 1]; }"
    return figure_of(page, key).evaluate(script, trace)


def test_numbers_are_typed_by_keyboard_and_a_wrong_one_is_named(page: Page, app: Server) -> None:
    open_code(page, app)
    expect(page.get_by_text("[1.15279107 0.58711619]")).to_be_visible()
    box = page.get_by_role("textbox", name="X, one row a line")
    box.fill("1, 0\n0, 1\n1, <img src=x onerror=alert(1)>")
    box.press("Control+Enter")
    expect(page.get_by_role("alert").filter(has_text="in row 3 of X, place 2, is no number")).to_be_visible()
    assert page.locator(".stMain img[src=x]").count() == 0
    box.fill("1, 0\n0, 1\n1, 1")
    box.press("Control+Enter")
    wait_ready(page)
    theta = gd.gradient_descent([[1, 0], [0, 1], [1, 1]], [2, 4, 6])
    expect(page.get_by_text(str(theta))).to_be_visible()
    assert page.get_by_role("alert").count() == 0


def test_the_descents_come_together_when_the_switches_are_set(page: Page, app: Server) -> None:
    open_code(page, app)
    assert trace_count(page, "code-trap") == 2
    assert last_y(page, "code-trap", 1) < last_y(page, "code-trap", 0) / 10
    for name in ("Halve the learning rate of optim.SGD", "Leave out the bias of nn.Linear"):
        page.get_by_role("switch", name=name).or_(page.get_by_role("checkbox", name=name)).first.focus()
        page.keyboard.press("Space")
        wait_ready(page)
    expect(page.get_by_text("The two descents coincide")).to_be_visible()
    assert last_y(page, "code-trap", 1) == last_y(page, "code-trap", 0)


def test_lines_are_marked_where_the_engine_says_so(page: Page, app: Server) -> None:
    open_code(page, app)
    for language in FILES:
        marked = marked_script(presets.first_experiment(), language)
        drawn = page.locator(f".st-key-gd-code-{language} pre").evaluate(MARKS)
        assert [text.rstrip("\n") for *_, text in drawn] == marked.text.splitlines()
        assert [mark for mark, *_ in drawn] == [" ".join(str(i + 1) for i in sorted(o)) for o in marked.lines]
        assert [bar > 0 for _, bar, _ in drawn] == [bool(owners) for owners in marked.lines]


def test_programs_stand_side_by_side_and_one_fills_the_page(page: Page, app: Server) -> None:
    open_code(page, app)
    boxes = [page.locator(f".st-key-gd-code-{language}").bounding_box() for language in FILES]
    assert len({box["y"] for box in boxes}) == 1
    assert boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"]
    page.get_by_role("radio", name="PyTorch").click()
    wait_ready(page)
    assert page.locator(".st-key-gd-code-numpy").count() == 0
    assert page.locator(".st-key-gd-code-pytorch").bounding_box()["width"] > 2 * boxes[0]["width"]


def test_a_downloaded_program_runs_and_prints_the_engines_parameters(page: Page, app: Server, tmp_path: Path) -> None:
    open_code(page, app)
    with page.expect_download() as caught:
        page.get_by_role("button", name=f"Download {FILES['numpy']}").click()
    assert caught.value.suggested_filename == FILES["numpy"] == "gradient_descent_numpy.py"
    path = tmp_path / "program.py"
    caught.value.save_as(path)
    printed = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    numbers = [float(line.split()[0]) for line in printed.splitlines() if line.startswith("    ")]
    expected = [value for run in presets.first_experiment().run().runs for value in run.final]
    assert numbers == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("view", [PHONE], indirect=True)
def test_programs_are_stacked_on_a_phone(page: Page, app: Server) -> None:
    open_code(page, app)
    boxes = [page.locator(f".st-key-gd-code-{language}").bounding_box() for language in FILES]
    assert boxes[0]["y"] < boxes[1]["y"] < boxes[2]["y"]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 375 for box in boxes)


@pytest.mark.parametrize("view", [{"color_scheme": "dark"}], indirect=True)
def test_marks_leave_the_text_readable_in_the_dark(page: Page, app: Server) -> None:
    open_code(page, app)
    luminance = page.locator(".st-key-gd-code-numpy pre").evaluate(
        """(pre) => {
            const line = [...pre.querySelectorAll("code > span")].find((one) =>
                getComputedStyle(one, "::before").content !== "none");
            const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
            const [r, g, b, a] = parts(getComputedStyle(line).backgroundColor);
            return { share: a, text: parts(getComputedStyle(line).color).slice(0, 3) };
        }"""
    )
    assert luminance["share"] < 0.2
    assert min(luminance["text"]) > 150
