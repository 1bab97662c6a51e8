"""The frame around every page: its title and icon, the menu, the data set in use, and the guard below its body."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st

from pages.shared import chart, locks, runs, state, widgets
from pages.shared.guard import guard

NAME = "Gradient Descent Lab"


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of the menu: its script, seen from the app's folder, its title and its icons."""

    path: str
    title: str
    icon: str
    # The browser's tab takes an emoji: Streamlit would fetch a Material icon for it from another host.
    favicon: str
    # which experiment of the session it works with
    slot: str = "data"


PAGES = (
    Page(path="app.py", title="Learn", icon=":material/school:", favicon="📉"),
    Page(path="pages/surface.py", title="Surface", icon=":material/landscape:", favicon="⛰️", slot="surface"),
    Page(path="pages/data.py", title="Data", icon=":material/table_chart:", favicon="🗂️"),
    Page(path="pages/compare.py", title="Compare", icon=":material/compare_arrows:", favicon="⚖️"),
    Page(path="pages/code.py", title="Code", icon=":material/code:", favicon="🧾"),
)


class Frame:
    """What a page can change in the frame around it."""

    def __init__(self, place: st.delta_generator.DeltaGenerator) -> None:
        self._place = place
        self.told = False

    def data_in_use(self, text: str | None) -> None:
        """Say at the top of the page which data set is in use; the text is shown as it is, not as Markdown or HTML."""
        self.told = bool(text)
        if text:
            self._place.text(f"Data in use: {text}", wrap=True)
        else:
            self._place.empty()


@contextmanager
def open_page(title: str, *, data: str | None = None) -> Iterator[Frame]:
    """Draw the frame of the page with this title and run its body inside a guard.

    ``with frame.open_page("Data", data="diabetes, 442 rows") as page: ...``; ``page.data_in_use(text)`` renews the line
    about the data once the body knows better. Raises ValueError for a title that is not in PAGES.
    """
    page = next((page for page in PAGES if page.title == title), None)
    if page is None:
        raise ValueError(f"title must be one of {', '.join(page.title for page in PAGES)}, got {title!r}")
    page_title = NAME if page is PAGES[0] else f"{page.title} · {NAME}"
    st.set_page_config(page_title=page_title, page_icon=page.favicon, layout="wide")
    st.html(f"<style>{_STYLE}</style>")
    with st.container(key="gd-frame", horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(key="gd-menu", horizontal=True, width="content", gap="small"):
            for entry in PAGES:
                st.page_link(entry.path, label=entry.title, icon=entry.icon)
        opened = Frame(st.empty())
    opened.data_in_use(data)
    chart.serve_files()
    runs.warm_up()
    notes = st.container()
    with state.slot(page.slot), guard():
        yield opened
    # below the body in time, above it on the page: a page without data of its own need not wait for the engine
    with guard():
        if not opened.told:
            with state.slot(page.slot):
                opened.data_in_use(state.data_line())
        for sentence in state.said():
            notes.warning(widgets.plain(sentence))
        if locks.notice():
            notes.info(locks.notice(), icon=":material/lock:")


def _style() -> str:
    """The menu's style; ``light-dark`` follows the theme without a rerun: Streamlit sets the page's colour scheme."""

    def both(option: str) -> str:
        return f"light-dark({st.get_option(f'theme.light.{option}')}, {st.get_option(f'theme.dark.{option}')})"

    return f"""
    .stMainBlockContainer {{ padding-top: 3.5rem; }}
    /* Streamlit's own box around the frame, as that is what has a page's length to stick in */
    div:has(> .st-key-gd-frame) {{ position: sticky; top: 3.5rem; z-index: 90; }}
    .st-key-gd-frame {{
        padding-block: 0.375rem; justify-content: space-between;
        background: {both("backgroundColor")}; border-bottom: 1px solid {both("borderColor")};
    }}
    @media (max-width: 40rem) {{
        .stMainBlockContainer {{ padding-inline: 1rem; }}
        /* a race before its settings: six racers' cards would push it out of sight */
        .st-key-gd-race > div > [data-testid="stHorizontalBlock"] {{ flex-wrap: wrap-reverse; }}
    }}
    """


_STYLE = _style()
