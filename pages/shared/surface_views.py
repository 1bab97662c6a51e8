"""What the Surface page shows of a race: surface, contours and curves with one clock, and how each racer ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

import gd_core as gd
from gd_core.figures import text as words
from gd_core.figures.style import number
from pages.shared import chart, runs, show, state, surface_controls, take_away, widgets

if TYPE_CHECKING:
    import pandas as pd

# 500 updates one by one; longer races are shown at so many of them
MOST_TICKS = 501
# from above, so that a bowl's near wall does not hide what rolls in it
EYE = (1.0, -1.3, 1.25)
# a click names a figure by its place
CONTOURS = 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """A race, ready for the chart view: its figures and their motion as the browser takes them, and what they show."""

    compared: gd.Comparison
    figures: tuple[str, ...]
    motion: str
    summaries: tuple[str, ...]
    table: pd.DataFrame


def race(experiment: gd.Experiment, options: Mapping[str, Any]) -> Drawn | None:
    """The race, or None and a sentence in place where it cannot be run."""
    return runs.or_sentence(lambda: _drawn(experiment.key, repr(sorted(options.items())), experiment, options))


# a race with its figures takes about a megabyte
@st.cache_resource(max_entries=48, show_spinner=False)
def _drawn(key: str, options_key: str, _experiment: gd.Experiment, _options: Mapping[str, Any]) -> Drawn:
    compared = _compared(key, _experiment)
    figures = gd.figures
    plane = gd.plane(compared.problem, compared.runs)
    shared: dict[str, Any] = {"labels": compared.labels, "runs": compared.runs, "title": compared.problem.loss_title}
    log_value = _options["log_value"] and _positive(compared)
    drawn = (
        figures.surface_paths(plane, height=_options["height"], eye=EYE, **shared),
        figures.contour_paths(plane, equal=True, clickable=True, **shared),
        figures.loss_curves(compared.runs, labels=compared.labels, against="updates", log_loss=log_value),
    )
    views = [
        figures.OnSurface(plane=plane, height=_options["height"]),
        figures.OnContour(plane=plane),
        figures.OnCurve(against="updates"),
    ]
    motion = figures.synchronised(
        compared.runs,
        views,
        labels=compared.labels,
        unit="updates",
        gradients=True,
        opens_at="start",
        arrows=True,
        most_ticks=MOST_TICKS,
    )
    on_plane = words.describe_plane(plane, compared.labels)
    return Drawn(
        compared=compared,
        figures=tuple(chart.to_wire(figure) for figure in drawn),
        motion=chart.motion_to_wire(motion),
        summaries=(on_plane, on_plane, words.describe_loss(compared.runs, compared.labels)),
        table=compared.table().drop(columns="examples seen").rename(columns={"final loss": "final value"}),
    )


@st.cache_resource(max_entries=48, show_spinner=False)
def _compared(key: str, _experiment: gd.Experiment) -> gd.Comparison:
    problem = _experiment.problem()
    check_starts(_experiment, problem)
    return gd.compare(problem, _experiment.variants, _experiment.budget, seeds=_experiment.seeds)


def check_starts(experiment: gd.Experiment, problem: Any) -> None:
    """Raise ValueError, with a sentence for the page, for a racer that would start where the surface has no value."""
    for i, variant in enumerate(experiment.variants):
        x, y = variant.start_on(problem)
        if not (np.isfinite(problem.value((x, y))) and np.all(np.isfinite(problem.gradient((x, y))))):
            who = "The race" if len(experiment.variants) == 1 else variant.label or f"Racer {i + 1}"
            raise ValueError(
                f"{who} cannot start at ({x:.6g}, {y:.6g}): the formula has no value or no slope there. Choose another "
                "start."
            )


def _positive(compared: gd.Comparison) -> bool:
    return all(float(np.min(run.loss)) >= 0 for run in compared.runs)


def views(drawn: Drawn, options: Mapping[str, Any]) -> None:
    """The surface, the contours and the values, moved by one player; a click on the contours sets the start."""
    chart.show(
        list(drawn.figures),
        key="surface",
        summary=list(drawn.summaries),
        height=400,
        columns=2,
        motion=drawn.motion,
        on_click=state.in_this_slot(_clicked),
        table=lambda: show.trace(drawn.compared),
    )
    if options["log_value"] and not _positive(drawn.compared):
        st.caption("The values go below zero, so their axis is linear.")


def _clicked(click: chart.Click) -> None:
    if click.figure == CONTOURS:
        surface_controls.take_click(click)


def outcome(experiment: gd.Experiment, drawn: Drawn) -> None:
    """Where each racer ended, at what cost and why; and what to take away."""
    st.header("How each one ended")
    frame = drawn.table.copy()
    why = frame.pop("why")
    reached = frame["updates to tolerance"]
    frame["updates to tolerance"] = [number(count) if count == count else "not reached" for count in reached]
    digits = {name: st.column_config.NumberColumn(format="%.6g") for name in frame if frame[name].dtype.kind == "f"}
    st.dataframe(frame, column_config=digits)
    for label, run, sentence in zip(drawn.compared.labels, drawn.compared.runs, why, strict=True):
        text = f"{label}: {sentence}"
        if run.outcome is gd.Outcome.DIVERGED:
            st.error(widgets.plain(text), icon=":material/trending_up:")
        else:
            st.text(text, wrap=True)
    figures = dict(zip(("Surface", "Contours", "Values"), drawn.figures, strict=True))
    take_away.section(experiment, drawn.compared, figures)
