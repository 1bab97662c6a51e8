"""The start page: what the lab is, and the way in."""

import streamlit as st

from pages.shared import frame

with frame.open_page("Start"):
    st.title(frame.NAME)
    st.write(
        "Gradient descent fits a model by walking downhill on its loss, one update after another. This lab lets you "
        "watch it walk, on data of your own: batch, stochastic and mini-batch descent side by side, from the same "
        "start, over the same rows and with the same budget."
    )
    st.write(
        "Nothing is faked. Stochastic descent takes one real row at a time, a run that diverges is shown diverging, "
        "and the exact least-squares answer stands beside every result."
    )
    st.page_link("pages/data.py", label="Choose the data: generate, pick or upload", icon=":material/table_chart:")
    st.page_link("pages/compare.py", label="Compare the kinds of descent on it", icon=":material/compare_arrows:")
