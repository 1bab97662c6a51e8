"""The step microscope: one update of one variant, with all that went into it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

import gd_core as gd
from gd_core import figures
from gd_core.checks import distinct
from pages.shared import chart, runs, show, state, widgets
from pages.shared.guard import guard

if TYPE_CHECKING:
    import pandas as pd

_PLACE = "gd-microscope-place"
_SECTION = "gd-microscope"
# rows of a batch that a person can read
MOST_ROWS = 20
# as many panels of the data as stand side by side
MOST_PANELS = 3
# where a close-up would read more numbers than this, it is coarser
MOST_READ = 4_000_000


def section(experiment: gd.Experiment, compared: gd.Comparison, axes: Any) -> None:
    """The microscope, made only while it is open; ``axes`` of the plane that the page shows."""
    opened = st.expander("Step microscope", icon=":material/biotech:", key=_SECTION, on_change="rerun")
    if opened.open:
        with opened:
            _look(experiment, compared, axes)


def is_open() -> bool:
    """Whether the microscope is open, so that the player's steps are of use."""
    return bool(st.session_state.get(_SECTION))


def follow(step: chart.Step) -> None:
    """Look at the update where the player was left."""
    variant = _place()["variant"]
    if variant < len(step.updates):
        _go(step.updates[variant])


def _place() -> dict[str, int]:
    found: dict[str, int] = st.session_state.setdefault(_PLACE, {"variant": 0, "update": 1})
    return found


def _go(update: int) -> None:
    _place()["update"] = max(1, update)


@st.fragment
@guard()
def _look(experiment: gd.Experiment, compared: gd.Comparison, axes: Any) -> None:
    # a fragment: another update draws this section anew, and not the page
    place = _place()
    labels = {str(i): label for i, label in enumerate(compared.labels)}
    first, second = st.columns([1, 2], gap="large", vertical_alignment="bottom")
    with first:
        # keyed by the number of variants: a menu whose options went keeps nothing of them
        chosen = st.selectbox(
            "Variant to look at",
            list(labels),
            key=state.seeded(f"microscope-variant-{len(labels)}", str(min(place["variant"], len(labels) - 1))),
            format_func=labels.__getitem__,
        )
    place["variant"] = variant = int(chosen)
    run = compared.runs[variant]
    last = int(run.updates[-1])
    if last < 1:
        st.write("This run made no update that could be looked at.")
        return
    place["update"] = min(max(place["update"], 1), last)
    with second:
        _moves(place["update"], last)
    steps, k = runs.replayed(experiment, compared, variant, place["update"])
    _numbers(run, steps, k, last)
    _drawn(experiment, compared, variant, steps, k, axes)
    st.subheader("Every parameter")
    table = parameter_table(run, steps, k)
    st.dataframe(table, column_config={name: st.column_config.NumberColumn(format="%.8g") for name in table.columns})
    rows, written = st.columns(2, gap="large")
    with rows:
        _rows(run, steps, k)
    with written:
        _written(run, steps, k)


def _moves(update: int, last: int) -> None:
    """A slider over the updates, and buttons to the first, one back, one forth and to the last."""
    slider = state.key("microscope-update")

    def moved() -> None:
        _go(int(st.session_state[slider]))

    if last > 1:
        st.session_state[slider] = update
        st.slider("Update to look at", 1, last, step=1, key=slider, on_change=moved)
    else:
        st.caption("This run made one update.")
    with st.container(horizontal=True, gap="small"):
        for name, icon, to in (
            ("First", "first_page", 1),
            ("Back", "chevron_left", update - 1),
            ("Forth", "chevron_right", update + 1),
            ("Last", "last_page", last),
        ):
            st.button(
                name,
                key=state.key(f"microscope-{name.lower()}"),
                icon=f":material/{icon}:",
                on_click=guard()(_go),
                args=(to,),
                disabled=not 1 <= to <= last or to == update,
            )


def _numbers(run: gd.Run, steps: gd.Replay, k: int, last: int) -> None:
    update = int(steps.updates[k])
    with np.errstate(all="ignore"):
        losses = run.problem.values(np.vstack([steps.before[k], steps.after[k]]))
    angle = float(steps.angle[k])
    epoch = -(-update // run.variant.sampling.updates_per_epoch(run.problem.n_samples))
    shown = {
        "Update": f"{update:,} of {last:,}",
        "Epoch": f"{epoch:,}",
        "Learning rate": f"{steps.rate[k]:.6g}",
        "Loss before": f"{losses[0]:.6g}",
        "Loss after": f"{losses[1]:.6g}",
        "Gradient on the batch": f"{_length(steps.gradient[k]):.4g}",
        "Full gradient": f"{_length(steps.full_gradient[k]):.4g}",
        "Angle between them": f"{angle:.3g}°" if np.isfinite(angle) else "none",
        "Length of the step": f"{_length(steps.step[k]):.4g}",
    }
    st.html("<style>.st-key-gd-microscope-numbers [data-testid=stMetricValue] { font-size: 1.125rem; }</style>")
    with st.container(horizontal=True, gap="medium", key="gd-microscope-numbers"):
        for name, value in shown.items():
            st.metric(name, value, width="content")
    if run.variant.sampling.full:
        st.caption("Batch descent reads every row at every update, so both gradients are the same.")


def _length(vector: Any) -> float:
    with np.errstate(over="ignore"):
        return float(np.linalg.norm(vector))


def _drawn(
    experiment: gd.Experiment, compared: gd.Comparison, variant: int, steps: gd.Replay, k: int, axes: Any
) -> None:
    run, data = compared.runs[variant], compared.problem.dataset
    drawn, summaries = [], []
    if compared.problem.n_params > 1:
        whole = runs.plane(experiment, compared, axes)
        near = widgets.switch("Close up", True, key="microscope-close")
        under = gd.plane(
            compared.problem, compared.runs, axes=axes, window=figures.close_up(whole, steps, k),
            resolution=_resolution(compared.problem),
        ) if near else whole  # fmt: skip
        drawn.append(
            figures.update_on_contour(
                under, steps, k, variant=variant, labels=compared.labels, runs=compared.runs,
                title=compared.problem.loss_title,
            )
        )  # fmt: skip
        summaries.append(figures.describe_update(steps, k, compared.labels[variant], run.problem.parameter_names))
    rows = compared.problem.training_rows[steps.rows[k]]
    # all rows highlighted would be the same picture twice
    marked = None if run.variant.sampling.full else rows
    drawn.append(figures.scatter(data, highlight=marked, panels=min(data.n_features, MOST_PANELS)))
    which = "every training row" if marked is None else "one highlighted row" if len(rows) == 1 else "highlighted rows"
    summaries.append(f"The data. This update reads {which}.")
    chart.show(drawn, key="microscope", summary=summaries, columns=2, height=380)
    notes = [html.unescape(figures.note_of(figure)) for figure in drawn]
    show.notes_below(["Contours", "Data"][-len(drawn) :], notes)
    if compared.problem.n_params > 2:
        st.caption("The arrows are projections onto the plane; the angle above is the true one.")


def _resolution(problem: gd.Regression) -> int:
    """How fine a close-up may be: a quadratic's costs nothing, any other's a pass over the rows at each point."""
    if problem.quadratic is not None:
        return 60
    return int(np.clip((MOST_READ / problem.n_samples) ** 0.5, 12, 60))


def parameter_table(run: gd.Run, steps: gd.Replay, k: int) -> pd.DataFrame:
    """Every parameter before and after, its two gradients, and the rule's state before and after."""
    import pandas as pd

    columns = {
        "theta before": steps.before[k],
        "gradient on the batch": steps.gradient[k],
        "full gradient": steps.full_gradient[k],
    }
    for i, name in enumerate(steps.slot_names):
        columns[f"{name} before"] = steps.state_before[k, i]
        columns[f"{name} after"] = steps.state_after[k, i]
    columns["step"] = steps.step[k]
    columns["theta after"] = steps.after[k]
    names = list(run.problem.parameter_names)
    return pd.DataFrame({name: np.asarray(values) for name, values in columns.items()}, index=names)


def row_table(run: gd.Run, steps: gd.Replay, k: int) -> pd.DataFrame:
    """The first rows of the batch: their place in the data, their values, predictions and residuals."""
    import pandas as pd

    problem: Any = run.problem
    data = problem.dataset
    rows = problem.training_rows[steps.rows[k][:MOST_ROWS]]
    with np.errstate(all="ignore"):
        predicted = problem.predict(steps.before[k], data.X[rows])
    values = np.column_stack([data.X[rows], data.y[rows], predicted, predicted - data.y[rows]])
    names = [*data.feature_names, f"{data.target_name} (target)", "prediction", "residual"]
    frame = pd.DataFrame(values, columns=distinct(["row", *names])[1:])
    frame.insert(0, "row", rows + 1)
    return frame


def _rows(run: gd.Run, steps: gd.Replay, k: int) -> None:
    st.subheader("The rows that it read")
    st.dataframe(row_table(run, steps, k), hide_index=True)
    count = len(steps.rows[k])
    if count > MOST_ROWS:
        st.caption(f"The first {MOST_ROWS} of {count:,} rows, in the order in which they were read.")
    st.caption("Predictions and residuals (prediction minus target) are those before the update.")


def _written(run: gd.Run, steps: gd.Replay, k: int) -> None:
    st.subheader("The rule, with these numbers put in")
    names = {str(i): name for i, name in enumerate(run.problem.parameter_names)}
    parameter = 0
    if len(names) > 1:
        furthest = str(int(np.argmax(np.abs(steps.step[k]))))
        parameter = int(widgets.choice("For the parameter", names, furthest, key=f"microscope-parameter-{len(names)}"))
    written = gd.pseudocode(run.variant.rule, steps, k, parameter=parameter)
    st.code(written.text, language=None, wrap_lines=True)
    if not written.lines:
        st.dataframe({"number": written.numbers})
    count = len(steps.rows[k])
    rows = "the one row" if count == 1 else f"the mean over the {count:,} rows"
    st.caption(
        f"gradient is that of {rows} of this update, penalty included; rate is the schedule's "
        f"({widgets.plain(run.variant.schedule.title)}) at this update."
    )
