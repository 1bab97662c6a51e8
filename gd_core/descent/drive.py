"""What feeds the loop its row orders and rates, stretch after stretch, and makes a `Run` of what was recorded."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from gd_core.checks import require, whole_number
from gd_core.compiled import SCALAR, STEP, VALUE, compile_loop, compile_part
from gd_core.descent.loop import (
    ARMIJO,
    ESCAPED,
    EXACT,
    LOST,
    NO_SEARCH,
    QUADRATIC_ARMIJO,
    RUNNING,
    SETTLED,
    STUCK,
    _advance_signature,
    _plain_signature,
    advance,
    advance_plain,
)
from gd_core.descent.run import Run
from gd_core.descent.settings import UNUSABLE, Budget, Outcome, Variant
from gd_core.models import linear_squared_gradient, quadratic_gradient
from gd_core.problem import Kernel, Problem, Vector
from gd_core.rules import SGD
from gd_core.schedules import Constant, ExactLineSearch, LineSearch

Progress = Callable[[float], None]
# 2,000 points: more than a chart is wide, and 16 kB a parameter whatever the length of the run
MOST_RECORDS = 2000
FEWEST_RECORDS = 10
# losses of single rows that may be worked out for a record: some 40 ms
LOSSES_ALLOWED = 2_000_000
# rows that are ordered ahead: a call of the loop costs 40 microseconds whatever it does, and this many updates take
# a millisecond
ROWS_AHEAD = 65_536
# multiply-adds between two looks at the clock and at the progress callback
WORK_AHEAD = 20_000_000


@lru_cache(maxsize=64)
def record_points(total: int, most: int = MOST_RECORDS) -> npt.NDArray[np.int64]:
    """The update counts that are recorded, at most ``most`` of 0 to ``total``, both ends among them.

    All of them while they fit. Otherwise a fifth are the first ones, one by one; the others are spread half evenly and
    half geometrically, so that the record is dense early and serves linear and logarithmic axes.
    """
    if total < most:
        return _read_only(np.arange(total + 1))
    dense = most // 5
    even = np.linspace(dense, total, (most - dense) // 2)
    geometric = np.geomspace(dense, total, most - dense - len(even))
    chosen = np.unique(np.concatenate([np.arange(dense), even.astype(np.int64), geometric.astype(np.int64), [total]]))
    return _read_only(np.delete(chosen, -2) if len(chosen) > most else chosen)


def _read_only(points: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    points.setflags(write=False)
    return points


def descend(
    problem: Problem,
    variant: Variant,
    budget: Budget,
    *,
    progress: Progress | None = None,
    records: int | None = None,
) -> Run:
    """Run one variant on a problem until it converges, diverges or spends its budget.

    ``records``: how many update counts are recorded at most, for fewer than usual; what is recorded stays the same.
    ``progress`` is called with the share of the budget that is spent, from 0 to 1, a few times a second at most.
    The same problem, variant and budget give the same numbers to the last bit.
    Raises ValueError for something that is no variant or budget, a batch larger than the data, a start of the wrong
    length, or a line search where none applies.
    """
    require(isinstance(variant, Variant), "variant must be a Variant, got {!r}", variant)
    require(isinstance(budget, Budget), "budget must be a Budget, such as Budget(epochs=20), got {!r}", budget)
    enough = records is None or whole_number("records", records) >= FEWEST_RECORDS
    require(enough, "records must be at least {}, got {!r}", FEWEST_RECORDS, records)
    descent = _Descent(problem, variant, budget, records)
    return descent.run(progress)


class _Descent:
    """The state of one descent: what `advance` is called with, stretch after stretch."""

    def __init__(self, problem: Problem, variant: Variant, budget: Budget, records: int | None = None) -> None:
        self.problem, self.variant, self.budget = problem, variant, budget
        sampling = variant.sampling
        self.n_samples = problem.n_samples
        self.per_epoch = sampling.updates_per_epoch(self.n_samples)
        self.total = budget.updates_for(sampling, self.n_samples)
        self.kernel: Kernel = getattr(problem, "full_kernel", problem.kernel) if sampling.full else problem.kernel
        self.theta = variant.start_on(problem)
        self.origin = self.theta.copy()
        self.state = variant.rule.state(problem.n_params)
        self.hyper = variant.rule.hyper()
        self.search = NO_SEARCH
        self.search_settings = np.zeros(2)
        if isinstance(variant.schedule, LineSearch):
            self.search = ARMIJO if problem.quadratic is None else QUADRATIC_ARMIJO
            self.search_settings = np.array([variant.schedule.shrink, variant.schedule.sufficient])
        elif isinstance(variant.schedule, ExactLineSearch):
            require(problem.quadratic is not None, "ExactLineSearch needs a quadratic loss; LineSearch works on any")
            self.search = EXACT
        if self.search in (EXACT, QUADRATIC_ARMIJO) and problem.quadratic is not None:
            hessian, linear = problem.quadratic.hessian, problem.quadratic.linear
            self.kernel = replace(self.kernel, gradient=quadratic_gradient, X=hessian, y=linear, n_samples=1)
        examples = int(sampling.examples_at(self.total, self.n_samples))
        most = min(_most_records(problem, examples), MOST_RECORDS if records is None else records)
        self.record_at = np.append(record_points(self.total, most), -1)
        self.thetas = np.empty((len(self.record_at), problem.n_params))
        self.thetas[0] = self.theta
        self.used = np.zeros(len(self.record_at))
        self.used[0] = self._rates(0, 1)[0]
        self.recorded = 1
        self.done = 0
        self.limit = min(budget.divergence, UNUSABLE)

    def _rates(self, first: int, count: int) -> Vector:
        schedule = self.variant.schedule
        if isinstance(schedule, Constant):
            return np.full(count, schedule.learning_rate)
        rates = schedule.rates(np.arange(first, first + count), self.total, self.per_epoch)
        return np.ascontiguousarray(rates, dtype=np.float64)

    def run(self, progress: Progress | None) -> Run:
        advance_stretch = self._stretch_function()
        tolerance = self.budget.gradient_tolerance if self.variant.sampling.full else 0.0
        watch = self.budget.loss_tolerance > 0 or (
            self.budget.gradient_tolerance > 0 and not self.variant.sampling.full
        )
        status, stopped_by = RUNNING, ""
        last_loss = self._loss() if self.budget.loss_tolerance > 0 else math.inf
        reported = started = time.perf_counter()
        stretches = self._stretches(one_epoch=watch)
        while status == RUNNING and self.done < self.total:
            rows, count = next(stretches)
            rates = self._rates(self.done, min(count, self.total - self.done))
            status, made, self.recorded = advance_stretch(rows, rates, tolerance)
            self.done += made
            if status == RUNNING and watch and self.done % self.per_epoch == 0:
                stopped_by, last_loss = self._check(last_loss)
                status = SETTLED if stopped_by else RUNNING
            now = time.perf_counter()
            if progress is not None and now - reported > 0.1:
                progress(self.done / self.total)
                reported = now
        seconds = time.perf_counter() - started
        if progress is not None:
            progress(1.0)
        if status == SETTLED and not stopped_by:
            stopped_by = "gradient"
        return self._finish(status, stopped_by, seconds)

    def _stretch_function(self) -> Callable[..., tuple[int, int, int]]:
        variant, kernel = self.variant, self.kernel
        plain = (
            kernel.gradient is linear_squared_gradient
            and not variant.sampling.full
            and variant.sampling.rows_per_update(self.n_samples) == 1
            and type(variant.rule) is SGD
            and variant.rule.plain
        )
        if plain:
            fused = compile_loop(advance_plain, _plain_signature)

            def run_plain(rows: Any, rates: Vector, tolerance: float) -> tuple[int, int, int]:
                found: tuple[int, int, int] = fused(
                    kernel.X, kernel.y, kernel.constants, rows, rates, self.theta, self.done, self.origin,
                    self.limit, kernel.largest, self.record_at, self.recorded, self.thetas, self.used,
                )  # fmt: skip
                return found

            return run_plain
        if kernel.compiled and variant.rule.compiled:
            loop = compile_loop(advance, _advance_signature)
            gradient, derivative = kernel.arguments()
            step = compile_part(variant.rule.step, STEP)
            value, loss = compile_part(kernel.value, VALUE), compile_part(kernel.loss, SCALAR)
        else:
            loop, step, value, loss = advance, variant.rule.step, kernel.value, kernel.loss
            gradient, derivative = kernel.arguments()
        sampling = variant.sampling
        stride = 0 if sampling.full else self.n_samples
        batch_size = kernel.n_samples if sampling.full else sampling.rows_per_update(self.n_samples)
        epoch_rows = kernel.n_samples if sampling.full else sampling.examples_per_epoch(self.n_samples)

        def run_general(rows: Any, rates: Vector, tolerance: float) -> tuple[int, int, int]:
            found: tuple[int, int, int] = loop(
                gradient, derivative, step, value, loss, kernel.X, kernel.y, kernel.constants, rows, stride,
                epoch_rows, batch_size, self.per_epoch, rates, self.search, self.search_settings, self.theta,
                self.state, self.hyper, self.done, self.origin, self.limit, tolerance, self.record_at,
                self.recorded, self.thetas, self.used,
            )  # fmt: skip
            return found

        return run_general

    def _stretches(self, *, one_epoch: bool) -> Any:
        """Rows for the next updates, and how many updates they serve: whole epochs, so that a stretch starts one."""
        sampling = self.variant.sampling
        if sampling.full:
            work = max(1, self.kernel.X.size if self.kernel.n_samples > 1 else self.problem.n_params**2)
            count = 1 if one_epoch else max(1, WORK_AHEAD // work)
            while True:
                yield self.kernel.all_rows, count
        orders = sampling.orders(self.n_samples, self.variant.seed)
        epochs = 1 if one_epoch else max(1, min(ROWS_AHEAD // self.n_samples, -(-self.total // self.per_epoch)))
        while True:
            if epochs == 1:
                yield next(orders), self.per_epoch
            else:
                yield np.concatenate([next(orders) for _ in range(epochs)]), epochs * self.per_epoch

    def _loss(self) -> float:
        return float(self.problem.values(self.theta[None, :])[0])

    def _check(self, last_loss: float) -> tuple[str, float]:
        budget = self.budget
        if budget.gradient_tolerance > 0 and not self.variant.sampling.full:
            norm = float(self.problem.gradient_norms(self.theta[None, :])[0])
            if norm <= budget.gradient_tolerance:
                return "gradient", last_loss
        if budget.loss_tolerance > 0:
            loss = self._loss()
            if abs(loss - last_loss) <= budget.loss_tolerance:
                return "loss", loss
            return "", loss
        return "", last_loss

    def _finish(self, status: int, stopped_by: str, seconds: float) -> Run:
        updates = self.record_at[: self.recorded].copy()
        diverged_at = None
        if status == ESCAPED:
            # recorded ahead of its turn
            updates[-1] = self.done
            diverged_at = self.done
        elif status == LOST:
            diverged_at = self.done + 1
        elif status == STUCK:
            stopped_by = "search"
        if diverged_at is not None:
            outcome = Outcome.DIVERGED
        else:
            outcome = Outcome.BUDGET_SPENT if status == RUNNING else Outcome.CONVERGED
        if updates[-1] < self.done:
            self.thetas[self.recorded] = self.theta
            last_rate = self._rates(self.done - 1, 1)[0]
            self.used[self.recorded] = last_rate if self.search == NO_SEARCH else self.used[self.recorded - 1]
            updates = np.append(updates, self.done)
        if self.search != NO_SEARCH and self.recorded > 1:
            # the rate that the first update found, rather than the first one it tried
            self.used[0] = self.used[1]
        kept = len(updates)
        n_samples, sampling = self.n_samples, self.variant.sampling
        examples = sampling.examples_at(updates, n_samples)
        run = Run(
            problem=self.problem,
            variant=self.variant,
            budget=self.budget,
            updates=updates,
            examples=examples,
            epochs=examples / sampling.examples_per_epoch(n_samples),
            theta=self.thetas[:kept].copy(),
            learning_rate=self.used[:kept].copy(),
            seconds=seconds,
            outcome=outcome,
            diverged_at=diverged_at,
            stopped_by=stopped_by,
        )
        return run if getattr(self.problem, "loss_stays_finite", False) else _drop_unusable(run)


def _most_records(problem: Problem, examples: int) -> int:
    """How many updates are recorded: fewer where each loss costs much, so that watching costs little beside descending.

    A record of a quadratic costs n_params^2, of any other loss a pass over the rows of the full gradient, and the
    descent itself reads ``examples`` rows.
    """
    if problem.quadratic is not None:
        return int(np.clip(10_000_000 // problem.n_params**2, 200, MOST_RECORDS))
    rows = getattr(problem, "full_kernel", problem.kernel).n_samples
    return int(np.clip(max(LOSSES_ALLOWED, examples) // rows, 50, MOST_RECORDS))


def _drop_unusable(run: Run) -> Run:
    """The run without the records from the first one whose loss overflows on: such a point cannot be shown."""
    finite = np.isfinite(run.loss)
    if finite.all():
        return run
    kept = int(np.argmin(finite))
    require(kept > 0, "the loss at the start of {!r} is too large to be a number", run.label)
    return replace(
        run,
        updates=run.updates[:kept],
        examples=run.examples[:kept],
        epochs=run.epochs[:kept],
        theta=run.theta[:kept],
        learning_rate=run.learning_rate[:kept],
        outcome=Outcome.DIVERGED,
        diverged_at=int(run.updates[kept]),
        stopped_by="",
    )
