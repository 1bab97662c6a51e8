"""A page of the test harness: the four figures of a comparison under one player, and controls that change them."""

import streamlit as st

import gd_core as gd
from gd_core import figures
from pages.shared import chart

st.set_page_config(page_title="Player", page_icon="📉", layout="wide")
N_VARIANTS = st.slider("Variants", 1, 6, 4)
RATE = st.slider("Rate", 1, 20, 10)
N_FEATURES = st.slider("Features", 1, 3, 2)
ALL = (
    gd.Variant(schedule=gd.Constant(0.01 * RATE), label="batch <b>plain</b>"),
    gd.Variant(sampling=gd.MiniBatch(32), schedule=gd.Constant(0.05), label="mini-batch"),
    gd.Variant(sampling=gd.Stochastic(), schedule=gd.Constant(0.002), label="stochastic"),
    gd.Variant(schedule=gd.Constant(2.5), label="too fast"),
    gd.Variant(sampling=gd.MiniBatch(32), rule=gd.Adam(), schedule=gd.Cosine(0.2), label="Adam"),
    gd.Variant(sampling=gd.MiniBatch(8), rule=gd.SGD(momentum=0.9), schedule=gd.Constant(0.01), label="momentum"),
)
problem = gd.Regression(gd.generate("linear", n_samples=1000, n_features=N_FEATURES, noise=1.0))
compared = gd.compare(problem, ALL[:N_VARIANTS], gd.Budget(epochs=20))
runs, labels = compared.runs, compared.labels
plane = gd.plane(problem, runs)
views = [figures.OnCurve(), figures.OnSurface(plane=plane), figures.OnContour(plane=plane), figures.OnFit()]


def keep(step: chart.Step) -> None:
    st.session_state["step"] = step


chart.show(
    [
        figures.loss_curves(runs, labels=labels),
        figures.surface_paths(plane, labels=labels, runs=runs),
        figures.contour_paths(plane, labels=labels, runs=runs),
        figures.fit(problem, [run.final for run in runs], labels),
    ],
    key="moving",
    summary="Four figures that move together.",
    motion=figures.synchronised(runs, views, labels=labels),
    on_step=keep,
)
st.text(f"Left at: {st.session_state.get('step')}")
