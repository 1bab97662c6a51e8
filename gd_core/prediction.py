"""What theory says of a run: a curve to lay over the measured one and a sentence, or why it is silent."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gd_core.descent import Run
from gd_core.problem import Vector
from gd_core.theory import noise_floor, predicted_loss


class Prediction(NamedTuple):
    """The predicted loss at the run's recorded updates, (k,), or None, and one or two plain sentences."""

    loss: Vector | None
    sentence: str


def predict(run: Run) -> Prediction:
    """The predicted loss of batch descent, the level on which sampled descent settles, or why theory says nothing."""
    try:
        return _floor(run) if not run.variant.sampling.full else _curve(run)
    except ValueError as reason:
        return Prediction(None, f"Here theory says nothing: {reason}.")


def _curve(run: Run) -> Prediction:
    predicted = predicted_loss(run.problem, run.variant, run.updates)
    with np.errstate(over="ignore", invalid="ignore"):
        apart = float(np.nanmax(np.abs(predicted - run.loss) / np.abs(run.loss).clip(1e-300)))
    return Prediction(
        predicted,
        f"Theory predicts every loss of this run from the eigenvalues alone; the measured ones differ by at most "
        f"{apart:.1e} of their size.",
    )


def _floor(run: Run) -> Prediction:
    floor = noise_floor(run.problem, run.variant)
    optimum = run.problem.optimum
    assert optimum is not None
    if not math.isfinite(floor.excess):
        return Prediction(
            None, f"At this rate theory expects no level to settle on: the mean grows. {floor.note}".strip()
        )
    level = optimum.value + floor.excess
    tail = run.loss[len(run.loss) // 2 :]
    sentence = (
        f"Theory expects the loss to settle around {level:.6g}, {floor.excess:.3g} above the optimum; over the second "
        f"half of its record this run's mean is {float(np.mean(tail)):.6g}. {floor.note}"
    )
    return Prediction(np.full(len(run.updates), level), sentence.strip())
