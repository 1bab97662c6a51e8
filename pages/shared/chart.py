"""The chart view: Plotly figures in a component of our own, which keeps the camera and the zoom when the data change.

``st.plotly_chart`` starts anew whenever its data change, and a 3D scene is then seen from the front again. Here the
browser's side (``chart_view/chart.js``) owns plotly.js and updates its figures in place.
"""

from __future__ import annotations

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

_FOLDER = Path(__file__).parent / "chart_view"

# Every changed chart is sent together with its component's JavaScript. This one line fetches the real file, which the
# browser then has: 10 kB less for each changed chart. Relative to the document, as Streamlit finds its own files.
_LOADER = """export default async (view) =>
  (await import(new URL(`.${view.data.view}`, document.baseURI))).default(view);"""

_component = st.components.v2.component(
    "gd_chart", css=(_FOLDER / "chart.css").read_text("utf-8"), js=_LOADER, isolate_styles=False
)


@dataclass(frozen=True, kw_only=True)
class Click:
    """A click on a point of a figure: which figure, curve and point, where it lies, and the customdata it carries."""

    figure: int
    curve: int
    point: int | tuple[int, ...] | None
    x: float | str | None
    y: float | str | None
    z: float | str | None
    customdata: Any


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

    Raises ValueError if there are several summaries, but not one a figure.
    """
    figures = [figure] if isinstance(figure, str) or not isinstance(figure, Sequence) else list(figure)
    summaries = [summary] * len(figures) if isinstance(summary, str) else list(summary)
    if len(summaries) != len(figures):
        raise ValueError(f"summary must be one text or one a figure ({len(figures)}), got {len(summaries)}")
    data = {
        **serve_files(),
        "key": key,
        "figures": [each if isinstance(each, str) else to_wire(each) for each in figures],
        "labels": summaries,
        "height": height,
        "columns": min(columns, len(figures)),
        "together": cameras == "together",
        "clicks": on_click != "ignore",
    }
    event = None
    if on_click == "ignore":
        _component(data=data, key=key)
    else:
        result = _component(data=data, key=key, on_click_change=_callback(key, on_click))
        event = _click(result.click)
    _words_and_numbers(key, list(dict.fromkeys(summaries)), table)
    return event


def serve_files() -> dict[str, str]:
    """Have the server hold the view's script and plotly.js for this session, and return their addresses.

    plotly.js (4.8 MB) comes from the installed plotly package. It goes through Streamlit's media files, compressed
    once: a ``static`` folder would need a copy of it in the repository, and both that folder and a component's asset
    folder would compress it anew for every visitor (0.15 s of processor time each). Its address holds a hash of its
    contents, so the browser's side keeps it for good. A media file lives while a session's last run named it: every
    page does, through its frame, so that no file is gone before a visitor who moves on has it.
    """
    if not runtime.exists():
        return {"view": "", "plotly": ""}
    files = runtime.get_instance().media_file_mgr
    return {
        "view": files.add((_FOLDER / "chart.js").read_bytes(), "text/javascript", "gd-view"),
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


def _callback(key: str, on_click: Callable[[Click], None] | str) -> Callable[[], None]:
    def clicked() -> None:
        event = _click(st.session_state[key].get("click"))
        if event is not None and callable(on_click):
            with guard():  # a callback runs before the page and its frame
                on_click(event)

    return clicked


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
            **place,
        )
    except (KeyError, TypeError, ValueError):
        return None


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
