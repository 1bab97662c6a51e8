"""What all figures share: colours with a second code beside them, harmless text, small arrays, the base layout.

A figure states no font, grid or background colour: the page's theme gives those, in light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from gd_core.checks import require

Array = npt.NDArray[Any]

# Six colours of medium luminance: at least 3:1 against white and near-black, and apart for red-, green- and blue-blind
# eyes (CIE 1976 distance of 17 and more after Machado, Oliveira and Fernandes, 2009).
COLOURS = ("#0072b2", "#d55e00", "#20a4a2", "#ac3b57", "#9582f9", "#8d14ff")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon")
# the symbols that 3D scenes have; "x" is kept for divergence
SPATIAL_SYMBOLS = ("circle", "square", "diamond", "cross", "circle-open", "square-open")
# for what belongs to no variant (data, optimum, exact fit): 4:1 and more against white and near-black
NEUTRAL = "#7a7a7a"
# From the lowest loss to the highest. Lightness falls all the way, so no colour vision is needed; it is light
# throughout, so that paths in any of `COLOURS` stand out, most of all at the bottom, where paths end.
SURFACE_SCALE = ((0.0, "#fdf7e6"), (0.35, "#dfe5e3"), (0.7, "#b3c3cf"), (1.0, "#8da2b5"))

# a label longer than this would push the chart off a phone's screen
LONGEST_TEXT = 60
# across a chart, for what is too small to be seen
PIXELS = 800


class Look(NamedTuple):
    """How a variant is drawn: colour, and the codes beside it."""

    colour: str
    dash: str
    symbol: str
    spatial_symbol: str


def look(index: int) -> Look:
    """The look of the variant with this index; beyond six, colours repeat with other dashes and symbols."""
    turn = index // len(COLOURS)
    other = (index + turn) % len(COLOURS)
    return Look(COLOURS[index % len(COLOURS)], DASHES[other], SYMBOLS[other], SPATIAL_SYMBOLS[other])


def faded(colour: str, share: float) -> str:
    """The colour, with this share of opacity."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share:g})"


def shorten(text: object, most: int = LONGEST_TEXT) -> str:
    """One line of printable characters, at most ``most``; a longer text loses its middle: ends tell names apart."""
    given = str(text)[: 50 * most] + str(text)[50 * most :][-most:]
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in given).split())
    if len(plain) <= most:
        return plain
    front = (most - 1) * 2 // 3
    return f"{plain[:front]}…{plain[len(plain) - (most - 1 - front) :]}"


def escape(text: object, most: int = LONGEST_TEXT) -> str:
    """Text from a file, a link or a person, harmless in a figure: Plotly reads some HTML, entities and %{...}."""
    plain = shorten(text, most)
    for letter, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        plain = plain.replace(letter, entity)
    # a blank, so that a name inside a hover template cannot ask for values
    return plain.replace("%{", "% {")


def labels_of(labels: Sequence[str] | None, fallback: Sequence[str]) -> list[str]:
    """One escaped name for each, the fallback's where no labels are given; ValueError for a wrong number of labels."""
    require(
        labels is None or len(labels) == len(fallback),
        "labels must be one a variant ({}), got {}",
        len(fallback),
        0 if labels is None else len(labels),
    )
    return [escape(label) for label in (fallback if labels is None else labels)]


def finite(values: npt.ArrayLike) -> Array:
    """As float64, with everything that is not finite turned into NaN, which Plotly draws as a gap."""
    found = np.array(values, dtype=np.float64)
    found[~np.isfinite(found)] = np.nan
    return found


def compact(values: npt.ArrayLike) -> Array:
    """Finite values or gaps for drawing: float32, half the bytes, wherever a chart could not show the difference.

    float32 rounds by 6e-8 of the value: at most 1/5,000 of an axis on which the values span 3e-4 of the largest.
    """
    found = finite(values)
    sizes = np.abs(found[np.isfinite(found)])
    if sizes.size == 0:
        return found.astype(np.float32)
    largest = float(sizes.max())
    positive = sizes[sizes > 0]
    with np.errstate(over="ignore"):
        spread = float(np.nanmax(found) - np.nanmin(found))
    # past 1e38 it overflows, and below 1e-37 it would round to zero, which has no place on a log axis
    fits = largest < 1e38 and (positive.size == 0 or float(positive.min()) > 1e-37) and spread >= 3e-4 * largest
    return found.astype(np.float32) if fits or _survives(found) else found


def counts(values: npt.ArrayLike) -> Array:
    """Whole numbers or gaps: float32 where that is exact, otherwise float64."""
    found = finite(values)
    return found.astype(np.float32) if _survives(found) else found


def _survives(values: Array) -> bool:
    with np.errstate(over="ignore"):
        return bool(np.array_equal(values.astype(np.float32).astype(np.float64), values, equal_nan=True))


def thin_curve(x: Array, y: Array, most: int) -> npt.NDArray[np.int64]:
    """Indices of at most about ``most`` points that draw the same curve: the extremes of each stretch of the x axis.

    ``x`` (k,), ascending, and ``y`` (k,) as they are drawn (logarithms on log axes). The first and the last point stay.
    """
    k = len(x)
    if k <= most:
        return np.arange(k)
    drawn = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if drawn.size <= most:
        kept = drawn
    else:
        n_stretches = most // 2 - 1
        left, right = x[drawn[0]], x[drawn[-1]]
        width = (right - left) or 1.0
        stretch = np.minimum((x[drawn] - left) / width * n_stretches, n_stretches - 1).astype(np.int64)
        order = np.lexsort((y[drawn], stretch))
        edges = np.flatnonzero(np.diff(stretch[order])) + 1
        lowest = order[np.concatenate([[0], edges])]
        highest = order[np.concatenate([edges - 1, [len(order) - 1]])]
        values = y[drawn]
        # where both extremes fall on one pixel, one of them draws it
        apart = values[highest] - values[lowest] > (values.max() - values.min()) / PIXELS
        kept = drawn[np.concatenate([lowest, highest[apart]])]
    return np.unique(np.concatenate([[0], kept, [k - 1]]))


def thin_path(points: Array, size: Array, most: int) -> npt.NDArray[np.int64]:
    """Indices of at most about ``most`` points that draw the same path.

    ``points`` (k, d) in d drawn coordinates, ``size`` (d,) that of the window. Points that stay within a pixel
    are dropped; if still too many are left, each stretch of the path keeps its extremes in each coordinate.
    """
    k, d = points.shape
    if k <= most:
        return np.arange(k)
    # far outside the window whole cells would overflow integers, and floats serve as well
    with np.errstate(invalid="ignore", over="ignore"):
        cells = np.floor(points / size * PIXELS)
    moved = np.concatenate([[True], np.any(cells[1:] != cells[:-1], axis=1)])
    kept = np.flatnonzero(moved)
    if kept.size > most:
        chosen = []
        for part in np.array_split(kept, max(most // (2 * d), 1)):
            filled = np.where(np.isfinite(points[part]), points[part], 0.0)
            chosen += [part[filled.argmin(axis=0)], part[filled.argmax(axis=0)]]
        kept = np.concatenate(chosen)
    return np.unique(np.concatenate([[0], kept, [k - 1]]))


def thin_rows(rows: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """At most ``most`` of the rows, the same ones every time, in ascending order."""
    if len(rows) <= most:
        return rows
    # a seeded draw: every n-th row could fall in step with a pattern in the table
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def layout(*, revision: str, note: str = "", **more: Any) -> dict[str, Any]:
    """The base layout. ``revision``: what the axes mean; zoom and hidden traces stay while it stays the same.

    ``note`` is the caption's text, in ``layout.meta["note"]``: what a person must know of what is not drawn.
    """
    return {
        "template": {},  # without this Plotly adds its own: 7 kB, and colours that the page's theme should give
        "uirevision": revision,
        "meta": {"note": note},
        "hovermode": "closest",
        "hoverlabel": {"namelength": -1, "align": "left"},
        # below the chart, free to wrap and tight, so that on a phone it leaves width and height to the curves
        "legend": {
            "orientation": "h",
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
            "x": 0,
            "xanchor": "left",
            "tracegroupgap": 0,
        },
        **more,
    }


def figure(traces: Sequence[Mapping[str, Any]], layout: Mapping[str, Any]) -> go.Figure:
    """The figure of these traces and this layout, checked by Plotly."""
    return go.Figure(data=list(traces), layout=dict(layout))


def note_of(figure: go.Figure) -> str:
    """The caption's text of a figure of this package; "" if there is none."""
    meta = figure.layout.meta
    return str(meta.get("note", "")) if isinstance(meta, Mapping) else ""


def number(value: float, digits: int = 4) -> str:
    """A number for a sentence: grouped while it is whole and short, otherwise with a few significant digits."""
    if not math.isfinite(value):
        return "beyond what a computer can hold" if not math.isnan(value) else "not a number"
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:,.{digits}g}" if 1e-4 <= abs(value) < 1e6 else f"{value:.{digits}g}"
