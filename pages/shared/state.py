"""What a person's session holds: the experiments in hand, and the table they uploaded.

There is one experiment on data and one on a surface, each in a slot of its own; a page works with the slot that its
frame has opened. The experiment is the one truth. Widgets are made from it and make the next one; their keys carry an
edition number, and whatever replaces the experiment as a whole (a preset, a link, a removed variant) starts a new
edition, so that every widget is made anew from it. So nothing is kept in two places, and settings outlive the page that
showed them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

import gd_core as gd
from pages.shared import locks, presets, races

if TYPE_CHECKING:
    import pandas as pd

_EXPERIMENT, _EDITION, _UPLOAD, _USED = "gd-experiment", "gd-edition", "gd-upload", "gd-used-upload"
_NOTES, _LINK, _VIEW = "gd-notes", "gd-link", "gd-view"
# as many as there are colours, dashes and markers that everyone can tell apart
MOST_VARIANTS = 6
# what a slot holds to begin with, and the page that shows it
SLOTS: dict[str, Callable[[], gd.Experiment]] = {"data": presets.first_experiment, "surface": races.first_experiment}
PAGE_OF = {"data": "Compare", "surface": "Surface"}
_slot: ContextVar[str] = ContextVar("slot", default="data")


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A table that a person brought: its name as it arrived (never trusted), the hash of its bytes, and the table."""

    filename: str
    digest: str
    frame: pd.DataFrame


@contextmanager
def slot(name: str) -> Iterator[None]:
    """Work with the experiment of this slot, "data" or "surface"."""
    token = _slot.set(name)
    try:
        yield
    finally:
        _slot.reset(token)


def in_this_slot(call: Callable[..., Any]) -> Callable[..., Any]:
    """``call`` for later, in the slot of now: callbacks run before the page has opened its own."""
    name = _slot.get()

    def called(*arguments: Any) -> Any:
        with slot(name):
            return call(*arguments)

    return called


def slot_of(described: gd.Experiment) -> str:
    """Where an experiment belongs."""
    return "surface" if isinstance(described.data, gd.OnSurface) else "data"


def _own(name: str) -> str:
    """The session's name of something that each slot has."""
    return name if _slot.get() == "data" else f"{name}-{_slot.get()}"


def experiment() -> gd.Experiment:
    """The experiment in hand; to begin with the one that the page's link describes, or the slot's first."""
    name = _own(_EXPERIMENT)
    if name not in st.session_state:
        st.session_state[name] = SLOTS[_slot.get()]()
    _open_link()
    found: gd.Experiment = st.session_state[name]
    return found


def _open_link() -> None:
    """Take the experiment of the link the page was opened with, once; a link that means nothing says so."""
    asked = tuple(st.query_params.get(name) for name in ("e", "preset", "lock", "hide"))
    if not any(asked) or asked == st.session_state.get(_LINK):
        return
    st.session_state[_LINK] = asked
    token, preset, *_ = asked
    for sentence in locks.read_link():
        say_next_time(sentence)
    try:
        if token is not None:
            linked = gd.Experiment.from_link_token(token)
            if len(linked.variants) > MOST_VARIANTS:
                raise ValueError(f"it holds {len(linked.variants)} variants, and a page shows at most {MOST_VARIANTS}")
            replace_with(linked)
        elif preset is not None:
            _take_preset(preset)
    except ValueError as problem:
        say_next_time(f"This link could not be opened: {problem}")


def _take_preset(name: str) -> None:
    """A race replaces the experiment on a surface, a preset the variants of the one on data."""
    if name in races.RACES:
        replace_with(races.RACES[name].experiment)
        return
    if name not in presets.PRESETS:
        known = ", ".join([*presets.PRESETS, *races.RACES])
        raise ValueError(f"there is no preset of that name; there are {known}")
    chosen = presets.PRESETS[name]
    with slot("data"):
        current = st.session_state.get(_EXPERIMENT) or SLOTS["data"]()
    replace_with(replace(current, variants=chosen.variants, budget=chosen.budget))


def data_line() -> str:
    """The data of the experiment in hand, in one line of plain text, as far as can be said without loading them."""
    data = experiment().data
    if isinstance(data, gd.OnSurface):
        return f"none, the surface {races.title_of(data)}"
    if isinstance(data, gd.Generated):
        return f"{data.kind} (generated), {data.n_samples:,} rows"
    if isinstance(data, gd.Uploaded):
        return f"{data.filename} (uploaded{'' if upload() else ', and not here yet'})"
    return f"{data.name} (bundled)" if isinstance(data, gd.Bundled) else ""


def view() -> dict[str, Any]:
    """How the person last had the comparison drawn: no part of an experiment, and kept as long as the session."""
    found: dict[str, Any] = st.session_state.get(_own(_VIEW), {})
    return found


def keep_view(options: dict[str, Any]) -> None:
    """Remember how the comparison is drawn."""
    st.session_state[_own(_VIEW)] = options


def keep(changed: gd.Experiment) -> None:
    """Remember the experiment that the widgets now describe."""
    st.session_state[_own(_EXPERIMENT)] = changed


def replace_with(other: gd.Experiment) -> None:
    """Take another experiment and make every widget anew from it. To be called before the widgets are drawn.

    It goes into the slot where it belongs, whatever the page; the page then says where it is to be found.
    """
    home = slot_of(other)
    if home != _slot.get():
        say_next_time(f"The experiment that was opened is on a page of its own: see {PAGE_OF[home]}.")
    with slot(home):
        former = key("")
        for name in [name for name in st.session_state if str(name).startswith(former)]:
            del st.session_state[name]
        st.session_state[_own(_EXPERIMENT)] = other
        st.session_state[_own(_EDITION)] = st.session_state.get(_own(_EDITION), 0) + 1


def change(**parts: Any) -> None:
    """`replace_with` the experiment in hand with some of its parts replaced."""
    replace_with(replace(experiment(), **parts))


def key(name: str) -> str:
    """A widget's key in this edition."""
    return f"{_own('gd')}{st.session_state.get(_own(_EDITION), 0)}-{name}"


def seeded(name: str, value: Any) -> str:
    """The widget's key, its first value set to ``value`` if the widget is new."""
    found = key(name)
    if found not in st.session_state:
        st.session_state[found] = value
    return found


def upload() -> Upload | None:
    """The table that was uploaded last, if any."""
    found: Upload | None = st.session_state.get(_UPLOAD)
    return found


def uploads() -> list[Upload]:
    """The tables that the experiment may be about: the one uploaded last, and the one in use, which may be older."""
    return [found for found in (upload(), st.session_state.get(_USED)) if found is not None]


def use(chosen: Upload) -> None:
    """Keep this table for the experiment in hand, even when one that is of no use is uploaded after it."""
    st.session_state[_USED] = chosen


def keep_upload(filename: str, data: bytes) -> Upload:
    """Read and remember an uploaded file. Raises TableError with a sentence; the former table then stays."""
    digest = hashlib.sha256(data).hexdigest()
    known = upload()
    if known is not None and known.digest == digest and known.filename == filename:
        return known
    found = Upload(filename=filename, digest=digest, frame=_table(digest, filename, data))
    st.session_state[_UPLOAD] = found
    return found


@st.cache_resource(max_entries=4, show_spinner=False)
def _table(digest: str, filename: str, _data: bytes) -> pd.DataFrame:
    """One copy of a table in memory for everyone in the room who uploads the same file."""
    return gd.read_table(_data, filename=filename)


def say_next_time(sentence: str) -> None:
    """Keep a sentence for the next run of a page: for callbacks, which cannot draw."""
    st.session_state.setdefault(_NOTES, []).append(sentence)


def said() -> list[str]:
    """The sentences kept for this run; asking takes them."""
    found: list[str] = st.session_state.pop(_NOTES, [])
    return found
