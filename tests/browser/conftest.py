"""A real browser on a real server.

These tests run when ``GD_LAB_BROWSER=1`` is set. With ``GD_LAB_REQUIRE_BROWSER=1`` they run too, and a machine without
Chromium or Playwright fails them rather than skipping.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from driving import HERE, ROOT, Server, start_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SECONDS = 30_000  # milliseconds: three scenes with software WebGL on two busy cores have been seen to take ten seconds
REQUIRED = os.environ.get("GD_LAB_REQUIRE_BROWSER") == "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    asked = REQUIRED or os.environ.get("GD_LAB_BROWSER") == "1"
    missing = [
        what
        for what, there in (("Debian's chromium", CHROMIUM), ("playwright", importlib.util.find_spec("playwright")))
        if not there
    ]
    needed = f"browser tests need {' and '.join(missing)}: apt-get install chromium; pip install playwright"
    if REQUIRED and missing:
        raise pytest.UsageError(needed)
    reason = "browser tests run with GD_LAB_BROWSER=1" if not asked else needed if missing else ""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if reason:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The lab itself."""
    server = start_server(ROOT / "app.py", tmp_path_factory.mktemp("app"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def view(request: pytest.FixtureRequest) -> dict[str, Any]:
    """How the browser looks at the page: a test says ``@pytest.mark.parametrize("view", [...], indirect=True)``."""
    return {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light", **getattr(request, "param", {})}


@pytest.fixture
def page(browser: Browser, view: dict[str, Any]) -> Iterator[Page]:
    """A new page with a store of its own; an error in its console or an uncaught exception fails the test."""
    context = browser.new_context(**view)
    context.set_default_timeout(SECONDS)
    opened = context.new_page()
    troubles: list[str] = []
    opened.on("pageerror", lambda error: troubles.append(f"uncaught: {error}"))
    opened.on("console", lambda message: troubles.extend(trouble_of(message)))
    yield opened
    context.close()
    assert not troubles, "\n".join(troubles)


def trouble_of(message: ConsoleMessage) -> list[str]:
    # On a deep link, /compare, Streamlit's page first asks /compare/_stcore/health and then /_stcore/health, because
    # it cannot know whether the app lives under /compare; the browser reports the first answer, 404, as an error.
    probing = re.search(r"/[^/]+/_stcore/(health|host-config)$", message.location.get("url", ""))
    return [] if message.type != "error" or probing else [f"console: {message.text} ({message.location.get('url')})"]
