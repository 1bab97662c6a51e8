"""A variant's mark beside its controls: the colour, the dash and the marker that the charts draw it with."""

from __future__ import annotations

from base64 import b64encode

from gd_core.figures import style

# Plotly's named dashes as lengths of a line that is 3 wide
_DASHES = {
    "solid": "none",
    "dash": "9 9",
    "dot": "3 5",
    "dashdot": "9 4 3 4",
    "longdash": "15 5",
    "longdashdot": "15 4 3 4",
}
_SHAPES = {
    "circle": "<circle cx='24' cy='12' r='6'/>",
    "square": "<rect x='18' y='6' width='12' height='12'/>",
    "diamond": "<path d='M24 4 L32 12 L24 20 L16 12 Z'/>",
    "triangle-up": "<path d='M24 4 L32 18 L16 18 Z'/>",
    "triangle-down": "<path d='M24 20 L32 6 L16 6 Z'/>",
    "pentagon": "<path d='M24 4 L32 10 L29 19 L19 19 L16 10 Z'/>",
}


def swatch(index: int) -> str:
    """An inline picture of a variant's mark, for ``st.html``; made of nothing but our own text."""
    look = style.look(index)
    picture = (
        f"<svg xmlns='http://www.w3.org/2000/svg' width='48' height='24' fill='{look.colour}'>"
        f"<line x1='0' y1='12' x2='48' y2='12' stroke='{look.colour}' stroke-width='3' "
        f"stroke-dasharray='{_DASHES[look.dash]}'/>{_SHAPES[look.symbol]}</svg>"
    )
    # st.html lets no inline SVG through, but it does let pictures
    source = b64encode(picture.encode()).decode()
    return f"<img src='data:image/svg+xml;base64,{source}' alt='mark of variant {index + 1}' width='48' height='24'>"
