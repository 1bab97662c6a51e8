"""What a descent is told: how it moves (`Variant`), how far (`Budget`), and in what ways it can end (`Outcome`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from gd_core.checks import number, require, setting, whole_number
from gd_core.problem import Problem, Vector
from gd_core.rules import SGD, Rule
from gd_core.sampling import Batch, Sampling
from gd_core.schedules import Constant, Schedule, _Search

# the furthest that a parameter can be and still be recorded: the square of a gradient there is still a number
UNUSABLE = 1e75


class Outcome(Enum):
    """How a run ended."""

    CONVERGED = "converged"
    BUDGET_SPENT = "budget spent"
    DIVERGED = "diverged"


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How far a run goes: exactly one of epochs, updates and examples, and what may stop it before.

    ``examples`` counts rows read; a run stops before the update that would read more.
    ``gradient_tolerance``: the run has converged once the norm of the full gradient is at most this;
    ``loss_tolerance``: once an epoch changes the loss by at most this. 0 switches either off. Batch descent looks at
    its gradient before every update; the others look at the full gradient after every epoch.
    ``divergence``: the run has diverged once a parameter is further than this from its start (at most `UNUSABLE`).
    Raises ValueError for anything but one unit and numbers in range.
    """

    epochs: int | None = None
    updates: int | None = None
    examples: int | None = None
    gradient_tolerance: float = 0.0
    loss_tolerance: float = 0.0
    divergence: float = 1e12

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in ("epochs", "updates", "examples")}
        chosen = {name: value for name, value in given.items() if value is not None}
        require(len(chosen) == 1, "a budget is exactly one of epochs, updates and examples, got {}", chosen or "none")
        for name, value in chosen.items():
            count = whole_number(name, value)
            require(1 <= count <= 10**12, "{} must be between 1 and 10^12, got {!r}", name, count)
            object.__setattr__(self, name, count)
        for name in ("gradient_tolerance", "loss_tolerance", "divergence"):
            value = number(name, getattr(self, name))
            require(value >= 0, "{} must be at least 0, got {!r}", name, value)
            object.__setattr__(self, name, value)
        require(self.divergence > 0, "divergence must be positive, got {!r}", self.divergence)

    @property
    def unit(self) -> str:
        """ "epochs", "updates" or "examples"."""
        return next(name for name in ("epochs", "updates", "examples") if getattr(self, name) is not None)

    @property
    def amount(self) -> int:
        """How many of the unit."""
        return int(getattr(self, self.unit))

    def updates_for(self, sampling: Sampling, n_samples: int) -> int:
        """How many updates the budget allows a sampling."""
        per_epoch = sampling.updates_per_epoch(n_samples)
        if self.unit == "updates":
            return self.amount
        if self.unit == "epochs":
            return self.amount * per_epoch
        epochs, rest = divmod(self.amount, sampling.examples_per_epoch(n_samples))
        within = rest // sampling.rows_per_update(n_samples)
        return epochs * per_epoch + within


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to descend: a sampling, a rule, a schedule, a start and a seed.

    ``start``: None is the problem's own start, "random" a draw with the seed, or a tuple with a number for each
    parameter. ``label`` is what the charts call it; without one it is described by its parts.
    """

    sampling: Sampling = Batch()
    rule: Rule = SGD()
    schedule: Schedule = Constant(0.1)
    start: str | tuple[float, ...] | None = None
    seed: int = setting(0, least=0)
    label: str | None = None

    def __post_init__(self) -> None:
        for name, kind in (("sampling", Sampling), ("rule", Rule), ("schedule", Schedule)):
            value = getattr(self, name)
            require(
                isinstance(value, kind) and type(value) is not kind,
                "{} must be a {}, such as {}, got {!r}",
                name,
                kind.__name__,
                {"sampling": "Batch()", "rule": "SGD()", "schedule": "Constant(0.1)"}[name],
                value,
            )
        object.__setattr__(self, "seed", whole_number("seed", self.seed))
        require(self.seed >= 0, "seed must be at least 0, got {!r}", self.seed)
        require(self.label is None or isinstance(self.label, str), "label must be a text or None, got {!r}", self.label)
        object.__setattr__(self, "start", _checked_start(self.start))
        if isinstance(self.schedule, _Search):
            name = type(self.schedule).__name__
            require(
                self.sampling.full,
                "{} compares losses over all rows, so it needs Batch(); on a sampled gradient a decrease on one batch "
                "promises nothing about the others, got {!r}",
                name,
                self.sampling,
            )
            require(
                isinstance(self.rule, SGD) and self.rule.plain,
                "{} searches along the gradient, so it needs the plain rule SGD(), got {!r}",
                name,
                self.rule,
            )

    @property
    def title(self) -> str:
        """The label, or the parts in words."""
        return self.label or f"{self.sampling.title}, {self.rule.title}, {self.schedule.title}"

    def start_on(self, problem: Problem) -> Vector:
        """The first theta, (n_params,)."""
        if self.start is None:
            return np.array(problem.start_for(self.seed))
        if isinstance(self.start, str):
            return np.array(problem.random_start(self.seed))
        require(
            len(self.start) == problem.n_params,
            "start must have {} numbers, one for each parameter, got {}",
            problem.n_params,
            len(self.start),
        )
        furthest = max(self.start, key=abs)
        require(abs(furthest) < UNUSABLE, "start must be within {:g}, got {!r}", UNUSABLE, furthest)
        return np.array(self.start)


def _checked_start(start: Any) -> str | tuple[float, ...] | None:
    if start is None or (isinstance(start, str) and start == "random"):
        return start
    several = not isinstance(start, (str, bytes)) and isinstance(start, Iterable)
    require(several, "start must be None, 'random' or one number for each parameter, got {!r}", start)
    return tuple(number("start", value) for value in start)
