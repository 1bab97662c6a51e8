"""The Compare page: several variants of gradient descent on one data set, side by side."""

import streamlit as st

from pages.shared import data_controls, frame, microscope, runs, show, state, take_away, variant_controls

with frame.open_page("Compare") as page:
    st.title("Compare")
    experiment = state.experiment()
    data = runs.dataset_or_sentence(experiment)
    if data is None:
        data_controls.ask_for_file(experiment)
    if data is not None:
        page.data_in_use(show.data_line(experiment, data))
        variant_controls.preset()
        experiment = variant_controls.model(experiment)
        problem = runs.problem_or_sentence(experiment, data)
    if data is not None and problem is not None:
        experiment = variant_controls.budget(experiment, problem.n_samples)
        experiment = variant_controls.variants(experiment, problem.n_samples, show.limits(problem))
        state.keep(experiment)
        compared = runs.comparison_or_sentence(experiment, data)
        if compared is not None:
            show.fairness(experiment, compared)
            options = variant_controls.view_options(compared)
            figures = show.views(experiment, compared, options, microscope.follow if microscope.is_open() else None)
            if options["theory"]:
                show.theory(compared)
            microscope.section(experiment, compared, options["axes"])
            st.header("What each one cost")
            show.table(compared)
            st.header("Coefficients in the data's own units")
            st.dataframe(show.coefficients(compared))
            if variant_controls.scaling_switch():
                show.scaling_experiment(experiment, data)
            take_away.section(experiment, compared, figures)
