"""What a person's session holds: the experiment in hand, and the table they uploaded.

The experiment is the one truth. Widgets are made from it and make the next one; their keys carry an edition number, and
whatever replaces the experiment as a whole (a preset, a link, a removed variant) starts a new edition, so that every
widget is made anew from it. So nothing is kept in two places, and settings outlive the page that showed them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

import gd_core as gd
from pages.shared import locks, presets

if TYPE_CHECKING:
    import pandas as pd

_EXPERIMENT, _EDITION, _UPLOAD = "gd-experiment", "gd-edition", "gd-upload"
_NOTES, _LINK = "gd-notes", "gd-link"


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A table that a person brought: its name as it arrived (never trusted), the hash of its bytes, and the table."""

    filename: str
    digest: str
    frame: pd.DataFrame


def experiment() -> gd.Experiment:
    """The experiment in hand; to begin with the one that the page's link describes, or the first preset."""
    if _EXPERIMENT not in st.session_state:
        st.session_state[_EXPERIMENT] = presets.first_experiment()
    _open_link()
    found: gd.Experiment = st.session_state[_EXPERIMENT]
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
            replace_with(gd.Experiment.from_link_token(token))
        elif preset is not None:
            if preset not in presets.PRESETS:
                raise ValueError(f"there is no preset of that name; there are {', '.join(presets.PRESETS)}")
            chosen = presets.PRESETS[preset]
            replace_with(replace(st.session_state[_EXPERIMENT], variants=chosen.variants, budget=chosen.budget))
    except ValueError as problem:
        say_next_time(f"This link could not be opened: {problem}")


def data_line() -> str:
    """The data of the experiment in hand, in one line of plain text, as far as can be said without loading them."""
    data = experiment().data
    if isinstance(data, gd.Generated):
        return f"{data.kind} (generated), {data.n_samples:,} rows"
    if isinstance(data, gd.Uploaded):
        return f"{data.filename} (uploaded{'' if upload() else ', and not here yet'})"
    return f"{data.name} (bundled)" if isinstance(data, gd.Bundled) else ""


def keep(changed: gd.Experiment) -> None:
    """Remember the experiment that the widgets now describe."""
    st.session_state[_EXPERIMENT] = changed


def replace_with(other: gd.Experiment) -> None:
    """Take another experiment and make every widget anew from it. To be called before the widgets are drawn."""
    former = key("")
    for name in [name for name in st.session_state if str(name).startswith(former)]:
        del st.session_state[name]
    st.session_state[_EXPERIMENT] = other
    st.session_state[_EDITION] = st.session_state.get(_EDITION, 0) + 1


def change(**parts: Any) -> None:
    """`replace_with` the experiment in hand with some of its parts replaced."""
    replace_with(replace(experiment(), **parts))


def key(name: str) -> str:
    """A widget's key in this edition."""
    return f"gd{st.session_state.get(_EDITION, 0)}-{name}"


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
