"""What the browser tests do with a server and a page, and what they read from its charts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass
class Server:
    """A running Streamlit server and what it has written so far."""

    url: str
    process: subprocess.Popen[bytes]
    log_path: Path

    @property
    def log(self) -> str:
        return self.log_path.read_text("utf-8", errors="replace")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_server(script: Path, folder: Path, seconds: float = 60) -> Server:
    """Run a Streamlit script on a free port of this machine and wait until it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log_path = folder / f"server-{port}.log"
    options = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(script), *options, "--server.fileWatcherType=none"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    server = Server(url=f"http://127.0.0.1:{port}", process=process, log_path=log_path)
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=5):
                return server
        except OSError:
            time.sleep(0.1)
    server.stop()
    raise RuntimeError(f"streamlit run {script} did not start:\n{server.log}")


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
