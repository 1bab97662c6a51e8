"""What a teacher's link takes away from a page: controls that are hidden, and controls that are shown but locked.

    compare?preset=momentum&lock=data,model&hide=presets

A link's wish holds for the whole session, on every page; the page says so. It is a help for a lesson, not a lock
against a person: who opens the page without it has every control.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import streamlit as st

SECTIONS = {
    "data": "the data",
    "preparation": "scaling and validation",
    "surface": "the surface and the start",
    "presets": "the presets",
    "model": "the model and its loss",
    "budget": "the budget and the seeds",
    "variants": "the variants",
    "views": "the views",
}
_STATE = "gd-locks"
_disabled: ContextVar[bool] = ContextVar("disabled", default=False)


def read_link() -> list[str]:
    """Take ``lock`` and ``hide`` from the page's link; returns a sentence for each name that means nothing."""
    unknown = []
    for wish in ("lock", "hide"):
        asked = st.query_params.get(wish)
        if asked is None:
            continue
        names = [name.strip() for name in asked[:500].split(",") if name.strip()]
        unknown += [
            f"The link asks to {wish} something that no page has; there are {', '.join(SECTIONS)}."
            for name in names
            if name not in SECTIONS
        ]
        st.session_state[f"{_STATE}-{wish}"] = frozenset(name for name in names if name in SECTIONS)
    return list(dict.fromkeys(unknown))


def _names(wish: str) -> frozenset[str]:
    found: frozenset[str] = st.session_state.get(f"{_STATE}-{wish}", frozenset())
    return found


@contextmanager
def section(name: str) -> Iterator[bool]:
    """A part of a page; gives whether to draw it. Inside, `disabled` says whether its controls are locked."""
    token = _disabled.set(name in _names("lock"))
    try:
        yield name not in _names("hide")
    finally:
        _disabled.reset(token)


def disabled() -> bool:
    """Whether the controls being drawn are locked."""
    return _disabled.get()


def notice() -> str:
    """One sentence on what this session's link locked or hid, empty if nothing."""
    parts = []
    for wish, word in (("lock", "Locked"), ("hide", "Hidden")):
        names = [words for name, words in SECTIONS.items() if name in _names(wish)]
        if names:
            parts.append(f"{word}: {', '.join(names)}.")
    return f"The link you opened set this page up for a lesson. {' '.join(parts)}" if parts else ""
