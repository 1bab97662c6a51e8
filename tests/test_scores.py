"""R2 and RMSE against scikit-learn, on training and validation rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import r2_score, root_mean_squared_error

import gd_core as gd


@pytest.mark.parametrize("settings", [{}, {"validation": 0.25}, {"degree": 2}, {"model": "mlp", "validation": 0.1}])
def test_scores_are_scikit_learns(settings: dict[str, object]) -> None:
    data = gd.generate("friedman", n_samples=80, noise=0.5)
    problem = gd.Regression(data, **settings)
    theta = np.random.default_rng(0).standard_normal(problem.n_params)
    scores = problem.scores(theta)
    predicted = problem.predict(theta)
    for name, rows in (("", problem.training_rows), ("validation ", problem.validation_rows)):
        if len(rows) == 0:
            assert f"{name}R2" not in scores
            continue
        assert scores[f"{name}R2"] == pytest.approx(r2_score(data.y[rows], predicted[rows]), rel=1e-12)
        assert scores[f"{name}RMSE"] == pytest.approx(root_mean_squared_error(data.y[rows], predicted[rows]), rel=1e-12)


def test_a_constant_target_has_scikit_learns_convention() -> None:
    problem = gd.Regression(gd.Dataset([[1.0], [2.0], [3.0]], [5.0, 5.0, 5.0]))
    assert problem.scores([0.0, 0.0])["R2"] == 0.0
    assert problem.scores([5.0, 0.0])["R2"] == 1.0
