"""Gradient descent as a scikit-learn estimator: a linear regression whose whole descent can be looked at afterwards.

    model = GradientDescentRegressor(sampling="stochastic", rule=Adam(), learning_rate=0.05)
    model.fit(X, y).score(X_test, y_test)
    model.run_.to_frame()                    # the descent: loss, gradient norm, parameters, update by update

The only module of the package that needs scikit-learn as it is imported.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from gd_core.checks import require
from gd_core.datasets import Dataset
from gd_core.descent import Budget, Outcome, Run, Variant, descend
from gd_core.regression import Regression
from gd_core.rules import RULES, Rule
from gd_core.sampling import Batch, MiniBatch, Sampling, Stochastic
from gd_core.schedules import SCHEDULES, Rates, Schedule, Updates, _Search


@dataclass(frozen=True)
class _From(Schedule):
    """A schedule from update number ``done`` on, of a run with ``epochs`` epochs."""

    schedule: Schedule
    done: int
    epochs: int

    def rates(self, updates: Updates, total: int, per_epoch: int) -> Rates:
        return self.schedule.rates(updates + self.done, self.epochs * per_epoch, per_epoch)


class GradientDescentRegressor(RegressorMixin, BaseEstimator):
    """Linear regression by gradient descent, in batches of any size, with any rule and schedule.

    Parameters
    ----------
    sampling : "minibatch", "stochastic", "batch" or a Sampling
        Which rows an update reads. A `Sampling` brings its own batch size.
    batch_size : int, default 32
        Rows an update of "minibatch" reads; all of them where there are fewer.
    rule : a name of `gd_core.RULES` or a Rule, default "SGD"
    learning_rate : float, default 0.01
        The rate that a schedule given by name starts from; a `Schedule` brings its own.
    schedule : a name of `gd_core.SCHEDULES` or a Schedule, default "Constant"
    epochs : int, default 100
        The most passes over the rows.
    tol : float, default 0
        The descent stops once an epoch changes the loss by at most this; 0 spends all epochs.
    loss : a name of `gd_core.LOSSES`, default "half_squared_error"
    l2 : float, default 0
        Adds l2 |theta|^2 / 2 over the scaled parameters, the intercept left out.
    fit_intercept : bool, default True
    scaling : a name of `gd_core.SCALINGS`, default "standard"
        What is done to the features before the descent; coefficients come back in the features' own units.
    random_state : int, RandomState or None
        The order of the rows. A whole number is the seed of a `Variant`, and gives its numbers.

    Attributes
    ----------
    run_ : Run
        The last descent. Of `partial_fit`, the last call's.
    coef_ : (n_features,), intercept_ : float
        In the units of the features.
    n_iter_ : int
        Epochs that were begun.
    n_features_in_ : int, feature_names_in_ : (n_features,)

    A descent that diverges is not an error: there is a ConvergenceWarning that says why, and ``run_`` shows it.
    """

    def __init__(
        self,
        *,
        sampling: str | Sampling = "minibatch",
        batch_size: int = 32,
        rule: str | Rule = "SGD",
        learning_rate: float = 0.01,
        schedule: str | Schedule = "Constant",
        epochs: int = 100,
        tol: float = 0.0,
        loss: str = "half_squared_error",
        l2: float = 0.0,
        fit_intercept: bool = True,
        scaling: str = "standard",
        random_state: Any = None,
    ) -> None:
        self.sampling = sampling
        self.batch_size = batch_size
        self.rule = rule
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.epochs = epochs
        self.tol = tol
        self.loss = loss
        self.l2 = l2
        self.fit_intercept = fit_intercept
        self.scaling = scaling
        self.random_state = random_state

    def fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> GradientDescentRegressor:
        """Descend from zeros on X (n_samples, n_features) and y (n_samples,).

        Raises ValueError for data that are not finite numbers of these shapes, and for a parameter out of range.
        """
        dataset = self._dataset(X, y, reset=True)
        problem = Regression(
            dataset, loss=self.loss, scaling=self.scaling, intercept=bool(self.fit_intercept), l2=self.l2
        )
        variant = Variant(
            sampling=self._sampling(dataset.n_samples),
            rule=self._rule(),
            schedule=self._schedule(),
            seed=self._seed(),
        )
        self._scaled_by = problem._scaler
        self._keep(descend(problem, variant, Budget(epochs=self.epochs, loss_tolerance=self.tol)))
        self.n_iter_ = max(1, int(np.ceil(self.run_.epochs[-1])))
        self._updates_done = int(self.run_.updates[-1])
        return self

    def partial_fit(self, X: npt.ArrayLike, y: npt.ArrayLike) -> GradientDescentRegressor:
        """One more epoch over these rows, from where the last call ended.

        The first call's rows decide on the scaling. The schedule goes on where it was; a rule's state (its velocity,
        its moments) begins anew with each call.
        """
        first = not hasattr(self, "run_")
        dataset = self._dataset(X, y, reset=first)
        schedule = self._schedule()
        require(
            not isinstance(schedule, _Search), "partial_fit needs a schedule that is no line search, got {!r}", schedule
        )
        settings: dict[str, Any] = {"loss": self.loss, "intercept": bool(self.fit_intercept), "l2": self.l2}
        if first:
            self._scaled_by = Regression(dataset, scaling=self.scaling, **settings)._scaler
            self.n_iter_ = self._updates_done = 0
        shift, scale = self._scaled_by
        scaled = Dataset((dataset.X - shift) / scale, dataset.y, dataset.feature_names)
        problem = Regression(scaled, scaling="none", **settings)
        variant = Variant(
            sampling=self._sampling(dataset.n_samples),
            rule=self._rule(),
            schedule=_From(schedule, self._updates_done, self.epochs),
            start=None if first else tuple(self._theta),
            # another epoch, another order
            seed=self._seed() + self.n_iter_,
        )
        self._keep(descend(problem, variant, Budget(epochs=1)))
        self.n_iter_ += 1
        self._updates_done += int(self.run_.updates[-1])
        return self

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The predictions for X (n_samples, n_features), shape (n_samples,)."""
        check_is_fitted(self)
        found: npt.NDArray[np.float64] = validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(found @ self.coef_ + self.intercept_)

    # the parts, from plain values

    def _dataset(self, X: npt.ArrayLike, y: npt.ArrayLike, *, reset: bool) -> Dataset:
        found, target = validate_data(self, X, y, dtype=np.float64, y_numeric=True, reset=reset)
        names: Any = tuple(map(str, getattr(self, "feature_names_in_", ())))
        if len(set(names)) != found.shape[1]:
            names = None
        return Dataset(found, target, names)

    def _sampling(self, n_samples: int) -> Sampling:
        if isinstance(self.sampling, Sampling):
            return self.sampling
        if self.sampling == "batch":
            return Batch()
        if self.sampling == "stochastic":
            return Stochastic()
        require(
            self.sampling == "minibatch",
            "sampling must be 'minibatch', 'stochastic', 'batch' or a Sampling, got {!r}",
            self.sampling,
        )
        asked = MiniBatch(self.batch_size)
        return asked if asked.batch_size <= n_samples else MiniBatch(n_samples)

    def _rule(self) -> Rule:
        if isinstance(self.rule, Rule):
            return self.rule
        known = isinstance(self.rule, str) and self.rule in RULES
        require(known, "rule must be a Rule or one of {}, got {!r}", ", ".join(RULES), self.rule)
        return RULES[self.rule]()

    def _schedule(self) -> Schedule:
        if isinstance(self.schedule, Schedule):
            return self.schedule
        known = isinstance(self.schedule, str) and self.schedule in SCHEDULES
        require(known, "schedule must be a Schedule or one of {}, got {!r}", ", ".join(SCHEDULES), self.schedule)
        kind: Any = SCHEDULES[self.schedule]
        return kind() if self.schedule == "ExactLineSearch" else kind(self.learning_rate)

    def _seed(self) -> int:
        if isinstance(self.random_state, (int, np.integer)):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _keep(self, run: Run) -> None:
        self.run_ = run
        self._theta = run.final
        shift, scale = self._scaled_by
        slopes = self._theta[1:] if self.fit_intercept else self._theta
        self.coef_ = slopes / scale
        self.intercept_ = float(self._theta[0] - shift @ self.coef_) if self.fit_intercept else 0.0
        if run.outcome is Outcome.DIVERGED:
            warnings.warn(run.explanation, ConvergenceWarning, stacklevel=3)
