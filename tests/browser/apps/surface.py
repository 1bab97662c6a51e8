"""A page of the test harness: surfaces and a curve whose data a slider moves, two of them with cameras together."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from pages.shared import chart

st.set_page_config(page_title="Chart view", page_icon="📉", layout="wide")
ELONGATION = st.slider("Elongation", 1, 10, 1)
GRID = np.linspace(-1, 1, 60)


def bowl(elongation: float) -> go.Figure:
    height = GRID[None, :] ** 2 + elongation * GRID[:, None] ** 2
    steps = 0.9 ** np.arange(500)
    path = go.Scatter3d(x=steps, y=steps, z=(1 + elongation) * steps**2, mode="lines", name="path")
    return go.Figure([go.Surface(x=GRID, y=GRID, z=height, showscale=False, name="bowl"), path])


loss = 0.9 ** np.arange(200.0) * ELONGATION
curve = go.Figure([go.Scatter(y=loss, mode="lines+markers", name="loss", customdata=np.arange(200))])
curve.update_layout(xaxis_title="update", yaxis_title="half squared error")

st.subheader("One scene")
chart.show(bowl(ELONGATION), key="bowl", summary=f"A bowl {ELONGATION} times as steep along y.")
st.subheader("Unchanging")
if st.toggle("Shown", value=True):
    chart.show(bowl(3), key="still", summary="A bowl that does not change.", height=300)
st.subheader("A curve")
click = chart.show(
    curve,
    key="curve",
    summary="The loss falls by a tenth at each update. <b>not bold</b> ![x](y)",
    on_click="rerun",
    table=lambda: pd.DataFrame({"update": np.arange(200), "loss": loss}),
)
st.text(f"Clicked: {click}")
st.subheader("Two scenes")
chart.show(
    [bowl(ELONGATION), bowl(2 * ELONGATION)],
    key="pair",
    summary=["The first bowl.", "The second bowl, twice as steep along y."],
    cameras="together",
    height=360,
)
