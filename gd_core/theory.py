r"""What theory says before a run: batch descent's loss curve, the noise of sampled gradients, and the floor it leaves.

The loss curve and the noise floor are for quadratic losses; the variance holds for any. Where theory has no answer,
a ValueError says that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gd_core.checks import require
from gd_core.curvature import Curvature, curvature
from gd_core.descent import Variant
from gd_core.problem import Matrix, Problem, Quadratic, Vector
from gd_core.regression import Regression
from gd_core.rules import SGD
from gd_core.schedules import Constant

# parameters up to which the floor is solved exactly: a linear system with n (n + 1) / 2 unknowns
MOST_EXACT = 20
# rows whose products are held at once
BLOCK_ROWS = 4096


def _quadratic(problem: Problem, what: str) -> tuple[Quadratic, Curvature]:
    if problem.quadratic is None:
        raise ValueError(f"theory predicts {what} for quadratic losses only, got {problem.loss_title}")
    return problem.quadratic, curvature(problem)


def _constant_rate(variant: Variant, what: str) -> float:
    if not isinstance(variant.schedule, Constant):
        raise ValueError(f"theory predicts {what} for a constant learning rate, got {variant.schedule.title}")
    return variant.schedule.learning_rate


# batch descent


def predicted_loss(problem: Problem, variant: Variant, updates: npt.ArrayLike) -> Vector:
    r"""The loss of batch descent after each number of updates (k,), without running it; shape (k,).

    Along an eigenvector of H with eigenvalue lambda the distance e_t to the optimum obeys, in torch's forms,

        plain:      e_{t+1} = (1 - eta lambda) e_t
        heavy ball: e_{t+1} = (1 + b - (1 - d) eta lambda) e_t - b e_{t-1},     e_1 = (1 - eta lambda) e_0
        Nesterov:   e_{t+1} = (1 - eta lambda) ((1 + b) e_t - b e_{t-1}),       e_1 = (1 - (1 + b) eta lambda) e_0

    and the loss is loss* + sum_i lambda_i e_i^2 / 2. The recurrences are evaluated by repeated squaring of their 2 x 2
    matrices. A loss too large for a float is infinite. Polyak, Introduction to Optimization, 1987, section 3.2.

    Raises ValueError unless the loss is quadratic, the sampling Batch, the rule SGD without weight decay and the
    learning rate constant.
    """
    quadratic, bent = _quadratic(problem, "a loss curve")
    rate = _constant_rate(variant, "a loss curve")
    require(variant.sampling.full, "theory predicts a loss curve for batch descent, got {}", variant.sampling.title)
    rule = variant.rule
    require(isinstance(rule, SGD), "theory predicts no loss curve for {}", rule.name)
    assert isinstance(rule, SGD)
    require(rule.weight_decay == 0, "weight decay moves the optimum, so theory predicts no loss curve with it")
    counts = np.asarray(updates)
    whole = counts.ndim == 1 and (counts.size == 0 or np.issubdtype(counts.dtype, np.integer))
    require(whole and bool(np.all(counts >= 0)), "updates must be whole numbers of at least 0, shape (k,)")
    # rounding may leave a flat direction slightly below zero
    eigenvalues = np.maximum(bent.eigenvalues, 0.0)
    start = bent.eigenvectors.T @ (variant.start_on(problem) - quadratic.optimum.theta)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        left = _shares(rate * eigenvalues, rule, counts.astype(np.int64))
        excess = 0.5 * np.sum(eigenvalues * (left * start) ** 2, axis=1)
    return np.asarray(quadratic.optimum.value + np.where(np.isfinite(excess), excess, np.inf))


def _shares(steps: Vector, rule: SGD, counts: npt.NDArray[np.int64]) -> Matrix:
    """What is left of a distance of 1 in each direction (n,), given eta lambda, after each count (k,): (k, n)."""
    if rule.momentum == 0:
        return np.asarray((1.0 - steps) ** counts[:, None])
    b = rule.momentum
    if rule.nesterov:
        first, ahead, behind = 1.0 - (1.0 + b) * steps, (1.0 + b) * (1.0 - steps), -b * (1.0 - steps)
    else:
        first, ahead = 1.0 - steps, 1.0 + b - (1.0 - rule.dampening) * steps
        behind = np.full_like(steps, -b)
    # (e_t, e_{t-1}) from (e_1, e_0), a bit of t - 1 at a time
    now, before = np.tile(first, (len(counts), 1)), np.ones((len(counts), len(steps)))
    power = (ahead, behind, np.ones_like(steps), np.zeros_like(steps))
    left = np.maximum(counts - 1, 0)
    while np.any(left):
        odd = left % 2 == 1
        p, q, r, s = power
        now[odd], before[odd] = p * now[odd] + q * before[odd], r * now[odd] + s * before[odd]
        left //= 2
        if np.any(left):
            power = (p * p + q * r, p * q + q * s, r * p + s * r, r * q + s * s)
    return np.where(counts[:, None] == 0, 1.0, now)


# sampled gradients


@dataclass(frozen=True, kw_only=True)
class NoiseFloor:
    """The loss above the optimum around which a constant rate leaves stochastic descent, in the long run.

    ``excess``: the expected excess loss, infinite where the mean square grows without end (rare, ever larger spikes
    then decide the mean, and a single run may look tame for long); ``simple``: the textbook's eta tr(Sigma) / (4 b),
    with Sigma the covariance of the rows' gradients at the optimum, good for small rates;
    ``exact``: whether the curvature's own noise is in ``excess``; ``note``: what the number leaves out, in plain text.
    """

    excess: float
    simple: float
    exact: bool
    note: str


def noise_floor(problem: Problem, variant: Variant) -> NoiseFloor:
    r"""The expected excess loss at which plain stochastic or mini-batch descent with a constant rate levels off.

    With rows drawn with replacement and b rows an update, the second moment S of theta - theta* settles where

        S = (I - eta H) S (I - eta H) + eta^2 / b (C(S) + Sigma),    C(S) = mean_i A_i S A_i - (mean A) S (mean A)

    with A_i = c x_i x_i' the curvature of row i's loss and Sigma the covariance of the rows' gradients at the optimum;
    the floor is tr(H S) / 2. It is linear in the rate and in 1 / b as long as both noises are small. With more than 20
    parameters C(S), which makes the floor higher, is left out. The smaller last batch of an epoch is left out too.
    Dieuleveut, Durmus and Bach, 2020, section 3; Moulines and Bach, 2011.

    Without replacement the noise of an epoch nearly cancels, and the floor is lower (Gurbuzbalaban, Ozdaglar and
    Parrilo, 2021).

    Raises ValueError unless the loss is quadratic, the sampling sampled, the rule plain SGD and the rate constant.
    """
    quadratic, bent = _quadratic(problem, "a noise floor")
    require(isinstance(problem, Regression), "theory predicts a noise floor for data, got {}", problem.loss_title)
    rate = _constant_rate(variant, "a noise floor")
    sampling, rule = variant.sampling, variant.rule
    require(not sampling.full, "batch descent has exact gradients, and so no noise floor")
    require(
        isinstance(rule, SGD) and rule.plain, "theory predicts a noise floor for the plain rule, got {}", rule.title
    )
    batch_size = sampling.rows_per_update(problem.n_samples)
    curved = bent.eigenvalues > bent.rounding
    eigenvalues, basis = bent.eigenvalues[curved], bent.eigenvectors[:, curved]
    noise = _row_gradients(problem, quadratic.optimum.theta) @ basis
    sigma = noise.T @ noise / problem.n_samples
    simple = rate * float(np.trace(sigma)) / (4.0 * batch_size)
    exact = len(eigenvalues) <= MOST_EXACT
    if exact:
        rows = problem.kernel.X @ basis * math.sqrt(float(problem.kernel.constants[3]))
        excess = _exact_floor(eigenvalues, rows, sigma, rate, batch_size)
    else:
        kept = 1.0 - np.outer(1.0 - rate * eigenvalues, 1.0 - rate * eigenvalues)
        stable = rate * float(np.max(eigenvalues, initial=0.0)) < 2.0
        moment = rate**2 / batch_size * sigma / kept
        excess = 0.5 * float(eigenvalues @ np.diag(moment)) if stable else math.inf
    return NoiseFloor(excess=excess, simple=simple, exact=exact, note=_note(sampling, exact))


def _note(sampling: Any, exact: bool) -> str:
    notes = []
    if not sampling.replacement:
        notes.append(
            "The floor is for rows drawn with replacement; without it the noise nearly cancels within an epoch, and "
            "the loss settles lower."
        )
    if not exact:
        notes.append("The noise of the curvature itself, which raises the floor, is left out.")
    return " ".join(notes)


def _exact_floor(eigenvalues: Vector, rows: Matrix, sigma: Matrix, rate: float, batch_size: int) -> float:
    """tr(H S) / 2 from the linear equation for S, in the eigenbasis; ``rows`` are sqrt(c) x_i there."""
    n = len(eigenvalues)
    if n == 0:
        return 0.0
    i, j = np.triu_indices(n)
    # S is symmetric: its upper half is the unknown, with entries off the diagonal counted twice
    twice = np.where(i == j, 1.0, 2.0)
    fourth = np.zeros((len(i), len(i)))
    for first in range(0, len(rows), BLOCK_ROWS):
        block = rows[first : first + BLOCK_ROWS]
        products = block[:, i] * block[:, j]
        fourth += products.T @ products
    fourth *= twice / len(rows)
    gram = rows.T @ rows / len(rows)
    # gram S gram, entry (i, j) from entries (k, l) and (l, k)
    outer = gram[np.ix_(i, i)] * gram[np.ix_(j, j)]
    swapped = gram[np.ix_(i, j)] * gram[np.ix_(j, i)]
    squared = np.where(i == j, outer, outer + swapped)
    kept = (1.0 - rate * eigenvalues[i]) * (1.0 - rate * eigenvalues[j])
    update = np.diag(kept) + rate**2 / batch_size * (fourth - squared)
    if float(np.max(np.abs(np.linalg.eigvals(update)))) >= 1.0:
        return math.inf
    moment = np.linalg.solve(np.eye(len(i)) - update, rate**2 / batch_size * sigma[i, j])
    return 0.5 * float(eigenvalues @ moment[i == j])


def _row_gradients(problem: Problem, theta: Vector) -> Matrix:
    """The gradient of each row's own objective at theta, (n_samples, n_params)."""
    kernel = problem.kernel
    out = np.empty((kernel.n_samples, len(theta)))
    for k in range(kernel.n_samples):
        out[k] = kernel.gradient_of(theta, kernel.all_rows[k : k + 1])
    return out


class GradientVariance(NamedTuple):
    """E |g_B - g|^2 for batches of each size, each (k,): predicted from the rows, and measured over random batches."""

    batch_sizes: npt.NDArray[np.int64]
    predicted: Vector
    measured: Vector


def gradient_variance(
    problem: Problem,
    theta: npt.ArrayLike,
    batch_sizes: Sequence[int],
    *,
    replacement: bool = False,
    draws: int = 400,
    seed: int = 0,
) -> GradientVariance:
    r"""How far the gradient of a random batch is from the full one at theta (n_params,), in mean square.

    Predicted: tr(Cov) / b with Cov the covariance of the rows' gradients (over n_samples), times (m - b) / (m - 1)
    where the b rows of m are drawn without replacement; measured: the mean over ``draws`` batches drawn with ``seed``.
    Holds for every loss. Cochran, Sampling Techniques, 1977, theorem 2.2.

    Raises ValueError for a batch size out of range or fewer than one draw, and for a problem without rows.
    """
    require(isinstance(problem, Regression), "only data have batches, got {}", problem.loss_title)
    kernel, point = problem.kernel, np.ascontiguousarray(theta, dtype=np.float64)
    m = kernel.n_samples
    require(point.shape == (problem.n_params,), "theta must have shape ({},), got {}", problem.n_params, point.shape)
    require(draws >= 1, "draws must be at least 1, got {!r}", draws)
    sizes = np.asarray(batch_sizes, dtype=np.int64)
    for size in sizes:
        require(1 <= size <= m, "batch_size must be between 1 and n_samples ({}), got {!r}", m, int(size))
    rows = _row_gradients(problem, point)
    full = rows.mean(axis=0)
    total = float(np.mean(np.sum((rows - full) ** 2, axis=1)))
    correction = np.ones(len(sizes)) if replacement or m == 1 else (m - sizes) / (m - 1)
    generator = np.random.default_rng(seed)
    measured = np.zeros(len(sizes))
    for k, size in enumerate(sizes):
        for _ in range(draws):
            if replacement:
                batch = generator.integers(m, size=size)
            else:
                batch = generator.choice(m, size=int(size), replace=False)
            measured[k] += float(np.sum((kernel.gradient_of(point, batch) - full) ** 2)) / draws
    return GradientVariance(sizes, total / sizes * correction, measured)
