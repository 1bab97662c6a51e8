"""From `streamlit run app.py` to the first drawn chart in a real browser, with and without compiled kernels on disk.

    python benchmarks/startup.py [--runs 3] [--page compare]

Needs Playwright and Chromium. A cold run starts with an empty kernel cache, as on a machine that never ran the app; a
warm one finds the kernels that the run before it left. The browser is started beforehand and is not counted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
from app import start_app  # noqa: E402

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
DRAWN = "() => [...document.querySelectorAll('.gd-figure')].some((box) => box._fullData?.length > 0)"


def once(browser: Browser, page_name: str, cache: str) -> tuple[float, float]:
    """Seconds until the server answers, and until the first chart is drawn."""
    started = time.perf_counter()
    server, port = start_app({**os.environ, "NUMBA_CACHE_DIR": cache})
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health"):
            up = time.perf_counter() - started
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/{page_name}")
        page.wait_for_function(DRAWN, timeout=120_000)
        drawn = time.perf_counter() - started
        page.close()
        return up, drawn
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--page", default="compare")
    chosen = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        cold, warm = [], []
        for _ in range(chosen.runs):
            with tempfile.TemporaryDirectory() as cache:
                cold.append(once(browser, chosen.page, cache))
                # the server compiles the rest in the background; the warm run must find it all
                once(browser, chosen.page, cache)
                warm.append(once(browser, chosen.page, cache))
        browser.close()
    for title, found in (("cold kernel cache", cold), ("warm kernel cache", warm)):
        up, drawn = (statistics.median(column) for column in zip(*found, strict=True))
        print(
            f"{title}: server answers after {up:.1f} s, first chart drawn after {drawn:.1f} s (medians of {len(found)})"
        )


if __name__ == "__main__":
    main()
