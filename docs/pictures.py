"""Take the README's pictures from the running app, with Playwright and Debian's Chromium.

python docs/pictures.py
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests" / "browser")]
from driving import wait_ready  # noqa: E402
from startup import FLAGS  # noqa: E402

from app import start_app  # noqa: E402

# the page with its query, the file, the viewport and the colour scheme, and the text to scroll to
PICTURES = (
    ("", "learn.png", (1280, 860), "light", None),
    ("compare?preset=adaptive", "compare.png", (1280, 1000), "light", "Loss against"),
    ("compare?preset=learning-rates", "diverging.png", (1280, 1000), "dark", "Loss against"),
    ("data", "data.png", (1280, 860), "light", None),
    ("surface", "surface.png", (1280, 1000), "dark", None),
    ("code", "code.png", (1280, 860), "light", None),
    ("compare", "phone.png", (390, 844), "dark", "Loss against"),
)


def main() -> None:
    server, port = start_app()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            for path, name, (width, height), scheme, text in PICTURES:
                context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
                page = context.new_page()
                page.set_default_timeout(90_000)
                page.goto(f"http://127.0.0.1:{port}/{path}")
                wait_ready(page)
                if text:
                    page.get_by_text(text, exact=True).first.evaluate("(found) => found.scrollIntoView()")
                    page.mouse.wheel(0, -120)
                    page.wait_for_timeout(1500)
                page.screenshot(path=ROOT / "docs" / name)
                print(name)
                context.close()
            browser.close()
    finally:
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    main()
