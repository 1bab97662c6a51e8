"""Plotly figures from engine objects: engine objects in, `plotly.graph_objects.Figure` out.

    comparison = gd.compare(problem, variants, gd.Budget(epochs=20))
    gd.figures.loss_curves(comparison.runs, labels=comparison.labels).show()

Each figure has its words in `gd_core.figures.text`, and what it leaves out in `note_of`.
"""

from gd_core.figures import text
from gd_core.figures.curves import gradient_norms, learning_rates, loss_curves
from gd_core.figures.data import correlations, eigenvalues, fit, scatter
from gd_core.figures.export import to_html
from gd_core.figures.landscape import Arrow, contour_paths, surface_paths, surface_scenes
from gd_core.figures.microscope import close_up, describe_update, update_on_contour
from gd_core.figures.motion import Motion, OnContour, OnCurve, OnFit, OnSurface, synchronised
from gd_core.figures.style import escape, look, note_of, shorten

__all__ = [
    "Arrow",
    "Motion",
    "OnContour",
    "OnCurve",
    "OnFit",
    "OnSurface",
    "close_up",
    "contour_paths",
    "correlations",
    "describe_update",
    "eigenvalues",
    "escape",
    "fit",
    "gradient_norms",
    "learning_rates",
    "look",
    "loss_curves",
    "note_of",
    "scatter",
    "shorten",
    "surface_paths",
    "surface_scenes",
    "synchronised",
    "text",
    "to_html",
    "update_on_contour",
]
