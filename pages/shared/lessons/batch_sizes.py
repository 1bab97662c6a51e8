"""Which batch size gets furthest on the same number of examples, each with its own best learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import streamlit as st

import gd_core as gd
from gd_core.figures import lessons as draw
from gd_core.figures.text import number
from pages.shared.guard import guard
from pages.shared.lessons import lesson

if TYPE_CHECKING:
    import pandas as pd

N_SAMPLES = 1000
SIZES = (1, 8, 64, 1000)
RATES = tuple(float(rate) for rate in np.geomspace(0.003, 1.6, 8))
EXAMPLES = (100, 300, 1000, 3000, 10_000, 20_000)
SEEDS = 5


class Best(NamedTuple):
    """What a batch size reached at the best of its rates: the loss above the optimum's, and that rate."""

    excess: float
    rate: float


@st.fragment
@guard()
def batch_sizes() -> None:
    """The loss that each batch size reaches on an equal budget of examples."""
    examples = lesson.slide("Examples seen", EXAMPLES, 1000, key="batches", shown="{:,}".format)
    lesson.show(_batch_sizes(examples), key="batches")


@st.cache_resource(show_spinner=False)
def _runs() -> dict[int, gd.Comparison]:
    """One long comparison a batch size; every shorter budget is read from its record, as the rates are constant."""
    problem = lesson.ravine(n_samples=N_SAMPLES, noise=1.0)
    compared = {}
    for size in SIZES:
        sampling = gd.Batch() if size == N_SAMPLES else gd.MiniBatch(size)
        variants = [gd.Variant(sampling=sampling, schedule=gd.Constant(rate)) for rate in RATES]
        # batch descent is the same for every seed
        seeds = 1 if sampling.full else SEEDS
        compared[size] = gd.compare(problem, variants, gd.Budget(examples=EXAMPLES[-1]), seeds=seeds)
    return compared


def best_of(compared: gd.Comparison, examples: int) -> Best:
    """The rate with the lowest median loss after at most so many examples."""
    optimum = compared.problem.optimum.value
    found = []
    for variant, repeats in zip(compared.variants, compared.repeats, strict=True):
        losses = [float(run.loss[np.searchsorted(run.examples, examples, side="right") - 1]) for run in repeats]
        diverged = sum(run.outcome is gd.Outcome.DIVERGED for run in repeats)
        median = np.inf if diverged > len(repeats) / 2 else float(np.median(losses))
        found.append(Best(median - optimum, variant.schedule.learning_rate))
    return min(found)


@st.cache_resource(max_entries=lesson.MOST_KEPT, show_spinner=False)
def _batch_sizes(examples: int) -> lesson.Lesson:
    best = {size: best_of(compared, examples) for size, compared in _runs().items()}
    figure = draw.loss_by_batch_size(SIZES, [one.excess for one in best.values()], [one.rate for one in best.values()])
    winner = min(best, key=lambda size: best[size].excess)
    behind = best[N_SAMPLES].excess / best[winner].excess
    passes = examples / N_SAMPLES
    full = f"all {N_SAMPLES:,} rows at a time leave {lesson.rough(behind)} times as much"
    if passes < 1:
        full = f"all {N_SAMPLES:,} rows at a time cannot make even one update"
    elif winner == N_SAMPLES:
        full = "that is batch descent"
    says = (
        f"On {examples:,} examples, {number(passes, 2)} {'pass' if passes == 1 else 'passes'} over the rows, "
        f"**a batch of {winner:,} wins** with the rate {number(best[winner].rate, 2)}; {full}."
    )
    parts = "; ".join(f"{size:,}: {number(one.excess, 3)} at rate {number(one.rate, 2)}" for size, one in best.items())
    summary = f"Loss above the optimum's by batch size on {examples:,} examples. {parts}. The winner is {winner:,}."
    return lesson.Lesson(says=says, figures=lesson.wire(figure), summaries=(summary,), table=lambda: _table(best))


def _table(best: dict[int, Best]) -> pd.DataFrame:
    import pandas as pd

    columns = ["loss above the optimum's", "its best learning rate"]
    return pd.DataFrame.from_dict(best, orient="index", columns=columns).rename_axis("batch size")
