"""The Data page."""

import streamlit as st

from pages.shared import frame

with frame.open_page("Data"):
    st.title("Data")
