"""A run's updates once more, with all that went into each: rows, gradients, the rule's state, the rate.

    steps = replay(run, [1, 2, 40])
    steps.before[2], steps.gradient[2], steps.state_before[2], steps.rate[2], steps.after[2]

A run records where it was, not why it went on. Here its updates are made again, from the same parts in the same order,
so what comes out is what was done, to the last bit: ``after`` equals the run's own record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gd_core.checks import require, whole_number
from gd_core.compiled import GRADIENT, SCALAR, STEP, compile_loop, compile_part, function_type, read_only_types
from gd_core.descent import NO_SEARCH, _Descent
from gd_core.problem import Matrix, Vector
from gd_core.rules import SGD, RMSprop, Rule

if TYPE_CHECKING:
    from gd_core.descent import Run

Counts = npt.NDArray[np.int64]
Cube = npt.NDArray[np.float64]
# what the rules of `gd_core.rules` and the literature's pseudo-code call a running mean of gradients
VELOCITIES = ("velocity", "first moment", "momentum", "m")
# updates of batch descent that are made in one call: their rates are worked out ahead
UPDATES_AHEAD = 4096


@dataclass(frozen=True, kw_only=True, eq=False)
class Replay:
    """k updates of a run, counted from 1: update u leads from the point after u - 1 updates to that after u.

    ``updates`` (k,); ``before``, ``after`` (k, n_params), the points; ``rows``, the row indices that each update read;
    ``gradient`` (k, n_params), over those rows (with noise where the problem has it), and ``full_gradient``
    (k, n_params), over all rows, both at ``before``; ``state_before``, ``state_after`` (k, slots, n_params), named by
    ``slot_names``; ``rate`` (k,).
    """

    updates: Counts
    before: Matrix
    after: Matrix
    rows: tuple[Counts, ...]
    gradient: Matrix
    full_gradient: Matrix
    state_before: Cube
    state_after: Cube
    rate: Vector
    slot_names: tuple[str, ...]

    @property
    def step(self) -> Matrix:
        """``after`` - ``before``, (k, n_params)."""
        return np.asarray(self.after - self.before)

    @property
    def angle(self) -> Vector:
        """Between ``gradient`` and ``full_gradient``, in degrees, (k,); NaN where one of them is zero.

        2 atan2(|a - b|, |a + b|) of the unit vectors a and b, which is accurate for small angles too (Kahan, 2006).
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            a, b = (_unit(vectors) for vectors in (self.gradient, self.full_gradient))
            apart, along = np.linalg.norm(a - b, axis=1), np.linalg.norm(a + b, axis=1)
        return np.asarray(np.degrees(2 * np.arctan2(apart, along)))


def _unit(vectors: Matrix) -> Matrix:
    # scaled by the largest entry first, so that a diverging gradient does not overflow the squares
    scaled = vectors / np.max(np.abs(vectors), axis=1, keepdims=True)
    return np.asarray(scaled / np.linalg.norm(scaled, axis=1, keepdims=True))


def replay(run: Run, updates: Iterable[int]) -> Replay:
    """What the given updates of a run did; they ascend, each once, from 1 to the run's last recorded update.

    Costs what the run did up to the last of them. Raises ValueError for other updates.
    """
    wanted = [whole_number("update", update) for update in updates]
    last = int(run.updates[-1])
    fits = all(1 <= update <= last for update in wanted) and all(a < b for a, b in pairwise(wanted))
    require(fits, "updates must ascend from 1 to at most {}, the run's last, got {!r}", last, wanted[:10])
    descent = _Descent(run.problem, run.variant, run.budget)
    n, count = run.problem.n_params, len(wanted)
    shape = (count, *descent.state.shape)
    before, after, gradient = np.empty((count, n)), np.empty((count, n)), np.empty((count, n))
    state_before, state_after = np.empty(shape), np.empty(shape)
    watched = np.array([*wanted, -1], dtype=np.int64)
    rates, rows = np.empty(count), []
    seen = 0
    again = _loop(descent)
    for order, stretch in _stretches(run, descent, wanted[-1] if wanted else 0):
        first = descent.done
        descent.done += len(stretch)
        again(order, stretch, first, watched[seen:], before[seen:], gradient[seen:], state_before[seen:],
              state_after[seen:], after[seen:])  # fmt: skip
        while first < watched[seen] <= descent.done:
            within = int(watched[seen]) - first - 1
            rates[seen] = stretch[within]
            rows.append(_rows(run, order, within))
            seen += 1
    names = run.variant.rule.slot_names
    return Replay(
        updates=watched[:-1],
        before=before,
        after=after,
        rows=tuple(rows),
        gradient=gradient,
        full_gradient=gradient if run.variant.sampling.full else run.problem.gradients(before),
        state_before=state_before[:, : len(names)],
        state_after=state_after[:, : len(names)],
        rate=rates,
        slot_names=names,
    )


def velocity_slot(rule: Rule) -> int | None:
    """Which of a rule's state variables is a running mean or sum of gradients; None if it keeps none."""
    if isinstance(rule, (SGD, RMSprop)) and rule.momentum == 0:
        return None
    return next((rule.slot_names.index(name) for name in VELOCITIES if name in rule.slot_names), None)


def retrace(  # type: ignore[no-untyped-def]
    gradient, derivative, step, X, y, constants, rows, stride, batch_size, rates, theta, state, hyper, first,
    watched, before, gradients, state_before, state_after, after,
):  # fmt: skip
    """Do ``rates.size`` updates from update number ``first`` + 1, and write down those of the numbers ``watched``."""
    g = np.empty(theta.size)
    seen = 0
    for k in range(rates.size):
        batch = rows[k * stride : min(k * stride + batch_size, rows.size)]
        gradient(theta, X, y, batch, derivative, constants, g)
        wanted = first + k + 1 == watched[seen]
        if wanted:
            for j in range(theta.size):
                before[seen, j] = theta[j]
                gradients[seen, j] = g[j]
                for i in range(state.shape[0]):
                    state_before[seen, i, j] = state[i, j]
        step(theta, g, state, hyper, first + k + 1, rates[k])
        if wanted:
            for j in range(theta.size):
                after[seen, j] = theta[j]
                for i in range(state.shape[0]):
                    state_after[seen, i, j] = state[i, j]
            seen += 1


def _retrace_signature() -> Any:
    from numba import types as t

    vector, matrix, cube, whole = t.float64[::1], t.float64[:, ::1], t.float64[:, :, ::1], t.int64
    given, table, rows = read_only_types()
    return t.void(
        function_type(GRADIENT), function_type(SCALAR), function_type(STEP), table, given, given, rows, whole, whole,
        given, vector, matrix, given, whole, rows, matrix, matrix, cube, cube, matrix,
    )  # fmt: skip


def _loop(descent: _Descent) -> Any:
    """`retrace` with the parts of a descent."""
    kernel, variant = descent.kernel, descent.variant
    loop: Any = retrace
    step: Any = variant.rule.step
    if kernel.compiled and variant.rule.compiled:
        loop, step = compile_loop(retrace, _retrace_signature), compile_part(step, STEP)
    full = variant.sampling.full
    stride = 0 if full else variant.sampling.rows_per_update(descent.n_samples)
    batch_size = kernel.n_samples if full else stride
    parts = (*kernel.arguments(), step, kernel.X, kernel.y, kernel.constants)

    def run(order: Counts, rates: Vector, first: int, *places: Any) -> None:
        loop(*parts, order, stride, batch_size, rates, descent.theta, descent.state, descent.hyper, first, *places)

    return run


def _stretches(run: Run, descent: _Descent, last: int) -> Iterator[tuple[Counts, Vector]]:
    """The rows and the rates of the next updates, up to update number ``last``; sampled rows an epoch at a time."""
    sampling, n_samples = run.variant.sampling, run.problem.n_samples
    orders = sampling.orders(n_samples, run.variant.seed)
    searching = _Searching(run) if descent.search != NO_SEARCH else None
    while descent.done < last:
        order = descent.kernel.all_rows if sampling.full else next(orders)[: sampling.examples_per_epoch(n_samples)]
        count = min(UPDATES_AHEAD if sampling.full else descent.per_epoch, last - descent.done)
        yield order, searching.rates(count) if searching else descent._rates(descent.done, count)


def _rows(run: Run, order: Counts, within: int) -> Counts:
    sampling, n_samples = run.variant.sampling, run.problem.n_samples
    if sampling.full:
        return np.arange(n_samples)
    size = sampling.rows_per_update(n_samples)
    return order[within * size : (within + 1) * size]


class _Searching:
    """The rates that a line search finds: only the run's own loop knows them, so it goes ahead."""

    def __init__(self, run: Run) -> None:
        self._ahead = _Descent(run.problem, run.variant, run.budget)
        self._advance = self._ahead._stretch_function()

    def rates(self, count: int) -> Vector:
        """Those of the next updates, (count,)."""
        ahead = self._ahead
        ahead.recorded = 0
        ahead.record_at = np.append(np.arange(ahead.done + 1, ahead.done + count + 1), -1)
        ahead.thetas, ahead.used = np.empty((count + 1, len(ahead.theta))), np.empty(count + 1)
        self._advance(ahead.kernel.all_rows, ahead._rates(ahead.done, count), 0.0)
        ahead.done += count
        return ahead.used[:count].copy()
