"""The Data page: bring data, make them ready, and see what they ask of the learning rate."""

import streamlit as st

from pages.shared import data_controls, frame, runs, show, state

with frame.open_page("Data") as page:
    st.title("Data")
    left, right = st.columns([2, 3], gap="large")
    with left:
        experiment = data_controls.data(state.experiment())
        experiment = data_controls.preparation(experiment)
    state.keep(experiment)
    data = runs.dataset_or_sentence(experiment)
    if data is not None:
        page.data_in_use(show.data_line(experiment, data))
        with right:
            show.data_plot(data)
            with st.expander("The first rows", icon=":material/table_rows:", key="gd-preview"):
                show.preview(data)
        st.header("What the data ask of the learning rate")
        show.scaling_and_rate(experiment, data)
        st.page_link("pages/compare.py", label="Compare descents on this data", icon=":material/compare_arrows:")
