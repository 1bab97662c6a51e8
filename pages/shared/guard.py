"""The net below the pages: no traceback ever reaches one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

_LOG = logging.getLogger(__name__)


@contextmanager
def guard() -> Iterator[None]:
    """Turn an unexpected exception into a sentence in its place, and log it; also decorates callbacks and fragments.

    Streamlit's own rerun and stop are no ``Exception`` and pass through. Community Cloud shows tracebacks whatever
    ``client.showErrorDetails`` says, so nothing may reach Streamlit.
    """
    try:
        yield
    except Exception:
        _LOG.exception("A page met an unexpected error")
        st.error(
            "Something went wrong here that the lab did not expect. Your settings are kept: change the last one back, "
            "or reload the page. What happened is in the server's log.",
            icon=":material/error:",
        )
