"""The Compare page."""

import streamlit as st

from pages.shared import frame

with frame.open_page("Compare"):
    st.title("Compare")
