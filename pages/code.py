"""The Code page: the textbook's function, the same model in PyTorch, and the experiment in hand as programs."""

import streamlit as st

from pages.shared import data_controls, frame, runs, show, snippets, state

with frame.open_page("Code") as page:
    st.title("Code")
    experiment = state.experiment()
    st.write(
        "Gradient descent is a few lines of code. Run [the textbook's function](#textbook) on numbers of your own, see "
        "[the same model in PyTorch](#pytorch) and [why it takes other steps](#trap), and take "
        "[your experiment](#programs) with you as a program."
    )

    st.header("The textbook's function", anchor="textbook")
    left, right = st.columns([3, 2], gap="large")
    with right:
        numbers = snippets.numbers()
    with left:
        snippets.textbook_code(numbers)
    with right:
        snippets.textbook_result(numbers)

    st.header("The same model in PyTorch", anchor="pytorch")
    left, right = st.columns([3, 2], gap="large")
    with right:
        settings = snippets.settings()
        snippets.both(numbers, settings)
    with left:
        snippets.pytorch_code(numbers, settings)
        st.subheader("The trap between the two", anchor="trap")
        snippets.explain_trap()

    st.header("Your experiment as a program", anchor="programs")
    data = runs.dataset_or_sentence(experiment) if snippets.needs_data(experiment) else None
    if data is not None:
        page.data_in_use(show.data_line(experiment, data))
    elif snippets.needs_data(experiment):
        data_controls.ask_for_file(experiment)
    if data is not None or not snippets.needs_data(experiment):
        snippets.programs(experiment, data)
