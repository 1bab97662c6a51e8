"""What one update costs in arithmetic and memory, against the number of rows: counted, not timed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from gd_core.costs import closed_cost, preparing_cost, reading_cost
from gd_core.figures import lessons as draw
from pages.shared.guard import guard
from pages.shared.lessons import lesson

if TYPE_CHECKING:
    import pandas as pd

ROWS = tuple(10**power for power in range(2, 9))
N_PARAMS = 10
BATCH_SIZE = 32


@st.fragment
@guard()
def costs() -> None:
    """Multiply-adds and memory of one update of each type."""
    rows = lesson.slide("Rows of data", ROWS, 100_000, key="costs", shown="{:,}".format)
    lesson.show(_costs(rows), key="costs", height=400)


def counted(rows: int) -> dict[str, tuple[int, int]]:
    """Multiply-adds and bytes of one update with 10 parameters, for each way to make it."""
    return {
        "batch, reading all rows": reading_cost(rows, N_PARAMS),
        "stochastic": reading_cost(1, N_PARAMS),
        f"mini-batch of {BATCH_SIZE}": reading_cost(BATCH_SIZE, N_PARAMS),
        "batch, from G and c": closed_cost(N_PARAMS),
    }


@st.cache_resource(max_entries=lesson.MOST_KEPT, show_spinner=False)
def _costs(rows: int) -> lesson.Lesson:
    here = counted(rows)
    everywhere = [counted(count) for count in ROWS]
    figures = [
        draw.costs_by_rows(
            np.array(ROWS), {name: [cost[k] for cost in (one[name] for one in everywhere)] for name in here},
            chosen=rows, title=title,
        )
        for k, title in enumerate(("multiply-adds an update", "bytes of data an update"))
    ]  # fmt: skip
    batch, stochastic, mini, closed = here.values()
    says = (
        f"Counted for {rows:,} rows and {N_PARAMS} parameters: a batch update that reads the rows takes "
        f"**{batch[0]:,}** multiply-adds and {_bytes(batch[1])} of data; a stochastic one **{stochastic[0]:,}** and "
        f"{_bytes(stochastic[1])}; a mini-batch of {BATCH_SIZE} **{mini[0]:,}** and {_bytes(mini[1])}. "
        f"From $G$ and $c$ a batch update takes **{closed[0]:,}** and {_bytes(closed[1])}, "
        f"after {preparing_cost(rows, N_PARAMS):,} multiply-adds once."
    )
    plain = says.replace("**", "").replace("$", "")
    summaries = (f"Multiply-adds of one update against rows. {plain}", f"Data of one update against rows. {plain}")
    return lesson.Lesson(says=says, figures=lesson.wire(*figures), summaries=summaries, table=lambda: _table(here))


def _bytes(count: int) -> str:
    for size, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"


def _table(here: dict[str, tuple[int, int]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame.from_dict(here, orient="index", columns=["multiply-adds", "bytes"])
