"""The Surface page: one or several rules roll over a surface, update by update."""

import streamlit as st

from pages.shared import frame, state, surface_controls, surface_views

with frame.open_page("Surface") as page:
    st.title("Surface")
    experiment = state.experiment()
    surface_controls.race()
    with st.container(key="gd-race"):
        left, right = st.columns([2, 5], gap="medium")
    with left:
        experiment = surface_controls.surface(experiment)
        experiment = surface_controls.budget(experiment)
        experiment = surface_controls.racers(experiment)
    state.keep(experiment)
    page.data_in_use(state.data_line())
    with right:
        options = surface_controls.view_options(experiment)
        drawn = surface_views.race(experiment, options)
        if drawn is not None:
            surface_views.views(drawn, options)
    if drawn is not None:
        surface_views.outcome(experiment, drawn)
