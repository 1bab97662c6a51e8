"""What the pages show of engine objects: sentences, tables and charts, each with its words and its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import streamlit as st

import gd_core as gd
from gd_core import figures
from gd_core.figures import text as words
from gd_core.figures.text import number
from pages.shared import chart, runs, widgets

if TYPE_CHECKING:
    import pandas as pd

AXES = {"epochs": "epochs", "updates": "updates", "examples": "examples seen", "seconds": "seconds"}
HEIGHTS = {"log": "logarithmic", "linear": "linear"}


def data_line(experiment: gd.Experiment, data: gd.Dataset) -> str:
    """The data set in use, in one line of plain text."""
    source = {gd.Generated: "generated", gd.Bundled: "bundled", gd.Uploaded: "uploaded"}[type(experiment.data)]
    features = "1 feature" if data.n_features == 1 else f"{data.n_features} features"
    return f"{data.name} ({source}), {data.n_samples:,} rows, {features}, target {data.target_name}"


def preview(data: gd.Dataset) -> None:
    """The first rows as a table, and each column's range."""
    import pandas as pd

    rows = pd.DataFrame(np.column_stack([data.X[:100], data.y[:100]]), columns=_columns(data))
    st.dataframe(rows, height=250, hide_index=True)
    st.caption(f"The first {len(rows)} of {data.n_samples:,} rows.")


def _columns(data: gd.Dataset) -> list[str]:
    names = [*data.feature_names, data.target_name]
    return [name if names.count(name) == 1 else f"{name} ({i + 1})" for i, name in enumerate(names)]


def ranges(data: gd.Dataset) -> pd.DataFrame:
    """Each column's least, mean, largest and standard deviation."""
    import pandas as pd

    columns = np.column_stack([data.X, data.y])
    return pd.DataFrame(
        {
            "least": columns.min(axis=0),
            "mean": columns.mean(axis=0),
            "largest": columns.max(axis=0),
            "standard deviation": columns.std(axis=0),
        },
        index=_columns(data),
    )


def data_plot(data: gd.Dataset) -> None:
    """The target against each feature."""
    figure = figures.scatter(data)
    chart.show(figure, key="data-plot", summary=words.describe_data(data), height=460, table=lambda: ranges(data))


def scaling_and_rate(experiment: gd.Experiment, data: gd.Dataset) -> None:
    """What the data's curvature means for the learning rate, before and after scaling."""
    before = runs.or_sentence(lambda: runs.curvature(experiment, data, scaling="none"))
    if before is None:
        return
    after = runs.or_sentence(lambda: runs.curvature(experiment, data, scaling=experiment.model.scaling))
    if after is None:
        return
    same = experiment.model.scaling == "none"
    named = {"as they are": before} if same else {"as they are": before, experiment.model.scaling: after}
    st.write(_curvature_sentence(before, after, same))
    chart.show(
        figures.eigenvalues(list(named.values()), list(named)),
        key="curvature",
        summary=words.describe_eigenvalues(list(named.values()), list(named)),
        height=340,
        table=lambda: curvature_table(named),
    )
    st.dataframe(curvature_table(named))


def curvature_table(named: Mapping[str, gd.Curvature]) -> pd.DataFrame:
    """Eigenvalues, condition number and the rates that follow, a column a scaling."""
    import pandas as pd

    rows = {
        "smallest eigenvalue": [c.eigenvalues[0] for c in named.values()],
        "largest eigenvalue": [c.eigenvalues[-1] for c in named.values()],
        "condition number": [c.condition_number for c in named.values()],
        "largest stable learning rate": [c.max_stable_learning_rate for c in named.values()],
        "best learning rate": [c.best_learning_rate for c in named.values()],
        "updates for one more digit": [c.updates_for_a_digit for c in named.values()],
    }
    shown = {name: [number(value) for value in values] for name, values in rows.items()}
    return pd.DataFrame.from_dict(shown, orient="index", columns=list(named))


def _curvature_sentence(before: gd.Curvature, after: gd.Curvature, same: bool) -> str:
    told = (
        f"On these features as they are, the condition number is **{number(before.condition_number)}**: batch descent "
        f"is stable below a learning rate of **{number(before.max_stable_learning_rate)}** and needs about "
        f"**{number(before.updates_for_a_digit)}** updates for each further digit, even at its best rate."
    )
    if same:
        return told + " Choose a scaling above to see what it changes."
    return told + (
        f" After scaling it is **{number(after.condition_number)}**, the limit is "
        f"**{number(after.max_stable_learning_rate)}**, and a digit takes about "
        f"**{number(after.updates_for_a_digit)}** updates."
    )


def fairness(experiment: gd.Experiment, compared: gd.Comparison) -> None:
    """What the variants share, in one line, and below it what differs between them."""
    budget = experiment.budget
    shared = ["the same data"]
    # a random start is drawn with the variant's seed
    starts = {(variant.start, variant.seed if variant.start == "random" else 0) for variant in experiment.variants}
    shared.append("the same start" if len(starts) == 1 else "other starts")
    sampled = [variant for variant in experiment.variants if not variant.sampling.full]
    orders = {_order(variant.sampling, variant.seed) for variant in sampled}
    shared.append("the same row order" if len(orders) <= 1 else "other row orders")
    shared.append(f"a budget of {budget.amount:,} {AXES[budget.unit]} each")
    with st.expander(f"Fair comparison: {', '.join(shared)}. What differs?", icon=":material/balance:", key="gd-fair"):
        differences = compared.differences()
        if differences.empty:
            st.write("Nothing: the variants are the same.")
        else:
            st.dataframe(differences)


def _order(sampling: Any, seed: int) -> tuple[str, int]:
    """What decides the order in which a sampling reads the rows."""
    if sampling.replacement:
        return "drawn", seed
    return ("shuffled", seed) if sampling.shuffle else ("the table's", 0)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What theory knows of a variant's learning rate: the largest stable one, the best, and both in a sentence."""

    sentence: str
    largest: float | None = None
    best: float | None = None


def limits(problem: gd.Regression) -> Callable[[gd.Variant], Limits]:
    """A function that says what theory knows of a variant's learning rate on this problem."""

    def known(variant: gd.Variant) -> Limits:
        if problem.quadratic is None:
            return Limits(sentence="This loss is not quadratic: theory gives no fixed limit for the rate.")
        if not isinstance(variant.rule, gd.SGD):
            return Limits(sentence=f"Theory gives no stability limit for {variant.rule.name}.")
        curvature = gd.curvature(problem)
        largest = curvature.max_stable_learning_rate_with(variant.rule)
        if not variant.sampling.full:
            sentence = f"Batch descent would be stable below {number(largest)}; sampled rows need less."
            return Limits(sentence=sentence, largest=largest)
        if variant.rule.momentum:
            return Limits(sentence=f"Stable below {number(largest)}.", largest=largest)
        best = curvature.best_learning_rate
        return Limits(sentence=f"Stable below {number(largest)}, best {number(best)}.", largest=largest, best=best)

    return known


def views(
    experiment: gd.Experiment,
    compared: gd.Comparison,
    options: Mapping[str, Any],
    on_step: Callable[[chart.Step], None] | None = None,
) -> dict[str, str]:
    """Loss curves, surface, contours and fit of a comparison, in one view that a player moves; the figures by name.

    ``on_step`` is called where a person leaves the player.
    """
    plane = None
    if compared.problem.n_params > 1:
        plane = runs.or_sentence(lambda: runs.plane(experiment, compared, options["axes"]))
    else:
        st.caption("This model has one parameter, and a surface needs two: the loss and the fit are all there is.")
    together = runs.figures(experiment, compared, plane, options)
    summaries = _summaries(experiment.key, compared.problem.dataset.fingerprint, repr(options["axes"]), compared, plane)
    summaries = [summaries[0], *summaries[1:-1] * (len(together) - 2), summaries[-1]]
    chart.show(
        together,
        key="compare",
        summary=summaries,
        columns=2,
        cameras="together",
        height=440,
        table=lambda: trace(compared),
        motion=runs.motion(experiment, compared, plane, options),
        on_step=on_step,
    )
    middle = ["Surface", "Contours"] if len(together) == 4 else [f"Figure {i}" for i in range(2, len(together))]
    names = ["Loss", *middle, "Fit"]
    notes_below(names, runs.notes(experiment, compared, plane, options))
    return dict(zip(names, together, strict=True))


def notes_below(names: Sequence[str], notes: Sequence[str]) -> None:
    """What the figures leave out, once each, below them."""
    said: dict[str, list[str]] = {}
    for name, note in zip(names, notes, strict=True):
        if note:
            said.setdefault(note, []).append(name)
    if said:
        st.caption("  \n".join(widgets.plain(f"{' and '.join(where)}: {note}") for note, where in said.items()))


def trace(compared: gd.Comparison) -> pd.DataFrame:
    """Every recorded update of every variant."""
    import pandas as pd

    return pd.concat(
        [run.to_frame().assign(variant=label) for label, run in zip(compared.labels, compared.runs, strict=True)],
        ignore_index=True,
    )


@st.cache_resource(max_entries=48, show_spinner=False)
def _summaries(
    key: str, fingerprint: str, axes_key: str, _compared: gd.Comparison, _plane: gd.Plane | None
) -> list[str]:
    """The loss, the plane if there is one, and the fit, in words."""
    labels, made = _compared.labels, _compared.runs
    return [
        words.describe_loss(made, labels),
        *([] if _plane is None else [words.describe_plane(_plane, labels)]),
        words.describe_fit(_compared.problem, [run.final for run in made], labels),
    ]


def with_scores(compared: gd.Comparison) -> pd.DataFrame:
    """The comparison's table with R2 and RMSE on the training rows, and on those set aside."""
    if compared not in _scored:
        _scored[compared] = _with_scores(compared)
    return _scored[compared].copy()


# a comparison's table goes with it
_scored: WeakKeyDictionary[gd.Comparison, pd.DataFrame] = WeakKeyDictionary()


def _with_scores(compared: gd.Comparison) -> pd.DataFrame:
    frame = compared.table()
    scores = [compared.problem.scores(run.final) for run in compared.runs]
    for name in scores[0]:
        frame.insert(len(frame.columns) - 2, name, [score[name] for score in scores])
    return frame


def table(compared: gd.Comparison) -> None:
    """What each variant reached, at what cost, and why it ended."""
    frame = with_scores(compared)
    why = frame.pop("why")
    settings = {
        name: st.column_config.NumberColumn(format="%.6g") for name in frame.columns if frame[name].dtype.kind == "f"
    }
    reached = frame["updates to tolerance"]
    frame["updates to tolerance"] = [number(count) if count == count else "not reached" for count in reached]
    settings.pop("updates to tolerance")
    st.dataframe(frame, column_config=settings)
    for label, run, sentence in zip(compared.labels, compared.runs, why, strict=True):
        diverged = run.outcome is gd.Outcome.DIVERGED
        text = f"{label}: {sentence}"
        if diverged:
            st.error(widgets.plain(text), icon=":material/trending_up:")
        else:
            st.text(text, wrap=True)


def coefficients(compared: gd.Comparison) -> pd.DataFrame:
    """Each variant's coefficients in the data's own units, beside the exact solution's."""
    import pandas as pd

    problem = compared.problem
    columns = {
        label: problem.coefficients(run.final) for label, run in zip(compared.labels, compared.runs, strict=True)
    }
    if problem.optimum is not None:
        exact = "exact solution"
        while exact in columns:
            # a variant may have any name
            exact += " (least squares)" if problem.quadratic is not None else " (solver)"
        columns[exact] = problem.coefficients(problem.optimum.theta)
    return pd.DataFrame(columns)


def theory(compared: gd.Comparison) -> None:
    """What theory predicts of each variant, or why it says nothing."""
    for label, run in zip(compared.labels, compared.runs, strict=True):
        st.text(f"{label}: {runs.prediction(run).sentence}", wrap=True)


def scaling_experiment(experiment: gd.Experiment, data: gd.Dataset) -> None:
    """The same variants with and without standardisation, side by side: the ravine and the bowl."""
    sides = {"as they are": "none", "standardised": "standard"}
    columns = st.columns(2, gap="large")
    for column, (title, scaling) in zip(columns, sides.items(), strict=True):
        with column:
            st.subheader(f"Features {title}")
            other = replace(experiment, model=replace(experiment.model, scaling=scaling))
            problem = runs.problem_or_sentence(other, data)
            compared = None if problem is None else runs.comparison_or_sentence(other, data)
            if compared is None:
                continue
            kappa = gd.curvature(compared.problem).condition_number
            st.metric("Condition number", number(kappa))
            _one_side(other, compared, key=f"scaling-{scaling}")


def _one_side(experiment: gd.Experiment, compared: gd.Comparison, *, key: str) -> None:
    labels = compared.labels
    drawn, summaries = [runs.contours(experiment, compared)], []
    if drawn[0] is None:
        st.caption("This model has one parameter, and contours need two.")
    else:
        summaries.append(words.describe_plane(runs.plane(experiment, compared, runs.ravine(compared)), labels))
    drawn.append(runs.loss_figure(experiment, compared))
    summaries.append(words.describe_loss(compared.runs, labels))
    shown = [figure for figure in drawn if figure is not None]
    chart.show(shown, key=key, summary=summaries, columns=1, height=340, table=lambda: trace(compared))
    frame = with_scores(compared)
    kept = [name for name in ("final loss", "distance to optimum", "R2", "outcome") if name in frame]
    st.dataframe(frame[kept])
    st.caption("Coefficients in the data's own units: the exact solution is the same on both sides.")
    st.dataframe(coefficients(compared))
