"""A figure as a file that opens anywhere: a page of its own, with plotly.js inside."""

from __future__ import annotations

import json

import plotly.graph_objects as go
import plotly.io


def to_html(figure: go.Figure | str) -> str:
    """One HTML page that needs no network (about 5 MB, most of it plotly.js), from a figure or from its JSON."""
    content = json.loads(figure) if isinstance(figure, str) else figure
    page: str = plotly.io.to_html(
        content, include_plotlyjs=True, full_html=True, validate=False, config={"displaylogo": False}
    )
    return page
