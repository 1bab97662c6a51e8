"""What a person takes with them: a link, the trace, the experiment, figures and scripts; and how to come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

import gd_core as gd
from pages.shared import locks, state, widgets
from pages.shared.guard import guard

# what a QR code of 177 x 177 modules holds at the lowest error correction
QR_LIMIT = 2953
# the standard's margin, in modules, and about how many pixels a phone held before a screen reads with ease
QUIET_ZONE, QR_WIDTH = 4, 330
LANGUAGES = {"numpy": "NumPy", "pytorch": "PyTorch", "scikit-learn": "scikit-learn"}


def link(experiment: gd.Experiment, **wishes: Sequence[str]) -> str:
    """The address of this page with the experiment in it, and what a teacher wants locked or hidden."""
    address = (st.context.url or "").split("?")[0].split("#")[0]
    extra = "".join(f"&{wish}={','.join(names)}" for wish, names in wishes.items() if names)
    return f"{address}?e={experiment.to_link_token()}{extra}"


def section(experiment: gd.Experiment, compared: gd.Comparison, figures: dict[str, str]) -> None:
    """Everything to take away, made only when it is opened or clicked."""
    opened = st.expander("Take it with you", icon=":material/ios_share:", key="gd-take-away", on_change="rerun")
    if not opened.open:
        return
    with opened:
        links, files = st.columns([3, 2], gap="large")
        with links:
            _links(experiment)
        with files:
            _files(experiment, compared, figures)
            _open()


def _links(experiment: gd.Experiment) -> None:
    st.subheader("A link that restores all of this")
    first, second = st.columns(2)
    with first:
        locked = st.multiselect(
            "Lock for a lesson", list(locks.SECTIONS), key=state.key("lock"), format_func=locks.SECTIONS.__getitem__
        )
    with second:
        hidden = st.multiselect(
            "Hide for a lesson", list(locks.SECTIONS), key=state.key("hide"), format_func=locks.SECTIONS.__getitem__
        )
    address = link(experiment, lock=locked, hide=hidden)
    st.code(address, language=None, wrap_lines=True)
    if isinstance(experiment.data, gd.Uploaded):
        st.caption(
            "The link does not carry your file: it knows it by its fingerprint, and asks whoever opens it for it."
        )
    if len(address.encode()) <= QR_LIMIT:
        # at its own size and without loss: a code whose modules are blurred is hard to read
        st.image(qr_code(address), width="content", output_format="PNG", caption="The same link, for a phone.")
    else:
        st.caption("The link is too long for a QR code that a phone could read.")


@st.cache_data(max_entries=16, show_spinner=False)
def qr_code(address: str) -> bytes:
    """A QR code as a PNG; ISO/IEC 18004, by segno."""
    import io

    import segno

    code = segno.make(address, error="l", micro=False)
    size, _ = code.symbol_size(border=QUIET_ZONE)
    picture = io.BytesIO()
    code.save(picture, kind="png", scale=max(2, QR_WIDTH // size), border=QUIET_ZONE)
    return picture.getvalue()


def _files(experiment: gd.Experiment, compared: gd.Comparison, figures: dict[str, str]) -> None:
    st.subheader("Files")
    with st.container(horizontal=True):
        _download("Trace, CSV", lambda: gd.trace_csv(compared), "trace.csv", "text/csv")
        _download("Experiment, JSON", experiment.to_json, "experiment.json", "application/json")
        for language, title in LANGUAGES.items():
            made = _script(experiment, compared, language)
            if made is not None:
                _download(
                    f"Script, {title}",
                    lambda made=made: made,
                    f"descent_{language.replace('-', '_')}.py",
                    "text/x-python",
                )
        for name, figure in figures.items():
            _download(
                f"{name}, HTML", lambda figure=figure: gd.figures.to_html(figure), f"{name.lower()}.html", "text/html"
            )
    st.caption("Each figure as PNG: the camera button above it.")


def _download(label: str, make: Callable[[], str], name: str, kind: str) -> None:
    st.download_button(
        label, make, name, kind, key=state.key(f"download-{name}"), on_click="ignore", icon=":material/download:"
    )


def _script(experiment: gd.Experiment, compared: gd.Comparison, language: str) -> str | None:
    try:
        # a surface has no data set
        return gd.script(experiment, language, getattr(compared.problem, "dataset", None))
    except ValueError as problem:
        st.caption(widgets.plain(f"No {LANGUAGES[language]} script: {problem}"))
        return None


def _open() -> None:
    st.subheader("Open an experiment")
    key = state.key("open-experiment")
    st.file_uploader(
        "A JSON file saved here", type=["json"], key=key, on_change=guard()(state.in_this_slot(_opened)), args=(key,)
    )


def _opened(key: str) -> None:
    arrived = st.session_state.get(key)
    if arrived is None:
        return
    try:
        state.replace_with(gd.Experiment.from_json(arrived.getvalue().decode("utf-8-sig")))
    except UnicodeDecodeError:
        state.say_next_time("This file is not an experiment: it does not hold text.")
    except ValueError as problem:
        state.say_next_time(f"This file is not an experiment: {problem}")
