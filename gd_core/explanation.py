"""Why a run ended as it did, in a sentence or two of plain text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gd_core.curvature import Curvature, curvature, in_words, largest_row_curvature
from gd_core.problem import Problem, Vector
from gd_core.regression import Regression
from gd_core.rules import SGD

if TYPE_CHECKING:
    from gd_core.descent import Run

# multiply-adds that a Hessian by differences may cost: some milliseconds
MOST_WORK = 3_000_000
# the recorded points at which the local curvature is compared with the rate
LOOKS = 3


def explain(run: Run) -> str:
    """How a run ended, and why: one sentence or two, without formatting.

    Parameter names are repeated as they are, so the text is shown as text and never as Markdown or HTML.
    """
    if run.diverged_at is not None:
        return _diverged(run)
    updates = _count(int(run.updates[-1]), "update")
    if run.stopped_by:
        return f"Converged after {updates}: {_reason(run)}."
    return f"Spent its budget of {_budget(run, updates)}{_distance(run)}."


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def _reason(run: Run) -> str:
    if run.stopped_by == "loss":
        return f"its last epoch changed the loss by no more than {run.budget.loss_tolerance:.4g}"
    if run.stopped_by == "search":
        return "the line search found no rate at which the loss still falls, which within rounding means a flat point"
    norm = float(run.problem.gradient_norms(run.theta[-1:])[0])
    return f"the gradient's norm, {norm:.3g}, reached the tolerance of {run.budget.gradient_tolerance:.4g}"


def _budget(run: Run, updates: str) -> str:
    budget = run.budget
    allowed = _count(budget.amount, budget.unit.removesuffix("s")) if budget.unit != "examples" else ""
    if budget.unit == "updates":
        return allowed
    return f"{allowed or f'{budget.amount:,} examples'} ({updates})"


def _distance(run: Run) -> str:
    problem = run.problem
    first, last = (float(value) for value in problem.values(run.theta[[0, -1]]))
    if problem.optimum is None:
        return f" with {problem.loss_title} {last:.4g}; no exact optimum is known to measure that against"
    best = problem.optimum.value
    excess = max(last - best, 0.0)
    if excess <= 1e-12 * max(abs(best), abs(first - best)):
        return f" with {problem.loss_title} {last:.4g}, the optimum's within rounding"
    words = f" with {problem.loss_title} {last:.4g}, which is {excess:.3g} above the optimum's {best:.4g}"
    if first <= best:
        return words
    share = excess / (first - best)
    return words + (f": {100 * share:.3g} % of the way down is left" if share < 1 else ", no better than its start")


def _diverged(run: Run) -> str:
    problem, rule = run.problem, run.variant.rule
    told = f"Diverged at update {run.diverged_at:,}, mostly along {_direction(run)}"
    if problem.quadratic is None and len(run.theta) > 1:
        first, last = (float(value) for value in problem.values(run.theta[[0, -1]]))
        if last < first:
            return f"{told}: the loss was still falling that way at {run.budget.divergence:.4g} from the start."
    rate = float(np.max(run.learning_rate))
    used = f"the rate {'' if np.ptp(run.learning_rate) == 0 else 'of up to '}{rate:.4g}"
    if not isinstance(rule, SGD):
        return f"{told}, with {used}; theory gives no stability limit for {rule.name}, so try smaller rates."
    if problem.quadratic is None:
        return f"{told}: {_local(run, rule, rate, used)}."
    if run.variant.sampling.full or not isinstance(problem, Regression):
        return f"{told}: {_full(run, rule, rate, used)}."
    return f"{told}: {_sampled(run, rule, rate, used)}."


def _direction(run: Run) -> str:
    """The eigenvector along which the last point is furthest from the optimum; on other losses the way travelled."""
    problem = run.problem
    quadratic = problem.quadratic
    if quadratic is None:
        return in_words(_scaled(run.theta[-1] - run.theta[0]), problem.parameter_names)
    found = curvature(problem)
    away = _scaled(run.theta[-1] - quadratic.optimum.theta)
    return found.direction(int(np.argmax(np.abs(found.eigenvectors.T @ away))))


def _scaled(vector: Vector) -> Vector:
    """Brought to a largest entry of 1, so that its squares do not overflow."""
    size = float(np.max(np.abs(vector)))
    return vector / size if 0 < size < math.inf else vector


def _full(run: Run, rule: SGD, rate: float, used: str) -> str:
    limit = curvature(run.problem).max_stable_learning_rate_with(rule)
    if limit == 0:
        return f"with momentum {rule.momentum:.4g} no rate is stable"
    if rate > limit:
        descent = "batch descent" if isinstance(run.problem, Regression) else "descent"
        return f"{used} is above {limit:.4g}, the largest at which {descent} with {_form(rule)} is stable here"
    return _too_far(run, f"{used} is within {limit:.4g}, the largest stable one")


def _too_far(run: Run, but: str) -> str:
    return f"a parameter went further than {run.budget.divergence:.4g} from its start, although {but}"


def _form(rule: SGD) -> str:
    return "the plain rule" if rule.plain else rule.title


def _sampled(run: Run, rule: SGD, rate: float, used: str) -> str:
    """What is known for sampled rows: the mean path obeys the full Hessian, and single rows pull harder than all.

    Without momentum, E|e+|^2 <= e'(I - eta (2 - eta R) H) e with R the largest curvature of a row, so below 2 / R the
    distance shrinks down to the noise. Needell, Ward and Srebro, 2014.
    """
    limit = curvature(run.problem).max_stable_learning_rate_with(rule)
    row = largest_row_curvature(run.problem) or 0.0
    if limit == 0:
        return f"with momentum {rule.momentum:.4g} no rate is stable"
    safe = 2.0 / row if row else math.inf
    sure = f"for the plain rule, rates below {safe:.3g} are safe, where no single row overshoots"
    if rate > limit:
        return f"{used} is above {limit:.4g}, the limit even for exact gradients; {sure}"
    sampled = "single rows" if run.variant.sampling.rows_per_update(run.problem.n_samples) == 1 else "some batches"
    if rate > safe or not rule.plain:
        return f"{used} is stable for exact gradients (up to {limit:.4g}), but {sampled} curve more steeply; {sure}"
    return _too_far(run, f"{used} is within {safe:.3g}, below which no single row overshoots")


def _local(run: Run, rule: SGD, rate: float, used: str) -> str:
    problem = run.problem
    looks = min(LOOKS, MOST_WORK // (2 * problem.n_params**2 * max(problem.n_samples, 1)))
    if looks == 0:
        return f"{used} is too large for this loss, whose curvature, and with it the limit, changes from place to place"
    lowest = int(np.argmin(run.loss))
    places = np.unique(np.linspace(lowest, len(run.theta) - 1, looks).astype(int))
    for place in places:
        found = _curvature_at(problem, run.theta[place])
        if found is None:
            break
        limit = found.max_stable_learning_rate_with(rule)
        if limit == 0:
            return f"with momentum {rule.momentum:.4g} no rate is stable"
        if rate > limit:
            return (
                f"at update {run.updates[place]:,} {used} was above {limit:.3g}, the largest stable one for the "
                f"curvature there; on this loss the limit changes from place to place"
            )
    return f"{used} carried it away, although the curvature where it passed does not forbid it"


def _curvature_at(problem: Problem, theta: Vector) -> Curvature | None:
    try:
        return curvature(problem, theta)
    except ValueError:
        return None
