"""Tuning: the same candidates and the whole budget for every variant, and the best of them chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import gd_core as gd
from gd_core.tuning import CANDIDATES

BUDGET = gd.Budget(epochs=5)


@pytest.fixture(scope="module")
def problem() -> gd.Regression:
    return gd.Regression(gd.generate("linear", n_samples=120, n_features=3, noise=0.5, condition_number=20.0))


VARIANTS = (
    gd.Variant(),
    gd.Variant(sampling=gd.MiniBatch(16), rule=gd.Adam()),
    gd.Variant(sampling=gd.Stochastic(), schedule=gd.Cosine(0.1, low=0.01)),
    gd.Variant(schedule=gd.LineSearch()),
)


def test_the_chosen_rate_ends_lowest_of_all_candidates(problem: gd.Regression) -> None:
    for given, tuned in zip(VARIANTS, gd.tune(problem, VARIANTS, BUDGET), strict=True):
        if tuned.learning_rate is None:
            continue
        ends = []
        for rate in CANDIDATES:
            low = {"low": min(0.01, rate)} if isinstance(given.schedule, gd.Cosine) else {}
            variant = replace(given, schedule=replace(given.schedule, learning_rate=rate, **low))
            run = gd.descend(problem, variant, BUDGET)
            ends.append(np.inf if run.outcome is gd.Outcome.DIVERGED else run.loss[-1])
        assert tuned.final_losses == tuple(ends)
        assert tuned.learning_rate == CANDIDATES[int(np.argmin(ends))]
        assert tuned.variant.schedule.learning_rate == tuned.learning_rate


def test_an_exact_search_has_no_rate_to_tune(problem: gd.Regression) -> None:
    (tuned,) = gd.tune(problem, [gd.Variant(schedule=gd.ExactLineSearch())], BUDGET)
    assert tuned.learning_rate is None
    assert tuned.variant.schedule == gd.ExactLineSearch()


def test_everything_but_the_rate_stays(problem: gd.Regression) -> None:
    (tuned,) = gd.tune(problem, [replace(VARIANTS[1], label="mine", seed=3)], BUDGET)
    assert (tuned.variant.label, tuned.variant.seed, tuned.variant.rule) == ("mine", 3, gd.Adam())


def test_no_candidate_is_misuse(problem: gd.Regression) -> None:
    with pytest.raises(ValueError, match="at least one candidate"):
        gd.tune(problem, VARIANTS, BUDGET, candidates=())
