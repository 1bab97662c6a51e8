"""What a descent did: the record of one run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gd_core.descent.settings import Budget, Outcome, Variant
from gd_core.problem import Problem, Vector

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """What a descent did, at each recorded update count (k of them, the first is 0 and the last is the end).

    ``updates``, ``examples`` (k,) whole numbers; ``theta`` (k, n_params); ``learning_rate`` (k,) is the rate of the
    update that led there (of the first update, at 0). ``seconds`` is the time of the descent itself.
    ``diverged_at`` is the update after which the parameters were no longer usable, or None.
    """

    problem: Problem
    variant: Variant
    budget: Budget
    updates: npt.NDArray[np.int64]
    examples: npt.NDArray[np.int64]
    epochs: Vector
    theta: npt.NDArray[np.float64]
    learning_rate: Vector
    seconds: float
    outcome: Outcome
    diverged_at: int | None = None
    stopped_by: str = ""

    @cached_property
    def loss(self) -> Vector:
        """The objective over the training rows, (k,)."""
        return self.problem.values(self.theta)

    @cached_property
    def validation_loss(self) -> Vector | None:
        """The mean loss over the rows set aside, (k,), or None if there are none."""
        return self.problem.validation_values(self.theta)

    @cached_property
    def gradient_norm(self) -> Vector:
        """The Euclidean norm of the full gradient, (k,)."""
        return self.problem.gradient_norms(self.theta)

    @property
    def final(self) -> Vector:
        """The last theta, (n_params,)."""
        return np.array(self.theta[-1])

    @property
    def label(self) -> str:
        """What the charts call it."""
        return self.variant.title

    @cached_property
    def explanation(self) -> str:
        """One sentence on how the run ended, and why."""
        from gd_core.explanation import explain

        return explain(self)

    def updates_to(self, loss: float) -> int | None:
        """The first recorded update count with at most this loss, or None if none has."""
        reached = np.flatnonzero(self.loss <= loss)
        return int(self.updates[reached[0]]) if reached.size else None

    def to_frame(self) -> pandas.DataFrame:
        """The record as a table: one row an update count, one column a quantity and a parameter."""
        import pandas

        columns: dict[str, Any] = {
            "update": self.updates,
            "epoch": self.epochs,
            "examples": self.examples,
            "learning_rate": self.learning_rate,
            "loss": self.loss,
        }
        if self.validation_loss is not None:
            columns["validation_loss"] = self.validation_loss
        columns["gradient_norm"] = self.gradient_norm
        for j, name in enumerate(self.problem.parameter_names):
            columns[f"theta: {name}"] = self.theta[:, j]
        return pandas.DataFrame(columns)
