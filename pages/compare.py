"""The Compare page: several variants of gradient descent on one data set, side by side."""

import streamlit as st

from pages.shared import frame, runs, show, state, variant_controls

with frame.open_page("Compare") as page:
    st.title("Compare")
    experiment = state.experiment()
    data = runs.dataset_or_sentence(experiment)
    if data is not None:
        page.data_in_use(show.data_line(experiment, data))
        variant_controls.preset()
        experiment = variant_controls.model(experiment)
        problem = runs.problem_or_sentence(experiment, data)
    if data is not None and problem is not None:
        experiment = variant_controls.budget(experiment, problem.n_samples)
        experiment = variant_controls.variants(experiment, problem.n_samples, show.limit_sentence(problem))
        state.keep(experiment)
        compared = runs.comparison_or_sentence(experiment, data)
        if compared is not None:
            show.fairness(experiment, compared)
            show.views(experiment, compared, variant_controls.view_options(compared))
            st.header("What each one cost")
            show.table(compared)
            st.header("Coefficients in the data's own units")
            st.dataframe(show.coefficients(compared))
