"""What theory says of a run, or why it is silent."""

from __future__ import annotations

import numpy as np
import pytest

import gd_core as gd
from gd_core.prediction import predict


@pytest.fixture(scope="module")
def problem() -> gd.Regression:
    return gd.Regression(gd.generate("linear", n_samples=200, n_features=2, noise=1.0, condition_number=5.0))


@pytest.mark.parametrize("rule", [gd.SGD(), gd.SGD(momentum=0.8), gd.SGD(momentum=0.8, nesterov=True)])
def test_batch_descent_is_predicted(problem: gd.Regression, rule: gd.SGD) -> None:
    run = gd.descend(problem, gd.Variant(rule=rule), gd.Budget(updates=60))
    prediction = predict(run)
    assert prediction.loss is not None
    np.testing.assert_allclose(prediction.loss, run.loss, rtol=1e-9)
    assert "eigenvalues" in prediction.sentence


def test_sampled_descent_settles_near_its_floor(problem: gd.Regression) -> None:
    variant = gd.Variant(sampling=gd.Stochastic(replacement=True), schedule=gd.Constant(0.05))
    run = gd.descend(problem, variant, gd.Budget(epochs=500))
    prediction = predict(run)
    assert prediction.loss is not None
    excess = prediction.loss[0] - problem.optimum.value
    measured = np.mean(run.loss[len(run.loss) // 2 :]) - problem.optimum.value
    assert 0.6 < measured / excess < 1.6


@pytest.mark.parametrize(
    ("settings", "variant", "told"),
    [
        ({}, gd.Variant(rule=gd.Adam()), "Adam"),
        ({"loss": "huber"}, gd.Variant(), "Huber"),
        ({}, gd.Variant(sampling=gd.MiniBatch(8), rule=gd.SGD(momentum=0.5)), "plain"),
        ({}, gd.Variant(schedule=gd.Cosine(0.1)), "constant"),
    ],
)
def test_where_theory_is_silent_it_says_why(
    problem: gd.Regression, settings: dict[str, str], variant: gd.Variant, told: str
) -> None:
    here = gd.Regression(problem.dataset, **settings)
    prediction = predict(gd.descend(here, variant, gd.Budget(epochs=3)))
    assert prediction.loss is None
    assert prediction.sentence.startswith("Here theory says nothing")
    assert told in prediction.sentence
