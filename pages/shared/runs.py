"""What the pages compute, each thing once: data, problems, comparisons and planes, kept for everyone on the server.

Keys are canonical JSON and fingerprints, never the objects themselves: Streamlit would hash a dataclass by its fields
alone and large arrays by a sample. Every cache is bounded, since a server has about a gigabyte for a whole room.
"""

from __future__ import annotations

import gc
import html
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np
import streamlit as st

import gd_core as gd
from pages.shared import chart, state, widgets
from pages.shared.shelf import Shelf

# seconds of one core that a changed setting may cost, by a generous estimate: a room shares two
PATIENCE = 20
# of about a gigabyte
COMPARISON_BYTES = 200_000_000
# with several seeds: 16 MB of paths a comparison, and points enough for a curve
NUMBERS_KEPT, RECORDS_KEPT = 2_000_000, (50, 400)
# nobody needs to be told how far a comparison is that is done by then
SECONDS_IN_SILENCE = 0.5
# updates that are replayed together, as the microscope steps from one to the next, and the rows they may read
NEIGHBOURS, MOST_ROWS_REPLAYED = 16, 100_000
# as many as `gd.tune` tries
RATES_TRIED = 25


class DataMissingError(ValueError):
    """The experiment is about an uploaded file that this session does not have; the text says which."""


def dataset(experiment: gd.Experiment) -> gd.Dataset:
    """The experiment's data set. Raises ValueError (DataMissingError, TableError) with a sentence for the page."""
    data = experiment.data
    if isinstance(data, gd.Uploaded):
        return _uploaded(data)
    return _dataset(repr(data), experiment)


def _uploaded(data: gd.Uploaded) -> gd.Dataset:
    uploads = state.uploads()
    for upload in uploads:
        try:
            found = from_table(upload, data.target, data.features, data.missing, data.categories)
        except ValueError:  # another table, without these columns
            continue
        if found.fingerprint == data.fingerprint:
            return found
    if not uploads:
        raise DataMissingError(f"This experiment is about an uploaded file named {data.filename!r}. Upload it on Data.")
    raise DataMissingError(
        f"This experiment is about another file than {uploads[0].filename!r}: its contents have another "
        f"fingerprint. Upload {data.filename!r} on Data."
    )


@st.cache_resource(max_entries=16, show_spinner=False)
def _dataset(key: str, _experiment: gd.Experiment) -> gd.Dataset:
    return _experiment.dataset()


def from_table(
    upload: state.Upload, target: str, features: tuple[str, ...] | None, missing: str, categories: str
) -> gd.Dataset:
    """The data set that an uploaded table and some choices give. Raises TableError with a sentence for the page."""
    # the name is shown with the data, so people who bring the same table under other names do not share it
    choices = repr((upload.filename, target, features, missing, categories))
    return _from_table(upload.digest, choices, upload, target, features, missing, categories)


@st.cache_resource(max_entries=16, show_spinner=False)
def _from_table(
    digest: str, choices: str, _upload: Any, _target: str, _features: Any, _missing: str, _categories: str
) -> gd.Dataset:
    name = _upload.filename
    return gd.to_dataset(
        _upload.frame, target=_target, features=_features, missing=_missing, categories=_categories, name=name
    )


def problem(experiment: gd.Experiment, data: gd.Dataset) -> gd.Regression:
    """The experiment's model on its data. Raises ValueError with a sentence for the page."""
    return _problem(repr(experiment.model), data.fingerprint, experiment.model, data)


@st.cache_resource(max_entries=32, show_spinner=False)
def _problem(key: str, fingerprint: str, _model: gd.Model, _data: gd.Dataset) -> gd.Regression:
    return _model.build(_data)


def comparison(
    experiment: gd.Experiment, data: gd.Dataset, progress: Callable[[float], None] | None = None
) -> gd.Comparison:
    """The experiment, run; ``progress`` is told the share done. Raises ValueError with a sentence for the page."""
    model = problem(experiment, data)
    check_patience(experiment, model)

    def compare() -> gd.Comparison:
        return gd.compare(
            model,
            experiment.variants,
            experiment.budget,
            seeds=experiment.seeds,
            progress=progress,
            records=_records(experiment, model),
        )

    return _comparisons().get((experiment.key, data.fingerprint), compare)


@st.cache_resource(show_spinner=False)
def _comparisons() -> Shelf[gd.Comparison]:
    return Shelf(weigh=_bytes, most=COMPARISON_BYTES)


def _bytes(compared: gd.Comparison) -> int:
    # beside theta a record has its update, examples, epoch and rate, and in time its losses and gradient norm
    return sum(run.theta.nbytes + 7 * run.updates.nbytes for repeat in compared.repeats for run in repeat)


def _records(experiment: gd.Experiment, problem: gd.Regression) -> int | None:
    """How many points of each path are kept: all of the usual ones for one seed, fewer where there are many runs."""
    if experiment.seeds == 1:
        return None
    runs = experiment.seeds * len(experiment.variants)
    return int(np.clip(NUMBERS_KEPT // (runs * problem.n_params), *RECORDS_KEPT))


def check_patience(experiment: gd.Experiment, problem: gd.Regression, *, repeats: int = 1) -> None:
    """Raise ValueError, with a sentence for the page, for a comparison that would keep the whole room waiting."""
    seconds = (
        repeats * experiment.seeds * sum(_seconds(problem, each, experiment.budget) for each in experiment.variants)
    )
    if seconds > PATIENCE:
        raise ValueError(
            f"This would take about {seconds:,.0f} seconds, and everyone on this server would wait with you: the most "
            f"is {PATIENCE}. Choose a smaller budget, fewer seeds, fewer rows, or larger batches."
        )


def _seconds(problem: gd.Regression, variant: gd.Variant, budget: gd.Budget) -> float:
    """About how long a run takes, by what updates, rows, terms and new row orders were measured to cost at most."""
    rows = variant.sampling.rows_per_update(problem.n_samples)
    updates = budget.updates_for(variant.sampling, problem.n_samples)
    if variant.sampling.full and problem.quadratic is not None:
        return updates * (100e-9 + 1e-9 * problem.n_params**2)
    epochs = 0.0 if variant.sampling.full else updates * rows / problem.n_samples
    return updates * (100e-9 + rows * (5e-9 + 2e-9 * problem.n_params)) + epochs * (4e-6 + 15e-9 * problem.n_samples)


def plane(experiment: gd.Experiment, compared: gd.Comparison, axes: Any) -> gd.Plane:
    """The loss surface under the paths of a comparison."""
    return _plane(experiment.key, compared.problem.dataset.fingerprint, repr(axes), compared, axes)


@st.cache_resource(max_entries=48, show_spinner=False)
def _plane(key: str, fingerprint: str, axes_key: str, _compared: gd.Comparison, _axes: Any) -> gd.Plane:
    # 50 x 50: smooth on a screen, and a third fewer bytes than 60 x 60
    return gd.plane(_compared.problem, _compared.runs, resolution=50, axes=_axes)


def curvature(experiment: gd.Experiment, data: gd.Dataset, *, scaling: str) -> gd.Curvature:
    """The curvature of the experiment's loss with another scaling of its features."""
    return gd.curvature(problem(replace(experiment, model=replace(experiment.model, scaling=scaling)), data))


def figures(
    experiment: gd.Experiment, compared: gd.Comparison, plane: gd.Plane | None, options: Mapping[str, Any]
) -> list[str]:
    """Loss curves, surface, contours and fit of a comparison, in the page's order, ready for the chart view.

    Without a plane there are neither surface nor contours.
    """
    return [drawn for drawn, _ in _drawn(experiment, compared, plane, options)]


def notes(
    experiment: gd.Experiment, compared: gd.Comparison, plane: gd.Plane | None, options: Mapping[str, Any]
) -> list[str]:
    """What each figure of `figures` leaves out or takes for granted, as plain text; "" for nothing."""
    return [note for _, note in _drawn(experiment, compared, plane, options)]


def _drawn(
    experiment: gd.Experiment, compared: gd.Comparison, plane: gd.Plane | None, options: Mapping[str, Any]
) -> list[tuple[str, str]]:
    fingerprint = compared.problem.dataset.fingerprint
    return _figures(experiment.key, fingerprint, repr(sorted(options.items())), compared, plane, options)


@st.cache_resource(max_entries=48, show_spinner=False)
def _figures(
    key: str, fingerprint: str, options_key: str, _compared: gd.Comparison, _plane: gd.Plane | None, _options: Any
) -> list[tuple[str, str]]:
    labels, runs = _compared.labels, _compared.runs
    fit = gd.figures.fit(_compared.problem, [run.final for run in runs], labels)
    together = [_loss_curves(_compared, _options), *_landscapes(_compared, _plane, _options), fit]
    # a note may quote names, escaped as a figure needs them
    return [(chart.to_wire(figure), html.unescape(gd.figures.note_of(figure))) for figure in together]


def motion(
    experiment: gd.Experiment, compared: gd.Comparison, plane: gd.Plane | None, options: Mapping[str, Any]
) -> str:
    """How the figures of `figures` move together, ready for the chart view."""
    fingerprint = compared.problem.dataset.fingerprint
    return _motion(experiment.key, fingerprint, repr(sorted(options.items())), compared, plane, options)


@st.cache_resource(max_entries=48, show_spinner=False)
def _motion(
    key: str, fingerprint: str, options_key: str, _compared: gd.Comparison, _plane: gd.Plane | None, _options: Any
) -> str:
    runs, against = _compared.runs, _options["against"]
    bands = [_compared.band(i) for i in range(len(runs))] if len(_compared.repeats[0]) > 1 else None
    views: list[Any] = [gd.figures.OnCurve(against=against, bands=bands)]
    if _plane is not None:
        scenes = range(len(runs)) if _options["separate"] else [None]
        views += [gd.figures.OnSurface(plane=_plane, height=_options["height"], only=only) for only in scenes]
        views.append(gd.figures.OnContour(plane=_plane))
    views.append(gd.figures.OnFit())
    return chart.motion_to_wire(gd.figures.synchronised(runs, views, labels=_compared.labels, unit=against))


def _loss_curves(compared: gd.Comparison, options: Mapping[str, Any]) -> Any:
    runs = compared.runs
    bands = [compared.band(i) for i in range(len(runs))] if len(compared.repeats[0]) > 1 else None
    optimum = compared.problem.optimum
    return gd.figures.loss_curves(
        runs,
        labels=compared.labels,
        against=options["against"],
        log_loss=options["log_loss"],
        log_axis=options["log_axis"],
        optimum=None if optimum is None else optimum.value,
        bands=bands,
        predicted=[prediction(run).loss for run in runs] if options["theory"] else None,
        validation=options["validation"],
    )


def prediction(run: gd.Run) -> gd.Prediction:
    """What theory says of a run."""
    key = (repr(run.problem.dataset.fingerprint), repr(_settings(run.problem)), repr(run.variant), repr(run.budget))
    return _prediction(repr(key), run)


@st.cache_resource(max_entries=64, show_spinner=False)
def _prediction(key: str, _run: gd.Run) -> gd.Prediction:
    return gd.predict(_run)


def _settings(problem: gd.Regression) -> list[Any]:
    return [getattr(problem, field.name) for field in fields(problem) if field.name != "dataset"]


def replayed(experiment: gd.Experiment, compared: gd.Comparison, variant: int, update: int) -> tuple[gd.Replay, int]:
    """An update of a variant's run, replayed, and its place in that replay: its neighbours are asked for next."""
    run = compared.runs[variant]
    rows = run.variant.sampling.rows_per_update(compared.problem.n_samples)
    many = NEIGHBOURS if rows * NEIGHBOURS <= MOST_ROWS_REPLAYED else 1
    first = update - (update - 1) % many
    last = min(first + many - 1, int(run.updates[-1]))
    fingerprint = compared.problem.dataset.fingerprint
    return _replayed(experiment.key, fingerprint, variant, first, last, run), update - first


@st.cache_resource(max_entries=32, show_spinner=False)
def _replayed(key: str, fingerprint: str, variant: int, first: int, last: int, _run: gd.Run) -> gd.Replay:
    return gd.replay(_run, range(first, last + 1))


def ravine(compared: gd.Comparison) -> Any:
    """The plane that shows a ravine for what it is: the steepest and the flattest direction, where there are more."""
    return "eigen" if compared.problem.n_params > 2 else (0, 1)


def contours(experiment: gd.Experiment, compared: gd.Comparison) -> str | None:
    """The contours with every path, ready for the chart view; None for a model of one parameter."""
    if compared.problem.n_params < 2:
        return None
    return _contours(experiment.key, compared.problem.dataset.fingerprint, experiment, compared)


@st.cache_resource(max_entries=32, show_spinner=False)
def _contours(key: str, fingerprint: str, _experiment: gd.Experiment, _compared: gd.Comparison) -> str:
    drawn = plane(_experiment, _compared, ravine(_compared))
    title = _compared.problem.loss_title
    return chart.to_wire(
        gd.figures.contour_paths(drawn, labels=_compared.labels, runs=_compared.runs, title=title, equal=True)
    )


def loss_figure(experiment: gd.Experiment, compared: gd.Comparison) -> str:
    """The loss curves alone, ready for the chart view."""
    return _loss_figure(experiment.key, compared.problem.dataset.fingerprint, compared)


@st.cache_resource(max_entries=32, show_spinner=False)
def _loss_figure(key: str, fingerprint: str, _compared: gd.Comparison) -> str:
    return chart.to_wire(gd.figures.loss_curves(_compared.runs, labels=_compared.labels))


def tuned(experiment: gd.Experiment, data: gd.Dataset) -> tuple[gd.Tuned, ...]:
    """The experiment's variants, each with the best of the same candidate rates."""
    check_patience(experiment, problem(experiment, data), repeats=RATES_TRIED)
    return gd.tune(problem(experiment, data), experiment.variants, experiment.budget)


def _landscapes(compared: gd.Comparison, plane: gd.Plane | None, options: Mapping[str, Any]) -> list[Any]:
    if plane is None:
        return []
    draw = gd.figures.surface_scenes if options["separate"] else gd.figures.surface_paths
    shared = {"labels": compared.labels, "runs": compared.runs, "title": compared.problem.loss_title}
    scenes = draw(plane, height=options["height"], **shared)
    return [*(scenes if isinstance(scenes, list) else [scenes]), gd.figures.contour_paths(plane, **shared)]


T = TypeVar("T")


def or_sentence(find: Callable[[], T]) -> T | None:
    """What ``find`` gives, or None and its ValueError's sentence in place."""
    try:
        return find()
    except ValueError as problem:
        st.error(widgets.plain(str(problem)))
        return None


def dataset_or_sentence(experiment: gd.Experiment) -> gd.Dataset | None:
    """The experiment's data set, or None and a sentence in place."""
    return or_sentence(lambda: dataset(experiment))


def problem_or_sentence(experiment: gd.Experiment, data: gd.Dataset) -> gd.Regression | None:
    """The experiment's model on its data, or None and a sentence in place."""
    return or_sentence(lambda: problem(experiment, data))


def comparison_or_sentence(experiment: gd.Experiment, data: gd.Dataset) -> gd.Comparison | None:
    """The experiment, run, or None and a sentence in place; one that takes long shows how far it is."""
    place, started = st.empty(), time.perf_counter()

    def progress(share: float) -> None:
        if time.perf_counter() - started > SECONDS_IN_SILENCE:
            place.progress(min(share, 1.0), text="Descending …")

    found = or_sentence(lambda: comparison(experiment, data, progress))
    place.empty()
    return found


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Compile what a first comparison needs, or load it from disk, while the person reads the page.

    The server serves many people at once with few cores: more than one thread for a small matrix product only makes
    them wait for each other.
    """
    thread = threading.Thread(target=_compile, name="warm-up", daemon=True)
    thread.start()
    return thread


def _compile() -> None:
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")
    tiny = gd.Regression(gd.generate("linear", n_samples=8))
    for variant in (
        gd.Variant(),
        gd.Variant(sampling=gd.MiniBatch(4), schedule=gd.Constant(0.01)),
        gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(0.01)),
    ):
        gd.descend(tiny, variant, gd.Budget(epochs=1))
    # All that is imported and compiled by now stays for good. The collector need not walk through it again and again,
    # which stops everyone in the room for a tenth of a second each time.
    gc.collect()
    gc.freeze()
