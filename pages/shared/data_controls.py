"""The controls of the Data page: where the data come from, and how they are made ready."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

import gd_core as gd
from pages.shared import locks, state, widgets
from pages.shared.guard import guard

SOURCES = {"generate": "Generate", "bundled": "Pick real data", "upload": "Upload your own"}
MISSING = {
    "drop": "leave out rows with a gap",
    "mean": "fill with the column's mean",
    "median": "fill with the column's median",
    "most_frequent": "fill with the most frequent value",
}
CATEGORIES = {"one-hot": "a column for each level but the first", "ordinal": "numbered", "drop": "left out"}
MOST_ROWS = 1_000_000
# how `gd.usable_columns` describes them; a row number is offered, and not taken by itself
USUAL_FEATURES = ("numeric", "categorical", "date")
NO_FEATURES = ("text", "ambiguous", "empty")
TABLE_ENDINGS = ["csv", "tsv", "txt", "xlsx", "xlsm", "parquet", "json", "jsonl", "ndjson"]
# of a file, as far as an experiment remembers it
LONGEST_NAME = 200


def ask_for_file(current: gd.Experiment) -> None:
    """Ask for the file that an experiment is about, as after opening a link to it; another file says so."""
    if not isinstance(current.data, gd.Uploaded):
        return
    key = state.key("missing-file")
    st.file_uploader(
        f"The file {widgets.plain(current.data.filename)}, which this experiment is about",
        type=TABLE_ENDINGS,
        key=key,
        on_change=guard()(_brought),
        args=(key, current),
        help="It is checked by its contents, not by its name, and stays in this session's memory.",
    )


def _brought(key: str, current: gd.Experiment) -> None:
    from pages.shared import runs

    arrived = st.session_state.get(key)
    if arrived is None:
        return
    try:
        upload = state.keep_upload(arrived.name, arrived.getvalue())
        runs.dataset(current)
    except runs.DataMissingError:
        return  # the page says so in its place
    except ValueError as problem:
        state.say_next_time(str(problem))
        return
    state.use(upload)


def data(current: gd.Experiment) -> gd.Experiment:
    """Choose where the data come from; the experiment with that data. Bad input says so and changes nothing."""
    with locks.section("data") as shown:
        return _data(current) if shown else current


def _data(current: gd.Experiment) -> gd.Experiment:
    using = {gd.Generated: "generate", gd.Bundled: "bundled", gd.Uploaded: "upload"}.get(type(current.data), "generate")
    source = widgets.segments("Where from", SOURCES, using, key="source")
    if source == "generate":
        chosen = _generated(current.data if isinstance(current.data, gd.Generated) else gd.Generated("linear"))
    elif source == "bundled":
        chosen = _bundled(current.data.name if isinstance(current.data, gd.Bundled) else "diabetes")
    else:
        chosen = _uploaded(current.data if isinstance(current.data, gd.Uploaded) else None)
    if chosen is None:
        return current
    try:
        return replace(current, data=chosen)
    except ValueError as problem:  # names of so many columns that no link could hold them
        st.error(widgets.plain(str(problem)))
        return current


def _generated(current: gd.Generated) -> gd.Generated | None:
    kinds = {kind: kind for kind in gd.GENERATORS}
    kind = widgets.choice("Kind", kinds, current.kind, key="kind")
    generator = gd.GENERATORS[kind]
    st.caption(generator.description)
    first, second = st.columns(2)
    with first:
        n_samples = widgets.whole("Rows", current.n_samples, key="n_samples", least=2, most=MOST_ROWS)
        noise = widgets.real(
            "Noise",
            current.noise,
            key="noise",
            least=0.0,
            step=0.1,
            help="Standard deviation of what is added to the target, in the target's units.",
        )
        seed = widgets.whole(
            "Seed",
            current.seed,
            key="data-seed",
            least=0,
            most=2**31 - 1,
            help="Another seed draws other data of the same kind.",
        )
    with second:
        n_features = widgets.whole(
            "Features",
            max(current.n_features, generator.minimum_features),
            key="n_features",
            least=generator.minimum_features,
            most=200,
        )
        outliers = widgets.real("Share of outliers", current.outliers, key="outliers", least=0.0, most=0.5, step=0.01)
        condition_number = 1.0
        if generator.sets_condition_number and n_features > 1:
            condition_number = widgets.real(
                "Condition number",
                current.condition_number,
                key="condition",
                least=1.0,
                most=1e12,
                help="How much steeper the steepest direction of the loss is than the flattest.",
            )
    try:
        found = gd.Generated(
            kind,
            n_samples=n_samples,
            n_features=n_features,
            noise=noise,
            seed=seed,
            condition_number=condition_number,
            outliers=outliers,
        )
    except ValueError as problem:
        st.error(widgets.plain(str(problem)))
        return None
    return found


def _bundled(name: str) -> gd.Bundled:
    chosen = widgets.choice("Data set", list(gd.BUNDLED), name, key="bundled")
    st.caption(gd.BUNDLED[chosen])
    return gd.Bundled(chosen)


def _uploaded(current: gd.Uploaded | None) -> gd.Uploaded | None:
    arrived = st.file_uploader(
        "A table with a header: CSV, TSV, Excel, Parquet or JSON",
        type=TABLE_ENDINGS,
        key=state.key("file"),
        disabled=locks.disabled(),
        help="It stays in this session's memory, and goes when the session ends.",
    )
    if arrived is not None:
        try:
            state.keep_upload(arrived.name, arrived.getvalue())
        except gd.TableError as problem:
            st.error(widgets.plain(str(problem)))
    upload = state.upload()
    if upload is None:
        if current is not None:
            st.info(widgets.plain(f"The experiment is about {current.filename}. Upload it to go on with it."))
        return None
    st.text(f"Table: {upload.filename}, {len(upload.frame):,} rows, {len(upload.frame.columns)} columns", wrap=True)
    return _columns(upload, current)


def _columns(upload: state.Upload, current: gd.Uploaded | None) -> gd.Uploaded | None:
    uses = gd.usable_columns(upload.frame)
    names = list(uses)
    numeric = [name for name in names if uses[name].startswith("numeric")]
    if not numeric:
        st.error("No column of this table holds numbers, so there is nothing to predict.")
        return None
    mine = current is not None and current.target in names
    wish = current.target if mine and current is not None else numeric[-1]
    digest = upload.digest[:12]
    target = widgets.choice("Target, the column to predict", names, wish, key=f"target-{digest}")
    others = [name for name in names if name != target and not uses[name].startswith(NO_FEATURES)]
    usual = [name for name in others if uses[name].startswith(USUAL_FEATURES)]
    wanted = list(current.features) if mine and current is not None and current.features else usual
    key = state.seeded(f"features-{digest}-{target}", [name for name in wanted if name in others])
    features = st.multiselect("Features, the columns to predict from", others, key=key, disabled=locks.disabled())
    left_out = [name for name in names if uses[name].startswith(NO_FEATURES)]
    if left_out:
        with st.expander(f"{len(left_out)} columns cannot be used", key=state.key("left-out")):
            for name in left_out:
                st.text(f"{name}: {uses[name]}", wrap=True)
    first, second = st.columns(2)
    with first:
        missing = widgets.choice("Gaps", MISSING, current.missing if current else "drop", key="missing")
    with second:
        categories = widgets.choice("Words", CATEGORIES, current.categories if current else "one-hot", key="categories")
    from pages.shared import runs

    try:
        if not features:
            raise gd.TableError("Choose at least one feature.")
        chosen = None if features == usual else tuple(features)
        found = runs.from_table(upload, target, chosen, missing, categories)
        made = gd.Uploaded(
            fingerprint=found.fingerprint,
            filename=gd.figures.shorten(upload.filename, LONGEST_NAME),
            target=target,
            features=chosen,
            missing=missing,
            categories=categories,
        )
    except ValueError as problem:
        st.error(widgets.plain(str(problem)))
        return None
    state.use(upload)
    return made


def preparation(current: gd.Experiment) -> gd.Experiment:
    """Scaling and the validation share."""
    with locks.section("preparation") as shown:
        return _preparation(current) if shown else current


def _preparation(current: gd.Experiment) -> gd.Experiment:
    model = current.model
    first, second = st.columns(2)
    with first:
        scaling = widgets.choice(
            "Scaling of the features",
            {name: f"{name}: {words}" for name, words in gd.SCALINGS.items()},
            model.scaling,
            key="scaling-of-features",
        )
    with second:
        percent = round(model.validation * 100)
        key = state.seeded("validation", percent)
        share = st.slider(
            "Validation rows, in percent",
            0,
            90,
            step=1,
            disabled=locks.disabled(),
            key=key,
            help="Rows that no descent sees; their loss shows how the fit does on new data.",
        )
    try:
        # a link's share need not be a whole number of percent, and stays until it is moved
        validation = model.validation if share == percent else share / 100
        return replace(current, model=replace(model, scaling=scaling, validation=validation))
    except ValueError as problem:
        st.error(widgets.plain(str(problem)))
        return current
