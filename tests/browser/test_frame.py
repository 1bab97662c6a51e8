"""The frame in a real browser: deep links, the menu, phone width."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from driving import ROOT, start_server, wait_ready

from pages.shared.frame import NAME, PAGES

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright").expect

PHONE = {"viewport": {"width": 375, "height": 812}, "is_mobile": True, "has_touch": True}


@pytest.mark.parametrize("entry", PAGES, ids=lambda entry: entry.title)
def test_first_deep_link_after_a_start_opens_its_page(page: Page, tmp_path: Path, entry) -> None:
    server = start_server(ROOT / "app.py", tmp_path)
    try:
        address = "/" if entry.path == "app.py" else f"/{Path(entry.path).stem}"
        page.goto(server.url + address)
        page.locator(".st-key-gd-menu").wait_for()
        wait_ready(page)
        assert page.get_by_role("dialog").count() == 0
        assert page.title() == (NAME if entry is PAGES[0] else f"{entry.title} · {NAME}")
        assert page.locator("link[rel~=icon]").first.get_attribute("href").startswith("data:image/svg+xml")
        assert page.url == server.url + address
    finally:
        server.stop()


def test_menu_lists_the_pages_and_leads_to_each(page: Page, app) -> None:
    page.goto(app.url)
    menu = page.locator(".st-key-gd-menu")
    menu.wait_for()
    assert page.get_by_test_id("stSidebarNav").count() == 0
    for entry in (*PAGES[1:], PAGES[0]):
        menu.get_by_role("link", name=entry.title).click()
        expect(page).to_have_title(NAME if entry is PAGES[0] else f"{entry.title} · {NAME}")
        wait_ready(page)
    assert menu.get_by_role("link").count() == len(PAGES)


@pytest.mark.parametrize("view", [PHONE], indirect=True)
@pytest.mark.parametrize("entry", PAGES, ids=lambda entry: entry.title)
def test_pages_fit_a_phone(page: Page, app, entry) -> None:
    page.goto(app.url + ("/" if entry.path == "app.py" else f"/{Path(entry.path).stem}"))
    page.locator(".st-key-gd-menu").wait_for()
    wait_ready(page)
    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= 375
    expect(page.locator(".st-key-gd-menu").get_by_role("link", name=PAGES[-1].title)).to_be_in_viewport()
