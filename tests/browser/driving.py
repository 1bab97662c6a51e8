"""What the browser tests do with a page, and what they read from its charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


SETTLED = """() =>
    document.querySelector('.stApp[data-test-script-state="notRunning"][data-test-connection-state="CONNECTED"]')
    && !document.querySelector('[data-stale="true"], [data-testid="stSkeleton"]')
    && [...document.querySelectorAll('.stBidiComponent')].every((component) =>
        component.querySelector('.gd-view[data-state="ready"]'))"""


def wait_ready(page: Page) -> None:
    """Wait until the script has run and every visible chart view is drawn, and both still hold a moment later."""
    while True:
        page.wait_for_function(SETTLED)
        page.wait_for_timeout(250)
        if page.evaluate(SETTLED):
            return


def figure_of(page: Page, key: str, index: int = 0) -> Locator:
    """The element of one figure of the chart view with this key; plotly.js hangs its data and layout on it."""
    return page.locator(f".st-key-{key} .gd-figure").nth(index)


def camera_eye(page: Page, key: str, index: int = 0, scene: str = "scene") -> tuple[float, float, float]:
    """Where the eye of a drawn 3D scene really is, asked of the scene itself rather than of the layout."""
    eye = figure_of(page, key, index).evaluate("(box, scene) => box._fullLayout[scene]._scene.getCamera().eye", scene)
    return eye["x"], eye["y"], eye["z"]


def trace_count(page: Page, key: str, index: int = 0) -> int:
    """How many traces a figure has drawn: those with computed data that are visible."""
    script = "(box) => (box._fullData ?? []).filter((trace) => trace.visible === true).length"
    return figure_of(page, key, index).evaluate(script)


def move_slider(page: Page, label: str, presses: int) -> None:
    """Move a Streamlit slider to the right by so many key presses, and wait for the page."""
    page.get_by_role("slider", name=label).focus()
    for _ in range(presses):
        page.keyboard.press("ArrowRight")
    wait_ready(page)
