"""The chart view: Plotly figures in a component of our own, which keeps the camera and the zoom when the data change.

``st.plotly_chart`` starts anew whenever its data change, and a 3D scene is then seen from the front again. Here the
browser's side (``chart_view/chart.js``) owns plotly.js and updates its figures in place.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import streamlit as st
from streamlit import runtime

from pages.shared.guard import guard

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from gd_core.figures.motion import Motion

_FOLDER = Path(__file__).parent / "chart_view"

# Every changed chart is sent together with its component's JavaScript. This one line fetches the real file, which the
# browser then has: 10 kB less for each changed chart. Relative to the document, as Streamlit finds its own files.
_LOADER = """export default async (view) =>
  (await import(new URL(`.${view.data.view}`, document.baseURI))).default(view);"""

_component = st.components.v2.component(
    "gd_chart", css=(_FOLDER / "chart.css").read_text("utf-8"), js=_LOADER, isolate_styles=False
)


# The browser's files, each after those that it imports.
_SCRIPTS = ("loading.js", "readout.js", "motion.js", "moving.js", "player.js", "chart.js")


@dataclass(frozen=True, kw_only=True)
class Click:
    """A click on a point of a figure: which figure, curve and point, where it lies, and the customdata it carries.

    ``at``: where a flat figure was pointed at on its own axes, which is seldom exactly on the point.
    """

    figure: int
    curve: int
    point: int | tuple[int, ...] | None
    x: float | str | None
    y: float | str | None
    z: float | str | None
    customdata: Any
    at: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """Where a person has left the clock: its tick, how much of the unit that is, and each run's update count there."""

    tick: int
    amount: float
    unit: str
    updates: tuple[int, ...]


def show(
    figure: go.Figure | str | Sequence[go.Figure | str],
    *,
    key: str,
    summary: str | Sequence[str],
    height: int = 420,
    columns: int = 2,
    cameras: Literal["apart", "together"] = "apart",
    on_click: Callable[[Click], None] | Literal["ignore", "rerun"] = "ignore",
    table: pd.DataFrame | Callable[[], pd.DataFrame] | None = None,
    motion: Motion | str | None = None,
    on_step: Callable[[Step], None] | None = None,
) -> Click | None:
    """Show one figure, or several in a grid of up to ``columns`` columns; return the click that caused this rerun.

    A figure may also be given as the text that `to_wire` made of it, which a page can keep for the next run.

    ``summary`` says in words what is to be seen (one text, or one a figure): it is the figures' alternative text and
    can be read below them beside ``table``, the numbers, which is only made when it is opened. ``height`` is each
    figure's, in pixels. With ``cameras="together"`` all 3D scenes of the view turn as one. ``on_click="rerun"`` returns
    clicks; a callable is called with them before the rerun, as Streamlit's callbacks are.

    Cameras stay. Zoom and hidden traces stay while ``figure.layout.uirevision`` stays the same (by default, always); a
    figure whose axes mean something else now sets another. The colours of text, grid and background come from the
    page's theme unless the figure states them itself; a template that styles traces is left out, as Plotly's own do.

    With a ``motion`` (or the text that `motion_to_wire` made of it) a player below moves the figures together, and a
    readout says where every run stands. Its clock stays at the same share of the whole when a setting changes, playing
    or not. ``on_step`` is called, before a rerun, when a person has left the clock at a step for a moment.

    Raises ValueError if there are several summaries, but not one a figure, or a motion with another number of views.
    """
    figures = [figure] if isinstance(figure, str) or not isinstance(figure, Sequence) else list(figure)
    summaries = [summary] * len(figures) if isinstance(summary, str) else list(summary)
    if len(summaries) != len(figures):
        raise ValueError(f"summary must be one text or one a figure ({len(figures)}), got {len(summaries)}")
    if motion is not None and not isinstance(motion, str):
        if len(motion.views) != len(figures):
            raise ValueError(f"motion must have one view a figure ({len(figures)}), got {len(motion.views)}")
        motion = motion_to_wire(motion)
    data = {
        **serve_files(),
        "key": key,
        "figures": [each if isinstance(each, str) else to_wire(each) for each in figures],
        "labels": summaries,
        "height": height,
        "columns": min(columns, len(figures)),
        "together": cameras == "together",
        "clicks": on_click != "ignore",
        **({} if motion is None else {"motion": motion, "steps": on_step is not None}),
    }
    callbacks = {}
    if on_click != "ignore":
        callbacks["on_click_change"] = _callback(key, "click", _click, on_click)
    if motion is not None and on_step is not None:
        callbacks["on_step_change"] = _callback(key, "step", _step, on_step)
    result = _component(data=data, key=key, **callbacks)
    event = None if on_click == "ignore" else _click(result.click)
    _words_and_numbers(key, list(dict.fromkeys(summaries)), table)
    return event


def serve_files() -> dict[str, str]:
    """Have the server hold the view's scripts and plotly.js for this session, and return their addresses.

    plotly.js (4.8 MB) comes from the installed plotly package. It goes through Streamlit's media files, compressed
    once: a ``static`` folder would need a copy of it in the repository, and both that folder and a component's asset
    folder would compress it anew for every visitor (0.15 s of processor time each). Its address holds a hash of its
    contents, so the browser's side keeps it for good. A media file lives while a session's last run named it: every
    page does, through its frame, so that no file is gone before a visitor who moves on has it.
    """
    if not runtime.exists():
        return {"view": "", "plotly": ""}
    files = runtime.get_instance().media_file_mgr
    addresses: dict[str, str] = {}
    for name in _SCRIPTS:
        script = (_FOLDER / name).read_text("utf-8")
        for other, address in addresses.items():
            # all media files lie in one folder, under names that are hashes of their contents
            script = script.replace(f'"./{other}"', f'"./{address.rpartition("/")[2]}"')
        addresses[name] = files.add(script.encode(), "text/javascript", f"gd-{name}")
    return {
        "view": addresses[_SCRIPTS[-1]],
        "plotly": files.add(_plotly_compressed(), "application/gzip", "gd-plotly"),
    }


@cache
def _plotly_compressed() -> bytes:
    """The plotly package's own plotly.js, found without importing the package: a page without charts needs none."""
    package = find_spec("plotly")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("plotly is not installed: pip install -r requirements.txt")
    path = Path(package.origin).parent / "package_data" / "plotly.min.js"
    return gzip.compress(path.read_bytes(), 6, mtime=0)


def to_wire(figure: go.Figure) -> str:
    """The figure as strict JSON for the browser: arrays packed as bytes, NaN as null, no default template."""
    content = figure.to_dict()
    layout = content.get("layout", {})
    # A template that styles traces comes from Plotly (7 kB) or from Streamlit, which makes one with placeholders for
    # colours every figure's default: the page's theme takes its place.
    if layout.get("template", {}).get("data"):
        del layout["template"]
    parts = {"data": _plain(content["data"]), "layout": _plain(layout)}
    return json.dumps(parts, separators=(",", ":"), allow_nan=False)


def motion_to_wire(motion: Motion) -> str:
    """The motion as strict JSON for the browser, its arrays packed as Plotly packs a figure's."""
    return json.dumps(_packed(motion.content), separators=(",", ":"), allow_nan=False)


def _packed(node: Any) -> Any:
    if isinstance(node, np.ndarray):
        little = np.ascontiguousarray(node, dtype=node.dtype.newbyteorder("<"))
        return {"dtype": little.dtype.str[1:], "bdata": base64.b64encode(little.tobytes()).decode()}
    if isinstance(node, Mapping):
        return {name: _packed(value) for name, value in node.items()}
    return [_packed(value) for value in node] if isinstance(node, list | tuple) else _plain(node)


def _plain(node: Any) -> Any:
    """The node as strict JSON can say it; Plotly has packed its arrays already, in the precision that they have."""
    if isinstance(node, str) or node is None or isinstance(node, bool | int):
        return node
    if isinstance(node, Mapping):
        return {name: _plain(value) for name, value in node.items()}
    if isinstance(node, list | tuple):
        return [_plain(value) for value in node]
    if isinstance(node, float):
        return node if math.isfinite(node) else None
    if isinstance(node, np.ndarray | np.generic):
        return _plain(node.tolist())
    return str(node)


def _callback(key: str, name: str, read: Callable[[Any], Any], then: Callable[[Any], None] | str) -> Callable[[], None]:
    @guard()  # a callback runs before the page and its frame
    def happened() -> None:
        # a run that was cut short can leave a component that the session does not know yet
        event = read(st.session_state.get(key, {}).get(name))
        if event is not None and callable(then):
            then(event)

    return happened


def _step(payload: Any) -> Step | None:
    """The step a browser sent, or None for anything else."""
    try:
        tick, amount, updates = int(payload["tick"]), float(payload["amount"]), tuple(map(int, payload["updates"]))
        unit = payload["unit"]
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    usable = tick >= 0 and math.isfinite(amount) and all(update >= 0 for update in updates)
    if not usable or unit not in ("epochs", "updates", "examples"):
        return None
    return Step(tick=tick, amount=amount, unit=unit, updates=updates)


def _click(payload: Any) -> Click | None:
    """The click a browser sent, or None for anything else: what comes from a browser may be anything."""
    try:
        point = payload["point"]
        place = {name: payload[name] for name in ("x", "y", "z")}
        if not all(value is None or isinstance(value, int | float | str) for value in place.values()):
            return None
        return Click(
            figure=int(payload["figure"]),
            curve=int(payload["curve"]),
            point=tuple(int(part) for part in point)
            if isinstance(point, list)
            else None
            if point is None
            else int(point),
            customdata=payload["customdata"],
            at=_place(payload.get("at")),
            **place,
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        return None


def _place(at: Any) -> tuple[float, float] | None:
    if at is None:
        return None
    x, y = (float(part) for part in at)
    return (x, y) if math.isfinite(x) and math.isfinite(y) else None


def _words_and_numbers(key: str, summaries: list[str], table: pd.DataFrame | Callable[[], pd.DataFrame] | None) -> None:
    label = "In words" if table is None else "In words and numbers"
    below = st.expander(label, key=f"{key}-words", on_change="rerun")
    if not below.open:
        return
    with below:
        for text in summaries:
            st.text(text)
        if table is not None:
            st.dataframe(table() if callable(table) else table)
